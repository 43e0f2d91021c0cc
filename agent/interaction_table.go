package agent

import (
	"slices"
	"strings"
	"sync"
)

// facts are what the guards of the table look at beside the phase.
type facts struct {
	mainUp       bool           // the contact is connected
	consultUp    bool           // the target of the consultation is connected
	parties      int            // calls beside the contact's that are joined or being called
	transferring bool           // a transfer is under way
	attempts     int            // calls to the contact so far
	playing      bool           // a file is played, or read for it
	recording    recordingState // of the call with the contact; empty: there is none
}

// column is one action of the table: the phases in which it is allowed, and a
// guard with the reason why it may still not be.
type column struct {
	action string
	phases []Phase
	when   func(facts) bool
	why    string
}

// table is the state and action table of callbacks.md section 5, action by
// action. Whatever is not here is refused.
func table() []column {
	talking := []Phase{PhaseConnected, PhaseOnHold, PhaseConsulting, PhaseConference}
	worked := append([]Phase{PhasePreview, PhaseDialling, PhaseReadyToCall}, talking...)
	both := func(f facts) bool { return f.mainUp && f.consultUp && !f.transferring }
	party := func(f facts) bool { return f.parties > 0 }
	settled := func(f facts) bool { return !f.transferring }
	all := []column{
		{action: "record-start", phases: talking, when: func(f facts) bool { return f.mainUp && (f.recording == "" || f.recording == recordingPaused) },
			why: "the contact is not there any more, or the call is being recorded"},
		{action: "record-pause", phases: talking, when: func(f facts) bool { return f.recording == recordingRuns }, why: "the call is not being recorded"},
		{action: "record-stop", phases: talking, when: func(f facts) bool { return f.recording == recordingRuns || f.recording == recordingPaused },
			why: "the call is not being recorded"},
		{action: "play", phases: []Phase{PhaseConnected, PhaseConsulting, PhaseConference}},
		{action: "play-stop", phases: talking, when: func(f facts) bool { return f.playing }, why: "nothing is played"},
		{action: "accept", phases: []Phase{PhaseOffered}},
		{action: "reject", phases: []Phase{PhaseOffered}},
		{action: "call", phases: []Phase{PhasePreview, PhaseReadyToCall}},
		{action: "end", phases: append([]Phase{PhaseDialling}, talking...)},
		{action: "hold", phases: []Phase{PhaseConnected, PhaseConsulting, PhaseConference}},
		{action: "resume", phases: []Phase{PhaseOnHold, PhaseConsulting, PhaseConference}, when: settled, why: "a transfer is under way"},
		{action: "mute", phases: talking},
		{action: "unmute", phases: talking},
		{action: "transfer", phases: talking, when: func(f facts) bool { return f.mainUp && !f.transferring },
			why: "the contact is not there any more, or a transfer is under way"},
		{action: "conference", phases: talking, when: settled, why: "a transfer is under way"},
		{action: "dtmf", phases: []Phase{PhaseConnected, PhaseConsulting, PhaseConference}},
		{action: "consult", phases: []Phase{PhaseConnected, PhaseOnHold}, when: settled, why: "a transfer is under way"},
		{action: "consult-swap", phases: []Phase{PhaseConsulting}, when: both, why: "contact and target must both be connected"},
		{action: "consult-transfer", phases: []Phase{PhaseConsulting}, when: both, why: "contact and target must both be connected"},
		{action: "consult-conference", phases: []Phase{PhaseConsulting}, when: both, why: "contact and target must both be connected"},
		{action: "consult-end", phases: []Phase{PhaseConsulting}},
		{action: "reschedule", phases: []Phase{PhasePreview, PhaseConnected, PhaseOnHold, PhaseConference, PhaseReadyToCall}},
		{action: "dispose", phases: worked},
		{action: "result", phases: worked, when: func(f facts) bool { return f.attempts > 0 }, why: "the contact was not called yet"},
		{action: "note", phases: worked},
		{action: "case", phases: worked},
		{action: "done", phases: []Phase{PhasePreview, PhaseReadyToCall}},
	}
	for _, name := range []string{"drop", "mute", "unmute", "suspend", "reinstate"} {
		all = append(all, column{action: "conference-" + name, phases: []Phase{PhaseConnected, PhaseOnHold, PhaseConference},
			when: party, why: "there is no conference"})
	}
	return all
}

// interactionTable is the table by action.
type interactionTable map[string]column

// interactions is made once for all agents, which change nothing in it.
var interactions = sync.OnceValue(func() interactionTable {
	t := interactionTable{}
	for _, c := range table() {
		t[c.action] = c
	}
	return t
})

// allows reports whether an action may be done, and why not.
func (t interactionTable) allows(action string, p Phase, f facts) (bool, string) {
	c, known := t[action]
	if !known || !slices.Contains(c.phases, p) {
		return false, ""
	}
	if c.when != nil && !c.when(f) {
		return false, c.why
	}
	return true, ""
}

// allowed lists what may be done, in alphabetical order.
func (t interactionTable) allowed(p Phase, f facts) []string {
	list := []string{}
	for action := range t {
		if ok, _ := t.allows(action, p, f); ok {
			list = append(list, action)
		}
	}
	slices.SortFunc(list, strings.Compare)
	return list
}
