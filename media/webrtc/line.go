package webrtc

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"ringback/media/audio"
	"ringback/media/codec"
)

const (
	tick       = 20 * time.Millisecond
	pressTicks = 5 // of a digit: 100 ms
	gapTicks   = 3 // behind it
	keys       = "0123456789*#ABCD"
)

// line is what a Peer sends, in one SSRC: it is the track, and speaks for itself, so that
// digits go in the stream of the sound, as RFC 4733 section 2.2 has it and no Track of
// pion's own can.
type line struct {
	hz float64

	mu      sync.Mutex
	way     pion.TrackLocalWriter // nil: nothing was agreed on
	ssrc    uint32
	sound   pion.RTPCodecParameters
	event   pion.PayloadType // zero: none
	codec   codec.Codec
	enc     codec.Encoder
	tone    *audio.Tone
	seq     uint16
	ts      uint32
	digits  []byte // to be sent
	pressed int    // ticks since the first one was
	marked  bool   // a talk spurt has begun
}

func newLine(hz float64) *line {
	return &line{hz: hz, seq: uint16(rand.Uint32()), ts: rand.Uint32()}
}

// Bind implements pion.TrackLocal: this is what was agreed on.
func (l *line) Bind(c pion.TrackLocalContext) (pion.RTPCodecParameters, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.way = nil
	for _, p := range c.CodecParameters() {
		found, ok := codec.Find(strings.TrimPrefix(p.MimeType, "audio/"), int(p.ClockRate))
		if !ok {
			continue
		}
		l.sound, l.codec, l.enc, l.event = p, found, found.NewEncoder(), 0
		l.tone = audio.NewTone(audio.Sine(l.hz, -12), found.SampleRate)
		for _, e := range c.CodecParameters() {
			if e.MimeType == eventMIME && e.ClockRate == p.ClockRate {
				l.event = e.PayloadType
			}
		}
		l.way, l.ssrc = c.WriteStream(), uint32(c.SSRC())
		return p, nil
	}
	return pion.RTPCodecParameters{}, pion.ErrUnsupportedCodec
}

// Unbind implements pion.TrackLocal.
func (l *line) Unbind(pion.TrackLocalContext) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.way = nil
	return nil
}

// ID and the rest of pion.TrackLocal: a stream with one track.
func (*line) ID() string              { return "sound" }
func (*line) RID() string             { return "" }
func (*line) StreamID() string        { return "ringback" }
func (*line) Kind() pion.RTPCodecType { return pion.RTPCodecTypeAudio }

func (l *line) mime() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sound.MimeType
}

func (l *line) source() uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ssrc
}

func (l *line) dial(digits string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.digits = append(l.digits, digits...)
}

// speak sends every 20 ms until ctx ends.
func (l *line) speak(ctx context.Context) {
	every := time.NewTicker(tick)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			l.send()
		}
	}
}

// send is a tick: a packet of the tone, or of a digit. What pion cannot send yet is lost.
func (l *line) send() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.way == nil || l.enc == nil {
		return
	}
	pcm := make([]int16, l.codec.FrameSamples())
	l.tone.Fill(pcm)
	payload, err := l.enc.Encode(nil, pcm)
	switch {
	case len(l.digits) > 0 && l.event != 0:
		l.press()
	case err == nil:
		l.packet(l.sound.PayloadType, l.ts, !l.marked, payload)
		l.marked = true
	}
	l.ts += l.codec.FrameTicks()
}

// press is a tick of the first digit (RFC 4733 section 2.5): its packets have the timestamp
// of its beginning, the end is said three times, then there is nothing for a while.
func (l *line) press() {
	step := l.codec.FrameTicks()
	begin := l.ts - uint32(l.pressed)*step
	event := []byte{byte(strings.IndexByte(keys, l.digits[0])), 10, 0, 0}
	switch l.pressed++; {
	case l.pressed < pressTicks:
		binary.BigEndian.PutUint16(event[2:], uint16(uint32(l.pressed)*step))
		l.packet(l.event, begin, l.pressed == 1, event)
	case l.pressed == pressTicks:
		event[1] |= 0x80
		binary.BigEndian.PutUint16(event[2:], uint16(pressTicks*step))
		for range 3 {
			l.packet(l.event, begin, false, event)
		}
	case l.pressed == pressTicks+gapTicks:
		l.digits, l.pressed, l.marked = l.digits[1:], 0, false
	}
}

func (l *line) packet(pt pion.PayloadType, ts uint32, marker bool, payload []byte) {
	_, _ = l.way.WriteRTP(&rtp.Header{Version: 2, PayloadType: uint8(pt), SequenceNumber: l.seq, Timestamp: ts, SSRC: l.ssrc, Marker: marker}, payload)
	l.seq++
}
