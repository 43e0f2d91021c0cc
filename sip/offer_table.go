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

// offerDo keeps the SDP that came with a step.
type (
	offerRow = row[offerPhase, offerStep, offerDo]
	offerDo  = func(*offerAnswer, []byte)
)

// offerRows: one offer at a time, in either direction (RFC 3264 4). Whatever is
// not here is refused: with ErrOfferPending or ErrNoOffer to the handler, with
// 491 or 500 to the far end.
func offerRows() []offerRow {
	return []offerRow{
		{offerNone, sendOffer, offerSent, (*offerAnswer).keepLocal},
		{offerNone, receiveOffer, offerReceived, (*offerAnswer).keepRemote},
		{offerSent, receiveAnswer, offerNone, (*offerAnswer).keepRemote},
		{offerSent, offerRefused, offerNone, nil},
		{offerReceived, sendAnswer, offerNone, (*offerAnswer).keepLocal},
		{offerReceived, refuseOffer, offerNone, nil},
	}
}

// offerAnswer is a session's offer/answer state.
type offerAnswer struct {
	phase offerPhase
	local []byte // the SDP that we sent last, for a refresh by re-INVITE
	heard bool   // an SDP has come
}

// negotiate goes one row on in the session's offer and answer, and reports whether
// the table has it. An empty SDP leaves the one that is known.
func (s *Session) negotiate(on offerStep, sdp []byte) bool {
	return s.oa.step(s.ua.tables.offer, on, sdp)
}

func (o *offerAnswer) step(t table[offerPhase, offerStep, offerDo], on offerStep, sdp []byte) bool {
	r, ok := t.next(o.phase, on)
	if !ok {
		return false
	}
	o.phase = r.to
	if r.do != nil && len(sdp) > 0 {
		r.do(o, sdp)
	}
	return true
}

func (o *offerAnswer) keepLocal(sdp []byte)  { o.local = sdp }
func (o *offerAnswer) keepRemote(sdp []byte) { o.heard = true }
