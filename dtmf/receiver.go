package dtmf

import "time"

// EventPacket is what the Receiver needs of an RTP packet of the
// telephone-event payload type.
type EventPacket struct {
	SSRC      uint32
	Sequence  uint16
	Timestamp uint32
	Marker    bool
	Payload   []byte // not kept
}

// Phase tells the two reports of a digit apart.
type Phase uint8

// A digit is reported as Pressed once and as Released once, in this order.
const (
	Pressed Phase = iota + 1
	Released
)

// Heard is one report of a Receiver or a Detector.
type Heard struct {
	Digit    Digit
	Phase    Phase
	Duration time.Duration // with Released: how long it was held as far as known
}

// ReceiverStats counts what a Receiver saw; all but Packets and Digits were
// left out of account.
type ReceiverStats struct {
	Packets, Digits, Repeats, Short, Unknown, Foreign uint64
}

// Receiver turns RFC 4733 packets into digits, each once (section 2.5.2). Not
// safe for concurrent use.
type Receiver struct{ clockRate int }

// NewReceiver returns a receiver for a telephone-event clock rate in Hz (8000
// where it is 0).
func NewReceiver(clockRate int) *Receiver { return &Receiver{clockRate: clockRate} }

// Push takes a packet that arrived at now and appends what it reveals to dst.
// It never fails: what is no digit is counted.
func (r *Receiver) Push(dst []Heard, p EventPacket, now time.Time) []Heard { return dst }

// Tick ends a digit whose packets stopped coming (section 2.5.2.2): call it
// every packet time or so.
func (r *Receiver) Tick(dst []Heard, now time.Time) []Heard { return dst }

// Reset forgets the source: call it when the stream has moved to another SSRC.
// A digit that was held is released.
func (r *Receiver) Reset(dst []Heard) []Heard { return dst }

// Stats returns the counters.
func (r *Receiver) Stats() ReceiverStats { return ReceiverStats{} }
