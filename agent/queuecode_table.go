package agent

import "cmp"

// queueUnpaused is a queueStand in which the queue offers.
const queueUnpaused = "unpaused"

// queueStand is how the PBX's queue stands to the agent. What is empty is not known,
// or does not matter.
type queueStand struct {
	login string // in or out
	pause string // queueUnpaused, or the code that paused it
}

// queueCodes are the feature codes that tell a PBX's queue of the voice channel. An
// empty one is not there.
type queueCodes struct {
	login, logout, pause, unpause string
	reasons                       map[string]string // pause code by not-ready reason, or by state of the channel
	exit                          string            // what the PBX is left with: unpause, pause, logout or none; empty: what undoes the rest
}

// none reports whether nothing is to be told.
func (q queueCodes) none() bool { return q.login+q.logout+q.pause+q.unpause == "" }

// want is how the queue shall stand for a state of the channel. A queue that knows no
// pause is left when the agent is not ready.
func (q queueCodes) want(state, reason string) queueStand {
	switch {
	case state == channelReady:
		return queueStand{"in", queueUnpaused}
	case state == channelOut && q.logout != "", q.pause == "" && q.logout != "":
		return queueStand{login: "out"}
	case state == channelOut:
		return queueStand{pause: q.pause}
	}
	return queueStand{"in", cmp.Or(q.reasons[reason], q.reasons[state], q.pause)}
}

// wantAtExit is how the queue shall stand when the phone has gone.
func (q queueCodes) wantAtExit(told queueStand) queueStand {
	switch {
	case q.exit == "none":
		return told
	case q.exit == "logout", q.exit == "" && q.logout != "":
		return queueStand{login: "out"}
	case q.exit == "pause":
		return queueStand{told.login, q.pause}
	}
	return queueStand{told.login, queueUnpaused}
}

// next is the code to be dialled so that the queue comes to stand as wanted, and how
// it stands then; no code when it does, or no code leads there.
func (q queueCodes) next(told, want queueStand) (code string, then queueStand) {
	switch {
	case want.login == "out":
		if told.login == "out" {
			return "", told
		}
		return q.logout, want
	case want.login == "in" && told.login != "in" && q.login != "":
		return q.login, queueStand{login: "in"} // paused or not: it is told next
	case want.pause == told.pause || want.pause == "":
		return "", told
	case want.pause == queueUnpaused:
		return q.unpause, queueStand{told.login, queueUnpaused}
	}
	return want.pause, queueStand{told.login, want.pause}
}
