package control

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent"
)

// TestInside_WaitsAndOrdersAsOverTheSocket, in virtual time: nothing but the agent's own
// events is waited for.
func TestInside_WaitsAndOrdersAsOverTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		p := NewInside(f)
		f.happen(interaction("i1", agent.PhaseConnected, "c1"))
		f.happen(call("c1", agent.CallPhaseConnected, ""))
		f.do = func(name string, args json.RawMessage) (any, *agent.ActionError) {
			if name != "end" || string(args) != "{}" {
				return nil, &agent.ActionError{Code: agent.CodeInvalid, Message: name + string(args)}
			}
			time.AfterFunc(time.Second, func() {
				f.happen(agent.Event{Type: agent.CallEnded, Call: "c1", Interaction: "i1"})
				f.happen(interaction("i1", agent.PhaseReadyToCall, "c1"))
			})
			return map[string]string{"interaction": "i1"}, nil
		}
		begun := time.Now()
		out, err := Perform(context.Background(), p, Order{Action: "end", Until: "ready-to-call"})
		if err != nil || out.Interaction != "i1" || time.Since(begun) != time.Second {
			t.Fatalf("%+v after %v: %v", out, time.Since(begun), err)
		}
		// What happened since the action is not missed by a wait for an event.
		met, err := Wait(context.Background(), p, must(t, "call.ended"), WaitOptions{})
		if err != nil || met.Seq != 3 {
			t.Errorf("met %+v: %v", met, err)
		}
		var refused *agent.ActionError
		if _, err := p.Do(context.Background(), "dial", map[string]any{"target": "1"}); !errors.As(err, &refused) || refused.Message != `dial{"target":"1"}` {
			t.Errorf("got %v", err)
		}
	})
}

func TestInside_AWaitEndsWithTimeOrTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.happen(registered("registering", true))
		p := NewInside(f)
		late, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		var unmet *UnmetError
		if _, err := Wait(late, p, must(t, "registered"), WaitOptions{}); !errors.As(err, &unmet) || unmet.Code != agent.CodeTimeout {
			t.Errorf("got %v", err)
		}
		time.AfterFunc(time.Second, f.end)
		if _, err := Wait(context.Background(), p, must(t, "registered"), WaitOptions{}); !errors.Is(err, ErrEnded) {
			t.Errorf("got %v", err)
		}
	})
}

func must(t *testing.T, text string) Expr {
	t.Helper()
	e, err := ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
