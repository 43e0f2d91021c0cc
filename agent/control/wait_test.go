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

// The parts of the stories below.
func registered(state string, next bool) agent.Event {
	r := agent.RegistrationState{State: state, Code: 403, Reason: "Forbidden"}
	if next {
		at := time.Now()
		r.NextTry = &at
	}
	return agent.Event{Type: agent.RegistrationFailed, Change: &agent.Change{Registration: &r}}
}

func heard(id agent.CallID, sound bool, tones ...float64) agent.Event {
	return agent.Event{Type: agent.MediaHeard, Call: id, Change: &agent.Change{
		Calls: []agent.CallState{{ID: id, State: agent.CallPhaseConnected, Heard: agent.Heard{Sound: sound, Tones: tones}}}}}
}

func held(id agent.CallID, sound bool, tones ...float64) agent.Event {
	e := heard(id, sound, tones...)
	e.Change.Calls[0].HeldByMe = true
	return e
}

func channel(state string) agent.Event {
	return agent.Event{Type: agent.ChannelChanged, Change: &agent.Change{
		Channels: map[agent.ChannelName]agent.ChannelState{"voice": {State: state}}}}
}

func interaction(id agent.InteractionID, phase agent.Phase, calls ...agent.CallID) agent.Event {
	return agent.Event{Type: agent.InteractionChanged, Interaction: id, Change: &agent.Change{
		Interactions: []agent.InteractionState{{ID: id, State: phase, Calls: calls}}}}
}

func call(id agent.CallID, phase agent.CallPhase, reason string) agent.Event {
	return agent.Event{Type: agent.CallRinging, Interaction: "i1", Call: id, Change: &agent.Change{
		Calls: []agent.CallState{{ID: id, Interaction: "i1", Role: agent.RoleMain, State: phase, Reason: reason}}}}
}

func digit(id agent.CallID, digits string) agent.Event {
	return agent.Event{Type: agent.DTMFReceived, Call: id, Digits: digits}
}

// Each expression is waited for inside of the agent's process, in virtual time, and through
// the socket, unless it counts time: there a busy machine's would count too.
func TestWait(t *testing.T) {
	for _, row := range []struct {
		name, expr string
		before     events // the snapshot
		after      events
		seq        uint64 // of what met it; 0: not met
		code       string // of the UnmetError
	}{
		{"so already", "registered", events{registered("registered", false)}, nil, 1, ""},
		{"comes", "registered", events{registered("failed", true)}, events{registered("registering", false), registered("registered", false)}, 3, ""},
		{"failed for good", "registered", events{registered("failed", false)}, nil, 0, agent.CodeNotRegistered},
		{"fails for good", "registered", events{registered("registering", false)}, events{registered("failed", false)}, 0, agent.CodeNotRegistered},
		{"a failure is waited for", "registration failed", nil, events{registered("failed", false)}, 1, ""},
		{"ready", "ready", events{channel("not-ready")}, events{channel("ready")}, 2, ""},
		{"ready, of an agent that starts", "ready", nil, events{channel("ready")}, 1, ""},
		{"no such channel", "ready webcallback", events{channel("ready")}, nil, 0, agent.CodeNotFound},
		{"offer", "offer", nil, events{interaction("i1", agent.PhaseConnected), interaction("i2", agent.PhaseOffered)}, 2, ""},
		{"offer that was taken", "offer i1", events{interaction("i1", agent.PhaseConnected)}, nil, 0, agent.CodeNotAllowed},
		{"interaction", "interaction i1 on-hold", events{interaction("i1", agent.PhaseConnected)}, events{interaction("i2", agent.PhaseOnHold), interaction("i1", agent.PhaseOnHold)}, 3, ""},
		{"any interaction", "interaction on-hold", events{interaction("i1", agent.PhaseConnected)}, events{interaction("i2", agent.PhaseOnHold)}, 2, ""},
		{"no such interaction", "interaction i9 done", nil, nil, 0, agent.CodeNotFound},
		{"interaction is over", "interaction i1 connected", events{interaction("i1", agent.PhaseOnHold)}, events{interaction("i1", agent.PhaseDone)}, 0, agent.CodeNotAllowed},
		{"a passing state is seen", "call c1 connected", events{call("c1", agent.CallPhaseDialling, "")}, events{call("c1", agent.CallPhaseConnected, ""), call("c1", agent.CallPhaseEnded, "completed")}, 2, ""},
		{"busy", "call c1 connected", events{call("c1", agent.CallPhaseDialling, "")}, events{call("c1", agent.CallPhaseEnded, "busy")}, 0, agent.CodeBusy},
		{"no answer", "call c1 connected", events{call("c1", agent.CallPhaseEnded, "no-answer")}, nil, 0, agent.CodeTimeout},
		{"an end is waited for", "call c1 ended", events{call("c1", agent.CallPhaseConnected, "")}, events{call("c1", agent.CallPhaseEnded, "busy")}, 2, ""},
		{"no such call", "call c9 connected", nil, nil, 0, agent.CodeNotFound},
		{"idle", "idle", events{interaction("i1", agent.PhaseConnected)}, events{interaction("i1", agent.PhaseDone)}, 2, ""},
		{"digits one by one", "dtmf 12#", nil, events{digit("c1", "9"), digit("c1", "1"), digit("c2", "7"), digit("c1", "2"), digit("c1", "#")}, 5, ""},
		{"digits of before, call up", "dtmf 12", events{call("c1", agent.CallPhaseConnected, ""), digit("c1", "1")}, events{digit("c1", "2")}, 3, ""},
		{"digits of before, call over", "dtmf 12", events{call("c1", agent.CallPhaseConnected, ""), digit("c1", "12"), call("c1", agent.CallPhaseEnded, "")}, events{digit("c2", "12")}, 4, ""},
		{"a tone", "tone 1004", events{heard("c1", true, 440)}, events{heard("c2", true, 1060), heard("c1", true, 440, 1000)}, 3, ""},
		{"a tone that is there", "tone 440", events{heard("c1", true, 440)}, nil, 1, ""},
		{"silence on hold", "silence 1ms", events{held("c1", true, 440)}, nil, 1, ""},
		{"a tone of a call on hold", "tone 440", events{held("c1", true, 440)}, events{heard("c1", true, 440)}, 2, ""},
		{"audio", "audio", events{heard("c1", false)}, events{heard("c1", true)}, 2, ""},
		{"audio for a while", "audio 20ms", events{heard("c1", true)}, nil, 1, ""},
		{"silence is broken", "silence 20ms", events{heard("c1", false)}, events{heard("c1", true), heard("c1", false)}, 3, ""},
		{"silence is over", "silence 20ms", events{heard("c1", false)}, events{heard("c1", true)}, 0, agent.CodeTimeout},
		{"an event", "event call.*", events{channel("not-ready")}, events{channel("ready"), call("c1", agent.CallPhaseRinging, "")}, 3, ""},
		{"an event by its type alone", "channel.changed", nil, events{call("c1", agent.CallPhaseRinging, ""), channel("ready")}, 2, ""},
		{"a state alone", "on-hold", events{interaction("i1", agent.PhaseConnected)}, events{interaction("i1", agent.PhaseOnHold)}, 2, ""},
		{"a state alone, of one", "on-hold i2", events{interaction("i1", agent.PhaseOnHold), interaction("i2", agent.PhaseConnected)}, events{interaction("i2", agent.PhaseOnHold)}, 3, ""},
	} {
		judge := func(t *testing.T, way func(*testing.T, *fakeAgent) Phone) {
			f, expr := newFake(), must(t, row.expr)
			for _, e := range row.before {
				f.happen(e)
			}
			met, err := waitWith(t, f, way(t, f), expr, WaitOptions{}, row.after)
			var unmet *UnmetError
			if row.code != "" && (!errors.As(err, &unmet) || unmet.Code != row.code) {
				t.Errorf("got %+v, %v; want code %s", met, err, row.code)
			}
			if row.code == "" && (err != nil || met.Seq != row.seq) {
				t.Errorf("met at %d, %v; want %d", met.Seq, err, row.seq)
			}
		}
		t.Run(row.name+"/inside", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { judge(t, inside) })
		})
		if d, lasts := must(t, row.expr).cond.(dwell); !lasts || d.dwell() == 0 {
			t.Run(row.name+"/by the socket", func(t *testing.T) { judge(t, bySocket) })
		}
	}
}

// The ways to a fake.
func inside(_ *testing.T, f *fakeAgent) Phone   { return NewInside(f) }
func bySocket(t *testing.T, f *fakeAgent) Phone { return serve(t, f) }

// waitWith waits, and lets the events happen once the snapshot is taken and the
// stream is open, which is when the fake is asked for a reader.
func waitWith(t *testing.T, f *fakeAgent, c Phone, expr Expr, o WaitOptions, after []agent.Event) (Met, error) {
	t.Helper()
	type end struct {
		met Met
		err error
	}
	ended := make(chan end, 1)
	opened := f.opened()
	go func() {
		met, err := Wait(limited(t), c, expr, o)
		ended <- end{met, err}
	}()
	select {
	case <-opened:
		for _, e := range after {
			f.happen(e)
		}
		r := <-ended
		return r.met, r.err
	case r := <-ended:
		return r.met, r.err
	}
}

func TestWaitSince(t *testing.T) {
	f := newFake()
	f.happen(call("c1", agent.CallPhaseConnected, ""))
	f.happen(digit("c1", "1"))
	f.happen(digit("c1", "1"))
	expr, _ := ParseExpr("event dtmf.received")
	met, err := waitWith(t, f, serve(t, f), expr, WaitOptions{Since: new(uint64(2))}, nil)
	if err != nil || met.Event == nil || met.Event.Seq != 3 {
		t.Errorf("got %+v, %v; want the event 3", met.Event, err)
	}
}

// TestWaitForEventBeginsAtTheMark is what scripts rely on: what happens between
// two commands is not missed, and what a wait has seen is not seen again.
func TestWaitForEventBeginsAtTheMark(t *testing.T) {
	f := newFake()
	f.do = func(string, json.RawMessage) (any, *agent.ActionError) {
		f.happen(digit("c1", "1"))
		return nil, nil
	}
	c := serve(t, f)
	f.happen(digit("c1", "0"))
	if _, err := c.Do(limited(t), "hold", nil); err != nil {
		t.Fatal(err)
	}
	f.happen(digit("c1", "2"))
	for _, want := range []uint64{2, 3} {
		expr, _ := ParseExpr("dtmf.received")
		if met, err := Wait(limited(t), c, expr, WaitOptions{}); err != nil || met.Seq != want {
			t.Errorf("met at %d, %v; want %d", met.Seq, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	expr, _ := ParseExpr("event dtmf.received")
	if met, err := Wait(ctx, c, expr, WaitOptions{}); err == nil {
		t.Errorf("met again at %d", met.Seq)
	}
}

func TestSilenceNeedsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expr, _ := ParseExpr("silence 1ms")
		if _, err := Wait(limited(t), NewInside(newFake()), expr, WaitOptions{}); err == nil {
			t.Error("there was no call, and silence was met")
		}
	})
}

func TestWaitTimesOutAndSaysHowThingsStand(t *testing.T) {
	f := newFake()
	f.happen(registered("failed", true))
	expr, _ := ParseExpr("registered")
	_, err := Wait(expired{context.Background(), f.opened()}, serve(t, f), expr, WaitOptions{})
	const want = "wait for registered: timed out: the registration is failed: 403 Forbidden"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// expired is a context whose deadline passes when an event comes.
type expired struct {
	context.Context
	when <-chan struct{}
}

func (e expired) Done() <-chan struct{} { return e.when }

func (e expired) Err() error {
	select {
	case <-e.when:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestWaitGoesOnAfterFallingBehind(t *testing.T) {
	f := newFake()
	f.happen(digit("c1", "1"))
	f.happen(digit("c1", "2"))
	f.forget(1)
	expr, _ := ParseExpr("dtmf 34")
	met, err := waitWith(t, f, serve(t, f), expr, WaitOptions{}, []agent.Event{digit("c1", "34")})
	if err != nil || met.Seq != 3 {
		t.Errorf("met at %d, %v; want 3", met.Seq, err)
	}
}

func TestWaitEndsWithTheAgent(t *testing.T) {
	f := newFake()
	c := serve(t, f)
	expr, _ := ParseExpr("registered")
	opened := f.opened()
	go func() { <-opened; f.end() }()
	_, err := Wait(limited(t), c, expr, WaitOptions{})
	var absent *NoAgentError
	if !errors.As(err, &absent) {
		t.Errorf("got %v, want NoAgentError", err)
	}
}
