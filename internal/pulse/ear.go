package pulse

import (
	"fmt"
	"math"
	"time"
)

const (
	earRate   = 8000
	earWindow = 80  // samples: 10 ms
	earFloor  = 100 // RMS of a window that has sound in it
	earShare  = 0.5 // of its power that is the tone's
)

// Ear judges whether a tone is there, and whether without gaps.
type Ear struct {
	hz      float64
	allow   int // windows without the tone in a good stretch
	gone    []bool
	seen    int // windows
	missing int // in gone
	pending []int16
}

// NewEar listens for a tone of so many Hz: a stretch is good when the tone is
// missing from it for no longer than allow, because a loaded machine drops a frame
// now and then. Both are looked at by 10 ms.
func NewEar(hz float64, stretch, allow time.Duration) *Ear {
	const window = time.Second * earWindow / earRate
	return &Ear{hz: hz, allow: int(allow / window), gone: make([]bool, stretch/window)}
}

// Hear takes samples, 8000 a second, and says whether they end a good stretch.
func (e *Ear) Hear(samples []int16) bool {
	e.pending = append(e.pending, samples...)
	for len(e.pending) >= earWindow {
		e.window(e.pending[:earWindow])
		e.pending = e.pending[:copy(e.pending, e.pending[earWindow:])]
		if e.seen >= len(e.gone) && e.missing <= e.allow {
			return true
		}
	}
	return false
}

// String says what was heard last.
func (e *Ear) String() string {
	n := min(e.seen, len(e.gone))
	return fmt.Sprintf("%.0f Hz missing from %d of the last %d ms, %.1f s heard", e.hz, 10*e.missing, 10*n, float64(e.seen)/100)
}

func (e *Ear) window(samples []int16) {
	var re, im, power float64
	for i, x := range samples {
		sin, cos := math.Sincos(2 * math.Pi * e.hz * float64(i) / earRate)
		re, im, power = re+float64(x)*cos, im+float64(x)*sin, power+float64(x)*float64(x)
	}
	gone := power < earFloor*earFloor*earWindow || 2*(re*re+im*im)/earWindow < earShare*power
	at := &e.gone[e.seen%len(e.gone)]
	if e.seen >= len(e.gone) && *at {
		e.missing--
	}
	if *at = gone; gone {
		e.missing++
	}
	e.seen++
}
