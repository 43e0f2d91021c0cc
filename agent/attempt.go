package agent

import (
	"slices"
	"time"

	"ringback/agent/store"
	"ringback/sip"
)

// Attempt is one dial of an interaction's contact, by the PBX or by this phone,
// and how it ended. An offer that was not accepted is none. Times are null until
// they are there.
type Attempt struct {
	N        int        `json:"n"` // from 1 on
	Call     CallID     `json:"call"`
	Number   string     `json:"number"`
	Started  time.Time  `json:"started"`
	Answered *time.Time `json:"answered"`
	Ended    *time.Time `json:"ended"`
	Code     int        `json:"code,omitempty"`  // SIP status code of its end
	Cause    string     `json:"cause,omitempty"` // how it ended, one word of the phone's
	Result   string     `json:"result"`          // the call result; the agent may correct it
}

// Call results. The phone sets those that a SIP answer tells; the agent says the
// others, and corrects.
const (
	ResultAnswered    = "answered"
	ResultNoAnswer    = "no answer"
	ResultBusy        = "busy"
	ResultMachine     = "machine"
	ResultFax         = "fax"
	ResultWrongNumber = "wrong number"
	ResultDoNotCall   = "do-not-call"
	ResultFailed      = "failed"
)

// CallResults are all call results, in the order of the specification.
func CallResults() []string {
	return []string{ResultAnswered, ResultNoAnswer, ResultBusy, ResultMachine, ResultFax, ResultWrongNumber, ResultDoNotCall, ResultFailed}
}

// maxAttempts bounds what is remembered in memory; the store has all of them.
const maxAttempts = 64

// beginAttempt is the change that an attempt is.
func (in *interaction) beginAttempt(l CallID, number string, now time.Time) {
	in.attempts++
	in.previewing, in.result = false, ""
	if len(in.log) >= maxAttempts {
		in.log = slices.Clone(in.log[1:])
	}
	in.log = append(in.log, Attempt{N: in.nextAttempt(), Call: l, Number: number, Started: now})
}

// nextAttempt is the number of the next attempt of this interaction.
func (in *interaction) nextAttempt() int {
	if len(in.log) == 0 {
		return 1
	}
	return in.log[len(in.log)-1].N + 1
}

// attemptOf is the attempt of a call; nil when it is none.
func (in *interaction) attemptOf(call CallID) *Attempt {
	for i := range in.log {
		if in.log[i].Call == call {
			return &in.log[i]
		}
	}
	return nil
}

// attemptAnswered notes that the contact took the call.
func (a *Agent) attemptAnswered(l *leg) {
	l.in.result = ResultAnswered
	if t := l.in.editAttempt(l.id); t != nil {
		at := a.now()
		t.Answered, t.Result = &at, ResultAnswered
	}
}

// editAttempt gives the attempt of a call for writing; what was published stays as
// it was.
func (in *interaction) editAttempt(call CallID) *Attempt {
	in.log = slices.Clone(in.log)
	return in.attemptOf(call)
}

// attemptOver notes how the call with the contact ended, and arms the retry that
// the configuration may ask for.
func (a *Agent) attemptOver(l *leg, c sip.Cause) {
	in := l.in
	if l.answeredAtAll() {
		if in.result == "" {
			in.result = ResultAnswered
		}
	} else if !l.incoming {
		in.result = resultOf(c)
	}
	if t := in.editAttempt(l.id); t != nil {
		at := a.now()
		t.Ended, t.Code, t.Cause = &at, c.Code, string(c.Kind)
		if t.Result == "" {
			t.Result = in.result
		}
	}
	a.armRetry(in)
	if in.recorded {
		var told []writing
		if c.Kind != sip.CauseCancelled || !l.incoming { // else nobody was called
			told = a.reportingAttempt(in.attemptOf(l.id))
		}
		a.save(in, "call-ended", told...)
	}
}

// attemptFailed notes that the newest attempt could not even be sent.
func (a *Agent) attemptFailed(in *interaction, why *ActionError) {
	at := a.now()
	t := in.editAttempt("")
	t.Ended, t.Cause, t.Result = &at, why.Code, ResultFailed
	in.result = ResultFailed
	a.save(in, "attempt-failed", a.reportingAttempt(t)...)
}

func (a *Agent) attemptRecord(in *interaction, t Attempt) store.Attempt {
	r := store.Attempt{Interaction: string(in.id), N: t.N, Callback: in.key, Call: string(t.Call), Number: t.Number,
		E164: a.e164(t.Number), Started: t.Started, Code: t.Code, Cause: t.Cause, Result: t.Result}
	if t.Answered != nil {
		r.Answered = *t.Answered
	}
	if t.Ended != nil {
		r.Ended = *t.Ended
	}
	return r
}

// restoredAttempt is an attempt from the store. One that had not ended was cut off
// with the phone.
func restoredAttempt(r store.Attempt, now time.Time) Attempt {
	t := Attempt{N: r.N, Call: CallID(r.Call), Number: r.Number, Started: r.Started, Answered: timeOf(r.Answered),
		Ended: timeOf(r.Ended), Code: r.Code, Cause: r.Cause, Result: r.Result}
	if t.Ended == nil {
		t.Ended, t.Cause = &now, "interrupted"
		if t.Result == "" {
			t.Result = ResultFailed
		}
	}
	return t
}

// actResult corrects the call result of the newest attempt. Do-not-call puts the
// number on that list, and drops what is armed for it.
func (a *Agent) actResult(r *request) {
	in := r.in
	result, known := oneOfTexts(r.args.Result, CallResults())
	if !known || result == "" {
		r.fail(refuse(CodeInvalid, "result: %q is not known", r.args.Result).hint("use one of %s", join(CallResults())))
		return
	}
	same, void := in.result == result, result == ResultDoNotCall && in.armed != nil && a.e164(in.armed.Number) == a.e164(in.lastNumber())
	change := func(in *interaction) {
		in.result = result
		if void {
			in.armed = nil
		}
		if len(in.log) > 0 {
			in.editAttempt(in.log[len(in.log)-1].Call).Result = result
		}
	}
	block := func(tx *store.Tx, in *interaction) error {
		if result != ResultDoNotCall {
			return nil
		}
		return tx.Block(store.Blocked{E164: a.e164(in.lastNumber()), Reason: "said to the agent in " + string(in.id), Added: a.now()})
	}
	writings := []writing{block}
	if !same {
		writings = append(writings, a.reportingResult(result))
	}
	if refused := a.amend(in, "result", change, writings...); refused != nil {
		r.fail(refused)
		return
	}
	a.emit(Event{Type: InteractionChanged, Interaction: in.id, Reason: "result"})
	if void {
		a.emit(Event{Type: InteractionRescheduled, Interaction: in.id, Reason: "dropped"})
	}
	a.armRetry(in)
	r.ok(nil)
}

// lastNumber is the number that was dialled last.
func (in *interaction) lastNumber() string {
	if len(in.log) > 0 {
		return in.log[len(in.log)-1].Number
	}
	return in.contact.Number
}

// blocked refuses a number that is on the do-not-call list; nil when it is not. A
// store that cannot be read refuses nothing: the contact waits.
func (a *Agent) blocked(number string) *ActionError {
	e164 := a.e164(number)
	if e164 == "" {
		return nil
	}
	b, have, err := a.store.IsBlocked(e164)
	if err != nil {
		a.log.Error("look into the do-not-call list", "error", err)
		return nil
	}
	if !have {
		return nil
	}
	e := refuse(CodeRejected, "%s is on the do-not-call list since %s (%s)", number, b.Added.Format(time.DateOnly), b.Reason)
	return e.hint("call another number, or take it off the list with: ringback blocked remove %s", e164)
}
