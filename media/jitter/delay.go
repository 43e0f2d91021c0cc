package jitter

import "time"

const (
	windowTime = 2 * time.Second
	learnTime  = time.Second
	maxIdle    = 1 << 20
	slowDown   = 256 // packets
	bunchTime  = 2 * time.Millisecond
)

// Delays are counted in bins of 2.5 ms, up to 640 ms. What was counted 200 packets
// (4 s) ago weighs e times less. A packet in 150 may come later than the target: it is
// still played, after some made-up sound.
const (
	bins      = 256
	firstBins = 32 // that there is room for to begin with
	binsASec  = 400
	forgets   = 0.995
	mayBeLate = 1.0 / 150
)

// spread counts how much later than the fastest packets others came.
type spread struct {
	count  []float32 // of as many bins as were needed so far: few of most calls
	total  float64
	weight float64 // of the next packet: it grows, in place of all others shrinking
	top    int     // no later bin has anything to say
}

func (s *spread) add(bin int) {
	if s.weight == 0 {
		s.weight = 1
	}
	bin = min(max(bin, 0), bins-1)
	if bin >= len(s.count) {
		s.grow(bin)
	}
	s.count[bin] += float32(s.weight)
	s.top = max(s.top, bin)
	s.total += s.weight
	if s.weight /= forgets; s.weight > 1e12 {
		for i := range s.count {
			s.count[i] /= float32(s.weight)
		}
		s.total, s.weight = s.total/s.weight, 1
	}
}

// grow makes room for a bin, and as much again.
func (s *spread) grow(bin int) {
	size := firstBins
	for size <= bin {
		size *= 2
	}
	before := s.count
	s.count = make([]float32, size)
	copy(s.count, before)
}

// tail is the bin within which all but mayBeLate came.
func (s *spread) tail() int {
	for s.top > 0 && float64(s.count[s.top]) < 1e-4*s.total {
		s.total -= float64(s.count[s.top])
		s.count[s.top] = 0
		s.top--
	}
	later := 0.0
	for i := s.top; i > 0; i-- {
		if later += float64(s.count[i]); later > mayBeLate*s.total {
			return i
		}
	}
	return 0
}

// delay follows how long packets take and says how much later than the fastest
// they are to be played.
type delay struct {
	rate       int64
	frame      int64
	min, max   int64
	first      int64 // the least target while learning
	epoch      time.Time
	known      bool
	began      time.Time
	now        int64     // least transit of this window
	before     int64     // of the window before
	cameBefore time.Time // the packet before
	lateBefore int       // in bins
	learning   bool      // the first second
	turned     bool      // there was one
	ends       time.Time // of the window
	spread     spread
	target     int64 // in timestamp units
	idle       int   // ticks since a packet came
}

func (d *delay) init(cfg Config) {
	room := d.spread.count
	clear(room)
	*d = delay{rate: int64(cfg.ClockRate), frame: int64(cfg.Frame), spread: spread{count: room}}
	d.min, d.max, d.first = d.units(cfg.Min), d.units(cfg.Max), d.units(cfg.First)
	d.target = d.min
}

func (d *delay) units(t time.Duration) int64 { return int64(t) * d.rate / int64(time.Second) }

func (d *delay) duration(units int64) time.Duration {
	return time.Duration(units * int64(time.Second) / d.rate)
}

// since is a time in timestamp units. Seconds and the rest are turned apart, so
// that a call of years does not overflow.
func (d *delay) since(t time.Time) int64 {
	gone := t.Sub(d.epoch)
	return int64(gone/time.Second)*d.rate + d.units(gone%time.Second)
}

func (d *delay) transit(at time.Time, ts int64) int64 { return d.since(at) - ts }

// least is the shortest transit of the last two to four seconds.
func (d *delay) least() int64 {
	if d.turned && d.before < d.now {
		return d.before
	}
	return d.now
}

// arrived takes note of a packet.
func (d *delay) arrived(at time.Time, ts int64) {
	if !d.known {
		d.known, d.epoch, d.ends = true, at, at.Add(windowTime)
		d.began, d.now = at, d.transit(at, ts)
	}
	transit := d.transit(at, ts)
	if !at.Before(d.ends) {
		d.before, d.now, d.turned = d.now, transit, true
		d.ends = at.Add(windowTime)
	}
	d.idle = 0
	d.now = min(d.now, transit)
	if late := int((transit - d.least()) * binsASec / d.rate); !d.bunched(at, late) {
		d.spread.add(late)
	}
	want := d.wanted(d.spread.tail())
	learning := at.Sub(d.began) < learnTime
	if learning { // not much is known of this way yet
		want = max(want, min(d.first, d.max))
	}
	if want >= d.target || d.learning && !learning {
		d.target = want
	} else { // down slowly: half of the way in 3.5 s
		d.target -= max(1, (d.target-want)/slowDown)
	}
	d.learning = learning
}

// wanted is the target where all but a few packets came within that bin, and calm where
// none is late.
func (d *delay) wanted(tail int) int64 {
	return max(d.min, min(int64(tail+1)*d.rate/binsASec+d.frame/4, d.max))
}

func (d *delay) calm() int64 { return d.wanted(0) }

// bunched says that a packet came right behind another that was later still: what held
// both up is one event, and counts once, so that one stall of a second does not keep the
// delay up for long.
func (d *delay) bunched(at time.Time, late int) bool {
	together := late < d.lateBefore && at.Sub(d.cameBefore) < bunchTime
	d.cameBefore, d.lateBefore = at, late
	return together
}

// due is the timestamp to be played at now.
func (d *delay) due(now time.Time) int64 { return d.since(now) - d.least() - d.target }
