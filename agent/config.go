package agent

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ringback/agent/schedule"
	"ringback/media"
)

// Secret is a text that never shows itself: every way to print it gives ***.
type Secret string

const mask = "***"

// String returns the mask.
func (Secret) String() string { return mask }

// GoString returns the mask.
func (Secret) GoString() string { return mask }

// Format writes the mask whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// MarshalText writes the mask, in JSON and YAML too.
func (Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue logs the mask.
func (Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// Config is one agent's configuration. DefaultConfig has the defaults;
// LoadConfig reads file, environment and flags over them.
type Config struct {
	Account      AccountConfig     `yaml:"account"`
	Audio        AudioConfig       `yaml:"audio"`
	Headset      HeadsetConfig     `yaml:"headset"`
	Opus         OpusConfig        `yaml:"opus"`
	Media        MediaConfig       `yaml:"media"`
	DTMF         DTMFConfig        `yaml:"dtmf"`
	Calls        CallsConfig       `yaml:"calls"`
	Callbacks    CallbacksConfig   `yaml:"callbacks"`
	Dispositions DispositionConfig `yaml:"dispositions"`
	Channels     ChannelsConfig    `yaml:"channels"`
	Reschedule   RescheduleConfig  `yaml:"reschedule"`
	Numbers      NumbersConfig     `yaml:"numbers"`
	Information  InformationConfig `yaml:"information"`
	Team         []TeamEntry       `yaml:"team"`
	Store        StoreConfig       `yaml:"store"`
	Recording    RecordingConfig   `yaml:"recording"`
	TeamPresence string            `yaml:"team_presence"` // how presences are asked for: dialog, presence or off
}

// AccountConfig is the identity at the PBX and the way there.
type AccountConfig struct {
	AOR          string        `yaml:"aor"`           // sip:1001@pbx.example.com
	Display      string        `yaml:"display"`       // name shown to others
	Username     string        `yaml:"username"`      // empty: the AOR's user
	PasswordFile string        `yaml:"password_file"` // its first line is the password
	Password     Secret        `yaml:"-"`             // from RINGBACK_PASSWORD or the file
	Registrar    string        `yaml:"registrar"`     // empty: the AOR's domain
	Proxy        string        `yaml:"proxy"`         // outbound proxy; empty: none
	Transport    string        `yaml:"transport"`     // udp, tcp, tls, ws, wss or auto: what the DNS says
	WSPath       string        `yaml:"ws_path"`       // of the WebSocket
	Register     bool          `yaml:"register"`      // false: never registers, and calls without
	Expires      time.Duration `yaml:"expires"`
	Bind         string        `yaml:"bind"` // ADDRESS[:PORT]; empty or [::]:PORT: whichever leads to the PBX now
	CAFile       string        `yaml:"ca_file"`
	CertFile     string        `yaml:"cert_file"`
	KeyFile      string        `yaml:"key_file"`
	Algorithms   []string      `yaml:"algorithms"` // digest; empty: SHA-512-256, SHA-256, MD5
	Realms       []string      `yaml:"realms"`     // empty: what the registrar names
	Keepalive    time.Duration `yaml:"keepalive"`  // 0: as the transport needs
}

// AudioConfig names devices by preference and codecs by preference.
type AudioConfig struct {
	Headset []string `yaml:"headset"`
	Ring    []string `yaml:"ring"` // empty: the headset
	// RingInCall: an offer during a call rings on the ring device too, in place of a
	// call-waiting tone in the ear.
	RingInCall bool `yaml:"ring_in_call"`
	// SecondEar hears what the headset hears: for who sits beside the agent. Empty: nobody.
	SecondEar []string `yaml:"second_ear"`
	// ComfortNoise: pauses are not sent in G.711 and G.722 where the far end takes it (RFC 3389).
	ComfortNoise bool     `yaml:"comfort_noise"`
	Codecs       []string `yaml:"codecs"` // opus, g722, pcmu, pcma, l16/16000, l16/8000; the phone mixes at the rate of the widest
}

// HeadsetConfig is what is done to the sound of the headset.
type HeadsetConfig struct {
	HighPass         bool   `yaml:"high_pass"`         // takes hum and thumps below 100 Hz out of the microphone
	NoiseSuppression string `yaml:"noise_suppression"` // off, low, moderate, high or very-high
	AutoGain         bool   `yaml:"auto_gain"`         // brings the voice to one level
	EchoCancellation bool   `yaml:"echo_cancellation"` // for a loudspeaker in place of a headset
	MicrophoneGain   int    `yaml:"microphone_gain"`   // dB, -30 to 30
	Volume           int    `yaml:"volume"`            // dB, -30 to 30, of what the agent hears
	SideTone         int    `yaml:"side_tone"`         // dB, -60 to -1, the own voice in the ear; 0: none
	Ceiling          int    `yaml:"ceiling"`           // dBFS, -30 to 0: nothing that the agent hears is louder
}

// OpusConfig is how Opus is sent (RFC 7587), within what the far end asks for.
type OpusConfig struct {
	BitRate    int  `yaml:"bit_rate"`   // bit/s, 6000 to 510000; 0: 32000, and the far end sends as it likes
	Complexity int  `yaml:"complexity"` // 1 to 10, of the encoder: CPU against quality
	FEC        bool `yaml:"fec"`        // each packet may hold the one before once more, as far as packets are lost
	DTX        bool `yaml:"dtx"`        // pauses are not sent
	CBR        bool `yaml:"cbr"`        // constant bit rate
}

// MediaConfig is the RTP side.
type MediaConfig struct {
	Ports   string        `yaml:"ports"`   // FIRST-LAST; empty: the engine's own
	NAT     bool          `yaml:"nat"`     // learn where the peer really sends from
	Timeout time.Duration `yaml:"timeout"` // without any packet until the call is ended; 0: never
	Ptime   time.Duration `yaml:"ptime"`   // of sound in a packet: asked of the far end, and sent unless it asks otherwise; 10, 20, 30, 40 or 60 ms

	Encryption string   `yaml:"encryption"`  // off, optional or required
	Keying     string   `yaml:"keying"`      // of offers: sdes or dtls; either is taken
	ICE        bool     `yaml:"ice"`         // find the way to the far end by ICE, where that speaks it
	ICEServers []string `yaml:"ice_servers"` // URLs of STUN and TURN servers
	ICEPolicy  string   `yaml:"ice_policy"`  // all, or relay: through TURN servers only
	// TURNUsername and the password, whose file's first line it is, or RINGBACK_TURN_PASSWORD, are for all TURN servers.
	TURNUsername     string `yaml:"turn_username"`
	TURNPasswordFile string `yaml:"turn_password_file"`
	TURNPassword     Secret `yaml:"-"`

	Suites      []string `yaml:"suites"`        // of SRTP, by preference; empty: all
	KeysInClear bool     `yaml:"keys_in_clear"` // SRTP keys go also over signalling that is not encrypted
}

// DTMFConfig is how digits are sent unless the action says otherwise.
type DTMFConfig struct {
	Method   string        `yaml:"method"` // rfc4733, info or inband
	Duration time.Duration `yaml:"duration"`
	Gap      time.Duration `yaml:"gap"`
}

// CallsConfig is what happens to plain calls.
type CallsConfig struct {
	Waiting      bool          `yaml:"waiting"`        // offer a call during another
	WhenNotReady string        `yaml:"when_not_ready"` // refuse or offer
	Redirect     string        `yaml:"redirect"`       // 3xx: follow or refuse
	Transfer     string        `yaml:"transfer"`       // instant transfer: refer (blind), or ring-first for a PBX that would lose the contact
	Refer        string        `yaml:"refer"`          // REFER in: ask, accept or refuse
	Replaces     string        `yaml:"replaces"`       // INVITE with Replaces in: accept or refuse
	RingTimeout  time.Duration `yaml:"ring_timeout"`   // of calls out; 0: until the PBX gives up

	ConferenceParties int  `yaml:"conference_parties"` // calls that one conference takes beside the contact's, 1 to 100
	ConferenceLevels  bool `yaml:"conference_levels"`  // voices are brought to one level, and the noise of who is silent shut out
}

// CallbacksConfig is how callbacks are recognised, offered and refused.
type CallbacksConfig struct {
	ReportTo       string            `yaml:"report_to"`   // where the PBX takes reports; empty: they are not sent, and kept as long as the history
	ReportAge      time.Duration     `yaml:"report_age"`  // after which one that could not be delivered counts as failed
	ReportSize     int               `yaml:"report_size"` // bytes of one report at most
	OfferTimeout   time.Duration     `yaml:"offer_timeout"`
	RejectCode     int               `yaml:"reject_code"`
	NotReadyCode   int               `yaml:"not_ready_code"`
	MissedLimit    int               `yaml:"missed_offers_to_not_ready"` // 0: never
	AutoAnswer     string            `yaml:"auto_answer"`                // off, header, or a duration such as 3s
	Headers        map[string]string `yaml:"headers"`                    // field to header, those that differ from the default
	RingWhileInUse bool              `yaml:"offer_during_call"`          // offer a callback during another
	Retries        int               `yaml:"retries"`                    // automatic tries after the contact was not reached; 0: none
	RetryBusy      time.Duration     `yaml:"retry_busy"`                 // until the first of them, by call result; twice as long each time; 0: none
	RetryNoAnswer  time.Duration     `yaml:"retry_no_answer"`
	RetryMachine   time.Duration     `yaml:"retry_machine"`
}

// DispositionConfig is the administrator's list of outcomes.
type DispositionConfig struct {
	Mandatory bool     `yaml:"mandatory"`
	Codes     []string `yaml:"codes"` // empty: any text is taken
}

// StoreConfig is how long the store keeps what is over. What is not over, and what
// the PBX is still to be told, is kept in any case.
type StoreConfig struct {
	KeepHistory time.Duration `yaml:"keep_history"` // interactions with their calls and attempts, and callbacks; 0: for ever
	KeepNotes   time.Duration `yaml:"keep_notes"`   // the notes of interactions; 0: as long as these
	// KeepRecordings is of the files of recordings, from their end; 0: as long as the history.
	KeepRecordings time.Duration `yaml:"keep_recordings"`
}

// RecordingConfig is which calls with contacts are recorded, where to, and how
// those in them learn of it.
type RecordingConfig struct {
	Start      string        `yaml:"start"`               // by itself: never, callbacks or always
	Folder     string        `yaml:"folder"`              // empty: recordings, in the profile's state folder
	Tone       bool          `yaml:"consent_tone"`        // contact and agent hear a beep again and again while it is recorded
	ToneHz     int           `yaml:"consent_tone_hz"`     // 300 to 3400
	ToneLength time.Duration `yaml:"consent_tone_length"` // of each beep
	ToneEvery  time.Duration `yaml:"consent_tone_every"`  // from the beginning of one to that of the next
}

// ChannelsConfig is about readiness.
type ChannelsConfig struct {
	NotReadyReasons []string      `yaml:"not_ready_reasons"` // empty: any text is taken
	WrapUp          time.Duration `yaml:"wrap_up"`           // 0: none
	Start           string        `yaml:"start"`             // of voice: ready or not-ready
	StartWeb        string        `yaml:"start_webcallback"` // of webcallback: ready or not-ready

	// How the PBX's queue is told of the voice channel.
	PBX        map[string]string `yaml:"pbx"`         // feature codes: login, logout, pause, unpause; empty: it is not told
	PBXReasons map[string]string `yaml:"pbx_reasons"` // another pause code by not-ready reason
	PBXBy      string            `yaml:"pbx_by"`      // call: the codes are dialled; message: they are the addresses of a SIP MESSAGE
	PBXExit    string            `yaml:"pbx_exit"`    // what the queue is left with: unpause, pause, logout or none; empty: logout where there is a code, else unpause
	Publish    bool              `yaml:"publish"`     // presence by SIP PUBLISH (RFC 3903)
}

// NumbersConfig is how telephone numbers are read.
type NumbersConfig struct {
	Region string `yaml:"region"` // of numbers that name no country: two letters such as JP; empty: only those with + are matched
}

// RescheduleConfig is when contacts may be called again.
type RescheduleConfig struct {
	Hours          []string      `yaml:"hours"`            // calling hours in the contact's zone: [mon-fri 09:00-20:00, sat 10:00-16:00]; empty: all
	MaxDays        int           `yaml:"max_days"`         // ahead at most; 0: no bound
	Zone           string        `yaml:"zone"`             // of contacts that say none, an IANA name; empty: this machine's
	Reasons        []string      `yaml:"reasons"`          // empty: any text is taken
	Presets        []string      `yaml:"presets"`          // offered to the agent
	Again          time.Duration `yaml:"again"`            // a personal callback that was offered and missed comes again so much later
	PersonalToTeam time.Duration `yaml:"personal_to_team"` // a personal one that is so long overdue goes to the team; 0: never
}

// retry is how automatic retries are spaced.
func (b *CallbacksConfig) retry() schedule.Retry {
	return schedule.Retry{Max: b.Retries, Spacings: map[string]time.Duration{
		ResultBusy: b.RetryBusy, ResultNoAnswer: b.RetryNoAnswer, ResultMachine: b.RetryMachine}}
}

// rules are what a reschedule is checked against.
func (r *RescheduleConfig) rules() (schedule.Rules, error) {
	hours, err := schedule.ReadHours(r.Hours)
	if err != nil {
		return schedule.Rules{}, &ConfigError{Field: "reschedule.hours", Value: strings.Join(r.Hours, ", "), Why: err.Error(),
			Remedy: "write rows like mon-fri 09:00-20:00"}
	}
	return schedule.Rules{Hours: hours, MaxDays: r.MaxDays}, nil
}

// TeamEntry is somebody or something at the PBX that an agent calls by name.
type TeamEntry struct {
	Name   string   `yaml:"name"`   // empty: the target
	Target string   `yaml:"target"` // an extension, an E.164 number or a SIP URI
	Kind   TeamKind `yaml:"kind"`   // empty: extension
	// Presence asks the PBX what is done there, for 500 entries at most.
	Presence bool `yaml:"presence"`
}

// defaultCodecs are those that this build can send, the best first.
func defaultCodecs() []string {
	return slices.DeleteFunc([]string{"opus", "g722", "pcmu", "pcma"}, func(name string) bool { return !media.Sends(name) })
}

// DefaultConfig is what holds where nothing else is said. It has no account.
func DefaultConfig() Config {
	return Config{
		Account: AccountConfig{Transport: "udp", WSPath: "/ws", Register: true, Expires: 300 * time.Second},
		Audio:   AudioConfig{Headset: []string{"portaudio", "null"}, Codecs: defaultCodecs()},
		Headset: HeadsetConfig{HighPass: true, NoiseSuppression: "off", Ceiling: -3},
		Opus:    OpusConfig{Complexity: 9, FEC: true},
		Media:   MediaConfig{NAT: true, Ptime: 20 * time.Millisecond, Encryption: "off", Keying: "sdes", ICEPolicy: "all"},
		DTMF:    DTMFConfig{Method: "rfc4733", Duration: 100 * time.Millisecond, Gap: 60 * time.Millisecond},
		Calls: CallsConfig{Waiting: true, WhenNotReady: "refuse", Redirect: "follow", Transfer: "refer", Refer: "ask", Replaces: "accept",
			ConferenceParties: 32, ConferenceLevels: true},
		Callbacks: CallbacksConfig{
			// Asterisk 22 answers 202 to a MESSAGE of more than 1023 bytes, and throws its body away.
			ReportAge: 72 * time.Hour, ReportSize: 1000,
			OfferTimeout: 20 * time.Second, RejectCode: 603, NotReadyCode: 480,
			MissedLimit: 3, AutoAnswer: "off",
			RetryBusy: 5 * time.Minute, RetryNoAnswer: 30 * time.Minute, RetryMachine: 2 * time.Hour,
		},
		TeamPresence: TeamPresenceDialog,
		Store:        StoreConfig{KeepHistory: 365 * 24 * time.Hour},
		Recording:    RecordingConfig{Start: recordNever, ToneHz: 1400, ToneLength: 500 * time.Millisecond, ToneEvery: 15 * time.Second},
		Channels:     ChannelsConfig{WrapUp: 30 * time.Second, Start: "ready", StartWeb: "not-ready", PBXBy: "call"},
		Information:  InformationConfig{Language: "en"},
		Reschedule: RescheduleConfig{MaxDays: 30, Reasons: []string{"no answer", "busy", "cannot talk", "answering machine", "asked for later"},
			Presets: []string{"+15m", "+1h", "tomorrow 09:00"}, Again: 5 * time.Minute, PersonalToTeam: 2 * time.Hour},
	}
}
