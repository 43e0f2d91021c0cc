package story

import (
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/simnet"
)

// consulting has the agent talk with a colleague while the contact is on hold.
func (d *desk) consulting() {
	d.Helper()
	d.inCall()
	d.do("consult", args{"target": colleague})
	d.is(agent.PhaseConsulting)
	d.talks(agent.RoleConsultation, colleague, colleagueHz)
	d.contactHeld()
}

// inConference has the agent, the contact and a colleague talk with each other.
func (d *desk) inConference() {
	d.Helper()
	d.inCall()
	d.do("conference", args{"target": colleague})
	d.is(agent.PhaseConference)
	d.allTalk()
}

// allTalk waits until each of the three hears the two others.
func (d *desk) allTalk() {
	d.Helper()
	d.talks(agent.RoleMain, contact, contactHz)
	d.talks(agent.RoleParty, colleague, colleagueHz)
	d.heardBy(contact, colleagueHz)
	d.heardBy(colleague, contactHz)
}

func TestConsult_RefusedLeavesTheContactOnHold(t *testing.T) {
	atLab(t, "consult-refused", plan{title: "The target of a consultation refuses"}, func(d *desk) {
		d.inCall()
		d.do("consult", args{"target": refusing})
		d.is(agent.PhaseOnHold)
		d.contactComesBack()
		d.saw("call.dialling", "consultation.started", "call.held", "call.ringing 180", "call.ended 486 busy", "consultation.refused 486 busy", "call.resumed")
		d.do("end", nil)
	})
}

func TestConsult_EndedByTheTargetLeavesTheContactOnHold(t *testing.T) {
	atLab(t, "consult-ended", plan{title: "The target of a consultation hangs up"}, func(d *desk) {
		d.inCall()
		d.do("consult", args{"target": leaving})
		d.talks(agent.RoleConsultation, leaving, colleagueHz)
		d.is(agent.PhaseOnHold)
		d.contactComesBack()
		d.saw("call.dialling", "consultation.started", "call.held", "call.ringing 180", "call.connected", "consultation.connected",
			"call.ended completed", "consultation.ended completed", "call.resumed")
		d.do("end", nil)
	})
}

func TestConsult_EndedByTheAgentLeavesTheContactOnHold(t *testing.T) {
	atLab(t, "consult-end", plan{title: "The agent ends the consultation"}, func(d *desk) {
		d.consulting()
		d.do("consult-end", nil)
		d.contactComesBack()
		d.do("end", nil)
	})
}

func TestConsult_SwapTalksWithOneAtATime(t *testing.T) {
	atLab(t, "consult-swap", plan{title: "The agent swaps between contact and target"}, func(d *desk) {
		d.consulting()
		d.do("consult-swap", nil)
		d.talks(agent.RoleMain, contact, contactHz)
		d.notHeardBy(colleague, agentHz)
		d.deafTo(agent.RoleConsultation, colleagueHz)
		d.do("consult-swap", nil)
		d.talks(agent.RoleConsultation, colleague, colleagueHz)
		d.contactHeld()
		d.do("consult-end", nil)
		d.do("end", nil)
	})
}

func TestConsult_CompletedAsTransferJoinsTheOthers(t *testing.T) {
	atLab(t, "consult-transfer", referral("A consultation becomes a transfer"), func(d *desk) {
		d.consulting()
		d.begin()
		d.do("consult-transfer", nil)
		d.is(agent.PhaseReadyToCall)
		d.heardBy(colleague, contactHz)
		d.heardBy(contact, colleagueHz)
		d.notHeardBy(colleague, agentHz)
		if n := len(d.interaction().Calls); n != 2 {
			t.Errorf("%d calls, want two that ended", n)
		}
		d.hangsUp(contact)
	})
}

func TestConsult_CompletedAsConferenceJoinsAll(t *testing.T) {
	atLab(t, "consult-conference", plan{title: "A consultation becomes a conference"}, func(d *desk) {
		d.consulting()
		d.begin()
		d.do("consult-conference", nil)
		d.is(agent.PhaseConference)
		d.allTalk()
		d.saw("consultation.completed", "conference.started", "conference.party-joined", "call.resumed")
		d.do("end", nil)
		d.is(agent.PhaseReadyToCall)
	})
}

// TestConsult_ConferenceAtAnyMomentOfASwap: the conference is asked for before the hold of the
// swap is answered, while it is, and after it; all come to hear each other.
func TestConsult_ConferenceAtAnyMomentOfASwap(t *testing.T) {
	for latency := 5 * time.Millisecond; latency < 300*time.Millisecond; latency *= 3 {
		for after := time.Duration(0); after < 4*latency; after += latency/2 + time.Millisecond {
			atLab(t, "", plan{}, func(d *desk) {
				d.consulting()
				d.net.Link(agentIP, pbxIP, simnet.Link{Latency: latency})
				d.starts("consult-swap", nil)
				<-time.After(after)
				if err := d.now("consult-conference", nil); err != nil {
					t.Fatalf("%v after the swap, %v away: %v", after, latency, err)
				}
				begin := time.Now()
				d.allTalk()
				if took := time.Since(begin); took > 5*time.Second {
					t.Errorf("%v after the swap, %v away: all talk after %v", after, latency, took)
				}
				d.do("end", nil)
			})
		}
	}
}

func TestConference_DroppedPartyLeavesTheOthers(t *testing.T) {
	atLab(t, "conference-drop", plan{title: "A party is dropped from a conference"}, func(d *desk) {
		d.inConference()
		d.begin()
		d.do("conference-drop", args{"party": colleague})
		d.is(agent.PhaseConnected)
		d.talks(agent.RoleMain, contact, contactHz)
		d.notHeardBy(contact, colleagueHz)
		d.saw("call.ended completed", "conference.party-left completed", "conference.ended")
		d.do("end", nil)
	})
}

func TestConference_RefusedPartyLeavesTheCall(t *testing.T) {
	atLab(t, "conference-refused", plan{title: "The target of a conference refuses"}, func(d *desk) {
		d.inCall()
		d.do("conference", args{"target": refusing})
		d.waitFor("the refusal", func(s agent.State) bool { return len(s.Calls) == 2 && s.Calls[1].State == agent.CallPhaseEnded })
		d.is(agent.PhaseConnected)
		d.talks(agent.RoleMain, contact, contactHz)
		d.do("end", nil)
	})
}
