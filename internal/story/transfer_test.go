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
		{"last", "The last NOTIFY of a transfer is lost", "Subscription-State: terminated", 180 * time.Second, 182 * time.Second},
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
