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

// transmitter is the way from frames to packets.
type transmitter struct {
	rate     int
	on       bool // a codec was agreed on
	codec    codec.Codec
	encoder  codec.Encoder
	toCodec  *audio.Resampler // nil: the engine's rate is the codec's
	header   rtp.Header
	ts       uint32 // of the first sample in fifo
	perPkt   int    // samples in one packet
	fifo     []int16
	frame    frame
	packet   [codec.MaxPayload + 12]byte
	talks    bool // false: the next packet begins a talk spurt and has the marker
	packets  uint64
	octets   uint64
	failures uint64
	lastAt   time.Time
	lastTS   uint32
	level    audio.LevelMeter

	events *sdp.Events
	sender *dtmf.Sender
	tone   *dtmf.Tone
	inBand jobs
	byRTP  jobs
}

func (t *transmitter) init(rate int) {
	t.rate = rate
	t.header = rtp.Header{Version: 2, SSRC: rand.Uint32(), SequenceNumber: uint16(rand.Uint32())}
	t.ts = rand.Uint32()
	t.frame = make(frame, audio.FrameSamples(rate))
}

func (t *transmitter) name() string {
	if !t.on {
		return ""
	}
	return t.codec.String()
}

// send sets what is sent from now on.
func (t *transmitter) send(codecs []codec.Codec, n *sdp.Negotiated, ptime time.Duration, out *outbox) {
	c, ok := match(codecs, n.Send)
	if !ok {
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
	t.on, t.header.PayloadType = true, n.Send.PayloadType
	t.perPkt = packetSamples(c, n, ptime)
	if t.events == nil || n.Events == nil || t.events.ClockRate != n.Events.ClockRate {
		t.byRTP.abort(out, ErrNoEvents)
		t.sender = nil
	}
	t.events = n.Events
	if t.events != nil && t.sender == nil {
		t.sender = dtmf.NewSender(dtmf.SenderConfig{ClockRate: n.Events.ClockRate, PacketTime: audio.FrameTime})
	}
}

// packetSamples is what one packet holds: what the peer asks for, in steps of
// 10 ms, within what it takes and what is sensible.
func packetSamples(c codec.Codec, n *sdp.Negotiated, ptime time.Duration) int {
	if n.Ptime > 0 {
		ptime = n.Ptime
	}
	if n.MaxPtime >= minPtime {
		ptime = min(ptime, n.MaxPtime)
	}
	ptime = min(max(ptime.Truncate(minPtime), minPtime), maxPtime)
	return int(ptime) * c.SampleRate / int(time.Second)
}

// skip moves the timestamps over ticks that were left out.
func (t *transmitter) skip(ticks int) {
	if t.on && ticks > 0 {
		t.ts += uint32(ticks) * t.codec.FrameTicks()
	}
}

// transmit sends what a tick has to send.
func (s *Session) transmit(src frame, now time.Time) {
	t := &s.tx
	to := s.link.source.target()
	if !t.on {
		return
	}
	if !s.link.active.Sends() || !to.IsValid() {
		t.leaveOut()
		t.talks = false
		return
	}
	if t.events != nil && !t.sender.Idle() {
		burst := t.sender.Next(t.ts + uint32(t.codec.Ticks(len(t.fifo))))
		s.sendBurst(&burst, now)
		if burst.Mute {
			t.leaveOut()
			return
		}
	}
	if t.tone != nil && !t.tone.Idle() {
		copy(t.frame, src)
		_, _, sent := t.tone.Fill(t.frame)
		s.digitSent(&t.inBand, sent)
		src = t.frame
	}
	t.level.Add(src)
	if t.toCodec != nil {
		t.fifo = t.toCodec.Process(t.fifo, src)
	} else {
		t.fifo = append(t.fifo, src...)
	}
	for len(t.fifo) >= t.perPkt {
		s.sendAudio(now)
	}
}

// leaveOut lets the time of a tick pass without audio.
func (t *transmitter) leaveOut() {
	t.ts += uint32(t.codec.Ticks(len(t.fifo))) + t.codec.FrameTicks()
	t.fifo = t.fifo[:0]
}

// sendAudio sends the first packet's worth of the fifo.
func (s *Session) sendAudio(now time.Time) {
	t := &s.tx
	t.header.Marker = !t.talks
	t.header.Timestamp = t.ts
	n, err := t.header.MarshalTo(t.packet[:])
	if err == nil {
		var payload []byte
		payload, err = t.encoder.Encode(t.packet[n:n], t.fifo[:t.perPkt])
		if err == nil && len(payload) <= len(t.packet)-n {
			s.sendPacket(t.packet[:n+len(payload)], len(payload), now)
		}
	}
	if err != nil {
		t.failures++
	}
	t.talks = true
	t.ts += uint32(t.codec.Ticks(t.perPkt))
	t.fifo = t.fifo[:copy(t.fifo, t.fifo[t.perPkt:])]
}

// sendPacket sends what has the next sequence number. A datagram that the system
// refuses is counted, as if the network had lost it.
func (s *Session) sendPacket(b []byte, payload int, now time.Time) {
	t := &s.tx
	t.header.SequenceNumber++
	if err := s.rtp.write(b, s.link.source.target()); err != nil {
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
		n, err := header.MarshalTo(t.packet[:])
		if err != nil {
			t.failures++
			continue
		}
		copy(t.packet[n:], p.Payload[:])
		s.sendPacket(t.packet[:n+len(p.Payload)], len(p.Payload), now)
	}
	s.digitSent(&t.byRTP, burst.Sent)
}
