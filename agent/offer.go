package agent

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringback/agent/store"
	"ringback/sip"
	"ringback/sip/loop"
)

// What Accept will do.
const (
	meansAnswer  = "answer"  // answers the call
	meansDial    = "dial"    // dials the contact, or whom a REFER names
	meansPreview = "preview" // opens the preview, and dials nobody
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
	a.putOfferFor(in, means, a.cfg.Callbacks.OfferTimeout)
}

func (a *Agent) putOfferFor(in *interaction, means string, patience time.Duration) {
	in.offer = &offer{state: offerOpen, means: means, expires: a.now().Add(patience)}
	in.offer.timer = a.loop.After(patience, a.input(func() { a.missOffer(in) }))
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

// closeOffer ends an offer that nobody took; the interaction goes with it. taken is
// written when it was accepted before, and kept so.
func (a *Agent) closeOffer(in *interaction, how offerState, taken ...writing) bool {
	if !in.offer.move(how) {
		return false
	}
	in.result, in.closed = string(how), true
	if in.recorded { // it was accepted, and taken back
		if in.key != "" {
			in.place = store.CallbackReturned
		}
		a.save(in, "offer-closed", taken...)
	}
	return true
}

// missOffer: nobody did anything until the time-out.
func (a *Agent) missOffer(in *interaction) {
	if !a.closeOffer(in, offerMissed) {
		return
	}
	a.refuseOffered(in, 480, 480, "the agent did not answer")
	a.entryLeft(in, offerMissed, ReportMissed, func(r *Report) { r.Code = 480 })
	ch := a.channelOf(in)
	ch.missed++
	e := in.offerEvent(OfferMissed)
	e.Code = 480
	a.emit(e)
	a.limitMissed(ch)
}

// refuseOffered refuses what an offer came from: its call, the REFER that asked for
// it, or nothing when it came without a call.
func (a *Agent) refuseOffered(in *interaction, code, referCode int, why string) {
	switch {
	case in.offer.refer != nil:
		_ = in.offer.refer.Refuse(referCode)
	case in.main != nil:
		a.refuseCall(in.main, code, why)
	}
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
	a.refuseOffered(in, code, 603, why)
	a.entryLeft(in, offerRefused, ReportRejected, func(rep *Report) { rep.Code, rep.Reason = code, r.args.Reason })
	e := in.offerEvent(OfferRejected)
	e.Code, e.Reason = code, r.args.Reason
	a.emit(e)
	if r.args.NotReady {
		a.moveChannel(a.channelOf(in), askNotReady, "")
	}
	r.ok(nil)
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
