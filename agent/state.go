package agent

import (
	"fmt"
	"slices"
	"time"

	"ringback/media"
)

// StateSchema names the version of the state's JSON form.
const StateSchema = "ringback.state/1"

// Kind is what an interaction came from.
type Kind string

// The kinds of interactions.
const (
	KindCall          Kind = "call"
	KindVoiceCallback Kind = "voicecallback"
	KindWebCallback   Kind = "webcallback" // came without a call
)

// Role is what a call is to its interaction.
type Role string

// The roles of calls.
const (
	RoleMain         Role = "main"
	RoleConsultation Role = "consultation"
	RoleParty        Role = "party"
)

// Phase is an interaction's state as a person sees it. It is computed from the
// offer and the calls, never stored.
type Phase string

// The phases of interactions: the rows of the state and action table.
const (
	PhaseOffered     Phase = "offered"
	PhasePreview     Phase = "preview"
	PhaseDialling    Phase = "dialling"
	PhaseConnected   Phase = "connected"
	PhaseOnHold      Phase = "on-hold"
	PhaseConsulting  Phase = "consulting"
	PhaseConference  Phase = "conference"
	PhaseReadyToCall Phase = "ready-to-call"
	PhaseDone        Phase = "done"
)

// CallPhase is the state of one call.
type CallPhase string

// The states of calls.
const (
	CallPhaseDialling  CallPhase = "dialling"
	CallPhaseRinging   CallPhase = "ringing"
	CallPhaseEarly     CallPhase = "early"
	CallPhaseConnected CallPhase = "connected"
	CallPhaseEnded     CallPhase = "ended"
)

// State is what an agent is at one event: everything that an interface shows.
// It is a value: what it points to is never changed after it was handed out.
type State struct {
	Schema       string                       `json:"schema"`
	Seq          uint64                       `json:"seq"`
	Registration RegistrationState            `json:"registration"`
	Channels     map[ChannelName]ChannelState `json:"channels"`
	Allowed      []string                     `json:"allowed"` // actions on the agent and its channels
	Audio        AudioState                   `json:"audio"`
	Interactions []InteractionState           `json:"interactions"`
	Calls        []CallState                  `json:"calls"`
	Outbox       OutboxState                  `json:"outbox"`
	Team         []TeamState                  `json:"team"` // in the order of the configuration
	// Refused counts what was refused since the agent's start, by the names of Causes.
	// The desk fills it in: it does not come from events.
	Refused map[string]uint64 `json:"refused"`
}

// RegistrationState is one account's registration. Times are null when there is
// none.
type RegistrationState struct {
	State   string     `json:"state"` // unregistered, registering, registered or failed
	AOR     string     `json:"aor"`
	Expires *time.Time `json:"expires"`
	Code    int        `json:"code,omitempty"` // SIP status code of a failure
	Reason  string     `json:"reason"`
	NextTry *time.Time `json:"next_try"`
	Contact string     `json:"contact,omitempty"`
}

// ChannelState is the readiness of one channel, since when, and the state that
// was asked for during a call and waits for its end.
type ChannelState struct {
	State         string     `json:"state"`
	Reason        string     `json:"reason"`
	Since         time.Time  `json:"since"`
	Pending       string     `json:"pending"`
	PendingReason string     `json:"pending_reason,omitempty"`
	WrapUpUntil   *time.Time `json:"wrap_up_until,omitempty"`
	Missed        int        `json:"missed"` // missed offers in a row

	PBX      *QueueState `json:"pbx,omitempty"`      // what the PBX's queue was told by feature codes
	Presence *QueueState `json:"presence,omitempty"` // what was published
}

// AudioState names the devices in use, and what is done to the headset's sound.
type AudioState struct {
	Headset    string `json:"headset"`
	Ring       string `json:"ring"`
	SecondEar  string `json:"second_ear,omitempty"`
	Microphone string `json:"microphone"` // the stages on the way from the microphone, "high-pass 100 Hz, ..."
	Ear        string `json:"ear"`        // those on the way to the ear

	MicrophoneGain int `json:"microphone_gain"` // dB; as configured until it is set
	Volume         int `json:"volume"`          // dB, of the ear
}

// InteractionState is one piece of work in the agent's hands.
type InteractionState struct {
	ID           InteractionID   `json:"id"`
	Kind         Kind            `json:"kind"`
	Channel      ChannelName     `json:"channel"`
	State        Phase           `json:"state"`
	Allowed      []string        `json:"allowed"`
	AcceptMeans  string          `json:"accept_means,omitempty"` // while offered: answer, dial or preview
	Contact      Contact         `json:"contact"`
	Callback     *Callback       `json:"callback"`
	Case         map[string]any  `json:"case"`
	Disposition  string          `json:"disposition"`
	Note         string          `json:"note"`
	Result       string          `json:"result"`      // of the last call, set by the phone
	Attempts     int             `json:"attempts"`    // of the callback, before this interaction too
	AttemptLog   []Attempt       `json:"attempt_log"` // of this interaction, oldest first
	Reschedule   *Reschedule     `json:"reschedule"`  // armed until Done
	Timezone     string          `json:"timezone"`    // the contact's, an IANA name
	Muted        bool            `json:"muted"`
	Held         bool            `json:"held"`
	Recording    *RecordingState `json:"recording"` // null: the call is not being recorded
	Playing      *PlayingState   `json:"playing"`   // null: no file is played into it
	Created      time.Time       `json:"created"`
	OfferExpires *time.Time      `json:"offer_expires"`
	Info         InfoState       `json:"info"`  // case and callback information, as the configuration orders it
	Toast        []InfoRow       `json:"toast"` // what an offer's notice says
	Past         []Past          `json:"past"`  // earlier interactions with the same number, the newest first
	Calls        []CallID        `json:"calls"`
}

// CallState is one call: a SIP dialog with its media.
type CallState struct {
	ID           CallID        `json:"id"`
	Interaction  InteractionID `json:"interaction"`
	Role         Role          `json:"role"`
	State        CallPhase     `json:"state"`
	Incoming     bool          `json:"incoming"`
	HeldByMe     bool          `json:"held_by_me"`
	HeldByRemote bool          `json:"held_by_remote"`
	Muted        bool          `json:"muted"`
	Suspended    bool          `json:"suspended"`
	Joined       bool          `json:"joined"` // in the conference
	Transferring bool          `json:"transferring"`
	Remote       string        `json:"remote"`
	RemoteName   string        `json:"remote_name"`
	SIPCallID    string        `json:"sip_call_id"`
	Codec        string        `json:"codec"`
	Encrypted    bool          `json:"encrypted"`        // SRTP both ways
	Suite        string        `json:"suite,omitempty"`  // that it is encrypted with
	Keying       string        `json:"keying,omitempty"` // how its keys came about: sdes or dtls
	Quality      Quality       `json:"quality"`
	Heard        Heard         `json:"heard"`
	Started      time.Time     `json:"started"`
	Connected    *time.Time    `json:"connected"`
	Ended        *time.Time    `json:"ended"`
	Code         int           `json:"code,omitempty"`      // SIP status code that ended it
	Unreached    bool          `json:"unreached,omitempty"` // the far end never gave a final answer: the code stands for that (RFC 3261 8.1.3.1)
	Reason       string        `json:"reason,omitempty"`    // how it ended
}

// Heard is what comes from the far end now: sound above silence, and which of
// the frequencies that the phone listens for (Hz) have been there for 200 ms.
type Heard struct {
	Sound bool      `json:"sound"`
	Tones []float64 `json:"tones"`
}

// Score is the MOS and its scale as a person reads it: "MOS 4.4", or "MOS 4.3 wide-band".
func (q Quality) Score() string {
	text := fmt.Sprintf("MOS %.1f", q.MOS)
	if q.MOSScale == media.ScaleWide {
		text += " wide-band"
	}
	return text
}

// MOSByReports is a Quality's RemoteMOSBy where the MOS is estimated.
const MOSByReports = media.ByReports

// Quality is a call's live media figures. Packets are counts, jitter and round
// trip are milliseconds, mos is an estimate from 1 to 4.5.
type Quality struct {
	RXPackets uint64  `json:"rx_packets"`
	TXPackets uint64  `json:"tx_packets"`
	Lost      uint64  `json:"lost"`
	JitterMS  float64 `json:"jitter_ms"`
	RTTMS     float64 `json:"rtt_ms"`
	MOS       float64 `json:"mos"` // of the conversation, by the E-model (ITU-T G.107, G.107.1)
	// MOSScale is what mos and mos_listening stand on, by the codec: narrowband (the best is
	// 4.4) or wideband (4.5, and a telephone would have 3.7).
	MOSScale string `json:"mos_scale,omitempty"`

	Listening  float64 `json:"mos_listening"`         // the same without the delay
	DelayMS    float64 `json:"delay_ms"`              // mouth to ear, as far as it is known
	Concealed  uint64  `json:"concealed"`             // frames of 20 ms that were made up
	Late       uint64  `json:"late"`                  // packets that came too late to be played
	Waited     uint64  `json:"waited,omitempty"`      // packets that came late, and were played all the same
	Discarded  uint64  `json:"discarded,omitempty"`   // packets given up to catch up, or without room
	BurstRatio float64 `json:"burst_ratio,omitempty"` // 1: losses are random
	RemoteMOS  float64 `json:"remote_mos,omitempty"`  // of the far end's listening; absent: not known
	// RemoteMOSBy is from where it is known: rtcp-xr (the far end says it) or rtcp (estimated
	// from the losses that its receiver reports count).
	RemoteMOSBy string  `json:"remote_mos_by,omitempty"`
	RemoteLost  float64 `json:"remote_lost,omitempty"` // percent of ours, as it says

	AcceleratedMS float64 `json:"accelerated_ms,omitempty"` // sound made shorter to catch up, and longer to wait
	DeceleratedMS float64 `json:"decelerated_ms,omitempty"`

	Trouble string `json:"trouble,omitempty"` // the last that was wrong with the sound, in words
	// TroubleName is the same in one word: path-lost, headset-stopped, microphone-stopped, unheard, loss, far-loss, says-nothing,
	// hears-nothing, too-loud or clipped.
	TroubleName string `json:"trouble_name,omitempty"`
	Troubled    bool   `json:"troubled,omitempty"` // it is so now, or was to the call's end
}

// OutboxState counts the reports that wait for the PBX, and those that were given
// up, and says what the first of them waits for.
type OutboxState struct {
	Waiting int        `json:"waiting"`
	Failed  int        `json:"failed"`
	NextTry *time.Time `json:"next_try"`
	Reason  string     `json:"reason"`
}

// NewState is the state before the first event.
func NewState() State {
	return State{
		Schema:       StateSchema,
		Registration: RegistrationState{State: "unregistered"},
		Channels:     map[ChannelName]ChannelState{},
		Allowed:      []string{},
		Interactions: []InteractionState{},
		Calls:        []CallState{},
		Team:         []TeamState{},
		Refused:      map[string]uint64{},
	}
}

// Fold is the state after these events, of which the first must be the first
// that the agent wrote.
func Fold(events []Event) State {
	s := NewState()
	for _, e := range events {
		s = s.Apply(e)
	}
	return s
}

// Apply is the state after one more event. The receiver stays as it was.
func (s State) Apply(e Event) State {
	s.Seq = e.Seq
	c := e.Change
	if c.empty() {
		return s
	}
	if c.Registration != nil {
		s.Registration = *c.Registration
	}
	if c.Allowed != nil {
		s.Allowed = *c.Allowed
	}
	if c.Audio != nil {
		s.Audio = *c.Audio
	}
	if c.Outbox != nil {
		s.Outbox = *c.Outbox
	}
	if len(c.Channels) > 0 {
		channels := make(map[ChannelName]ChannelState, len(s.Channels))
		for name, channel := range s.Channels {
			channels[name] = channel
		}
		for name, channel := range c.Channels {
			channels[name] = channel
		}
		s.Channels = channels
	}
	s.Interactions = replace(s.Interactions, c.Interactions, c.ForgottenInteractions,
		func(i InteractionState) InteractionID { return i.ID })
	s.Calls = replace(s.Calls, c.Calls, c.ForgottenCalls, func(c CallState) CallID { return c.ID })
	s.Team = replace(s.Team, c.Team, nil, func(m TeamState) string { return m.Target })
	return s
}

// replace returns list with the changed values in their places, the new ones at
// the end, and without the forgotten ones. The list itself is not touched.
func replace[T any, ID comparable](list, changed []T, forgotten []ID, id func(T) ID) []T {
	if len(changed) == 0 && len(forgotten) == 0 {
		return list
	}
	next := make([]T, 0, len(list)+len(changed))
	for _, old := range list {
		if !slices.Contains(forgotten, id(old)) {
			next = append(next, old)
		}
	}
	for _, value := range changed {
		at := slices.IndexFunc(next, func(old T) bool { return id(old) == id(value) })
		if at >= 0 {
			next[at] = value
		} else {
			next = append(next, value)
		}
	}
	return next
}

// Interaction finds an interaction by its id.
func (s State) Interaction(id InteractionID) (InteractionState, bool) {
	if in := s.interaction(id); in != nil {
		return *in, true
	}
	return InteractionState{}, false
}

// interaction is the one with an id, where it stands; nil: there is none.
func (s *State) interaction(id InteractionID) *InteractionState {
	for i := range s.Interactions {
		if s.Interactions[i].ID == id {
			return &s.Interactions[i]
		}
	}
	return nil
}

// Call finds a call by its id.
func (s State) Call(id CallID) (CallState, bool) {
	if c := s.call(id); c != nil {
		return *c, true
	}
	return CallState{}, false
}

// call is the one with an id, where it stands; nil: there is none.
func (s *State) call(id CallID) *CallState {
	for i := range s.Calls {
		if s.Calls[i].ID == id {
			return &s.Calls[i]
		}
	}
	return nil
}
