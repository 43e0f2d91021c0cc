package story

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// referral is what the ladder of a transfer shows.
func referral(title string) plan {
	return plan{title: title, show: []string{"Refer-To", "Subscription-State"}}
}

func TestTransfer_AcceptedFreesTheAgent(t *testing.T) {
	atLab(t, "transfer-accepted", referral("The target takes the contact"), func(d *desk) {
		d.inCall()
		d.do("transfer", args{"target": colleague})
		d.is(agent.PhaseReadyToCall)
		d.heardBy(colleague, contactHz)
		d.heardBy(contact, colleagueHz)
		d.saw("call.transferring", "call.held", "call.transferring 100", "call.transferring 180", "call.transferred", "call.ended completed", "channel.changed after-call-work")
		d.hangsUp(colleague)
	})
}

// TestTransfer_FailedGivesTheContactBack: whatever becomes of a transfer, the
// contact is here, on hold, and can be resumed and heard.
func TestTransfer_FailedGivesTheContactBack(t *testing.T) {
	for _, story := range []struct {
		name, title, target, code string
		told                      []string
	}{
		{"refused", "The target refuses the contact", refusing, agent.CodeBusy,
			[]string{"call.transferring 180", "call.transfer-failed 486 busy"}},
		{"unanswered", "The target does not answer", absent, agent.CodeTimeout,
			[]string{"call.transferring 180", "call.transfer-failed 408 no-answer"}},
		{"unknown", "There is no such target", "9999", agent.CodeNotFound,
			[]string{"call.transfer-failed 404 not-found"}},
	} {
		t.Run(story.name, func(t *testing.T) {
			atLab(t, "transfer-"+story.name, referral(story.title), func(d *desk) {
				d.inCall()
				d.refused(story.code, "transfer", args{"target": story.target})
				d.contactComesBack()
				d.saw(slices.Concat([]string{"call.transferring", "call.held", "call.transferring 100"}, story.told, []string{"call.resumed"})...)
				d.do("end", nil)
			})
		})
	}
}

// TestTransfer_LostNotifyGivesTheContactBack: when nothing is heard of a transfer
// for 32 s, or for as long as the PBX said that it would tell, it has failed.
func TestTransfer_LostNotifyGivesTheContactBack(t *testing.T) {
	for _, story := range []struct {
		name, title string
		lost        string // NOTIFYs with this in them
		least, most time.Duration
	}{
		{"all", "Every NOTIFY of a transfer is lost", "Event: refer", 32 * time.Second, 34 * time.Second},
		{"last", "The last NOTIFY of a transfer is lost", "Subscription-State: terminated", 15 * time.Second, 17 * time.Second},
	} {
		t.Run(story.name, func(t *testing.T) {
			atLab(t, "transfer-notify-lost-"+story.name, referral(story.title), func(d *desk) {
				d.inCall()
				d.lab.Lose(func(out bool, text string) bool {
					return out && strings.HasPrefix(text, "NOTIFY ") && strings.Contains(text, story.lost)
				})
				start := time.Now()
				d.refused(agent.CodeTimeout, "transfer", args{"target": refusing})
				if took := time.Since(start); took < story.least || took > story.most {
					t.Errorf("gave up after %s, want %s", took, story.least)
				}
				d.contactComesBack()
				d.do("end", nil)
			})
		})
	}
}

func TestTransfer_RefusedByThePBXGivesTheContactBack(t *testing.T) {
	p := referral("The PBX does not take the REFER")
	p.lab = func(c *lab.Config) { c.Calls.RefuseRefer = 403 }
	atLab(t, "transfer-forbidden", p, func(d *desk) {
		d.inCall()
		d.refused(agent.CodeRejected, "transfer", args{"target": colleague})
		d.contactComesBack()
		d.saw("call.transferring", "call.held", "call.transfer-failed 403 rejected", "call.resumed")
		d.do("end", nil)
	})
}

// contactComesBack: a transfer failed; the contact is on hold, is resumed, and
// both hear each other.
func (d *desk) contactComesBack() {
	d.Helper()
	d.is(agent.PhaseOnHold)
	d.contactHeld()
	d.do("resume", nil)
	d.is(agent.PhaseConnected)
	d.talks(agent.RoleMain, contact, contactHz)
}

// refers: a call with the contact through the scripted PBX, and a transfer of it to
// the colleague whose REFER was taken.
func (d *desk) refers(p *pbx) (outcome func() *agent.ActionError) {
	d.Helper()
	d.do("dial", args{"target": contact})
	p.reply(p.request("INVITE"), 200, sdp("")...)
	p.request("ACK")
	d.is(agent.PhaseConnected)
	d.begin()
	outcome = d.starts("transfer", args{"target": colleague})
	p.reply(p.request("INVITE"), 200, sdp("recvonly")...)
	p.request("ACK")
	p.reply(p.request("REFER"), 202)
	return outcome
}

// TestTransfer_ToldAfterTheHangUp: a PBX that hangs up as soon as it took the REFER
// tells later how it went (RFC 5057 4).
func TestTransfer_ToldAfterTheHangUp(t *testing.T) {
	for _, story := range []struct {
		name, title, status, code string
		told                      []string
	}{
		{"worked", "The PBX hangs up first, then tells that the target has the contact", "200 OK", "", []string{"call.transferred"}},
		{"failed", "The PBX hangs up first, then tells that the target refused", "486 Busy Here", agent.CodeBusy,
			[]string{"call.transfer-failed 486 busy"}},
	} {
		t.Run(story.name, func(t *testing.T) {
			atPBX(t, "transfer-told-later-"+story.name, referral(story.title), func(d *desk, p *pbx) {
				outcome := d.refers(p)
				p.ask("NOTIFY", sipfrag("active;expires=60", "100 Trying")...)
				p.response(200)
				p.ask("BYE")
				p.response(200)
				d.is(agent.PhaseReadyToCall)
				d.beat()
				p.ask("NOTIFY", sipfrag("terminated;reason=noresource", story.status)...)
				p.response(200)
				if err := outcome(); (err == nil) != (story.code == "") || err != nil && err.Code != story.code {
					t.Errorf("transfer: %v, want the code %q", err, story.code)
				}
				d.saw(slices.Concat([]string{"call.transferring", "call.held", "call.transferring 100", "call.ended completed",
					"channel.changed after-call-work"}, story.told)...)
			})
		})
	}
}

// TestTransfer_NeverToldAfterTheHangUp: the call is gone and the outcome stays
// unknown; the agent is not kept.
func TestTransfer_NeverToldAfterTheHangUp(t *testing.T) {
	p := referral("The target takes the contact, and the agent is told by a BYE only")
	p.lab = func(c *lab.Config) { c.Calls.Notify = lab.NotifyLost }
	atLab(t, "transfer-never-told", p, func(d *desk) {
		d.inCall()
		outcome := d.starts("transfer", args{"target": colleague})
		d.is(agent.PhaseReadyToCall)
		d.heardBy(colleague, contactHz)
		d.do("done", nil)
		d.channel("ready", "")
		d.hangsUp(colleague)
		d.accepts()
		d.do("end", nil)
		if err := outcome(); err == nil || err.Code != agent.CodeTimeout {
			t.Errorf("transfer: %v", err)
		}
	})
}

// TestTransfer_ContactMovedBeforeTheTargetAnswered: a PBX that moves the contact as
// soon as it took the REFER keeps the agent's call up for nobody after the target
// refused, until it is asked: the agent is told the truth.
func TestTransfer_ContactMovedBeforeTheTargetAnswered(t *testing.T) {
	atPBX(t, "transfer-moved-first", referral("The PBX has moved the contact, and the target refuses"), func(d *desk, p *pbx) {
		outcome := d.refers(p)
		p.ask("NOTIFY", sipfrag("terminated;reason=noresource", "486 Busy Here")...)
		p.response(200)
		again := p.request("INVITE")
		p.ask("BYE")
		p.response(200)
		p.reply(again, 200, sdp("recvonly")...)
		p.request("ACK")
		if err := outcome(); err == nil || err.Code != agent.CodeBusy || !strings.Contains(err.Hint, "has ended") {
			t.Errorf("transfer: %+v, want busy and a hint that the call has ended", err)
		}
		d.is(agent.PhaseReadyToCall)
	})
}

// ringFirst: this phone rings the target before anything happens to the contact.
func ringFirst(title string) plan {
	p := referral(title)
	p.agent = func(c *agent.Config) { c.Calls.Transfer = "ring-first" }
	return p
}

func TestTransfer_RingFirstMovesTheContactWhenTheTargetAnswers(t *testing.T) {
	atLab(t, "transfer-ring-first", ringFirst("The target is rung first and takes the contact"), func(d *desk) {
		d.inCall()
		d.do("transfer", args{"target": colleague})
		d.is(agent.PhaseReadyToCall)
		d.heardBy(colleague, contactHz)
		d.heardBy(contact, colleagueHz)
		d.hangsUp(colleague)
	})
}

func TestTransfer_RingFirstToABusyTargetLeavesTheContact(t *testing.T) {
	atLab(t, "transfer-ring-first-busy", ringFirst("The target is rung first and is busy: no REFER was sent"), func(d *desk) {
		d.inCall()
		d.refused(agent.CodeBusy, "transfer", args{"target": refusing})
		d.contactComesBack()
		d.do("end", nil)
	})
}

// sipfrag are the lines of a NOTIFY of a transfer (RFC 3515 2.4.5).
func sipfrag(state, status string) []string {
	return []string{"Event: refer", "Subscription-State: " + state, "Content-Type: message/sipfrag;version=2.0", "", "SIP/2.0 " + status}
}
