package media

import (
	"time"

	"ringback/media/audio"
	"ringback/media/codec"
)

// Comfort noise (RFC 3389) in place of pauses.
const (
	noiseTicks = 5  // that are described together
	noiseEvery = 50 // ticks between two descriptions, so that nobody takes us for gone
	noiseSteps = 2  // dB: a level that changed by more is described at once
)

// comfort takes a payload of comfort noise: from here on it is heard where nothing else
// comes, until a packet behind it has sound.
func (r *receiver) comfort(seq uint16, payload []byte) {
	if r.noise == nil {
		r.noise = codec.NewNoise(r.rate)
	}
	r.noise.Hear(payload)
	r.noiseSeq, r.noisy = seq, true
}

// pauses tells pauses from speech in what is sent.
type pauses struct {
	speech audio.SpeechDetector
	narrow *audio.Resampler
	recent []int16 // the last ticks at 8 kHz, of those behind the last loud one
	since  int     // ticks since noise was described; -1: it was not in this pause
	level  float64 // that was described
}

func newPauses(rate int) *pauses {
	return &pauses{narrow: audio.NewResampler(rate, audio.Rate8k), since: -1}
}

// quiet takes a tick and says whether it is one of a pause, of which enough passed that what is
// described is the room alone: behind a key or a cough, which is no speech, it is not yet.
func (p *pauses) quiet(src frame) bool {
	if len(p.recent) >= noiseTicks*audio.FrameSamples(audio.Rate8k) {
		p.recent = p.recent[:copy(p.recent, p.recent[audio.FrameSamples(audio.Rate8k):])]
	}
	p.recent = p.narrow.Process(p.recent, src)
	on, _ := p.speech.Add(src)
	if p.speech.Rising() || on && !p.speech.Falling() {
		p.recent = p.recent[:0]
	}
	if on || p.speech.Rising() {
		p.since = -1
		return false
	}
	return len(p.recent) >= noiseTicks*audio.FrameSamples(audio.Rate8k)
}

// due says that the noise is to be described now.
func (p *pauses) due() bool {
	level := audio.LevelDBFS(p.recent)
	off := level - p.level
	if p.since >= 0 {
		p.since++
	}
	if p.since >= 0 && p.since < noiseEvery && (off*off < noiseSteps*noiseSteps || p.since < noiseTicks) {
		return false
	}
	p.since, p.level = 0, level
	return true
}

// pause keeps back a tick in which nothing is said, and describes the noise in it now and
// then. It reports whether it did.
func (s *Session) pause(src frame, now time.Time) bool {
	t := &s.tx
	if !t.pauses.quiet(src) {
		return false
	}
	if t.pauses.due() {
		header := t.header
		header.PayloadType, header.Marker, header.Timestamp = codec.ComfortNoiseType, false, t.ts
		packet := &s.borrow().out
		if n, err := header.MarshalTo(packet[:]); err == nil {
			payload := codec.DescribeNoise(packet[n:n], t.pauses.recent)
			s.sendPacket(packet[:n+len(payload)], len(payload), now)
		}
	}
	t.leaveOut()
	t.talks = false
	return true
}
