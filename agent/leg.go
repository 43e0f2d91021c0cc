package agent

import (
	"math"
	"time"

	"ringback/media"
	"ringback/media/mixer"
	"ringback/sip"
	"ringback/sip/loop"
)

// leg is one call: a SIP session with its media session. A nil leg is one that
// has ended long ago.
type leg struct {
	id       CallID
	in       *interaction
	role     Role
	incoming bool
	phase    CallPhase
	session  *sip.Session
	media    *media.Session
	slot     mixer.Slot
	meter    *media.Meter
	hears    mixer.Slot // the meter's
	remote   sip.Address

	wantHold   bool // we want it on hold, or it is so
	held       bool // it is so, agreed with the far end
	heldRemote bool // the far end does not want to hear us
	exchange   exchange
	search     pathSearch
	joined     bool    // in the conference
	suspended  bool    // in the conference, held out of it
	muted      bool    // in the conference, nobody hears it
	recorded   bool    // a recording of it was begun, or could not be
	confirmed  bool    // the caller has acknowledged our answer
	errand     *errand // an errand, to dial the contact, came with it
	early      bool    // the PBX sends early media
	transfer   *transfer
	referredBy *sip.IncomingRefer // who asked for this call, and is told of it
	target     sip.URI            // of a call out

	started     time.Time
	connected   time.Time
	ended       time.Time
	code        int
	unreached   bool // code stands for a final answer that never came
	reason      string
	hangup      *loop.Timer   // of auto_hangup
	hangupAfter time.Duration // of the answer
	stats       Quality
	troubles    int           // that its media told of
	headset     media.Headset // that its media was told of
	measured    time.Time     // when stats were told; the zero time before that
	heard       Heard
	codec       string
	suite       string // of SRTP; empty: not encrypted
	keying      string // of it, sdes or dtls
}

// legInput is what moves a call.
type legInput string

const (
	legRings     legInput = "rings"
	legEarly     legInput = "early-media"
	legConnected legInput = "connected"
	legEnded     legInput = "ended"
)

// legMoves is the table of a call's states. What is not here changes nothing: a
// late 180 does not take a call back.
func legMoves() map[CallPhase]map[legInput]CallPhase {
	return map[CallPhase]map[legInput]CallPhase{
		CallPhaseDialling:  {legRings: CallPhaseRinging, legEarly: CallPhaseEarly, legConnected: CallPhaseConnected, legEnded: CallPhaseEnded},
		CallPhaseRinging:   {legEarly: CallPhaseEarly, legConnected: CallPhaseConnected, legEnded: CallPhaseEnded},
		CallPhaseEarly:     {legConnected: CallPhaseConnected, legEnded: CallPhaseEnded},
		CallPhaseConnected: {legEnded: CallPhaseEnded},
		CallPhaseEnded:     {},
	}
}

// move takes one row and reports whether there was one.
func (l *leg) move(on legInput) bool {
	to, ok := legMoves()[l.phase][on]
	if ok {
		l.phase = to
	}
	return ok
}

func (l *leg) live() bool { return l != nil && l.phase != CallPhaseEnded }

func (l *leg) up() bool { return l != nil && l.phase == CallPhaseConnected }

// onHold: by us, wished or agreed. The sound is cut from the wish on, and comes
// back when the far end has agreed.
func (l *leg) onHold() bool { return l.wantHold || l.held }

func (l *leg) view() CallState {
	v := CallState{ID: l.id, Interaction: l.in.id, Role: l.role, State: l.phase, Incoming: l.incoming,
		HeldByMe: l.live() && (l.held || l.joined && l.in.away), HeldByRemote: l.live() && l.heldRemote,
		Muted: l.muted || l.role == RoleMain && l.in.muted, Suspended: l.suspended, Joined: l.joined,
		Transferring: l.live() && l.transfer != nil, Remote: l.remote.URI.Bare().String(), RemoteName: cleanText(sip.DecodeText(l.remote.Display)),
		Codec: l.codec, Encrypted: l.suite != "", Suite: l.suite, Keying: l.keying, Quality: l.stats, Heard: l.heard, Started: l.started,
		Connected: timeOf(l.connected), Ended: timeOf(l.ended), Code: l.code, Unreached: l.unreached, Reason: l.reason}
	if l.session != nil {
		v.SIPCallID = string(l.session.ID())
	}
	return v
}

// event is an event about this call.
func (l *leg) event(t EventType) Event {
	e := Event{Type: t, Interaction: l.in.id, Call: l.id, Role: l.role, Remote: l.remote.URI.Bare().String()}
	if l.session != nil {
		e.SIPCallID = string(l.session.ID())
	}
	return e
}

// newLeg adds a call to an interaction.
func (a *Agent) newLeg(in *interaction, role Role, incoming bool) *leg {
	l := &leg{id: a.ids.call(), in: in, role: role, incoming: incoming, phase: CallPhaseDialling,
		slot: mixer.None, hears: mixer.None, started: a.now(), heard: Heard{Tones: []float64{}}}
	if incoming {
		l.phase = CallPhaseRinging
	}
	in.addLeg(l)
	switch role {
	case RoleMain:
		in.main = l
	case RoleConsultation:
		in.consult = l
	}
	return l
}

// openMedia gives a call its media session and its place in the bridge.
func (a *Agent) openMedia(l *leg) error {
	var err error
	l.media, err = a.mediaSession(l.session, func(e media.Event) { a.mediaEvent(l, e) })
	if err != nil {
		return err
	}
	return a.sound.seat(a, l)
}

func (a *Agent) mediaTimeout() time.Duration {
	if a.cfg.Media.Timeout > 0 {
		return a.cfg.Media.Timeout
	}
	return 0
}

// closeMedia ends a call's media and keeps the last figures.
func (a *Agent) closeMedia(l *leg) {
	if l.media == nil {
		return
	}
	l.measure()
	a.sound.unseat(l)
	if err := l.media.Close(); err != nil {
		a.log.Debug("close media", "call", string(l.id), "error", err)
	}
	l.media = nil
}

// measure takes the figures of now.
func (l *leg) measure() {
	if l.media == nil {
		return
	}
	s := l.media.Stats()
	l.stats = Quality{RXPackets: s.RxPackets, TXPackets: s.TxPackets, Lost: uint64(max(s.Lost, 0)),
		JitterMS: hundredth(s.JitterMS), RTTMS: hundredth(s.RTTMS), MOS: hundredth(s.MOS), MOSScale: s.MOSScale,
		Listening: hundredth(s.MOSListening), DelayMS: hundredth(s.MouthToEarMS), Concealed: s.Concealed, Late: s.Late, Waited: s.Waited, Discarded: s.Discarded,
		AcceleratedMS: hundredth(s.AcceleratedMS), DeceleratedMS: hundredth(s.DeceleratedMS),
		BurstRatio: hundredth(s.BurstRatio), RemoteMOS: hundredth(s.RemoteMOS), RemoteMOSBy: s.RemoteMOSBy, RemoteLost: hundredth(100 * s.RemoteLoss), Trouble: l.stats.Trouble, TroubleName: l.stats.TroubleName, Troubled: l.stats.Troubled}
	l.codec = codecName(s.Codec)
}

// hundredth rounds a figure to what a person reads of it.
func hundredth(x float64) float64 { return math.Round(100*x) / 100 }
