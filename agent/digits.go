package agent

import (
	"errors"
	"strings"
	"time"

	"ringback/dtmf"
	"ringback/media"
	"ringback/sip"
)

// Case data fields in which digits are kept.
const (
	caseSent     = "dtmf_sent"
	caseReceived = "dtmf_received"
)

// maxDigitsKept bounds each of them.
const maxDigitsKept = 1024

// recordDigits appends to a field of the case data.
func (in *interaction) recordDigits(field, digits string) {
	had, _ := in.caseData[field].(string)
	all := had + digits
	if len(all) > maxDigitsKept {
		all = all[len(all)-maxDigitsKept:]
	}
	in.setCase(field, all)
}

// discreet hides the numerals of digits, as x, while the recording is paused: a card
// number that is not to be in the file is not to be in events and store either.
func (in *interaction) discreet(digits string) string {
	if !in.recordingPaused() {
		return digits
	}
	return numeralsHidden(digits)
}

// recordingPaused reports whether nothing of the call is to be kept now.
func (in *interaction) recordingPaused() bool {
	return in.recording != nil && in.recording.state == recordingPaused
}

func numeralsHidden(digits string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return 'x'
		}
		return r
	}, digits)
}

// digitReceived notes a key that the far end pressed.
func (a *Agent) digitReceived(l *leg, d dtmf.Digit, method string) {
	e := l.event(DTMFReceived)
	e.Digits, e.Method = l.in.discreet(d.String()), method
	l.in.recordDigits(caseReceived, e.Digits)
	a.emit(e)
}

// digitsOrder is one dtmf action under way.
type digitsOrder struct {
	request *request
	leg     *leg
	seq     dtmf.Sequence
	method  string
	hold    time.Duration
	gap     time.Duration
	over    bool
	paused  bool // the recording was when the order was given
	pauses  int  // that there were by then
}

// kept is what events, case data and history have of the digits: no numerals when the
// recording was paused at any time from the order on, since a card number may have begun
// before the pause, and still go out when it has ended.
func (o *digitsOrder) kept() string {
	in := o.leg.in
	if o.paused || in.pauses > o.pauses || in.recordingPaused() {
		return numeralsHidden(o.seq.Digits())
	}
	return o.seq.Digits()
}

func (a *Agent) actDTMF(r *request) {
	o, refused := a.digitsOrder(r)
	if refused != nil {
		r.fail(refused)
		return
	}
	a.await(func() bool {
		if !o.leg.live() && !o.over {
			a.digitsDone(o, errors.New("the call has ended"))
		}
		return o.over
	})
	if o.method == "info" {
		a.sendInfo(o, 0)
		return
	}
	method := media.RFC4733
	if o.method == "inband" {
		method = media.InBand
	}
	err := o.leg.media.SendDigits(o.timed(), method, func(err error) { a.loop.Post(a.input(func() { a.digitsDone(o, err) })) })
	switch {
	case errors.Is(err, media.ErrNoEvents) && r.args.Method == "":
		o.method = "info" // the far end takes no telephone-event: the configured fall-back
		a.sendInfo(o, 0)
	case err != nil:
		a.digitsDone(o, err)
	}
}

// CheckDigits says what is wrong with a text of digits and pauses; nil when the
// action dtmf can send it. Any goroutine.
func CheckDigits(text string) *ActionError {
	_, refused := parseDigits(text)
	return refused
}

func parseDigits(text string) (dtmf.Sequence, *ActionError) {
	seq, err := dtmf.ParseDigits(text)
	if err == nil {
		return seq, nil
	}
	var syntax *dtmf.SyntaxError
	if errors.As(err, &syntax) {
		return nil, refuse(CodeInvalid, "dtmf: character %d of %q is no digit", syntax.At, text).hint("use 0-9 * # A-D, w (0.5 s), W (1 s) or , (2 s)")
	}
	return nil, refuse(CodeInvalid, "dtmf: no digits, or too many").hint("at most %d digits and pauses", dtmf.MaxSequence)
}

func (a *Agent) digitsOrder(r *request) (*digitsOrder, *ActionError) {
	o := &digitsOrder{request: r, leg: r.in.talking(), method: a.cfg.DTMF.Method, paused: r.in.recordingPaused(), pauses: r.in.pauses}
	if r.args.Party != "" {
		l, refused := a.party(r.in, r.args.Party)
		if refused != nil {
			return nil, refused
		}
		o.leg = l
	}
	if !o.leg.up() || o.leg.media == nil || o.leg.onHold() {
		return nil, refuse(CodeNotAllowed, "dtmf is not allowed: the call is not connected, or on hold")
	}
	var refused *ActionError
	if o.seq, refused = parseDigits(r.args.Digits); refused != nil {
		return nil, refused
	}
	if r.args.Method != "" {
		o.method = r.args.Method
	}
	if o.method != "rfc4733" && o.method != "info" && o.method != "inband" {
		return nil, refuse(CodeInvalid, "dtmf: method %q is not known", o.method).hint("use rfc4733, info or inband")
	}
	if o.hold, refused = r.duration("duration", r.args.Duration, a.cfg.DTMF.Duration, 40*time.Millisecond, 8*time.Second); refused != nil {
		return nil, refused
	}
	o.gap, refused = r.duration("gap", r.args.Gap, a.cfg.DTMF.Gap, 40*time.Millisecond, 8*time.Second)
	return o, refused
}

// timed gives each digit its length and puts the gap between two digits.
func (o *digitsOrder) timed() dtmf.Sequence {
	var seq dtmf.Sequence
	for i, step := range o.seq {
		if step.Digit != 0 {
			if i > 0 && o.seq[i-1].Digit != 0 && o.gap > usualGap {
				seq = append(seq, dtmf.Step{For: o.gap - usualGap})
			}
			step.For = o.hold
		}
		seq = append(seq, step)
	}
	return seq
}

// usualGap is what the media's sender leaves between digits by itself.
const usualGap = 60 * time.Millisecond

// sendInfo sends the steps from one on, each digit when the one before it is
// over.
func (a *Agent) sendInfo(o *digitsOrder, from int) {
	if o.over || from >= len(o.seq) {
		a.digitsDone(o, nil)
		return
	}
	step := o.seq[from]
	if step.Digit == 0 {
		a.loop.After(step.For, a.input(func() { a.sendInfo(o, from+1) }))
		return
	}
	body, err := dtmf.FormatInfo(dtmf.TypeRelay, dtmf.Info{Digit: step.Digit, Duration: o.hold})
	if err != nil {
		a.digitsDone(o, err)
		return
	}
	err = o.leg.session.Info(dtmf.TypeRelay, body, func(code int) {
		if code >= 300 || code == 0 {
			a.input(func() { a.digitsDone(o, errors.New("the far end refused the INFO: "+codeText(code))) })()
		}
	})
	if err != nil {
		a.digitsDone(o, err)
		return
	}
	a.loop.After(o.hold+o.gap, a.input(func() { a.sendInfo(o, from+1) }))
}

// digitsDone records and tells what was sent, and answers.
func (a *Agent) digitsDone(o *digitsOrder, err error) {
	if o.over {
		return
	}
	o.over = true
	if err != nil {
		code := CodeFailed
		if errors.Is(err, media.ErrNotSending) {
			code = CodeNotAllowed
		}
		failed := refuse(code, "dtmf: %v", err)
		if errors.Is(err, media.ErrNoEvents) || errors.Is(err, sip.ErrNotSupported) {
			failed.Hint = "try --method inband"
		}
		o.request.fail(failed)
		return
	}
	e := o.leg.event(DTMFSent)
	e.Digits, e.Method = o.kept(), o.method
	o.leg.in.recordDigits(caseSent, e.Digits)
	a.emit(e)
	o.request.ok(o.leg)
}
