package jitter

import "time"

const (
	windowTime  = 2 * time.Second
	firstTarget = 40 * time.Millisecond
	maxIdle     = 1 << 20
)

// spread is the least and the greatest transit of one window.
type spread struct {
	least, most int64
	n           int
}

func (s *spread) add(v int64) {
	if s.n == 0 || v < s.least {
		s.least = v
	}
	if s.n == 0 || v > s.most {
		s.most = v
	}
	s.n++
}

// delay follows how long packets take and says how much later than the fastest
// they are to be played.
type delay struct {
	rate     int64
	frame    int64
	min, max int64
	epoch    time.Time
	known    bool
	now      spread
	before   spread
	ends     time.Time // of the window
	target   int64     // in timestamp units
	idle     int       // ticks since a packet came
}

func (d *delay) init(cfg Config) {
	*d = delay{rate: int64(cfg.ClockRate), frame: int64(cfg.Frame)}
	d.min, d.max = d.units(cfg.Min), d.units(cfg.Max)
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

func (d *delay) least() int64 {
	if d.before.n > 0 && (d.now.n == 0 || d.before.least < d.now.least) {
		return d.before.least
	}
	return d.now.least
}

func (d *delay) most() int64 {
	if d.before.n > 0 && (d.now.n == 0 || d.before.most > d.now.most) {
		return d.before.most
	}
	return d.now.most
}

func (d *delay) arrived(at time.Time, ts int64) {
	if !d.known {
		d.known, d.epoch, d.ends = true, at, at.Add(windowTime)
		d.target = max(d.min, d.units(firstTarget)) // nothing is known of this way yet
	}
	turned := !at.Before(d.ends)
	if turned {
		d.before, d.now = d.now, spread{}
		d.ends = at.Add(windowTime)
	}
	d.idle = 0
	d.now.add(d.transit(at, ts))
	want := min(max(d.most()-d.least()+d.frame/2, d.min), d.max)
	switch {
	case want > d.target:
		d.target = want
	case turned: // down slowly: each frame left out can be heard
		d.target = max(want, d.target-max(d.frame/4, (d.target-want)/8))
	}
}

// due is the timestamp to be played at now.
func (d *delay) due(now time.Time) int64 { return d.since(now) - d.least() - d.target }
