package presence

// Media types of the documents.
const (
	TypeDialogInfo = "application/dialog-info+xml"
	TypePIDF       = "application/pidf+xml"
)

// State is what a colleague does, in one word.
type State string

// The states. An agent who looks for somebody to transfer to needs no more.
const (
	Unknown State = "unknown" // nothing was told
	Offline State = "offline" // no phone of his is there
	Away    State = "away"
	Idle    State = "idle"
	Ringing State = "ringing" // a call waits for his answer
	Busy    State = "busy"
)

// Presence is a state and what the PBX says with it.
type Presence struct {
	State State
	Note  string // one line, at most 200 characters; may be empty
}

// Merge is the presence of one who has several phones: the busiest counts, among
// equals the first. None is unknown.
func Merge(list ...Presence) Presence {
	best := Presence{State: Unknown}
	for _, p := range list {
		if rank(p.State) > rank(best.State) {
			best = p
		}
	}
	return best
}

func rank(s State) int {
	for i, known := range []State{Unknown, Offline, Away, Idle, Ringing, Busy} {
		if s == known {
			return i
		}
	}
	return -1
}
