package media

import (
	"net/netip"
	"time"

	"ringback/dtmf"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/jitter"
	"ringback/media/sdp"
)

const (
	maxReads     = 512 // datagrams in one tick, junk too: 25,600 a second
	maxItems     = 64  // of the buffer for one tick
	drainEvery   = 8   // ticks between two looks whether more is waiting than is due
	comfortNoise = codec.ComfortNoiseType
	maxKept      = 20 // packets that are taken along when the clock rate changes
	plausible    = 12 // bytes of an RTP header
)

// inbound is one format that the peer may send.
type inbound struct {
	codec   codec.Codec
	decoder codec.Decoder
	toRate  *audio.Resampler // nil: it is the engine's rate
}

// coming is the format of the packets that come now: what each of them needs of it.
type coming struct {
	payloadType int16          // -1: none came yet
	measurer    codec.Measurer // nil: the payload is kept
	clock, rate int            // of its time stamps and of its samples, Hz
}

// receiver is the way from packets to frames. What each packet needs stands first: a tick of
// thousands of sessions finds little of them in the processor's cache.
type receiver struct {
	rate      int
	samples   int
	clock     int
	buffer    *jitter.Buffer
	coming    coming
	passed    int      // samples of what nobody hears that were taken out, and are not due yet
	passes    bool     // nobody hears it, and it is not decoded
	long      bool     // the last packet held at least a tick of audio
	holding   bool     // the last packet is held by the buffer, as of another stream
	noisy     bool     // comfort noise is heard where nothing else is
	nobody    bool     // hears it, ever
	eventType int      // payload type of telephone-event; -1: none
	perPacket int      // timestamp units in the last packet
	last      *inbound // of the last payload that was played
	level     audio.LevelMeter
	digits    *dtmf.Receiver
	heard     []dtmf.Heard
	count     reception
	losses    losses
	formats   [128]int8 // index into inbound, -1: none

	inbound    []inbound
	delay      time.Duration
	hidden     *codec.Concealer
	scaler     *audio.Scaler
	fifo       []int16
	decoded    []int16      // of the scratch
	noise      *codec.Noise // nil: the peer never sent any
	noiseSeq   uint16       // of the last comfort noise
	empty      int          // ticks since the last sound, with nothing in the buffer
	eventClock int          // Hz
	drops      drops
}

func (r *receiver) init(rate int) {
	r.rate, r.samples = rate, audio.FrameSamples(rate)
	for i := range r.formats {
		r.formats[i] = -1
	}
	r.eventType, r.coming.payloadType = -1, -1
}

// receive sets what the peer may send from now on. told says that somebody is told the
// digits that it sends.
func (r *receiver) receive(codecs []codec.Codec, n *sdp.Negotiated, delay time.Duration, told bool) {
	r.delay = delay
	old := r.inbound
	r.coming.payloadType = -1
	r.inbound, r.last = make([]inbound, 0, len(n.Receive)), nil
	for i := range r.formats {
		r.formats[i] = -1
	}
	for pt, format := range n.Receive {
		c, ok := match(codecs, format)
		if !ok || pt > 127 {
			continue
		}
		r.formats[pt] = int8(len(r.inbound))
		r.inbound = append(r.inbound, r.keep(old, c))
	}
	if r.passes = r.measures(); !r.passes && r.hidden == nil {
		r.hidden, r.scaler = codec.NewConcealer(r.rate), audio.NewScaler(r.rate)
	}
	if r.buffer == nil && len(r.inbound) > 0 {
		r.setClock(r.inbound[0].codec.ClockRate)
	}
	r.eventType = -1
	if n.Events != nil {
		if told && (r.digits == nil || r.eventClock != n.Events.ClockRate) {
			r.forgetDigits()
			r.digits, r.eventClock = dtmf.NewReceiver(n.Events.ClockRate), n.Events.ClockRate
		}
		r.eventType = int(n.Events.Receive)
	}
}

// keep goes on with a decoder that was at work on the same codec.
func (r *receiver) keep(old []inbound, c codec.Codec) inbound {
	for _, in := range old {
		if in.codec.Name == c.Name && in.codec.ClockRate == c.ClockRate {
			return in
		}
	}
	in := inbound{codec: c, decoder: c.NewDecoder()}
	if c.SampleRate != r.rate {
		in.toRate = audio.NewResampler(c.SampleRate, r.rate)
	}
	return in
}

// setClock begins to count at another rate. What waits to be played is taken out first,
// so that it is heard while the new buffer fills, which takes no longer than the last one did.
func (r *receiver) setClock(clock int) {
	for range maxKept {
		if r.buffer == nil || r.passes {
			break
		}
		item, ok := r.buffer.Following()
		if !ok {
			break
		}
		r.put(item)
	}
	cfg := jitter.Config{ClockRate: clock, Max: r.delay}
	if r.buffer != nil {
		cfg.First = r.buffer.Target() // the network is the same
	}
	r.clock, r.passed, r.buffer = clock, 0, jitter.New(cfg)
}

// readRTP takes what has come. It stops early when the packet of this tick has
// been read and nothing says that more is waiting, nor that one is missing, which saves a
// system call.
func (s *Session) readRTP(now time.Time) {
	for range maxReads {
		b := s.borrow().in[:]
		n, from, at, ok := s.rtp.read(b, now)
		if !ok {
			return
		}
		good := s.onRTP(b[:n], from, at, now)
		fresh := at.Before(now) && now.Sub(at) < audio.FrameTime
		if good && fresh && s.rx.long && s.ticks%drainEvery != 0 && s.rx.buffer.Ready() {
			return
		}
	}
}

// onRTP takes one datagram from the RTP port. It reports whether that was a
// packet of the peer's stream. What is wrong is dropped and counted.
func (s *Session) onRTP(b []byte, from netip.AddrPort, at, now time.Time) bool {
	rx, l := &s.rx, &s.link
	if s.next.answered(b) || isCheck(s.path.agent, b, from) {
		return false
	}
	if len(b) > 0 && b[0] >= 20 && b[0] <= 63 { // RFC 7983 section 7
		s.onDTLS(b, from)
		return false
	}
	if len(b) > 1 && b[1] >= 192 && b[1] <= 223 { // RFC 5761 section 4
		if l.mux && l.source.isPeer(from, l.source.target()) {
			s.onControl(b, at)
		} else {
			rx.drops.count(dropControl)
		}
		return false
	}
	if len(b) < plausible || b[0]>>6 != 2 {
		rx.drops.count(dropMalformed)
		return false
	}
	if !l.ready {
		rx.drops.count(dropEarly)
		return false
	}
	if l.source.strange(from) {
		rx.drops.count(dropStranger)
		return false
	}
	b, why, ok := s.secrecy.open(b)
	if !ok {
		rx.drops.count(why)
		return false
	}
	p := &s.borrow().packet
	if p.Unmarshal(b) != nil {
		rx.drops.count(dropMalformed)
		return false
	}
	pt := p.PayloadType
	agreed := rx.formats[pt] >= 0 || int(pt) == rx.eventType || pt == comfortNoise
	switch l.source.admit(from, p.SequenceNumber, agreed, now) {
	case stranger:
		rx.drops.count(dropStranger)
		return false
	case newlyLocked:
		s.log.Debug("media source locked", "from", from, "learned", l.source.learned)
		s.out.add(SourceLocked{Address: from.String(), Learned: l.source.learned})
	}
	if !agreed {
		rx.drops.count(dropPayloadType)
		return false
	}
	return s.accept(at, now)
}

// accept takes the packet that was just parsed; it is the peer's.
func (s *Session) accept(at, now time.Time) bool {
	rx := &s.rx
	p := &s.borrow().packet
	event := int(p.PayloadType) == rx.eventType
	audible := rx.formats[p.PayloadType] >= 0 && len(p.Payload) > 0
	if audible && int16(p.PayloadType) != rx.coming.payloadType {
		rx.comes(p.PayloadType)
	}
	if rx.buffer == nil {
		rx.drops.count(dropPayloadType)
		return false
	}
	queued := jitter.Packet{
		SSRC: p.SSRC, Sequence: p.SequenceNumber, Timestamp: p.Timestamp, Marker: p.Marker,
		PayloadType: p.PayloadType, Event: !audible, Payload: p.Payload, Arrival: at,
	}
	var unheard measured
	if audible && rx.coming.measurer != nil {
		unheard = rx.measure(p)
		queued.Payload, queued.Units = nil, unheard.units
	}
	outcome := rx.buffer.Push(queued)
	if rx.stray(outcome) {
		return false
	}
	if s.link.active.Receives() {
		rx.met(unheard, outcome)
	}
	s.account(outcome, at, audible)
	s.alive.packet(&s.out, now, p.PayloadType == comfortNoise)
	if p.PayloadType == comfortNoise && !rx.passes {
		rx.comfort(p.SequenceNumber, p.Payload)
	}
	if event && rx.digits != nil {
		rx.heard = rx.digits.Push(rx.heard, dtmf.EventPacket{
			SSRC: p.SSRC, Sequence: p.SequenceNumber, Timestamp: p.Timestamp, Marker: p.Marker, Payload: p.Payload,
		}, now)
	}
	return true
}

// comes has packets of another format come from now on.
func (r *receiver) comes(payloadType uint8) {
	in := &r.inbound[r.formats[payloadType]]
	r.coming = coming{payloadType: int16(payloadType), clock: in.codec.ClockRate, rate: in.codec.SampleRate}
	if r.passes {
		r.coming.measurer, _ = in.decoder.(codec.Measurer)
	}
	if in.codec.ClockRate != r.clock {
		r.setClock(in.codec.ClockRate)
		r.count.started = false
	}
}

// stray counts what belonged to no stream: what was held until the next packet showed
// that. It reports whether this one is held.
func (r *receiver) stray(outcome jitter.Outcome) bool {
	if r.holding && outcome != jitter.Resynced {
		r.drops.count(dropStray)
	}
	r.holding = outcome == jitter.Held
	return r.holding
}

// account keeps the figures of RFC 3550 Appendix A.
func (s *Session) account(outcome jitter.Outcome, at time.Time, audible bool) {
	rx, p := &s.rx, &s.borrow().packet
	most := rx.buffer.Sequence()
	switch {
	case outcome == jitter.Resynced:
		if ssrc := p.SSRC; ssrc != rx.count.ssrc {
			s.out.add(SourceChanged{SSRC: ssrc})
		}
		rx.count.restart(p.SSRC, most-1, rx.clock)
		rx.count.packet(most) // the one that was held
		rx.losses.restart(most - 1)
		rx.forgetDigits()
	case !rx.count.started:
		rx.count.restart(p.SSRC, most, rx.clock)
		rx.losses.restart(most)
	case outcome == jitter.Duplicate:
		rx.drops.count(dropDuplicate)
	case outcome == jitter.Late:
		rx.drops.count(dropLate)
		rx.losses.tooLate(most + int64(int16(p.SequenceNumber-uint16(most))))
	}
	rx.losses.judge(rx.buffer)
	rx.count.packet(most)
	if audible {
		rx.count.timing(p.Timestamp, at)
	}
}

func (r *receiver) forgetDigits() {
	if r.digits != nil {
		r.heard = r.digits.Reset(r.heard)
	}
}

// hearDigits tells what the telephone-events of this tick meant.
func (s *Session) hearDigits(now time.Time) {
	rx := &s.rx
	if rx.digits != nil {
		rx.heard = rx.digits.Tick(rx.heard, now)
	}
	for _, h := range rx.heard {
		if h.Phase == dtmf.Pressed {
			s.out.add(DigitStarted{Digit: h.Digit})
		} else {
			s.out.add(DigitReceived{Digit: h.Digit, Duration: h.Duration})
		}
	}
	rx.heard = rx.heard[:0]
}
