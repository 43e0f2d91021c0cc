package agent

import "sync"

// channelInput is what moves a channel.
type channelInput string

const (
	askReady     channelInput = "ask-ready"
	askNotReady  channelInput = "ask-not-ready"
	askDND       channelInput = "ask-dnd"
	askDNDOff    channelInput = "ask-dnd-off"
	askLogout    channelInput = "ask-logout"
	callBegan    channelInput = "call-began"
	callOver     channelInput = "call-over"
	wrappedUp    channelInput = "wrapped-up"
	missedEnough channelInput = "missed-enough"
	loggedOff    channelInput = "logged-off" // the phone is switched off, call or not
)

// Channel states.
const (
	channelReady    = "ready"
	channelNotReady = "not-ready"
	channelACW      = "after-call-work"
	channelDND      = "dnd"
	channelOut      = "logged-out"
)

// Places in the table that stand for a state that was noted before: home is the
// last of ready and not ready that the agent asked for, back is what was asked
// for during the call, or the state from before it.
const (
	channelHome = "(home)"
	channelBack = "(back)"
)

// channelMove is one row: in a call, or not, what an input does. to is a state,
// home or back; pend notes the state for the end of the call instead.
type channelMove struct {
	from string
	busy bool
	on   channelInput
	to   string
	pend bool
}

// channelMoves is the whole table. A change asked for during a call waits for
// its end; after call work is over with Done, the wrap-up time, or the agent's
// word. Who has logged out has no after call work, and is not disturbed anyway:
// ready and not ready log in again. What is not here changes nothing.
func channelMoves() []channelMove {
	var rows []channelMove
	asks := []struct {
		on channelInput
		to string
	}{{askReady, channelReady}, {askNotReady, channelNotReady}, {askDND, channelDND}, {askLogout, channelOut}, {missedEnough, channelNotReady}}
	for _, from := range []string{channelReady, channelNotReady, channelDND, channelACW, channelOut} {
		for _, ask := range asks {
			if ask.on == missedEnough && from != channelReady || ask.on == askDND && from == channelOut {
				continue
			}
			rows = append(rows, channelMove{from, false, ask.on, ask.to, false})
			if from != channelACW {
				rows = append(rows, channelMove{from, true, ask.on, ask.to, true})
			}
		}
	}
	for _, from := range []string{channelReady, channelNotReady, channelDND} {
		rows = append(rows,
			channelMove{from, false, loggedOff, channelOut, false},
			channelMove{from, true, loggedOff, channelOut, false},
			channelMove{from, true, askDNDOff, channelHome, true},
			channelMove{from, true, callOver, channelACW, false})
	}
	return append(rows,
		channelMove{channelDND, false, askDNDOff, channelHome, false},
		channelMove{channelACW, false, loggedOff, channelOut, false},
		channelMove{channelACW, false, callBegan, channelBack, false},
		channelMove{channelACW, false, wrappedUp, channelBack, false},
		channelMove{channelOut, true, callOver, channelBack, false},
	)
}

// allChannelMoves is the table, made once: each input of each agent looks into it.
var allChannelMoves = sync.OnceValue(channelMoves)

func channelMoveFor(from string, busy bool, on channelInput) (channelMove, bool) {
	for _, m := range allChannelMoves() {
		if m.from == from && m.busy == busy && m.on == on {
			return m, true
		}
	}
	return channelMove{}, false
}
