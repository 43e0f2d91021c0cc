//go:build portaudio

package device

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"

	"ringback/media/audio"
)

func TestShape_AnyRateAndChannelsBothWays(t *testing.T) {
	for _, rate := range []int{8000, 16000, 44100, 48000} {
		for channels := 1; channels <= 2; channels++ {
			t.Run(fmt.Sprintf("%d Hz, %d channels", rate, channels), func(t *testing.T) {
				ring := audio.NewRing(16000)
				tone := make([]int16, 8000)
				for i := range tone {
					tone[i] = int16(10000 * math.Sin(2*math.Pi*440*float64(i)/8000))
				}
				ring.Write(tone)
				out, in := newShape(8000, rate, channels), newShape(rate, 8000, channels)
				chunk := make([]int16, rate/100*channels)
				var back []int16
				for range 100 {
					out.toDevice(chunk, ring)
					for i := 0; i < len(chunk); i += channels {
						if chunk[i] != chunk[i+channels-1] {
							t.Fatal("the channels differ")
						}
					}
					back = append(back, in.fromDevice(chunk)...)
				}
				if n := len(back); n < 7990 || n > 8010 || ring.Len() != 0 {
					t.Errorf("%d samples came back of 8000, %d are left", n, ring.Len())
				}
				if l := level(back[800:7200], 8000, 440); math.Abs(l+10.3) > 0.3 {
					t.Errorf("level %.1f dBFS", l)
				}
				out.toDevice(chunk, ring) // nothing there
				out.toDevice(chunk, ring)
				for _, x := range chunk {
					if x != 0 {
						t.Fatal("an empty ring is not silence")
					}
				}
			})
		}
	}
}

// A call into the library that hangs holds nobody: not its caller, nor the next.
func TestGuard_HungCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWatchdog(callLimit, nil)
		release, cleaned := make(chan struct{}), make(chan struct{})
		if err := g.call(func() error { <-release; return nil }, func() { close(cleaned) }); !errors.Is(err, ErrHangs) {
			t.Fatalf("the caller gets %v", err)
		}
		if err := g.call(func() error { return nil }, nil); !errors.Is(err, ErrHangs) {
			t.Errorf("the next caller gets %v", err)
		}
		close(release)
		<-cleaned // what the late call opened is closed
		if err := g.call(func() error { return nil }, nil); err != nil {
			t.Errorf("once it came back the next gets %v", err)
		}
	})
}
