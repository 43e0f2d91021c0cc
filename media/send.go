package media

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtp"

	"ringback/dtmf"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/sdp"
)

// The packet times that are sent, whatever a peer asks for (RFC 3264 section
// 6.1); the longest is also what we take by a=maxptime.
const (
	minPtime = 10 * time.Millisecond
	maxPtime = 60 * time.Millisecond
)

// PacketTimes are those that a configuration may ask for: the codecs have each, or the
// next shorter one (30 ms of Opus are 20).
func PacketTimes() []time.Duration {
	return []time.Duration{minPtime, 20 * time.Millisecond, 30 * time.Millisecond, 40 * time.Millisecond, maxPtime}
}

// transmitter is the way from frames to packets. What each packet needs stands first.
type transmitter struct {
	rate    int
	on      bool   // a codec was agreed on
	talks   bool   // false: the next packet begins a talk spurt and has the marker
	ts      uint32 // of the first sample in fifo
	lastTS  uint32
	perPkt  int    // samples in one packet
	says    saying // where it is in no bridge
	packets uint64
	octets  uint64
	lastAt  time.Time
	header  rtp.Header
	pauses  *pauses      // nil: what is silent is sent like the rest
	sender  *dtmf.Sender // nil: no digit was sent yet
	tone    *dtmf.Tone
	fifo    []int16
	level   audio.LevelMeter
	codec   codec.Codec

	encoder  codec.Encoder
	toCodec  *audio.Resampler // nil: the engine's rate is the codec's
	frame    frame            // with a digit in it
	failures uint64
	loss     float64 // share of ours that the peer loses, 0 to 1
	events   *sdp.Events
	inBand   jobs
	byRTP    jobs
}

func (t *transmitter) init(rate int) {
	t.rate = rate
	t.header.Version = 2
	t.renumber()
}

// renumber begins another stream. Its first number is below 2^15, so that the far
// end of SRTP cannot miss a turn of it (RFC 3711 section 3.3.1).
func (t *transmitter) renumber() {
	t.header.SSRC, t.header.SequenceNumber = rand.Uint32(), uint16(rand.Uint32()&0x7fff)
	var before uint32
	if t.sender != nil {
		before = t.eventTime()
	}
	t.ts, t.talks = rand.Uint32(), false
	if t.sender != nil {
		t.sender.Renew(t.eventTime() - before)
	}
}

func (t *transmitter) name() string {
	if !t.on {
		return ""
	}
	return t.codec.String()
}

// send sets what is sent from now on.
func (t *transmitter) send(codecs []codec.Codec, n *sdp.Negotiated, cfg *SessionConfig, out *outbox) {
	c, ok := match(codecs, n.Send)
	if !ok || !c.Sends() {
		t.on = false
		return
	}
	if !t.on || c.Name != t.codec.Name || c.ClockRate != t.codec.ClockRate {
		t.codec, t.encoder, t.toCodec = c, c.NewEncoder(), nil
		if c.SampleRate != t.rate {
			t.toCodec = audio.NewResampler(t.rate, c.SampleRate)
		}
		t.fifo, t.talks = t.fifo[:0], false
	}
	if tuner, ok := t.encoder.(codec.Tuner); ok && tuner.Tune(cfg.Opus, n.Send.Params) != nil {
		t.failures++
	}
	t.on, t.header.PayloadType = true, n.Send.PayloadType
	t.perPkt = packetSamples(c, n, cfg.Ptime)
	t.prepare()
	if n.Comfort != (t.pauses != nil) {
		if t.pauses = nil; n.Comfort {
			t.pauses = newPauses(t.rate)
		}
	}
	if t.events == nil || n.Events == nil || t.events.ClockRate != n.Events.ClockRate {
		t.byRTP.abort(out, ErrNoEvents)
		t.sender = nil
	}
	t.events = n.Events
}

// losing tells the encoder what share of our packets the peer lost in its last
// interval: more at once, less slowly, since one good report proves little.
func (t *transmitter) losing(share float64) {
	t.loss = max(share, (3*t.loss+share)/4)
	if tuner, ok := t.encoder.(codec.Tuner); ok && tuner.Losing(t.loss) != nil {
		t.failures++
	}
}

// packetSamples is what one packet holds: what the peer asks for, as the codec has
// it, within what the peer takes and what is sensible.
func packetSamples(c codec.Codec, n *sdp.Negotiated, ptime time.Duration) int {
	if n.Ptime > 0 {
		ptime = n.Ptime
	}
	if n.MaxPtime >= minPtime {
		ptime = min(ptime, n.MaxPtime)
	}
	ptime = c.Fit(min(max(ptime, minPtime), maxPtime))
	return int(ptime) * c.SampleRate / int(time.Second)
}

// skip moves the timestamps over ticks that were left out.
func (t *transmitter) skip(ticks int) {
	if t.on && ticks > 0 {
		t.ts += uint32(ticks) * t.codec.FrameTicks()
	}
}

// mayTransmit says that there is something to send a packet with, and to. Where not, the
// time of a tick passes.
func (s *Session) mayTransmit() bool {
	t := &s.tx
	if !t.on {
		return false
	}
	if !s.link.active.Sends() || !s.link.source.target().IsValid() || !s.secrecy.ready() {
		t.leaveOut()
		t.talks = false
		return false
	}
	return true
}

// sendEvents sends the telephone-events of a tick, and says that nothing else is to be sent.
func (s *Session) sendEvents(now time.Time) bool {
	t := &s.tx
	if t.sender == nil || t.sender.Idle() || !t.sender.Holding() && s.rekeying(now) {
		return false
	}
	burst := t.sender.Next(t.eventTime())
	s.sendBurst(&burst, now)
	if burst.Mute {
		t.leaveOut()
	}
	return burst.Mute
}

// transmit sends what a tick has to send.
func (s *Session) transmit(src frame, now time.Time) {
	t := &s.tx
	if !s.mayTransmit() || s.sendEvents(now) {
		return
	}
	if t.tone != nil && !t.tone.Idle() {
		t.frame = append(t.frame[:0], src...)
		_, _, sent := t.tone.Fill(t.frame)
		s.digitSent(&t.inBand, sent)
		src = t.frame
	}
	t.level.Add(src)
	if t.pauses != nil && s.pause(src, now) {
		return
	}
	switch {
	case t.toCodec != nil:
		t.fifo = t.toCodec.Process(t.fifo, src)
	case len(t.fifo) == 0 && len(src) == t.perPkt: // a packet is a tick, as it is nearly always
		s.sendAudio(src, now)
		return
	default:
		t.fifo = append(t.fifo, src...)
	}
	for len(t.fifo) >= t.perPkt {
		s.sendAudio(t.fifo[:t.perPkt], now)
		t.fifo = t.fifo[:copy(t.fifo, t.fifo[t.perPkt:])]
	}
}

// eventTime is now on the clock of telephone-event, which may be slower than that of the
// codec (a PBX that takes events at 8000 beside Opus).
func (t *transmitter) eventTime() uint32 {
	now := t.ts + uint32(t.codec.Ticks(t.waiting()))
	if t.events.ClockRate == t.codec.ClockRate {
		return now
	}
	return uint32(uint64(now) * uint64(t.events.ClockRate) / uint64(t.codec.ClockRate))
}

// leaveOut lets the time of a tick pass without audio.
func (t *transmitter) leaveOut() {
	t.ts += uint32(t.codec.Ticks(t.waiting())) + t.codec.FrameTicks()
	t.fifo, t.says.owed = t.fifo[:0], 0
}

// waiting is how many samples no packet holds yet.
func (t *transmitter) waiting() int { return len(t.fifo) + t.says.owed }

// begin writes the header of a packet of sound, of n bytes, into the scratch.
func (s *Session) begin() (packet []byte, n int, err error) {
	t := &s.tx
	t.header.Marker = !t.talks
	t.header.Timestamp = t.ts
	packet = s.borrow().out[:]
	n, err = t.header.MarshalTo(packet)
	return packet, n, err
}

// sendAudio sends a packet's worth of samples.
func (s *Session) sendAudio(pcm frame, now time.Time) {
	t := &s.tx
	packet, n, err := s.begin()
	if err == nil {
		var payload []byte
		payload, err = t.encoder.Encode(packet[n:n], pcm)
		if t.talks = len(payload) > 0; t.talks && err == nil && len(payload) <= len(packet)-n-srtpOverhead {
			s.sendPacket(packet[:n+len(payload)], len(payload), now)
		}
	}
	if err != nil {
		t.failures++
	}
	t.ts += uint32(t.codec.Ticks(len(pcm)))
}

// sendPacket sends what has the next sequence number. A datagram that the system
// refuses is counted, as if the network had lost it.
func (s *Session) sendPacket(b []byte, payload int, now time.Time) {
	t := &s.tx
	t.header.SequenceNumber++
	b, err := s.secrecy.seal(b, &s.borrow().sealed)
	if err == nil {
		err = s.rtp.write(b, s.link.source.target())
	}
	if err != nil {
		t.failures++
		return
	}
	t.packets++
	t.octets += uint64(payload)
	t.lastAt, t.lastTS = now, t.header.Timestamp
}

// sendBurst sends the telephone-event packets of a tick (RFC 4733 section 2.5.1):
// same SSRC and sequence numbers as the audio, its own payload type.
func (s *Session) sendBurst(burst *dtmf.Burst, now time.Time) {
	t := &s.tx
	for i := range burst.N {
		p := &burst.Packets[i]
		header := t.header
		header.PayloadType, header.Marker, header.Timestamp = t.events.Send, p.Marker, p.Timestamp
		packet := &s.borrow().out
		n, err := header.MarshalTo(packet[:])
		if err != nil {
			t.failures++
			continue
		}
		copy(packet[n:], p.Payload[:])
		s.sendPacket(packet[:n+len(p.Payload)], len(p.Payload), now)
	}
	s.digitSent(&t.byRTP, burst.Sent)
}
