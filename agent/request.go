package agent

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// args are the arguments of all actions by their JSON names.
type args struct {
	Interaction InteractionID     `json:"interaction"`
	Target      string            `json:"target"`
	Digits      string            `json:"digits"`
	Method      string            `json:"method"`
	Duration    string            `json:"duration"`
	Gap         string            `json:"gap"`
	Code        string            `json:"code"`
	Text        string            `json:"text"`
	Values      map[string]string `json:"values"`
	Reason      string            `json:"reason"`
	Channel     string            `json:"channel"`
	NotReady    bool              `json:"not_ready"`
	Number      string            `json:"number"`
	Party       string            `json:"party"`
	Headers     []headerArg       `json:"headers"`
	UUI         string            `json:"uui"`
	AutoHangup  string            `json:"auto_hangup"`
	On          *bool             `json:"on"`
	Callback    string            `json:"callback"`
	Order       json.RawMessage   `json:"order"`
	Result      string            `json:"result"`
	At          string            `json:"at"`
	Zone        string            `json:"zone"`
	Personal    bool              `json:"personal"`
	Drop        bool              `json:"drop"`
	Report      string            `json:"report"`
	File        string            `json:"file"`
	Device      string            `json:"device"`
	DB          int               `json:"db"`
}

type headerArg struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// request is one action being done. It is answered once, by done or fail, at
// once or later; all its methods are called on the loop.
type request struct {
	agent    *Agent
	spec     ActionSpec
	args     args
	raw      json.RawMessage // the arguments of an action on records
	in       *interaction    // for actions on an interaction
	answer   chan outcome    // holds one
	answered bool
}

type outcome struct {
	result any
	err    *ActionError
}

// ActionResult is what an action on an interaction returns.
type ActionResult struct {
	Interaction InteractionID `json:"interaction,omitempty"`
	Call        CallID        `json:"call,omitempty"`
	State       Phase         `json:"state,omitempty"`
	Text        string        `json:"text,omitempty"`
}

func (r *request) done(result any) { r.settle(outcome{result: result}) }

func (r *request) fail(err *ActionError) { r.settle(outcome{err: err}) }

// settle answers once the state that follows from it is published: who asks for
// the state on the answer finds what the answer says.
func (r *request) settle(o outcome) {
	if !r.answered {
		r.answered = true
		r.agent.answers = append(r.agent.answers, func() { r.answer <- o })
	}
}

// sendAnswers gives out the answers of what is published now.
func (a *Agent) sendAnswers() {
	answers := a.answers
	a.answers = nil
	for _, send := range answers {
		send()
	}
}

// ok answers with how the interaction stands, and the call that was meant.
func (r *request) ok(l *leg) {
	result := ActionResult{Interaction: r.in.id, State: r.in.phase()}
	if l != nil {
		result.Call = l.id
	}
	r.done(result)
}

// Do performs an action by its name in Actions, with its arguments as one JSON
// object (nil for none). It waits for the outcome where there is one to wait for
// (hold, transfer, dtmf), at most until ctx is done; then the error's code is
// timeout and the action goes on. Any goroutine but the agent's own.
func (a *Agent) Do(ctx context.Context, name string, raw json.RawMessage) (any, *ActionError) {
	r, refused := a.parse(name, raw)
	if refused != nil {
		return nil, refused
	}
	if r.spec.Records() {
		return a.lookInto(ctx, r)
	}
	if a.cfg.Media.asksServers() { // a call before they have answered could not use them
		select {
		case <-a.spares.known:
		case <-ctx.Done():
			return nil, refuse(CodeTimeout, "%s: the STUN and TURN servers have not answered in time", name)
		case <-a.ended:
		}
	}
	if !a.loop.Post(a.input(func() { a.perform(r) })) {
		return nil, refuse(CodeFailed, "%s: the agent has ended", name)
	}
	select {
	case o := <-r.answer:
		return o.result, o.err
	case <-ctx.Done():
		return nil, refuse(CodeTimeout, "%s: no outcome in time", name).hint("it goes on; see status and events")
	case <-a.ended:
		return nil, refuse(CodeFailed, "%s: the agent has ended", name)
	}
}

// parse checks name and arguments against the table of actions.
func (a *Agent) parse(name string, raw json.RawMessage) (*request, *ActionError) {
	spec, known := a.actions[name]
	if !known {
		return nil, refuse(CodeNotFound, "there is no action %q", name)
	}
	r := &request{agent: a, spec: spec, answer: make(chan outcome, 1)}
	raw, refused := spec.check(raw)
	if refused != nil {
		return nil, refused
	}
	if spec.Records() {
		r.raw = raw
		return r, nil
	}
	if err := json.Unmarshal(raw, &r.args); err != nil {
		return nil, refuse(CodeInvalid, "%s: %s", name, wrongType(err, spec)).hint("such as %s", spec.Example)
	}
	return r, nil
}

// duration reads an argument that is a duration; otherwise is used when it was
// not given.
func (r *request) duration(name, text string, otherwise, least, most time.Duration) (time.Duration, *ActionError) {
	if text == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		return 0, refuse(CodeInvalid, "%s: %s %q is no duration from %s to %s", r.spec.Name, name, text, least, most)
	}
	return d, nil
}

// perform does a request on the loop: finds its interaction, asks the table, and
// runs it.
func (a *Agent) perform(r *request) {
	if a.stopping {
		r.fail(refuse(CodeFailed, "%s: the agent is shutting down", r.spec.Name))
		return
	}
	if r.spec.Targets != OnInteraction {
		r.spec.do(a, r)
		return
	}
	in, refused := a.find(r.spec.Name, r.args.Interaction)
	if refused != nil {
		r.fail(refused)
		return
	}
	r.in = in
	if refused := a.checkAllowed(r.spec.Name, in); refused != nil {
		r.fail(refused)
		return
	}
	r.spec.do(a, r)
}

// checkAllowed asks the table.
func (a *Agent) checkAllowed(action string, in *interaction) *ActionError {
	phase, facts := in.phase(), in.facts()
	ok, why := a.table.allows(action, phase, facts)
	if ok {
		return nil
	}
	err := refuse(CodeNotAllowed, "%s is not allowed: %s is %s", action, in.id, phase)
	switch {
	case why != "":
		err.Message += ", and " + why
	case phase == PhaseDone && in.result != "":
		err.Message += " (" + in.result + ")"
	}
	err.Allowed = a.table.allowed(phase, facts)
	if len(err.Allowed) > 0 {
		err.Hint = "allowed: " + strings.Join(err.Allowed, ", ")
	}
	return err
}

// find is the interaction that an action means: the named one (an id of one of
// its calls will do), the only one that allows the action, or the only open one.
func (a *Agent) find(action string, id InteractionID) (*interaction, *ActionError) {
	if id != "" {
		for _, in := range a.interactions {
			if in.id == id || in.leg(CallID(id)) != nil {
				return in, nil
			}
		}
		err := refuse(CodeNotFound, "there is no interaction %s", id)
		err.Candidates = a.openIDs()
		return nil, err
	}
	var open, fit []*interaction
	for _, in := range a.interactions {
		if in.closed {
			continue
		}
		open = append(open, in)
		if ok, _ := a.table.allows(action, in.phase(), in.facts()); ok {
			fit = append(fit, in)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(open) == 1:
		return open[0], nil
	case len(open) == 0:
		return nil, refuse(CodeNotFound, "%s: there is no open interaction", action)
	}
	err := refuse(CodeNotFound, "%s: more than one interaction could be meant", action).hint("name one")
	for _, in := range fit {
		err.Candidates = append(err.Candidates, string(in.id))
	}
	if len(fit) == 0 {
		err = refuse(CodeNotFound, "%s: none of the open interactions allows it", action).hint("see status")
		err.Candidates = a.openIDs()
	}
	return nil, err
}

func (a *Agent) openIDs() []string {
	ids := []string{}
	for _, in := range a.interactions {
		if !in.closed {
			ids = append(ids, string(in.id))
		}
	}
	return ids
}

// waiter answers a request once something has become true.
type waiter struct {
	check func() bool // runs after every input; true when it has answered
}

// await calls check after this and every later input until it returns true.
func (a *Agent) await(check func() bool) { a.waiters = append(a.waiters, waiter{check}) }

func (a *Agent) serveWaiters() {
	waiting := a.waiters
	a.waiters = nil
	for _, w := range waiting {
		if !w.check() {
			a.waiters = append(a.waiters, w)
		}
	}
}
