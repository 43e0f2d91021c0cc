package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"ringback/sip"
	"ringback/sip/loop"
)

// ResponderPlan is what the far end does with the calls that come.
type ResponderPlan struct {
	Listen     []string      // [tls:|ws:|wss:]HOST:PORT, without a prefix UDP and TCP; a loop per entry
	TLS        sip.TLSConfig // the certificate of tls: and wss:
	Ring       time.Duration // until it answers
	Busy       float64       // share of calls, 0 to 1, that get 486
	Refuse     float64       // share that gets 503
	Mute       float64       // share that is let ring for ever
	Late       float64       // share that is answered only after LateBy
	LateBy     time.Duration //
	Media      string        // none, echo, tone, silence or file; or shares of them, as "echo 50%, tone 50%"
	File       string        // WAV of any rate
	Codecs     []string
	Encryption string        // of media: off (callers that want SRTP get 488), sdes or dtls
	Offers     float64       // callbacks a second, put to the phones that have registered here, in turn; 0: none
	Data       string        // CSV file with a line that names the columns: a row for each of the offers, in turn
	Most       time.Duration // a call that nobody ends is ended; 0: never
	Seed       uint64
}

// Check says which field cannot work, and what to write.
func (p *ResponderPlan) Check() error {
	if len(p.Listen) == 0 {
		return wrong("listen", "[]", "write HOST:PORT, as 127.0.0.1:5060")
	}
	for field, share := range map[string]float64{"busy": p.Busy, "refuse": p.Refuse, "mute": p.Mute, "late": p.Late} {
		if share < 0 || share > 1 || math.IsNaN(share) {
			return wrong(field, share, "write a share, 0% to 100%")
		}
	}
	if sum := p.Busy + p.Refuse + p.Mute + p.Late; sum > 1 {
		return wrong("busy, refuse, mute and late", sum, "write shares of 100% in all at most")
	}
	if p.LateBy < 0 || p.LateBy > time.Hour || p.Late > 0 && p.LateBy <= p.Ring {
		return wrong("late-by", p.LateBy, "write a time that is longer than ring, up to 1h")
	}
	says, err := parseSays("media", p.Media)
	if err != nil {
		return err
	}
	if err := checkSound("", p.Codecs, says.kinds(), p.File, p.Encryption); err != nil {
		return err
	}
	if !(p.Offers >= 0 && p.Offers <= maxRate) {
		return wrong("offers", p.Offers, fmt.Sprintf("write callbacks a second, up to %d", maxRate))
	}
	if p.Data != "" && p.Offers == 0 {
		return wrong("data", p.Data, "write offers as well: the rows are those of callbacks")
	}
	if p.Ring < 0 || p.Ring > time.Hour {
		return wrong("ring", p.Ring, "write 0s to 1h")
	}
	return nil
}

// takes is what becomes of calls that come.
func (p *ResponderPlan) takes() takes {
	return takes{ring: p.Ring, busy: p.Busy, refuse: p.Refuse, mute: p.Mute, late: p.Late, lateBy: p.LateBy}
}

// Answers is what a responder has done so far.
type Answers struct {
	Came     int            `json:"came"`
	Answered int            `json:"answered"`
	Refused  int            `json:"refused"`
	Late     int            `json:"late"` // of those that were answered
	Active   int            `json:"active"`
	Resent   uint64         `json:"resent"` // SIP messages that it sent again
	Says     map[string]int `json:"says"`   // answered calls, and callbacks, by what they hear

	Registered int            `json:"registered"` // phones, now
	Offered    int            `json:"offered"`    // callbacks
	Taken      int            `json:"taken"`      // of these, by agents
	NotTaken   map[string]int `json:"not_taken"`  // by cause
	Moved      int            `json:"moved"`      // calls that agents transferred
}

// Responder is a far end without a PBX: it answers whoever calls. Make one with
// StartResponder.
type Responder struct {
	parts      []*answering
	stopEngine func()
}

// answering is one loop of a responder; its loop owns all fields.
type answering struct {
	plan    *ResponderPlan
	loop    *loop.Loop
	seat            // the first that it listens on
	mover   *sip.UA // calls the targets of transfers, which may be here: a user agent that calls itself is a loop
	speaker *speaker
	at      netip.AddrPort // the first that it listens on
	rng     *rand.Rand
	counts  Answers
	phones  bindings
	rows    []vars      // of the plan's data: of callbacks
	offers  *loop.Timer // of the next callback; nil: none
	ending  bool        // no call begins any more
	open    map[*sip.Session]*taken
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

// StartResponder listens. Errors name what cannot be listened on, or the field of
// the plan.
func StartResponder(p ResponderPlan, o Options) (*Responder, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	var rows []vars
	if p.Data != "" {
		var err error
		if _, rows, err = readTable("data", p.Data); err != nil {
			return nil, fmt.Errorf("start responder: %w", err)
		}
	}
	says, _ := parseSays("media", p.Media) // was looked at
	how, err := soundOf("", p.Codecs, p.File, p.Encryption)
	if err != nil {
		return nil, fmt.Errorf("start responder: %w", err)
	}
	kind := MediaNone
	for _, one := range says.kinds() {
		if one != MediaNone {
			kind = one
		}
	}
	engine, stop := mediaOf(&Plan{Calls: CallsPlan{Media: kind, Codecs: p.Codecs}}, o)
	r := &Responder{stopEngine: stop}
	seed := p.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	for i, address := range p.Listen {
		mine := p
		mine.Offers /= float64(len(p.Listen))
		rng := rand.New(rand.NewPCG(seed+uint64(i), 1))
		a := &answering{plan: &mine, loop: loop.New(o.Log), speaker: &speaker{engine: engine, says: says, sound: how, rng: rng}, rows: every(rows, i, len(p.Listen)), rng: rng, open: map[*sip.Session]*taken{},
			counts: Answers{NotTaken: map[string]int{}, Says: map[string]int{}}, phones: bindings{byAOR: map[string]*bound{}}}
		if err := a.listen(address, o); err != nil {
			r.Close()
			return nil, fmt.Errorf("start responder: %w", err)
		}
		r.parts = append(r.parts, a)
	}
	return r, nil
}

func (a *answering) listen(text string, o Options) error {
	transport, address, found := strings.Cut(text, ":")
	transports := []string{transport}
	if !found || transport != "tls" && transport != "ws" && transport != "wss" {
		transports, address = []string{"udp", "tcp"}, text
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return wrong("listen", text, "write HOST:PORT, as 127.0.0.1:5060, with tls:, ws: or wss: before it for these")
	}
	var listens []sip.Listen
	for _, name := range transports {
		listens = append(listens, sip.Listen{Transport: name, Address: address})
	}
	var err error
	a.ua, err = sip.NewUA(sip.Config{Loop: a.loop, Network: o.Network, Log: o.Log, UserAgent: "Ringback responder", Handler: a, Listen: listens, TLS: a.plan.TLS,
		Limits: sip.Limits{Sessions: maxCalls, InvitesPerSec: maxRate, StrangersPerSec: maxRate},
		Policy: sip.Policy{AcceptFrom: sip.AcceptAnyone, LocalUsers: func(string) bool { return true }, Methods: []string{"REGISTER"}}})
	if err != nil {
		return err
	}
	a.at = a.ua.LocalAddr(transports[0])
	a.ip = a.at.Addr()
	a.inactive = inactiveSDP(a.ip)
	a.mover, err = sip.NewUA(sip.Config{Loop: a.loop, Network: o.Network, Log: o.Log, UserAgent: "Ringback responder",
		Listen: []sip.Listen{{Transport: "udp", Address: netip.AddrPortFrom(a.ip, 0).String()}}, Limits: sip.Limits{Sessions: maxCalls}})
	if err != nil {
		return errors.Join(err, a.ua.Close(context.Background()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.done.Go(func() { a.loop.Run(ctx) })
	a.loop.Post(func() { a.offerNext(a.loop.Now()) })
	return nil
}

// Addresses are where it listens.
func (r *Responder) Addresses() []string {
	var all []string
	for _, a := range r.parts {
		all = append(all, a.at.String())
	}
	return all
}

// Answers adds up what was done. Any goroutine.
func (r *Responder) Answers() Answers {
	sum := Answers{NotTaken: map[string]int{}, Says: map[string]int{}}
	for _, a := range r.parts {
		_ = a.loop.Do(context.Background(), func() {
			sum.Came += a.counts.Came
			sum.Answered += a.counts.Answered
			sum.Refused += a.counts.Refused
			sum.Late += a.counts.Late
			for kind, n := range a.counts.Says {
				sum.Says[kind] += n
			}
			sum.Active += len(a.open)
			sum.Resent += a.ua.Resent() + a.mover.Resent()
			sum.Registered += len(a.phones.byAOR)
			sum.Offered += a.counts.Offered
			sum.Taken += a.counts.Taken
			sum.Moved += a.counts.Moved
			for cause, n := range a.counts.NotTaken {
				sum.NotTaken[cause] += n
			}
		})
	}
	return sum
}

// Close hangs up what is up, and returns when nothing of it is left.
func (r *Responder) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	for _, a := range r.parts {
		_ = a.loop.Do(ctx, func() {
			if a.ending = true; a.offers != nil {
				a.offers.Stop()
			}
			for _, p := range a.phones.byAOR {
				p.end.Stop()
			}
			for s, t := range a.open {
				if t.up || t.ours { // before its answer this is a CANCEL
					_ = s.Hangup(sip.ReasonHeader{})
				} else {
					_ = s.Reject(480, "")
				}
			}
		})
	}
	for _, a := range r.parts {
		_, _ = a.ua.Close(ctx), a.mover.Close(ctx)
		a.cancel()
		a.done.Wait()
	}
	r.stopEngine()
}

// taken is a call that came, or one of ours: a callback that is offered, or the call of a
// transfer.
type taken struct {
	answering *answering
	heard
	up    bool
	ours  bool
	phone *bound             // to which it is offered; nil: it is no callback
	refer *sip.IncomingRefer // on whose account it was placed; nil: nobody's
	timer *loop.Timer
}

// Requested implements sip.Handler: phones register, and report on their callbacks.
func (a *answering) Requested(r *sip.IncomingRequest) {
	switch r.Method() {
	case "REGISTER":
		a.register(r)
	case "MESSAGE":
		_ = r.Respond(200, "", nil, "", nil)
	default:
		_ = r.Respond(405, "", nil, "", nil)
	}
}

// Invited implements sip.Handler.
func (a *answering) Invited(s *sip.Session) {
	a.counts.Came++
	t := &taken{answering: a}
	a.open[s] = t
	s.Handle(t)
	next := a.plan.takes().next(a.rng.Float64())
	if next.code > 0 {
		t.refuse(s, next.code)
		return
	}
	_ = s.Ring()
	answer := func() {
		if t.answer(s) && next.late {
			a.counts.Late++
		}
	}
	switch {
	case next.never:
	case next.after == 0:
		answer()
	default:
		t.timer = a.loop.After(next.after, answer)
	}
}

func (t *taken) refuse(s *sip.Session, code int) {
	t.answering.counts.Refused++
	_ = s.Reject(code, "")
	t.end(s)
}

// answer reports whether it did.
func (t *taken) answer(s *sip.Session) bool {
	body, err := t.says(s.Offer())
	if err != nil {
		t.refuse(s, 488)
		return false
	}
	if s.Answer(body) != nil {
		return false // cancelled: Ended follows
	}
	t.up = true
	t.answering.counts.Answered++
	t.answering.counts.Says[t.kind]++
	t.endsAfter(s)
	return true
}

// says is our half of the media: the answer, or an offer where theirs is late.
func (t *taken) says(offer []byte) ([]byte, error) {
	return t.body(t.answering.speaker, &t.answering.seat, offer)
}

// SessionEvent implements sip.SessionHandler.
func (t *taken) SessionEvent(s *sip.Session, e sip.Event) {
	switch e := e.(type) {
	case sip.Answered:
		t.accepted(s, e)
	case sip.ReferReceived:
		t.moves(e.Refer)
	case sip.Confirmed:
		if e.SDP != nil && t.voice != nil {
			_ = t.voice.session.AcceptAnswer(e.SDP, false) // a caller without media hangs up by itself
		}
	case sip.OfferReceived:
		body, err := t.says(e.SDP)
		if err != nil {
			_ = s.RefuseOffer(488)
			return
		}
		_ = s.AnswerOffer(body)
	case sip.Ended:
		if t.ours && !t.up {
			t.failed(e.Cause)
		}
		t.end(s)
	}
}

func (t *taken) end(s *sip.Session) {
	if t.answering.open[s] == nil {
		return
	}
	delete(t.answering.open, s)
	t.release()
}
