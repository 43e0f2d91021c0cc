package control

import (
	"encoding/json"
	"errors"
	"testing"

	"ringback/agent"
)

type events = []agent.Event

// performRow is one story of an action and the state waited for after it.
type performRow struct {
	name   string
	order  Order
	before events
	during events // happen inside the action
	after  events // happen once it is waited
	result any
	seq    uint64 // of the state in the end
	code   string // of the error
}

func performRows() []performRow {
	i1 := map[string]string{"interaction": "i1"}
	return []performRow{
		{"does not wait", Order{Action: "hold"}, events{interaction("i1", agent.PhaseConnected)}, nil, nil, i1, 1, ""},
		{"so already when done", Order{Action: "hold", Until: "on-hold"}, events{interaction("i1", agent.PhaseConnected)}, events{interaction("i1", agent.PhaseOnHold)}, nil, i1, 2, ""},
		{"comes later", Order{Action: "hold", Until: "on-hold"}, events{interaction("i1", agent.PhaseConnected)}, nil, events{interaction("i1", agent.PhaseOnHold)}, i1, 2, ""},
		{"what passed at once counts", Order{Action: "call", NewCall: true, Until: "connected"},
			events{interaction("i1", agent.PhaseReadyToCall, "c1"), call("c1", agent.CallPhaseEnded, "completed")},
			events{call("c2", agent.CallPhaseConnected, ""), call("c2", agent.CallPhaseEnded, "completed")}, nil, i1, 4, ""},
		{"the call before does not count", Order{Action: "call", NewCall: true, Until: "connected"},
			events{interaction("i1", agent.PhaseReadyToCall, "c1"), call("c1", agent.CallPhaseEnded, "busy")},
			nil, events{call("c2", agent.CallPhaseDialling, ""), call("c2", agent.CallPhaseConnected, ""), interaction("i1", agent.PhaseConnected)}, i1, 4, ""},
		{"busy", Order{Action: "dial", NewCall: true, Until: "connected"}, nil,
			events{interaction("i1", agent.PhaseDialling, "c1"), call("c1", agent.CallPhaseDialling, "")},
			events{call("c1", agent.CallPhaseEnded, "busy")}, i1, 0, agent.CodeBusy},
		{"a consultation is not its contact", Order{Action: "consult", NewCall: true, Until: "connected"},
			events{interaction("i1", agent.PhaseConnected, "c1"), call("c1", agent.CallPhaseConnected, "")},
			events{call("c2", agent.CallPhaseDialling, "")},
			events{call("c2", agent.CallPhaseEnded, "rejected")}, i1, 0, agent.CodeRejected},
		{"consulting", Order{Action: "consult", NewCall: true, Until: "consulting"},
			events{interaction("i1", agent.PhaseConnected, "c1"), call("c1", agent.CallPhaseConnected, "")},
			nil, events{interaction("i1", agent.PhaseConsulting, "c1", "c2")}, i1, 3, ""},
		{"transferred", Order{Action: "transfer", Until: "transferred"},
			events{interaction("i1", agent.PhaseConnected)}, nil,
			events{{Type: agent.CallTransferring, Interaction: "i1"}, {Type: agent.CallTransferred, Interaction: "i2"}, {Type: agent.CallTransferred, Interaction: "i1"}}, i1, 4, ""},
		{"a transfer that failed", Order{Action: "transfer", Until: "transferred"},
			events{interaction("i1", agent.PhaseConnected)}, nil,
			events{{Type: agent.CallTransferFailed, Interaction: "i1", Code: 486, Reason: "busy"}}, i1, 0, agent.CodeBusy},
		{"an offer that went away", Order{Action: "accept", Until: "connected"},
			events{interaction("i1", agent.PhaseOffered)}, nil, events{interaction("i1", agent.PhaseDone)}, i1, 0, agent.CodeNotAllowed},
		{"a channel that was so before", Order{Action: "ready", Channel: "voice", Until: "ready"},
			events{channel("ready")}, events{channel("not-ready")}, events{channel("ready")}, struct{}{}, 3, ""},
		{"a channel", Order{Action: "ready", Channel: "voice", Until: "ready"},
			events{channel("not-ready")}, nil, events{channel("ready")}, struct{}{}, 2, ""},
	}
}

func TestPerform(t *testing.T) {
	for _, row := range performRows() {
		t.Run(row.name, func(t *testing.T) {
			f := newFake()
			for _, e := range row.before {
				f.happen(e)
			}
			opened := f.opened()
			f.do = func(string, json.RawMessage) (any, *agent.ActionError) {
				for _, e := range row.during {
					f.happen(e)
				}
				return row.result, nil
			}
			c := serve(t, f)
			go func() {
				<-opened
				for _, e := range row.after {
					f.happen(e)
				}
			}()
			out, err := Perform(limited(t), c, row.order)
			var unmet *UnmetError
			if row.code != "" {
				if !errors.As(err, &unmet) || unmet.Code != row.code {
					t.Errorf("got %v, want code %s", err, row.code)
				}
				return
			}
			if err != nil || out.State.Seq != row.seq {
				t.Errorf("ended at %d, %v; want %d", out.State.Seq, err, row.seq)
			}
		})
	}
}

func TestPerformRefusesUnknownStates(t *testing.T) {
	f := newFake()
	f.do = func(string, json.RawMessage) (any, *agent.ActionError) {
		t.Error("the action was done")
		return nil, nil
	}
	_, err := Perform(limited(t), serve(t, f), Order{Action: "hold", Until: "asleep"})
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Errorf("got %v, want a SyntaxError", err)
	}
}
