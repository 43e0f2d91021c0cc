package agent

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringback/sip"
	"ringback/sip/loop"
)

// What Accept will do.
const (
	meansAnswer = "answer" // answers the call
	meansDial   = "dial"   // dials the contact, or whom a REFER names
)

// offerState is where an offer stands.
type offerState string

const (
	offerOpen      offerState = "open"
	offerTaken     offerState = "accepted"
	offerRefused   offerState = "rejected"
	offerMissed    offerState = "missed"
	offerWithdrawn offerState = "cancelled"
)

// offerMoves is the table: an open offer ends once, in one way.
func offerMoves() map[offerState][]offerState {
	return map[offerState][]offerState{
		offerOpen:      {offerTaken, offerRefused, offerMissed, offerWithdrawn},
		offerTaken:     {offerWithdrawn}, // the accept crossed the caller's CANCEL
		offerRefused:   {},
		offerMissed:    {},
		offerWithdrawn: {},
	}
}

// offer is an interaction put to the agent, with a deadline.
type offer struct {
	state   offerState
	means   string
	expires time.Time
	timer   *loop.Timer
	auto    *loop.Timer // automatic answer
	refer   *sip.IncomingRefer
}

func (o *offer) open() bool { return o != nil && o.state == offerOpen }

func (o *offer) move(to offerState) bool {
	for _, next := range offerMoves()[o.state] {
		if next == to {
			o.state = to
			o.timer.Stop()
			o.auto.Stop()
			return true
		}
	}
	return false
}

// putOffer shows an interaction to the agent until the time-out.
func (a *Agent) putOffer(in *interaction, means string) {
	in.offer = &offer{state: offerOpen, means: means, expires: a.now().Add(a.cfg.Callbacks.OfferTimeout)}
	in.offer.timer = a.loop.After(a.cfg.Callbacks.OfferTimeout, a.input(func() { a.missOffer(in) }))
	e := in.offerEvent(OfferReceived)
	if in.main == nil {
		e.Target = in.contact.Number
	}
	a.emit(Event{Type: InteractionCreated, Interaction: in.id})
	a.emit(e)
}

// offerEvent is an event about an offer; it names the call that brought it.
func (in *interaction) offerEvent(t EventType) Event {
	e := Event{Type: t, Interaction: in.id}
	if in.main != nil {
		e = in.main.event(t)
	}
	e.Channel = in.channel
	return e
}

// closeOffer ends an offer that nobody took; the interaction goes with it.
func (a *Agent) closeOffer(in *interaction, how offerState) bool {
	if !in.offer.move(how) {
		return false
	}
	in.result, in.closed = string(how), true
	return true
}

// missOffer: nobody did anything until the time-out.
func (a *Agent) missOffer(in *interaction) {
	if !a.closeOffer(in, offerMissed) {
		return
	}
	if in.offer.refer != nil {
		_ = in.offer.refer.Refuse(480)
	} else {
		a.refuseCall(in.main, 480, "the agent did not answer")
	}
	c := a.channelOf(in)
	c.missed++
	e := in.offerEvent(OfferMissed)
	e.Code = 480
	a.emit(e)
	a.limitMissed(c)
}

// refuseCall refuses a call that came, with a Reason for the PBX's records.
func (a *Agent) refuseCall(l *leg, code int, why string) {
	headers := reasonHeader(sip.ReasonHeader{Protocol: "SIP", Cause: code, Text: why})
	if err := l.session.Reject(code, "", headers); err != nil {
		a.log.Debug("refuse call", "call", string(l.id), "error", err)
	}
}

func reasonHeader(r sip.ReasonHeader) sip.Header {
	// A quoted-string holds UTF-8 as it is (RFC 3261 25.1), but no line break.
	text := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ").Replace(cleanText(r.Text))
	return sip.Header{Name: "Reason", Value: fmt.Sprintf(`%s;cause=%d;text="%s"`, r.Protocol, r.Cause, text)}
}

func (a *Agent) actReject(r *request) {
	in := r.in
	code := a.cfg.Callbacks.RejectCode
	why := r.args.Reason
	if why == "" {
		why = "rejected by the agent"
	}
	if strings.ContainsAny(why, "\r\n\x00") {
		r.fail(refuse(CodeInvalid, "reject: the reason has control characters").hint("write one line"))
		return
	}
	a.closeOffer(in, offerRefused)
	a.channelOf(in).missed = 0
	if in.offer.refer != nil {
		_ = in.offer.refer.Refuse(603)
	} else {
		a.refuseCall(in.main, code, why)
	}
	e := in.offerEvent(OfferRejected)
	e.Code, e.Reason = code, r.args.Reason
	a.emit(e)
	if r.args.NotReady {
		a.moveChannel(a.channelOf(in), askNotReady, "")
	}
	r.ok(nil)
}

func (a *Agent) actAccept(r *request) {
	l, refused := a.accept(r.in)
	if refused != nil {
		r.fail(refused)
		return
	}
	if l.order != nil {
		a.await(func() bool { return r.orderSettled(l) })
		return
	}
	// The answer counts when the caller has acknowledged it and is still there: its
	// CANCEL may have been on the way, and its BYE follows the ACK.
	wait := func(d time.Duration) time.Time {
		a.loop.After(d, a.input(func() {}))
		return a.now().Add(d)
	}
	latest := wait(acceptPatience)
	var stays time.Time
	a.await(func() bool {
		switch {
		case r.in.closed:
			r.fail(refuse(CodeRejected, "accept: %s was cancelled by the caller in the same moment", r.in.id))
		case !l.incoming || !l.live() || !a.now().Before(latest) || !stays.IsZero() && !a.now().Before(stays):
			r.ok(l)
		default:
			if l.confirmed && stays.IsZero() {
				stays = wait(acceptStays)
			}
			return false
		}
		return true
	})
}

// accept takes an offer: answers the call, or dials. It returns the call that
// was answered or made; for an order to dial, the one that brought it.
func (a *Agent) accept(in *interaction) (*leg, *ActionError) {
	if in.offer.means == meansDial {
		return a.acceptAndDial(in)
	}
	l := in.main
	a.holdOthers(in)
	if err := a.answer(l); err != nil {
		return nil, a.acceptFailed(in, err)
	}
	in.offer.move(offerTaken)
	a.channelOf(in).missed = 0
	in.attempts++
	in.result = "answered"
	e := l.event(OfferAccepted)
	e.Channel = in.channel
	a.emit(e)
	a.emit(l.event(CallConnected))
	return l, nil
}

// acceptFailed tells the truth about an accept that came too late, or could not
// be answered.
func (a *Agent) acceptFailed(in *interaction, err error) *ActionError {
	if isCancelled(err) {
		if a.closeOffer(in, offerWithdrawn) {
			e := in.offerEvent(OfferCancelled)
			e.Reason = "cancelled"
			a.emit(e)
		}
		return refuse(CodeRejected, "accept: %s was cancelled by the caller in the same moment", in.id)
	}
	if a.closeOffer(in, offerWithdrawn) {
		e := in.offerEvent(OfferCancelled)
		e.Reason, e.Text = "failed", err.Error()
		a.emit(e)
	}
	return refuse(CodeFailed, "accept: %v", err)
}

// acceptAndDial takes an order to dial: the PBX's callback whose first leg is the
// agent, or a REFER. The INVITE that brought the order is answered and ended, so
// that the PBX does not give it to another agent; then the contact is dialled.
func (a *Agent) acceptAndDial(in *interaction) (*leg, *ActionError) {
	if refused := a.checkRegistered(); refused != nil {
		return nil, refused
	}
	to, refused := a.target(in.contact.Number)
	if refused != nil {
		return nil, refused
	}
	brought, refer := in.main, in.offer.refer
	if brought != nil {
		if err := a.takeOrder(brought, to); err != nil {
			return nil, a.acceptFailed(in, err)
		}
	}
	in.offer.move(offerTaken)
	a.channelOf(in).missed = 0
	a.emit(in.offerEvent(OfferAccepted))
	a.holdOthers(in)
	if brought != nil {
		return brought, nil
	}
	return a.dialReferred(in, refer)
}

// armAutoAnswer answers by itself when the configuration says so; in header mode
// only when the PBX asks for it, which is the only source that can reach us.
func (a *Agent) armAutoAnswer(in *interaction) {
	byHeader, after, err := a.cfg.Callbacks.autoAnswer()
	if err != nil || in.main == nil || len(in.main.session.Offer()) == 0 {
		return
	}
	if byHeader {
		wished, delay := autoAnswerHeader(in.main.session.Headers())
		if !wished {
			return
		}
		after = delay
	}
	if after < 0 {
		return
	}
	in.offer.auto = a.loop.After(after, a.input(func() {
		if !in.offer.open() || a.voice.busy || a.web.busy {
			return
		}
		if _, refused := a.accept(in); refused != nil {
			a.emit(Event{Type: ErrorHappened, Interaction: in.id, Text: "auto-answer: " + refused.Message})
			return
		}
		a.sound.beep()
	}))
}

// autoAnswerHeader reads the wish for an automatic answer in its spellings:
// Call-Info answer-after, Alert-Info, Answer-Mode (RFC 5373).
func autoAnswerHeader(headers []sip.Header) (wished bool, after time.Duration) {
	for _, h := range headers {
		value := lower(h.Value)
		switch lower(h.Name) {
		case "call-info", "alert-info":
			if _, rest, found := strings.Cut(value, "answer-after="); found {
				digits := strings.TrimLeft(rest, `" `)
				n := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
				seconds, err := strconv.Atoi(digits[:n])
				if err == nil && seconds <= 600 {
					return true, time.Duration(seconds) * time.Second
				}
			}
			if lower(h.Name) == "alert-info" && (strings.Contains(value, "alert-autoanswer") ||
				strings.Contains(value, "auto answer") || strings.Contains(value, "auto-answer") || strings.Contains(value, "autoanswer")) {
				return true, 0
			}
		case "answer-mode", "priv-answer-mode":
			if strings.HasPrefix(strings.TrimSpace(value), "auto") {
				return true, 0
			}
		}
	}
	return false, 0
}
