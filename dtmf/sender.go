package dtmf

import "time"

// Limits and defaults of sending (ITU-T Q.24; RFC 4733 section 2.5.1).
const (
	DefaultDuration = 100 * time.Millisecond
	DefaultGap      = 60 * time.Millisecond
	MinDuration     = 40 * time.Millisecond
	MaxDuration     = time.Minute
	MinGap          = 50 * time.Millisecond
	MaxGap          = 10 * time.Second

	defaultClock  = 8000
	defaultPacket = 20 * time.Millisecond
	defaultVolume = 10
	maxSegment    = 0xFFFF // section 2.5.1.3
	endPackets    = 3      // section 2.5.1.4
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
// current payload type and the next sequence number, a new one for each packet
// (RFC 4733 section 2.5.1.6).
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

func (b *Burst) add(p Packet) {
	b.Packets[b.N] = p
	b.N++
}

// Sender turns digits into RFC 4733 packets (section 2.5.1). Drive it with one
// call of Next per packet time. Not safe for concurrent use.
type Sender struct {
	cfg   SenderConfig
	queue Sequence

	digit   Digit  // being sent, or 0
	began   uint32 // timestamp at which the digit was pressed
	segment uint32 // timestamp of the current segment
	length  uint32 // how long it is to be held, in timestamp units
	first   bool   // no packet of it was sent yet
	last    Event  // what the end packets repeat
	ends    int    // end packets still to send
	cut     bool   // no more packets of it

	waiting bool   // no digit before ready
	ready   uint32 // timestamp of the earliest next digit
}

// NewSender returns a sender with nothing to send.
func NewSender(cfg SenderConfig) *Sender {
	if cfg.ClockRate <= 0 {
		cfg.ClockRate = defaultClock
	}
	if cfg.PacketTime <= 0 {
		cfg.PacketTime = defaultPacket
	}
	if cfg.Volume == 0 {
		cfg.Volume = defaultVolume
	}
	cfg.Volume = min(cfg.Volume, 63)
	cfg.Duration, cfg.Gap = limits(cfg.Duration, cfg.Gap)
	return &Sender{cfg: cfg}
}

// limits brings a digit's length and the gap behind it into what networks pass.
func limits(duration, gap time.Duration) (time.Duration, time.Duration) {
	if duration == 0 {
		duration = DefaultDuration
	}
	if gap == 0 {
		gap = DefaultGap
	}
	return min(max(duration, MinDuration), MaxDuration), min(max(gap, MinGap), MaxGap)
}

// Send queues a sequence behind what is being sent.
func (s *Sender) Send(seq Sequence) { s.queue = append(s.queue, seq...) }

// Clear drops what is queued; a digit being held is released at its next packet.
func (s *Sender) Clear() {
	s.queue = nil
	s.length = 0
}

// Idle says that nothing is being sent or queued, the gap behind the last digit
// included: Next would return nothing.
func (s *Sender) Idle() bool {
	return s.digit == 0 && s.ends == 0 && len(s.queue) == 0 && !s.waiting
}

// Holding says that a digit is being sent: its packets are not to be held up.
func (s *Sender) Holding() bool { return s.digit != 0 }

// Renew goes on in another stream, whose timestamps are by so much ahead of those
// before, in units of ClockRate. A digit that is being sent ends with what the stream
// before had of it, because who heard that takes the rest for another press; the pause
// behind it begins anew.
func (s *Sender) Renew(by uint32) {
	s.ready += by
	s.cut = s.digit != 0
}

// Next is called once per packet time with the RTP timestamp that the audio
// packet of this packet time has (or would have), in units of ClockRate.
// Timestamps that jump lengthen a pause or shorten the wait for a digit's end,
// but lose none.
func (s *Sender) Next(timestamp uint32) Burst {
	var b Burst
	if s.cut {
		b.Sent, s.digit, s.ends, s.cut = s.digit, 0, 0, false
		s.release(timestamp)
		return b
	}
	if s.ends > 0 {
		s.repeatEnd(&b)
		return b
	}
	if s.digit == 0 && !s.start(timestamp) {
		return b
	}
	s.hold(timestamp, &b)
	return b
}

// units is a duration in timestamp units, rounded up.
func (s *Sender) units(d time.Duration) uint32 {
	rate := int64(s.cfg.ClockRate)
	return uint32((int64(d)*rate + int64(time.Second) - 1) / int64(time.Second))
}

// start takes the next digit off the queue once its time has come.
func (s *Sender) start(timestamp uint32) bool {
	left := int32(s.ready - timestamp)
	if s.waiting && left > 0 && uint32(left) <= s.units(MaxDuration) {
		return false
	}
	if s.waiting {
		s.waiting = false
	} else {
		s.ready = timestamp
	}
	for len(s.queue) > 0 {
		step := s.queue[0]
		s.queue = s.queue[1:]
		if step.Digit.Valid() {
			s.press(step, timestamp)
			return true
		}
		if step.For > 0 {
			s.ready = timestamp + s.units(min(step.For, MaxDuration))
			s.waiting = true
			return false
		}
	}
	return false
}

func (s *Sender) press(step Step, timestamp uint32) {
	held := s.cfg.Duration
	if step.For > 0 {
		held, _ = limits(step.For, 0)
	}
	s.digit, s.first = step.Digit, true
	s.began, s.segment = timestamp, timestamp
	s.length = s.units(held)
}

// hold sends the progress of the digit being held, and its end. The duration
// covers the packet time that begins now, so that the first packet says one
// packet time and the last one the whole.
func (s *Sender) hold(timestamp uint32, b *Burst) {
	step := s.units(s.cfg.PacketTime)
	length := (s.length + step - 1) / step * step // a digit ends with a packet time
	elapsed := timestamp - s.began + step
	end := elapsed >= length
	if end && length > 0 { // length is 0 after Clear: it ends as long as it was
		elapsed = length
	}
	b.Mute = true
	if s.first {
		b.Began = s.digit
	}
	inSegment := elapsed - (s.segment - s.began)
	if inSegment > maxSegment {
		b.add(s.packet(Event{Duration: maxSegment}))
		s.segment += maxSegment
		// Timestamps that jumped by more than a segment: the rest is not worth
		// telling, the digit goes on from here.
		inSegment = min(inSegment-maxSegment, maxSegment)
	}
	b.add(s.packet(Event{Duration: uint16(inSegment), End: end}))
	if end {
		s.ends = endPackets - 1
		s.release(timestamp + step)
	}
}

// release sets the earliest start of the next digit after one that ended at end.
func (s *Sender) release(end uint32) {
	s.ready, s.waiting = end+s.units(s.cfg.Gap), true
}

func (s *Sender) packet(e Event) Packet {
	e.Code, e.Volume = s.digit.Code(), s.cfg.Volume
	p := Packet{Marker: s.first, Timestamp: s.segment}
	e.Append(p.Payload[:0])
	s.first, s.last = false, e
	return p
}

// repeatEnd sends the end once more: three times in all (section 2.5.1.4), a
// packet time apart so that one burst of loss does not take them together.
func (s *Sender) repeatEnd(b *Burst) {
	b.add(s.packet(s.last))
	b.Mute = true
	s.ends--
	if s.ends == 0 {
		b.Sent, s.digit = s.digit, 0
	}
}
