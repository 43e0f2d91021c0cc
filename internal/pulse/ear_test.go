package pulse

import (
	"testing"
	"time"

	"ringback/media/audio"
)

func TestEar(t *testing.T) {
	tone := func(hz float64, d time.Duration) []int16 {
		f := make([]int16, int(d)*earRate/int(time.Second))
		audio.NewTone(audio.Sine(hz, -13), earRate).Fill(f)
		return f
	}
	gap := make([]int16, 160) // 20 ms
	ear := func() *Ear { return NewEar(852, time.Second, 20*time.Millisecond) }
	for name, test := range map[string]struct {
		heard [][]int16
		want  bool
	}{
		"a second of it":                {[][]int16{tone(852, time.Second)}, true},
		"less than a second":            {[][]int16{tone(852, 980*time.Millisecond)}, false},
		"a second after another tone":   {[][]int16{tone(440, time.Second), tone(852, time.Second)}, true},
		"another tone":                  {[][]int16{tone(800, 3*time.Second)}, false},
		"silence":                       {[][]int16{make([]int16, 2*earRate)}, false},
		"one gap":                       {[][]int16{tone(852, time.Second/2), gap, tone(852, time.Second/2)}, true},
		"gap upon gap":                  {[][]int16{tone(852, time.Second/2), gap, tone(852, time.Second/4), gap, tone(852, time.Second/2)}, false},
		"gaps that are far in the past": {[][]int16{gap, tone(852, time.Second/4), gap, tone(852, time.Second)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			e, good := ear(), false
			for _, part := range test.heard {
				good = e.Hear(part) || good
			}
			if good != test.want {
				t.Errorf("good: %v; %v", good, e)
			}
		})
	}
}
