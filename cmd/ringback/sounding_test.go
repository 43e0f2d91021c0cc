package main

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
)

// sounded moves samples through a sounding as a device does, 10 ms at a time: the
// microphone hears the ear piece after a delay, at a level, in noise.
func sounded(t *testing.T, delay time.Duration, level, noise float64) *sounding {
	t.Helper()
	const chunk = deviceTestRate / 100
	s := newSounding(deviceTestRate)
	air := make([]int16, samplesIn(delay, deviceTestRate))
	random := rand.New(rand.NewPCG(1, 2))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	frame := make([]int16, chunk)
	for range 500 {
		<-tick.C
		if n := s.Read(frame); n != chunk && !s.over.Load() {
			t.Fatalf("%d samples to play", n)
		}
		air = append(air, frame...)
		for i, x := range air[:chunk] {
			frame[i] = int16(level*float64(x) + 32767*noise*random.NormFloat64())
		}
		air = air[chunk:]
		s.Write(frame)
		select {
		case <-s.done:
			return s
		default:
		}
	}
	t.Fatal("it does not end")
	return nil
}

func TestSounding(t *testing.T) {
	for name, test := range map[string]struct {
		delay        time.Duration
		level, noise float64
		want         bool
	}{
		"loud and clear":   {60 * time.Millisecond, 1, 0, true},
		"a long way":       {900 * time.Millisecond, 0.5, 0.001, true},
		"faint, in a room": {250 * time.Millisecond, 0.05, 0.003, true},
		"not at all":       {60 * time.Millisecond, 0, 0.01, false},
		"silence":          {60 * time.Millisecond, 0, 0, false},
		"too late":         {2 * time.Second, 1, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trip, heard := sounded(t, test.delay, test.level, test.noise).roundTrip()
				if heard != test.want || heard && (trip-test.delay).Abs() > 10*time.Millisecond {
					t.Errorf("%v, heard %v", trip, heard)
				}
			})
		})
	}
	t.Run("then the microphone is heard", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := sounded(t, 0, 0, 0)
			said, got := make([]int16, 160), make([]int16, 160)
			audio.NewTone(audio.Sine(440, -10), deviceTestRate).Fill(said)
			s.Write(said)
			if n := s.Read(got); n != 160 || got[20] != said[20] || s.peak.Load() == 0 {
				t.Errorf("%d samples, peak %d", n, s.peak.Load())
			}
		})
	})
}
