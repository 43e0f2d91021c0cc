package headset

import (
	"fmt"
	"math"
	"time"

	"ringback/media/audio"
)

const (
	lookAhead = 3 * time.Millisecond   // by which the limiter delays, to turn down before a peak and not on it
	release   = 150 * time.Millisecond // in which most of the gain comes back
)

// limiter keeps every sample at or below its ceiling. The gain that a sample needs
// is held for the look-ahead (the least of that window) and then averaged over it,
// so that it has been reached, in a slope without a click, when the sample comes
// out. Below the ceiling sound passes unchanged but for the delay.
type limiter struct {
	db      int
	ceiling int16
	n       int      // samples of look-ahead
	delayed []int16  // the last n
	queue   []demand // those that no later one undercuts, the least first, a ring
	head    int
	size    int
	held    []float64 // the last n held gains, whose mean is the gain
	sum     float64
	last    float64 // the last held gain
	back    float64 // share of the missing gain that comes back with each sample
	at      int     // samples so far
}

// demand is the gain that a sample needs.
type demand struct {
	at   int
	gain float64
}

func newLimiter(rate, db int) *limiter {
	n := max(1, int(lookAhead)*rate/int(time.Second))
	l := &limiter{
		db: db, ceiling: ceiling(db), n: n, delayed: make([]int16, n),
		queue: make([]demand, n+2), held: make([]float64, n), sum: float64(n), last: 1,
		back: 1 - math.Exp(-1/(release.Seconds()*float64(rate))),
	}
	for i := range n {
		l.held[i] = 1
	}
	return l
}

// ceiling is the greatest sample at db, in dBFS.
func ceiling(db int) int16 { return int16(32767 * audio.Linear(float64(min(0, db)))) }

func (l *limiter) String() string { return fmt.Sprintf("limiter %d dBFS", l.db) }

func (l *limiter) process(f audio.Frame) {
	for i, s := range f {
		f[i] = l.step(s)
	}
}

// step takes one sample and gives the one that came n before.
func (l *limiter) step(s int16) int16 {
	i := l.at % l.n
	out := l.delayed[i]
	l.delayed[i] = s
	gain := l.hold(l.need(s))
	l.sum += gain - l.held[i]
	l.held[i] = gain
	l.at++
	if l.last == 1 && l.size == 0 {
		l.sum = float64(l.n) // rounding does not add up over hours
	}
	return l.clamp(out)
}

func (l *limiter) need(s int16) float64 {
	if size := math.Abs(float64(s)); size > float64(l.ceiling) {
		return float64(l.ceiling) / size
	}
	return 1
}

// hold is the least gain needed in the window that ends with this sample, or what
// has come back of the gain so far, whichever is less. The window is one longer than
// the look-ahead: all of the mean that a sample is multiplied with must know of it.
func (l *limiter) hold(need float64) float64 {
	for l.size > 0 && l.queued(l.size-1).gain >= need {
		l.size--
	}
	if need < 1 {
		l.queue[(l.head+l.size)%len(l.queue)] = demand{l.at, need}
		l.size++
	}
	if l.size > 0 && l.queued(0).at < l.at-l.n {
		l.head = (l.head + 1) % len(l.queue)
		l.size--
	}
	gain := l.last + (1-l.last)*l.back
	if gain > 0.9999 {
		gain = 1
	}
	if l.size > 0 {
		gain = min(gain, l.queued(0).gain)
	}
	l.last = gain
	return gain
}

func (l *limiter) queued(i int) demand { return l.queue[(l.head+i)%len(l.queue)] }

// clamp applies the gain; the comparison is for the last bit.
func (l *limiter) clamp(s int16) int16 {
	gain := l.sum / float64(l.n)
	if gain >= 1 {
		return min(max(s, -l.ceiling), l.ceiling)
	}
	return min(max(int16(math.RoundToEven(float64(s)*gain)), -l.ceiling), l.ceiling)
}
