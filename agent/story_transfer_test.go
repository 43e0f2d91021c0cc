package agent

import (
	"slices"
	"testing"
	"time"

	"ringback/internal/lab"
)

func TestStory_BlindTransferAccepted(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.do("transfer", map[string]any{"target": "2001"})
		if e := b.wait(CallTransferred); e.Target == "" {
			t.Errorf("%+v", e)
		}
		b.wait(CallEnded)
		b.phase(PhaseReadyToCall)
		b.farHears(contact, lab.ColleagueHz, true)
		b.farHears("2001", lab.ContactHz, true)
		if got := b.channel().State; got != "after-call-work" {
			t.Error(got)
		}
		b.do("done", nil)
	})
}

func TestStory_BlindTransferFails(t *testing.T) {
	for _, c := range []struct {
		name, target string
		change       func(*lab.Config)
		code         string
	}{
		{"busy", "2004", nil, CodeBusy},
		{"refused", "2002", nil, CodeRejected},
		{"no such number", "999", nil, CodeNotFound},
		{"no answer", "2003", func(p *lab.Config) { p.Calls.TransferRingTime = 10 * time.Second }, CodeTimeout},
		{"REFER refused", "2001", func(p *lab.Config) { p.Calls.RefuseRefer = 603 }, CodeRejected},
		{"NOTIFY lost", "2003", func(p *lab.Config) { p.Calls.Notify = lab.NotifyLost }, CodeTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(_ *Config, p *lab.Config) {
				if c.change != nil {
					c.change(p)
				}
			}, func(b *bed) {
				_, call := b.talk()
				b.fails("transfer", map[string]any{"target": c.target}, c.code)
				b.wait(CallTransferFailed)
				b.phase(PhaseOnHold)
				if b.call(call).Transferring {
					t.Error("still transferring")
				}
				b.do("resume", nil)
				b.farHears(contact, micHz, true)
				b.agentHears(call, lab.ContactHz, true)
				b.phase(PhaseConnected)
			})
		})
	}
}

func TestStory_TransferWhileOneIsUnderWay(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		over := make(chan *ActionError)
		go func() {
			_, err := b.try("transfer", map[string]any{"target": "2003"})
			over <- err
		}()
		b.wait(CallTransferring)
		b.settle()
		for _, action := range []string{"resume", "consult", "conference", "transfer"} {
			b.fails(action, map[string]any{"target": "2001"}, map[bool]string{true: CodeInvalid, false: CodeNotAllowed}[action == "resume"])
		}
		b.fails("resume", nil, CodeNotAllowed)
		b.do("end", nil)
		if err := <-over; err == nil {
			t.Error("the transfer must fail when the agent ends the call")
		}
		b.phase(PhaseReadyToCall)
	})
}

func TestStory_ContactHangsUpDuringTransfer(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		over := make(chan *ActionError)
		go func() {
			_, err := b.try("transfer", map[string]any{"target": "2003"})
			over <- err
		}()
		b.wait(CallTransferring)
		b.settle()
		if err := b.lab.HangUp(contact); err != nil {
			t.Fatal(err)
		}
		if err := <-over; err == nil {
			t.Error("no outcome")
		}
		b.phase(PhaseReadyToCall)
	})
}

func TestStory_ConsultationRefused(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		r := b.do("consult", map[string]any{"target": "2002"})
		if e := b.wait(ConsultationStarted); e.Call != r.Call || e.Role != RoleConsultation {
			t.Errorf("%+v", e)
		}
		b.phase(PhaseConsulting)
		if e := b.wait(ConsultationRefused); e.Code != 603 {
			t.Errorf("%+v", e)
		}
		b.phase(PhaseOnHold)
		b.do("resume", nil)
		b.agentHears(call, lab.ContactHz, true)
		b.farHears(contact, micHz, true)
	})
}

func TestStory_ConsultationEndedByTheTarget(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		r := b.do("consult", map[string]any{"target": "2005"})
		b.wait(ConsultationConnected)
		b.agentHears(r.Call, lab.ColleagueHz, true)
		b.farHears(contact, micHz, false)
		b.wait(ConsultationEnded)
		b.phase(PhaseOnHold)
		b.do("resume", nil)
		b.farHears(contact, micHz, true)
	})
}

func TestStory_ConsultationEndedByTheAgent(t *testing.T) {
	for _, target := range []string{"2001", "2003"} { // connected, and still ringing
		story(t, nil, func(b *bed) {
			b.talk()
			b.do("consult", map[string]any{"target": target})
			b.settle()
			b.settle()
			b.do("consult-end", nil)
			b.wait(ConsultationEnded)
			b.phase(PhaseOnHold)
			b.do("resume", nil)
			b.farHears(contact, micHz, true)
		})
	}
}

func TestStory_QualityIsToldSoonAndThenNowAndThen(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		var at []time.Duration
		for len(at) < 3 {
			if e := b.wait(MediaQuality); e.Call != call {
				t.Fatalf("%+v", e)
			}
			at = append(at, time.Since(*b.call(call).Connected).Round(time.Second))
			if q := b.call(call).Quality; q.RXPackets == 0 || q.MOS == 0 {
				t.Errorf("no figures: %+v", q)
			}
		}
		if at[0] > 2*time.Second || at[1]-at[0] != qualityEvery || at[2]-at[1] != qualityEvery {
			t.Errorf("told %v after the answer", at)
		}
	})
}

func TestStory_ConsultationSwap(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		r := b.do("consult", map[string]any{"target": "2001"})
		b.wait(ConsultationConnected)
		b.farHears("2001", micHz, true)
		b.do("consult-swap", nil)
		b.phase(PhaseConsulting)
		b.farHears("2001", micHz, false)
		b.farHears(contact, micHz, true)
		b.agentHears(call, lab.ContactHz, true)
		b.agentHears(r.Call, lab.ColleagueHz, false)
		b.do("consult-swap", nil)
		b.farHears("2001", micHz, true)
		b.farHears(contact, micHz, false)
		b.do("hold", nil)
		b.farHears("2001", micHz, false)
		b.farHears(contact, micHz, false)
		b.do("resume", nil)
		b.farHears("2001", micHz, true)
		b.do("dtmf", map[string]any{"digits": "7"})
		b.settle()
		if got := b.lab.Heard("2001").Digits; got != "7" {
			t.Errorf("digits go to whom the agent talks with: %q", got)
		}
	})
}

func TestStory_ConsultationCompletedAsTransfer(t *testing.T) {
	for _, action := range []string{"consult-transfer", "transfer"} {
		t.Run(action, func(t *testing.T) {
			story(t, nil, func(b *bed) {
				b.talk()
				b.do("consult", map[string]any{"target": "2001"})
				b.fails("consult-transfer", nil, CodeNotAllowed)
				b.wait(ConsultationConnected)
				b.do(action, nil)
				if e := b.wait(ConsultationCompleted); e.Method != "transfer" {
					t.Errorf("%+v", e)
				}
				b.phase(PhaseReadyToCall)
				b.farHears(contact, lab.ColleagueHz, true)
				b.farHears("2001", lab.ContactHz, true)
				if n := len(b.live()); n != 0 {
					t.Errorf("%d calls are up", n)
				}
			})
		})
	}
}

func TestStory_ConsultationTransferRefused(t *testing.T) {
	story(t, func(_ *Config, p *lab.Config) { p.Calls.RefuseRefer = 488 }, func(b *bed) {
		b.talk()
		b.do("consult", map[string]any{"target": "2001"})
		b.wait(ConsultationConnected)
		b.fails("consult-transfer", nil, CodeRejected)
		b.phase(PhaseConsulting)
		b.farHears("2001", micHz, true)
		b.do("consult-end", nil)
		b.do("resume", nil)
		b.farHears(contact, micHz, true)
	})
}

func TestStory_ConsultationCompletedAsConference(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		r := b.do("consult", map[string]any{"target": "2001"})
		b.wait(ConsultationConnected)
		b.do("consult-conference", nil)
		b.wait(ConferencePartyJoined)
		b.phase(PhaseConference)
		b.settle()
		b.farHears(contact, lab.ColleagueHz, true)
		b.farHears(contact, micHz, true)
		b.farHears("2001", lab.ContactHz, true)
		b.farHears("2001", micHz, true)
		b.agentHears(call, lab.ContactHz, true)
		b.agentHears(r.Call, lab.ColleagueHz, true)
		if c := b.call(r.Call); c.Role != RoleParty || !c.Joined {
			t.Errorf("%+v", c)
		}
	})
}

func TestStory_ContactLeavesTheConsultation(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.do("consult", map[string]any{"target": "2001"})
		b.wait(ConsultationConnected)
		if err := b.lab.HangUp(contact); err != nil {
			t.Fatal(err)
		}
		b.wait(CallEnded)
		in := b.phase(PhaseConsulting)
		if slices.Contains(in.Allowed, "consult-transfer") || !slices.Contains(in.Allowed, "consult-end") {
			t.Errorf("%v", in.Allowed)
		}
		b.farHears("2001", micHz, true)
		b.do("end", nil)
		b.phase(PhaseReadyToCall)
	})
}

func TestStory_EndDuringConsultationEndsBoth(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.do("consult", map[string]any{"target": "2001"})
		b.wait(ConsultationConnected)
		b.do("end", nil)
		b.phase(PhaseReadyToCall)
		if n := len(b.live()); n != 0 {
			t.Errorf("%d calls are up", n)
		}
	})
}

// live are the calls that have not ended, as published.
func (b *bed) live() []CallState {
	return slices.DeleteFunc(slices.Clone(b.agent.State().Calls), func(c CallState) bool { return c.State == CallPhaseEnded })
}
