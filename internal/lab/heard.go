package lab

import (
	"context"
	"fmt"
	"math"
	"time"

	"ringback/media"
)

// Heard is what one simulated party heard since the lab was started.
type Heard struct {
	Party  string
	Level  float64               // now, in dBFS; -100 and less is silence
	Audio  time.Duration         // how long there was sound at all
	Tones  map[int]time.Duration // Hz -> how long, tones of less than 200 ms left out
	Now    []int                 // the tones that it hears now, in Hz
	Digits string                // digits that came, by whatever method
}

// Tone reports whether a tone of hz was heard for at least d.
func (h Heard) Tone(hz int, d time.Duration) bool { return h.Tones[hz] >= d && h.Tones[hz] > 0 }

// hearing is Heard while it goes on. Guarded by Lab.mu.
type hearing struct {
	level  func() float64 // of the line that is up; nil: none
	audio  span
	tones  map[int]*span
	digits string
}

// span adds up the times during which something was on. Several lines of one
// party may overlap.
type span struct {
	since time.Time
	on    int
	total time.Duration
}

func (s *span) set(on bool, at time.Time) {
	switch {
	case on:
		if s.on == 0 {
			s.since = at
		}
		s.on++
	case s.on > 0:
		if s.on--; s.on == 0 {
			s.total += at.Sub(s.since)
		}
	}
}

func (s *span) at(t time.Time) time.Duration {
	if s.on > 0 {
		return s.total + t.Sub(s.since)
	}
	return s.total
}

// Heard tells what a party of the lab has heard so far.
func (l *Lab) Heard(party string) Heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Heard{Party: party, Level: math.Inf(-1), Tones: map[int]time.Duration{}}
	h := l.heard[party]
	if h == nil {
		return out
	}
	now := time.Now()
	out.Audio, out.Digits = h.audio.at(now), h.digits
	if h.level != nil {
		out.Level = h.level()
	}
	for hz, s := range h.tones {
		out.Tones[hz] = s.at(now)
		if s.on > 0 {
			out.Now = append(out.Now, hz)
		}
	}
	return out
}

// WaitTone waits until a party begins to hear a tone of so many Hz after the event
// seq, and WaitQuiet until it ceases.
func (l *Lab) WaitTone(ctx context.Context, seq int, party string, hz int) error {
	return l.waitTone(ctx, seq, ToneOn, party, hz)
}

// WaitQuiet waits until a party does not hear a tone any more.
func (l *Lab) WaitQuiet(ctx context.Context, seq int, party string, hz int) error {
	return l.waitTone(ctx, seq, ToneOff, party, hz)
}

func (l *Lab) waitTone(ctx context.Context, seq int, kind EventType, party string, hz int) error {
	_, err := l.log.Wait(ctx, seq, func(e Event) bool { return e.Type == kind && e.Party == party && e.Code == hz })
	if err != nil {
		return fmt.Errorf("wait for tone of %d Hz at %s: %w", hz, party, err)
	}
	return nil
}

// hears changes what a party heard.
func (l *Lab) hears(party string, change func(h *hearing)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.heard[party]
	if h == nil {
		h = &hearing{tones: map[int]*span{}}
		l.heard[party] = h
	}
	change(h)
}

// meterEvent notes what a party's meter tells.
func (l *Lab) meterEvent(party string, e media.Event, at time.Time) {
	switch e := e.(type) {
	case media.ToneHeard:
		hz := int(math.Round(e.Hz))
		l.hears(party, func(h *hearing) {
			if h.tones[hz] == nil {
				h.tones[hz] = &span{}
			}
			if e.On {
				at = at.Add(-toneProof)
			}
			h.tones[hz].set(e.On, at)
		})
		l.happened(Event{Type: pick(e.On, ToneOn, ToneOff), Party: party, Code: hz})
	case media.AudioHeard:
		l.hears(party, func(h *hearing) { h.audio.set(e.On, at) })
		l.happened(Event{Type: pick(e.On, AudioOn, AudioOff), Party: party})
	}
}

// toneProof is how long a tone has been there when a meter tells of it.
const toneProof = 200 * time.Millisecond

func pick(on bool, yes, no EventType) EventType {
	if on {
		return yes
	}
	return no
}
