package jitter

import "time"

// Limits and defaults of a Config.
const (
	DefaultSlots = 64
	DefaultMin   = 5 * time.Millisecond
	DefaultMax   = 400 * time.Millisecond
	DefaultFirst = 25 * time.Millisecond
)

// RFC 3550 Appendix A.1: what is still the same stream.
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// Config sets up a Buffer. Zero values take the defaults.
type Config struct {
	ClockRate int           // of timestamps, Hz; default 8000
	Frame     int           // timestamp units that one tick plays; default 20 ms
	Min, Max  time.Duration // of the delay target
	First     time.Duration // what it is at least in the first second; default 25 ms
	Slots     int           // packets held at most; a power of two, 16 to 1024
}

// Packet is one RTP packet as the buffer needs it. Payload is copied; where nobody needs it,
// Units says what it holds.
type Packet struct {
	SSRC        uint32
	Sequence    uint16
	Timestamp   uint32
	Marker      bool
	PayloadType uint8
	Event       bool // not audio: only its sequence number is taken note of
	Payload     []byte
	Units       int // timestamp units of a packet whose payload is not kept
	Arrival     time.Time
}

// Outcome is what Push did with a packet.
type Outcome uint8

// The outcomes.
const (
	Queued    Outcome = iota // to be played
	Noted                    // Packet.Event: counted, nothing to play
	Held                     // of another stream: waits for the next one to confirm it
	Resynced                 // confirmed another stream: queued, with the one held before
	Duplicate                // was here before
	Late                     // its time has passed
)

// Kind is what Next has for a tick.
type Kind uint8

// The kinds.
const (
	Play    Kind = iota // Item.Payload is due
	Lost                // a packet did not come in time: conceal Item.Units
	Silence             // the sender pauses
	Empty               // nothing has come for some time, or ever
)

// Item is what is due.
type Item struct {
	Kind        Kind
	PayloadType uint8
	Sequence    uint16
	Units       int    // without a payload: timestamp units that pass, or that the packet held
	Off         int    // of Play: timestamp units by which sound may be made shorter, or longer below 0
	Next        []byte // of Lost: the payload right behind it, if it is here
	Payload     []byte // of Play, unless it was not kept; valid until the next call of Next or Following
}

// Counters counts since the Buffer was made.
type Counters struct {
	Played      uint64
	Lost        uint64 // frames that were made up
	Waited      uint64 // packets that came late and were played all the same
	Late        uint64 // that came too late for that
	Discarded   uint64 // that were here, and given up to catch up
	Overflows   uint64 // that there was no room for
	Duplicates  uint64
	Accelerated uint64 // timestamp units by which sound was made shorter
	Decelerated uint64 // and longer
	Resyncs     uint64
}

type slot struct {
	ext     int64
	ts      int64
	units   int32 // of a payload that is not kept
	pt      uint8
	used    bool
	payload []byte
}

// Buffer is one receiving direction. Make one with New.
type Buffer struct {
	cfg      Config
	slots    []slot
	free     [][]byte
	held     int // slots in use
	started  bool
	ssrc     uint32
	maxExt   int64 // greatest sequence number, extended
	lastTS   int64 // timestamp of that packet, extended
	playExt  int64 // next sequence number to be played
	playTS   int64 // next timestamp to be played
	playing  bool  // playTS means something
	seen     window
	cand     candidate
	delay    delay
	late     int    // packets in a row
	wait     int    // ticks until the sound may be made shorter again
	rest     int    // ticks until what is left over within a frame may be tried to be taken out again
	again    *int   // which of them is set where that was in vain; nil: it is urgent
	expanded int64  // timestamp units made up while playTS waited for a late packet
	guessed  uint64 // frames made up of which it is not known yet what they stand for
	count    Counters
	lent     []byte // the last item's payload
}

type candidate struct {
	valid  bool
	packet Packet
	buf    []byte
}

// firstSlots is the room that a buffer has to begin with: most never hold more. keptFree are
// the packets' buffers that it keeps for those to come.
const (
	firstSlots = 4
	keptFree   = 8
)

// New returns an empty buffer.
func New(cfg Config) *Buffer {
	if cfg.ClockRate <= 0 {
		cfg.ClockRate = 8000
	}
	if cfg.Frame <= 0 {
		cfg.Frame = cfg.ClockRate / 50
	}
	if cfg.Min <= 0 {
		cfg.Min = DefaultMin
	}
	if cfg.Max < cfg.Min {
		cfg.Max = max(DefaultMax, cfg.Min)
	}
	if cfg.First <= 0 {
		cfg.First = DefaultFirst
	}
	size := 16
	for want := cfg.Slots; size < 1024 && (size < want || (want == 0 && size < DefaultSlots)); {
		size *= 2
	}
	cfg.Slots = size
	b := &Buffer{cfg: cfg, slots: make([]slot, min(size, firstSlots))}
	b.delay.init(cfg)
	return b
}

// SSRC is the stream that is played now; ok is false before the first packet.
func (b *Buffer) SSRC() (ssrc uint32, ok bool) { return b.ssrc, b.started }

// Counters returns what was counted.
func (b *Buffer) Counters() Counters { return b.count }

// Len is the number of packets held.
func (b *Buffer) Len() int { return b.held }

// Target is the delay that is aimed at now.
func (b *Buffer) Target() time.Duration { return b.delay.duration(b.delay.target) }

// Seen says that a packet of this extended sequence number came, among the last 256.
func (b *Buffer) Seen(ext int64) bool { return b.seen.has(ext) }

// Ready says that the packet to be played next is here.
func (b *Buffer) Ready() bool {
	first, ok := b.first()
	return ok && first.ext == b.playExt
}

// Sequence is the greatest extended sequence number of the stream: the number of
// times it wrapped, times 65536, plus the number (RFC 3550 Appendix A.1).
func (b *Buffer) Sequence() int64 { return b.maxExt }

// Reset forgets the stream and what is held; the counters stay.
func (b *Buffer) Reset() {
	b.flush()
	b.started, b.playing, b.cand.valid = false, false, false
	b.expanded, b.guessed = 0, 0
	b.delay.init(b.cfg)
}

func (b *Buffer) flush() {
	for i := range b.slots {
		b.release(&b.slots[i])
	}
}

func (b *Buffer) release(s *slot) {
	if s.used {
		b.spare(s.payload)
		s.payload, s.used = nil, false
		b.held--
	}
}

// spare keeps a packet's buffer for one to come, as long as there are few.
func (b *Buffer) spare(buf []byte) {
	if buf != nil && len(b.free) < keptFree {
		b.free = append(b.free, buf)
	}
}

// Push takes a packet. It may be called in any order of sequence numbers.
func (b *Buffer) Push(p Packet) Outcome {
	if !b.started {
		b.start(p)
		return b.insert(p, int64(p.Sequence))
	}
	step := int64(int16(p.Sequence - uint16(b.maxExt)))
	if p.SSRC != b.ssrc || step >= maxDropout || step <= -maxMisorder || b.rebased(p) {
		return b.hold(p)
	}
	if b.cand.valid {
		b.cand.valid = false
	}
	return b.insert(p, b.maxExt+step)
}

// rebased says that the sender's timestamps have jumped: they are off what the
// arrival says by seconds, though the sequence goes on.
func (b *Buffer) rebased(p Packet) bool {
	if p.Event || !b.delay.known {
		return false
	}
	off := b.delay.transit(p.Arrival, b.extendTS(p.Timestamp)) - b.delay.least()
	limit := int64(2 * b.cfg.ClockRate)
	return off > limit || off < -limit
}

func (b *Buffer) hold(p Packet) Outcome {
	c := &b.cand
	if c.valid && c.packet.SSRC == p.SSRC && p.Sequence == c.packet.Sequence+1 {
		c.valid = false
		first := c.packet
		first.Payload = c.buf
		b.Reset()
		b.count.Resyncs++
		b.start(first)
		b.insert(first, int64(first.Sequence))
		b.insert(p, int64(first.Sequence)+1)
		return Resynced
	}
	c.buf = append(c.buf[:0], p.Payload...)
	p.Payload = nil
	c.packet, c.valid = p, true
	return Held
}

func (b *Buffer) start(p Packet) {
	b.started, b.ssrc = true, p.SSRC
	b.maxExt = int64(p.Sequence) - 1
	b.playExt = int64(p.Sequence)
	b.lastTS = int64(p.Timestamp)
	b.seen.reset(b.maxExt)
}

func (b *Buffer) extendTS(ts uint32) int64 { return b.lastTS + int64(int32(ts-uint32(b.lastTS))) }

// insert queues a packet of the present stream.
func (b *Buffer) insert(p Packet, ext int64) Outcome {
	if b.seen.mark(ext) {
		b.count.Duplicates++
		return Duplicate
	}
	ts := b.extendTS(p.Timestamp)
	if ext > b.maxExt {
		b.maxExt = ext
		if !p.Event { // events may be counted by another clock
			b.lastTS = ts
		}
	}
	if p.Event {
		b.delay.idle = max(b.delay.idle, pauseTicks)
		return Noted
	}
	b.delay.arrived(p.Arrival, ts)
	if b.playing && (ext < b.playExt || ts+int64(b.cfg.Frame) <= b.playTS) && !b.belated(p, ts) {
		b.count.Late++
		return Late
	}
	b.late = 0
	b.playExt = b.earliest(ext)
	if b.held == 0 && b.playing && (p.Marker || b.delay.idle > pauseTicks) {
		if b.anyMissing(ext) {
			b.count.Lost += b.guessed
		}
		b.playing, b.guessed = false, 0 // after a pause nobody hears the clock being set again
	}
	b.makeRoom(ext)
	s := &b.slots[ext&int64(len(b.slots)-1)]
	b.release(s)
	*s = slot{ext: ext, ts: ts, pt: p.PayloadType, units: int32(p.Units), used: true}
	if p.Units == 0 {
		s.payload = append(b.take(), p.Payload...)
	}
	b.held++
	return Queued
}

// belated says that so many packets were late that the way has become longer:
// then the delay is found anew, starting with this packet.
func (b *Buffer) belated(p Packet, ts int64) bool {
	if b.late++; b.late < lateRun {
		return false
	}
	b.count.Lost += b.guessed // it was heard, and what it stood for never is
	b.guessed, b.expanded = 0, 0
	b.flush()
	b.delay.init(b.cfg)
	b.delay.arrived(p.Arrival, ts)
	b.playing = false
	return true
}

// earliest is the next number to be played now that ext has come: before the
// first was played, an earlier packet may still come first.
func (b *Buffer) earliest(ext int64) int64 {
	if !b.playing && (b.held == 0 || ext < b.playExt) {
		return ext
	}
	return b.playExt
}

// grow doubles the room until ext has some beside what waits, up to what the configuration
// allows.
func (b *Buffer) grow(ext int64) {
	size := len(b.slots)
	for size < b.cfg.Slots && b.playExt < ext-int64(size)+1 {
		size *= 2
	}
	if size == len(b.slots) {
		return
	}
	before := b.slots
	b.slots = make([]slot, size)
	for i := range before {
		if s := &before[i]; s.used {
			b.slots[s.ext&int64(size-1)] = *s
		}
	}
}

// makeRoom drops the oldest packets when ext is too far ahead of them.
func (b *Buffer) makeRoom(ext int64) {
	b.grow(ext)
	oldest := ext - int64(len(b.slots)) + 1
	if b.playExt >= oldest {
		return
	}
	for i := range b.slots {
		if s := &b.slots[i]; s.used && s.ext < oldest {
			b.release(s)
			b.count.Overflows++
		}
	}
	b.playExt = oldest
}

func (b *Buffer) take() []byte {
	if n := len(b.free); n > 0 {
		buf := b.free[n-1]
		b.free = b.free[:n-1]
		return buf[:0]
	}
	return make([]byte, 0, 172)
}
