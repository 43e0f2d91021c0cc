package sip

import (
	"fmt"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
	"ringback/sip/transport"
)

const (
	defaultKeepalive  = 10 * time.Second // jittered downwards; with its patience a dead PBX is seen within 30 s
	keepalivePatience = 12 * time.Second
	leastSilence      = 2 * time.Second // a shorter Flow-Timer would be a storm of pings
)

// keepalive sets the time of the next keepalive. There are three kinds, in turn: a
// CRLF ping where the registrar answers those (RFC 5626 4.4.1), else OPTIONS; and
// each second time a REGISTER without Contact, which asks what is bound (10.2.3),
// because a PBX that came back quickly may have forgotten us and still answer OPTIONS.
func (r *Registration) keepalive() {
	every := r.account.Keepalive
	if every < 0 {
		return
	}
	if every == 0 {
		every = defaultKeepalive
	}
	if r.silent > 0 { // RFC 5626 4.4: 80 to 100 % of it, and never more
		every = min(every, max(r.silent, leastSilence))
	}
	r.alive.Stop()
	r.alive = r.ua.loop.After(every*8/10+r.ua.jittered(every*2/10), r.beat)
}

func (r *Registration) beat() {
	if r.state != regBound && r.state != regHolding {
		return
	}
	r.beats++
	switch {
	case r.out != nil:
		r.keepalive()
	case r.beats%2 == 0 && r.listed:
		r.fetch()
	case r.pings:
		r.ping()
	default:
		r.options()
	}
}

// ping sends CRLF CRLF; a connection that does not answer is closed by the
// transport, and flowLost follows.
func (r *Registration) ping() {
	flow := r.flow
	r.ua.transport.Ping(flow, func(err error) {
		if err == nil && r.flow == flow {
			r.keepalive()
		}
	})
}

// options asks the registrar for a sign of life; any answer is one.
func (r *Registration) options() {
	flow := r.flow
	r.question(flow, keepalivePatience, func(took time.Duration, err error) {
		switch {
		case r.flow != flow:
		case err != nil:
			r.dead(err)
		case took > 2*r.ua.cfg.T1:
			// It came only after repetitions: the PBX was away and may have forgotten us.
			r.ua.count.add("keepalive.late")
			r.keepalive()
			r.happen(regDoubt)
		default:
			r.keepalive()
		}
	})
}

// question sends an OPTIONS over a flow and says after what time any answer came, or
// that none came.
func (r *Registration) question(flow Flow, patience time.Duration, done func(took time.Duration, err error)) {
	u, begin := r.ua, r.ua.loop.Now()
	req := u.begin(message.OPTIONS, registrarOf(r.account))
	u.identify(req, parties{local: Address{URI: r.account.AOR.Bare()}, localTag: message.NewTag(),
		remote: Address{URI: registrarOf(r.account)}, callID: CallID(message.NewCallID()), seq: 1})
	message.AddLine(req, u.lines.agent)
	req.SetBody(nil)
	u.tx.Request(req, transaction.Target{Flow: flow, Timeout: patience,
		Target: transport.Target{Transport: flow.Transport(), Addr: flow.Remote(), ServerName: flow.ServerName()}},
		beatHandler{func(err error) { done(u.loop.Now().Sub(begin), err) }})
}

// beatHandler turns a transaction into one call: nil for any final answer.
type beatHandler struct{ done func(error) }

// OnResponse implements transaction.ClientHandler.
func (b beatHandler) OnResponse(res *message.Response, _ transport.Flow) {
	if res.StatusCode >= 200 {
		b.done(nil)
	}
}

// OnFailure implements transaction.ClientHandler.
func (b beatHandler) OnFailure(err error) { b.done(err) }

func (r *Registration) dead(err error) {
	r.ua.count.add("keepalive.dead")
	r.ua.locator.avoid(r.server, 0)
	r.because(0, fmt.Errorf("%w: %w", transport.ErrNoPong, err), "%s does not answer keepalives any more (%v)", r.where.HostPort(), err)
	r.ua.transport.CloseFlow(r.flow)
	r.happen(regDead)
}

// fetch asks the registrar what it has bound for us.
func (r *Registration) fetch() {
	flow := r.flow
	r.out = r.ua.start(exchangeOptions{account: r.account, req: r.request(nil), hop: hop{uri: r.where, flow: flow},
		seq: r.nextSeq, timeout: keepalivePatience,
		replyTo: replyTo{
			response: func(res *message.Response, flow Flow) {
				if res.StatusCode >= 200 && !r.ended() {
					r.fetched(res, flow)
				}
			},
			failed: func(err error) {
				if !r.ended() {
					r.dead(err)
				}
			}}})
}

func (r *Registration) fetched(res *message.Response, flow Flow) {
	r.keepalive()
	if res.StatusCode >= 300 {
		r.listed = false // it does not tell: OPTIONS has to do
		return
	}
	bound, err := message.ParseURI(r.local)
	if err != nil {
		return
	}
	if _, listed := r.own(res, flow, bound); !listed {
		r.because(res.StatusCode, ErrForgotten, "the registrar does not know the binding any more; was the PBX restarted?")
		r.happen(regForgotten)
	}
}
