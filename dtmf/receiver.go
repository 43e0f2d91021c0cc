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

// ReceiverStats counts what a Receiver saw.
type ReceiverStats struct {
	Packets uint64 // all that were pushed
	Digits  uint64 // digits reported
	Repeats uint64 // packets that told nothing new of a digit reported before
	Short   uint64 // payloads of under 4 octets
	Unknown uint64 // events that are no digit
	Foreign uint64 // packets from another SSRC
}

const (
	// releaseAfter is how long packets may stay away before a digit counts as
	// released (section 2.5.2.2 asks for about three packet times; two lost
	// bursts of the slowest senders fit into this).
	releaseAfter = 200 * time.Millisecond
	// remembered is how many events are known again when their packets come
	// late. More than can be on their way at once.
	remembered = 8
	// lateBy is how old the packets of an unseen event may be, in units of time,
	// to count as a digit that was overtaken.
	lateBy = 2 * time.Second
)

// pressed is one key press as its packets told it.
type pressed struct {
	digit    Digit
	start    uint32 // timestamp of the first segment heard
	segment  uint32 // timestamp of the latest segment
	duration uint16 // greatest heard in the latest segment
	wraps    uint32 // how often the duration wrapped in the segment
	sequence uint16 // of the newest packet
	ended    bool   // a packet with E was heard
}

// length is how long the press lasted so far, in timestamp units.
func (p *pressed) length() uint32 {
	return p.segment - p.start + p.wraps<<16 + uint32(p.duration)
}

// Receiver turns RFC 4733 packets into digits, each once (section 2.5.2). What
// makes a digit one is the timestamp of its event, not its marker or sequence
// numbers, which are lost, repeated and left out. Not safe for concurrent use.
type Receiver struct {
	rate  uint32
	stats ReceiverStats

	locked   bool
	ssrc     uint32
	stranger stranger

	past  [remembered]pressed // ring, newest at last
	count int
	last  int
	held  bool // the newest press is pressed but not yet released
	heard time.Time
}

// stranger is another SSRC that may become ours.
type stranger struct {
	known    bool
	ssrc     uint32
	sequence uint16
}

// NewReceiver returns a receiver for a telephone-event clock rate in Hz (8000
// where it is not positive).
func NewReceiver(clockRate int) *Receiver {
	if clockRate <= 0 {
		clockRate = defaultClock
	}
	return &Receiver{rate: uint32(clockRate)}
}

// Stats returns the counters.
func (r *Receiver) Stats() ReceiverStats { return r.stats }

// Reset forgets the source: call it when the stream has moved to another SSRC.
// A digit that was held is released.
func (r *Receiver) Reset(dst []Heard) []Heard {
	dst = r.release(dst)
	*r = Receiver{rate: r.rate, stats: r.stats}
	return dst
}

// Tick releases a digit whose packets stopped coming (section 2.5.2.2): call it
// every packet time or so.
func (r *Receiver) Tick(dst []Heard, now time.Time) []Heard {
	if r.held && now.Sub(r.heard) >= releaseAfter {
		dst = r.release(dst)
	}
	return dst
}

// Push takes a packet that arrived at now and appends what it reveals to dst.
// It never fails: what is no digit is counted.
func (r *Receiver) Push(dst []Heard, p EventPacket, now time.Time) []Heard {
	r.stats.Packets++
	if len(p.Payload) < EventSize {
		r.stats.Short++
		return dst
	}
	var ours bool
	if dst, ours = r.admit(dst, p); !ours {
		r.stats.Foreign++
		return dst
	}
	// Several events in one packet follow each other without a gap (section
	// 2.5.2.4); zeros behind the first are padding and no digit.
	start, at := p.Timestamp, 0
	for rest := p.Payload; len(rest) >= EventSize; rest = rest[EventSize:] {
		e, err := ParseEvent(rest)
		if err != nil || at > 0 && e.Duration == 0 {
			break
		}
		dst = r.event(dst, e, segment{at: start, sequence: p.Sequence, marker: p.Marker && at == 0, now: now})
		start += uint32(e.Duration)
		at++
	}
	return dst
}

// admit decides whether a packet is of our source. Another SSRC becomes ours
// with its second packet in sequence (as RFC 3550 appendix A.1 asks of a new
// source), so that one stray packet makes no digit.
func (r *Receiver) admit(dst []Heard, p EventPacket) ([]Heard, bool) {
	if !r.locked {
		r.locked, r.ssrc = true, p.SSRC
	}
	if p.SSRC == r.ssrc {
		r.stranger.known = false
		return dst, true
	}
	s := r.stranger
	step := p.Sequence - s.sequence
	if s.known && s.ssrc == p.SSRC && step > 0 && step < 16 {
		dst = r.Reset(dst)
		r.locked, r.ssrc = true, p.SSRC
		return dst, true
	}
	r.stranger = stranger{known: true, ssrc: p.SSRC, sequence: p.Sequence}
	return dst, false
}

// segment is where an event of a packet stands.
type segment struct {
	at       uint32 // its timestamp
	sequence uint16
	marker   bool
	now      time.Time
}

// event takes one event of a packet.
func (r *Receiver) event(dst []Heard, e Event, at segment) []Heard {
	digit, ok := DigitOf(e.Code)
	if !ok {
		r.stats.Unknown++
		return dst
	}
	if known := r.find(digit, at, e); known != nil {
		return r.progress(dst, known, e, at)
	}
	if r.count > 0 && int32(at.at-r.past[r.last].segment) < 0 {
		return r.overtaken(dst, digit, e, at)
	}
	dst = r.release(dst)
	r.last = (r.last + 1) % remembered
	r.count = min(r.count+1, remembered)
	r.past[r.last] = pressed{digit: digit, start: at.at, segment: at.at, duration: e.Duration, sequence: at.sequence, ended: e.End}
	r.held, r.heard = true, at.now
	r.stats.Digits++
	dst = append(dst, Heard{Digit: digit, Phase: Pressed})
	if e.End {
		dst = r.release(dst)
	}
	return dst
}

// find returns the press that an event belongs to, nil for a new one.
func (r *Receiver) find(digit Digit, at segment, e Event) *pressed {
	for i := range r.count {
		p := &r.past[(r.last+remembered-i)%remembered]
		if p.digit == digit && p.owns(at, e, r.rate) {
			return p
		}
	}
	return nil
}

// owns says that an event at this place is part of the press.
func (p *pressed) owns(at segment, e Event, rate uint32) bool {
	offset := at.at - p.segment
	switch {
	case offset == 0:
		// Some senders give the next press the timestamp of the last one: an
		// event that starts anew behind the end, in a newer packet.
		newer := int16(at.sequence-p.sequence) > 0
		return !(p.ended && newer && !e.End && e.Duration < p.duration)
	case int32(offset) < 0:
		// An earlier segment, or one that reaches up to the first that was heard.
		return at.at-p.start < p.segment-p.start || int32(at.at+uint32(e.Duration)-p.start) >= 0
	case p.ended:
		// Behind its end a press owns only what lies inside of it.
		return offset < uint32(p.duration) && !at.marker
	case offset == maxSegment:
		return true // section 2.5.1.3, whatever was lost in between
	case at.marker:
		return false
	case offset <= uint32(p.duration)+p.wraps<<16:
		return true // a timestamp that moves on within the press
	}
	// Next segments of other lengths: near the limit, a few packets lost.
	return p.duration >= 0xF000 && offset-uint32(p.duration) <= rate/8
}

// progress takes another packet of a known press.
func (r *Receiver) progress(dst []Heard, p *pressed, e Event, at segment) []Heard {
	current := r.held && p == &r.past[r.last]
	if !current {
		r.stats.Repeats++
	}
	newer := int16(at.sequence-p.sequence) > 0
	switch {
	case int32(at.at-p.segment) > 0:
		p.segment, p.duration, p.wraps = at.at, e.Duration, 0
	case at.at != p.segment: // an earlier segment, come late
	case newer && !p.ended && e.Duration < p.duration && p.duration-e.Duration > 0x8000:
		p.wraps, p.duration = p.wraps+1, e.Duration
	case e.Duration > p.duration && (newer || p.wraps == 0):
		p.duration = e.Duration
	case current && !e.End:
		r.stats.Repeats++
	}
	if newer {
		p.sequence = at.sequence
	}
	if current {
		r.heard = at.now
	}
	if !e.End {
		return dst
	}
	p.ended = true
	if current {
		dst = r.release(dst)
	}
	return dst
}

// overtaken takes an event that is older than the newest press and of no press
// that was heard: all of its packets so far were lost or overtaken.
func (r *Receiver) overtaken(dst []Heard, digit Digit, e Event, at segment) []Heard {
	oldest := &r.past[(r.last+remembered-r.count+1)%remembered]
	newest := r.past[r.last]
	tooLate := newest.segment-at.at > r.rate*uint32(lateBy/time.Second)
	if tooLate && int16(at.sequence-newest.sequence) > 0 {
		// Not late: the sender's timestamps started over.
		dst = r.release(dst)
		r.count = 0
		return r.event(dst, e, at)
	}
	if tooLate || r.count == remembered && int32(at.at-oldest.start) < 0 {
		r.stats.Repeats++
		return dst
	}
	r.stats.Digits++
	dst = append(r.release(dst), // one press at a time
		Heard{Digit: digit, Phase: Pressed},
		Heard{Digit: digit, Phase: Released, Duration: r.time(uint32(e.Duration))})
	// It takes the place of the oldest and the newest stays the newest.
	late := pressed{digit: digit, start: at.at, segment: at.at, duration: e.Duration, sequence: at.sequence, ended: e.End}
	r.past[r.last] = late
	r.last = (r.last + 1) % remembered
	r.count = min(r.count+1, remembered)
	r.past[r.last] = newest
	return dst
}

// release reports the end of the digit that is held, if any.
func (r *Receiver) release(dst []Heard) []Heard {
	if !r.held {
		return dst
	}
	r.held = false
	p := &r.past[r.last]
	return append(dst, Heard{Digit: p.digit, Phase: Released, Duration: r.time(p.length())})
}

func (r *Receiver) time(units uint32) time.Duration {
	return time.Duration(units) * time.Second / time.Duration(r.rate)
}
