package media

import (
	"math"
	"sync"
	"time"

	"ringback/media/audio"
)

// The rule by which what waits is kept: as much as bursts and their lateness want, and
// elasticSpare more. What is wanted is more at once and less slowly.
const (
	elasticHolds = 400 * time.Millisecond
	elasticSpare = 0.001 // seconds
	elasticMost  = 0.12  // seconds that may be wanted
	elasticFalls = 0.001 // of what is wanted, seconds a second
	elasticHard  = 0.03  // seconds too many: a stall, not a clock
)

// The control loop: proportional and integral, critically damped at loopFast in the first
// seconds and at loopSlow later (radians a second). speedMost is the most that it changes
// the pitch by: 4 cents, which are heard by nobody.
const (
	loopFast   = 1.0
	loopSlow   = 0.15
	loopFastIn = 5.0  // seconds
	loopSmooth = 0.25 // seconds over which the fault is averaged
	speedMost  = 0.0025
)

// elastic is the ring between a device and the bridge, whose clocks are not the same (an
// elastic store, ITU-T G.810). Both sides tell of what they move; the bridge's side, once a
// tick, plays so much faster or slower that what waits stays what is wanted.
type elastic struct {
	rate  float64
	epoch time.Time

	mu      sync.Mutex
	ring    *audio.Ring
	in, out beat
	short   bool // out wanted more than there was

	wanted float64 // seconds between the two lines
	fault  float64 // smoothed
	drift  float64 // what the loop knows of the clocks: above 0, the ring fills
	since  float64 // the last begin of one of them
	ticked float64
}

func newElastic(rate int) *elastic {
	return &elastic{
		rate: float64(rate), epoch: time.Now(), ring: audio.NewRing(samplesOf(elasticHolds, rate)),
		in: beat{rate: float64(rate)}, out: beat{rate: float64(rate)},
	}
}

// now is the time that the others are told: one look at the clock serves a whole move.
func (e *elastic) now() float64 { return time.Since(e.epoch).Seconds() }

// Len is how many samples wait. Any goroutine.
func (e *elastic) Len() int { return e.ring.Len() }

// moved notes that one side moves n samples now. mu is held.
func (e *elastic) moved(now float64, side *beat, n int) {
	if side.move(now, n) {
		e.since = now
	}
}

// flows says that both sides move. mu is held.
func (e *elastic) flows(now float64) bool {
	return e.in.alive(now) && e.out.alive(now)
}

// apart is how far, in seconds, the line of what comes is ahead of that of what goes, when
// level samples wait. mu is held.
func (e *elastic) apart(level int) float64 { return float64(level)/e.rate + e.out.at - e.in.at }

// want is what apart is to be: a burst that has not come yet, as late as they come, and
// one that goes as early as they go. mu is held.
func (e *elastic) want() float64 {
	return min(e.in.chunk.most()+e.in.late.most()+e.out.early.most()+elasticSpare, elasticMost)
}

// steer says how fast what waits is to be played when level samples do. mu is held.
func (e *elastic) steer(now float64, level int) (speed float64) {
	gone := min(now-e.ticked, 0.1)
	e.ticked = now
	if !e.flows(now) {
		return 1 + e.drift
	}
	e.wanted = max(e.want(), e.wanted-elasticFalls*gone)
	e.fault += (e.apart(level) - e.wanted - e.fault) * min(1, gone/loopSmooth)
	w := loopSlow
	if now-e.since < loopFastIn {
		w = loopFast
	}
	speed = e.drift + 2*w*e.fault
	if math.Abs(speed) < speedMost {
		e.drift += w * w * e.fault * gone
	}
	return 1 + min(max(speed, -speedMost), speedMost)
}

// tooMany is how many samples of level are so many too many that no clock did it; 0: none.
// mu is held.
func (e *elastic) tooMany(now float64, level int) int {
	if over := e.apart(level) - e.wanted; e.flows(now) && over > elasticHard {
		return int(over * e.rate)
	}
	return 0
}

// settle takes what waits for what is wanted, after a hard correction. mu is held.
func (e *elastic) settle() { e.wanted, e.fault = e.want(), 0 }
