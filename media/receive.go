package media

import (
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"ringback/dtmf"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/jitter"
	"ringback/media/sdp"
)

const (
	maxReads     = 64 // datagrams in one tick: 3,200 a second
	drainEvery   = 8  // ticks between two looks whether more is waiting than is due
	comfortNoise = 13 // RFC 3389 section 4
	plausible    = 12 // bytes of an RTP header
)

// inbound is one format that the peer may send.
type inbound struct {
	codec   codec.Codec
	decoder codec.Decoder
	toRate  *audio.Resampler // nil: it is the engine's rate
}

// receiver is the way from packets to frames.
type receiver struct {
	rate    int
	samples int
	formats [128]int8 // index into inbound, -1: none
	inbound []inbound
	clock   int
	delay   time.Duration
	buffer  *jitter.Buffer
	hidden  *codec.Concealer
	fifo    []int16
	decoded []int16
	scratch frame
	packet  rtp.Packet
	count   reception
	drops   drops
	level   audio.LevelMeter
	long    bool // the last packet held at least a tick of audio

	eventType  int // payload type of telephone-event; -1: none
	eventClock int // Hz
	digits     *dtmf.Receiver
	heard      []dtmf.Heard
}

func (r *receiver) init(rate int) {
	r.rate, r.samples = rate, audio.FrameSamples(rate)
	for i := range r.formats {
		r.formats[i] = -1
	}
	r.eventType = -1
	r.scratch = make(frame, r.samples)
}

// receive sets what the peer may send from now on.
func (r *receiver) receive(codecs []codec.Codec, n *sdp.Negotiated, delay time.Duration) {
	r.delay = delay
	old := r.inbound
	r.inbound = nil
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
	if r.hidden == nil {
		r.hidden = codec.NewConcealer(r.rate)
	}
	if r.buffer == nil && len(r.inbound) > 0 {
		r.setClock(r.inbound[0].codec.ClockRate)
	}
	r.eventType = -1
	if n.Events != nil {
		if r.digits == nil || r.eventClock != n.Events.ClockRate {
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

func (r *receiver) setClock(clock int) {
	r.clock = clock
	r.buffer = jitter.New(jitter.Config{ClockRate: clock, Max: r.delay})
}

// readRTP takes what has come. It stops early when the packet of this tick has
// been read and nothing says that more is waiting, which saves a system call.
func (s *Session) readRTP(now time.Time) {
	for range maxReads {
		n, from, at, ok := s.rtp.read(s.buf[:], now)
		if !ok {
			return
		}
		good := s.onRTP(s.buf[:n], from, at, now)
		fresh := at.Before(now) && now.Sub(at) < audio.FrameTime
		if good && fresh && s.rx.long && s.ticks%drainEvery != 0 {
			return
		}
	}
}

// onRTP takes one datagram from the RTP port. It reports whether that was a
// packet of the peer's stream. What is wrong is dropped and counted.
func (s *Session) onRTP(b []byte, from netip.AddrPort, at, now time.Time) bool {
	rx, l := &s.rx, &s.link
	if len(b) > 1 && b[1] >= 192 && b[1] <= 223 { // RFC 5761 section 4
		if l.mux && l.source.isPeer(from, l.source.target()) {
			s.onRTCP(b, at)
		} else {
			rx.drops.count(dropControl)
		}
		return false
	}
	p := &rx.packet
	if len(b) < plausible || b[0]>>6 != 2 || p.Unmarshal(b) != nil {
		rx.drops.count(dropMalformed)
		return false
	}
	if !l.ready {
		rx.drops.count(dropEarly)
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
	p := &rx.packet
	event := int(p.PayloadType) == rx.eventType
	audible := rx.formats[p.PayloadType] >= 0 && len(p.Payload) > 0
	if audible {
		if clock := rx.inbound[rx.formats[p.PayloadType]].codec.ClockRate; clock != rx.clock {
			rx.setClock(clock)
			rx.count.started = false
		}
	}
	if rx.buffer == nil {
		rx.drops.count(dropPayloadType)
		return false
	}
	outcome := rx.buffer.Push(jitter.Packet{
		SSRC: p.SSRC, Sequence: p.SequenceNumber, Timestamp: p.Timestamp, Marker: p.Marker,
		PayloadType: p.PayloadType, Event: !audible, Payload: p.Payload, Arrival: at,
	})
	if outcome == jitter.Held {
		return false
	}
	s.account(outcome, at, audible)
	s.alive.packet(&s.out, now, p.PayloadType == comfortNoise)
	if event {
		rx.heard = rx.digits.Push(rx.heard, dtmf.EventPacket{
			SSRC: p.SSRC, Sequence: p.SequenceNumber, Timestamp: p.Timestamp, Marker: p.Marker, Payload: p.Payload,
		}, now)
	}
	return true
}

// account keeps the figures of RFC 3550 Appendix A.
func (s *Session) account(outcome jitter.Outcome, at time.Time, audible bool) {
	rx := &s.rx
	most := rx.buffer.Sequence()
	switch {
	case outcome == jitter.Resynced:
		if ssrc := rx.packet.SSRC; ssrc != rx.count.ssrc {
			s.out.add(SourceChanged{SSRC: ssrc})
		}
		rx.count.restart(rx.packet.SSRC, most-1, rx.clock)
		rx.count.packet(most) // the one that was held
		rx.forgetDigits()
	case !rx.count.started:
		rx.count.restart(rx.packet.SSRC, most, rx.clock)
	case outcome == jitter.Duplicate:
		rx.drops.count(dropDuplicate)
	case outcome == jitter.Late:
		rx.drops.count(dropLate)
	}
	rx.count.packet(most)
	if audible {
		rx.count.timing(rx.packet.Timestamp, at)
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

// frame fills dst with what is to be heard at this tick.
func (r *receiver) frame(dst frame, now time.Time, receives bool) {
	if r.buffer == nil {
		clear(dst)
		return
	}
	skip := false
	for range maxReads {
		if len(r.fifo) >= len(dst) {
			break
		}
		item := r.buffer.Next(now)
		skip = skip || item.Kind == jitter.Skip
		r.put(item)
	}
	if skip && r.ahead(2*len(dst)) {
		audio.Crossfade(dst, r.fifo[:len(dst)], r.fifo[len(dst):2*len(dst)])
		r.consume(2 * len(dst))
	} else {
		clear(dst[copy(dst, r.fifo):])
		r.consume(min(len(dst), len(r.fifo)))
	}
	if !receives {
		clear(dst)
	}
	r.level.Add(dst)
}

// ahead decodes on until n samples are there, if the packets for it are.
func (r *receiver) ahead(n int) bool {
	for len(r.fifo) < n {
		item, ok := r.buffer.Following()
		if !ok {
			return false
		}
		r.put(item)
	}
	return true
}

func (r *receiver) consume(n int) { r.fifo = r.fifo[:copy(r.fifo, r.fifo[n:])] }

// put appends the sound of one item to the fifo.
func (r *receiver) put(item jitter.Item) {
	if item.Payload != nil && r.formats[item.PayloadType] >= 0 && r.decode(item) {
		return
	}
	units := item.Units
	if item.Payload != nil { // a format that is no longer agreed on, or a broken payload
		units = r.clock / 50
		r.buffer.Played(units)
	}
	n := min(max(1, units*r.rate/r.clock), r.samples)
	at := len(r.fifo)
	for range n {
		r.fifo = append(r.fifo, 0)
	}
	switch item.Kind {
	case jitter.Silence, jitter.Empty:
		r.hidden.Quiet(r.fifo[at:])
	default:
		r.hidden.Conceal(r.fifo[at:])
	}
}

func (r *receiver) decode(item jitter.Item) bool {
	in := &r.inbound[r.formats[item.PayloadType]]
	pcm, err := in.decoder.Decode(r.decoded[:0], item.Payload)
	r.decoded = pcm
	if err != nil || len(pcm) == 0 {
		r.drops.count(dropUndecodable)
		return false
	}
	r.buffer.Played(in.codec.Ticks(len(pcm)))
	r.long = len(pcm) >= in.codec.FrameSamples()
	at := len(r.fifo)
	if in.toRate != nil {
		r.fifo = in.toRate.Process(r.fifo, pcm)
	} else {
		r.fifo = append(r.fifo, pcm...)
	}
	r.hidden.Good(r.fifo[at:])
	return true
}
