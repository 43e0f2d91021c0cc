package dtmf

import "time"

// Limits and defaults of a Sender (ITU-T Q.24; RFC 4733 section 2.5.1).
const (
	DefaultDuration = 100 * time.Millisecond
	DefaultGap      = 60 * time.Millisecond
	MinDuration     = 40 * time.Millisecond
	MaxDuration     = time.Minute
	MinGap          = 50 * time.Millisecond
	MaxGap          = 10 * time.Second
)

// SenderConfig says how digits are sent. Zero values take the defaults; values
// outside of the limits are brought to the nearest one.
type SenderConfig struct {
	ClockRate  int           // of the telephone-event payload type in Hz, default 8000
	PacketTime time.Duration // between calls of Next, default 20 ms
	Duration   time.Duration // how long a digit is held, MinDuration to MaxDuration
	Gap        time.Duration // least silence between two digits, MinGap to MaxGap
	Volume     uint8         // 0-63, dB below 0 dBm0; 0 takes 10
}

// Packet is one RTP packet's part of an event. The stream adds its SSRC, the
// current payload type and the next sequence number, a new one for each packet.
type Packet struct {
	Marker    bool
	Timestamp uint32 // of the event's (or segment's) start, RFC 4733 section 2.2.1
	Payload   [EventSize]byte
}

// Burst is what one packet time asks for. At most two packets: the second one
// begins the next segment of a long digit (RFC 4733 section 2.5.1.3).
type Burst struct {
	Packets [2]Packet
	N       int   // how many of Packets are to be sent, in order
	Mute    bool  // leave the audio packet of this packet time out
	Began   Digit // the digit whose first packet this is, or 0
	Sent    Digit // the digit whose last packet this is, or 0
}

// Sender turns digits into RFC 4733 packets (section 2.5.1). Drive it with one
// call of Next per packet time. Not safe for concurrent use.
type Sender struct {
	cfg   SenderConfig
	queue Sequence
}

// NewSender returns a sender with nothing to send.
func NewSender(cfg SenderConfig) *Sender { return &Sender{cfg: cfg} }

// Send queues a sequence behind what is being sent.
func (s *Sender) Send(seq Sequence) { s.queue = append(s.queue, seq...) }

// Clear drops what is queued; the digit being sent is ended at its next packet.
func (s *Sender) Clear() { s.queue = nil }

// Idle says that nothing is being sent or queued: Next would return nothing.
func (s *Sender) Idle() bool { return len(s.queue) == 0 }

// Next is called once per packet time with the RTP timestamp that the audio
// packet of this packet time has (or would have).
func (s *Sender) Next(timestamp uint32) Burst { return Burst{} }
