package sip

// referPhase is where a REFER of ours stands (RFC 3515, 6665 4.1.3).
type referPhase int

const (
	referSent     referPhase = iota // REFER is out
	referWaiting                    // it was answered with 491, and is sent again soon
	referAccepted                   // 2xx came, no NOTIFY yet
	referTold                       // a NOTIFY with a 1xx came
	referEnded
	referPhaseCount
)

var referPhaseNames = [referPhaseCount]string{"sent", "waiting", "accepted", "told", "ended"}

func (p referPhase) String() string { return referPhaseNames[p] }

// referStep is what happens to a REFER of ours.
type referStep int

const (
	referOK       referStep = iota // 2xx to the REFER
	referPending                   // 491, and it may be sent again
	referAgain                     // the wait behind a 491 is over
	referRefused                   // any other final
	notifyStarted                  // NOTIFY with a 1xx
	notifyFinal                    // NOTIFY with a final response, or terminated
	notifyQuiet                    // nothing came for a while after a NOTIFY
	notifySilence                  // the clock ran out, or nothing answered the REFER
	referGone                      // the dialog has ended and the far end with it
	referStepCount
)

var referStepNames = [referStepCount]string{"ok", "pending", "again", "refused", "notify-1xx", "notify-final", "quiet", "silence", "gone"}

func (s referStep) String() string { return referStepNames[s] }

type (
	referRow = row[referPhase, referStep, referDo]
	referDo  = func(*Referral, *notice)
)

// referRows: what a transfer goes through. A NOTIFY may overtake the REFER's
// own response (RFC 6665 4.1.2.4).
func referRows() []referRow {
	return []referRow{
		{referSent, referOK, referAccepted, (*Referral).startClock},
		{referSent, referPending, referWaiting, (*Referral).wait},
		{referSent, referRefused, referEnded, (*Referral).tellRefused},
		{referSent, notifyStarted, referTold, (*Referral).tellProgress},
		{referSent, notifyFinal, referEnded, (*Referral).tellEnd},
		{referSent, notifySilence, referEnded, (*Referral).tellSilence},
		{referSent, referGone, referEnded, (*Referral).tellGone},

		{referWaiting, referAgain, referSent, (*Referral).send},
		{referWaiting, referGone, referEnded, (*Referral).tellGone},

		{referAccepted, notifyStarted, referTold, (*Referral).tellProgress},
		{referAccepted, notifyFinal, referEnded, (*Referral).tellEnd},
		{referAccepted, notifySilence, referEnded, (*Referral).tellSilence},
		{referAccepted, referGone, referEnded, (*Referral).tellGone},

		{referTold, referOK, referTold, nil},
		{referTold, referRefused, referEnded, (*Referral).tellRefused},
		{referTold, notifyStarted, referTold, (*Referral).tellProgress},
		{referTold, notifyFinal, referEnded, (*Referral).tellEnd},
		{referTold, notifyQuiet, referTold, (*Referral).ask},
		{referTold, notifySilence, referEnded, (*Referral).tellSilence},
		{referTold, referGone, referEnded, (*Referral).tellGone},

		{referEnded, referOK, referEnded, nil},
		{referEnded, referRefused, referEnded, nil},
		{referEnded, referGone, referEnded, nil},
	}
}
