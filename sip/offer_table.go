package sip

// offerPhase is where offer and answer stand in a session (RFC 3264, 6337).
type offerPhase int

const (
	offerNone     offerPhase = iota // stable: no offer is open
	offerSent                       // ours is out
	offerReceived                   // theirs waits for our answer
	offerPhaseCount
)

var offerPhaseNames = [offerPhaseCount]string{"stable", "have-local", "have-remote"}

func (p offerPhase) String() string { return offerPhaseNames[p] }

// offerStep is what happens to offer and answer.
type offerStep int

const (
	sendOffer offerStep = iota
	receiveOffer
	sendAnswer
	receiveAnswer
	refuseOffer  // theirs, by us
	offerRefused // ours, by them
	offerStepCount
)

var offerStepNames = [offerStepCount]string{"send-offer", "receive-offer", "send-answer", "receive-answer",
	"refuse-offer", "offer-refused"}

func (s offerStep) String() string { return offerStepNames[s] }

type offerMove struct {
	from offerPhase
	on   offerStep
	to   offerPhase
}

// offerMoves: one offer at a time, in either direction (RFC 3264 4). Whatever is
// not here is refused: with ErrOfferPending or ErrNoOffer to the handler, with
// 491 or 500 to the far end.
func offerMoves() []offerMove {
	return []offerMove{
		{offerNone, sendOffer, offerSent},
		{offerNone, receiveOffer, offerReceived},
		{offerSent, receiveAnswer, offerNone},
		{offerSent, offerRefused, offerNone},
		{offerReceived, sendAnswer, offerNone},
		{offerReceived, refuseOffer, offerNone},
	}
}

// offerAnswer is a session's offer/answer state.
type offerAnswer struct {
	phase  offerPhase
	local  []byte // the SDP that we sent last, for a refresh by re-INVITE
	remote []byte // the SDP that we got last
}

// step goes one row on and reports whether the table has it.
func (o *offerAnswer) step(on offerStep, sdp []byte) bool {
	for _, m := range offerMoves() {
		if m.from != o.phase || m.on != on {
			continue
		}
		o.phase = m.to
		switch {
		case len(sdp) == 0:
		case on == sendOffer || on == sendAnswer:
			o.local = sdp
		case on == receiveOffer || on == receiveAnswer:
			o.remote = sdp
		}
		return true
	}
	return false
}
