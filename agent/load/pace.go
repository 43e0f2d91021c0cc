package load

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// due is the time after the start at which call n (from 0) of an open plan is to
// begin: the rate grows in a straight line over the ramp and stays.
func due(n int, rate float64, ramp time.Duration) time.Duration {
	inRamp := rate * ramp.Seconds() / 2 // calls that begin within the ramp
	if x := float64(n); x < inRamp {
		return time.Duration(math.Sqrt(2*x*ramp.Seconds()/rate) * float64(time.Second))
	}
	return ramp + time.Duration((float64(n)-inRamp)/rate*float64(time.Second))
}

// paceTick is the shortest that is waited for a call: at high rates those of a millisecond
// begin together, late by so much at most, and cost one wake-up.
const paceTick = time.Millisecond

// open begins calls at the plan's rate, whatever becomes of those before, until its
// time is over, it has made all, or ctx ends. Between generators, and then between
// shards, they go round.
func (g *generator) open(ctx context.Context) {
	c := g.plan.Calls
	most := g.opts.Part.Count(c.Most)
	clock := planClock{from: g.start, rate: 1}
	end := g.start.Add(c.For)
	for n := 0; c.Most == 0 || n < most; n++ {
		arrival, ok := g.awaits(ctx, &clock, due(g.opts.Part.Nth(n), c.Rate, c.Ramp), end)
		if !ok {
			break
		}
		s := g.shards[n%len(g.shards)]
		if !s.loop.Post(func() { s.begin(arrival, nil) }) {
			return
		}
	}
	g.until(ctx, end)
}

// awaits waits for a moment of the plan, at whatever rate is wanted meanwhile, and
// says when it was to come. It is false when the run ends before.
func (g *generator) awaits(ctx context.Context, clock *planClock, at time.Duration, end time.Time) (time.Time, bool) {
	for {
		times, changed := g.steer.Rate()
		if times != clock.rate {
			clock.turn(time.Now(), times)
		}
		arrival, comes := clock.wall(at)
		until := arrival
		if !comes || !arrival.Before(end) {
			until = end
		}
		wake := until
		if d := time.Until(until); d > 0 && d < paceTick {
			wake = wake.Add(paceTick - d)
		}
		if g.wait(ctx, wake, changed) {
			continue
		}
		return arrival, until.Before(end) && ctx.Err() == nil && !g.aborted() && !g.steer.finished()
	}
}

// wait waits until t, until no call is to begin any more, or for changed, of which it tells.
func (g *generator) wait(ctx context.Context, t time.Time, changed <-chan struct{}) bool {
	d := time.Until(t)
	if d <= 0 {
		return false
	}
	alarm := time.NewTimer(d)
	defer alarm.Stop()
	select {
	case <-ctx.Done():
	case <-g.all:
	case <-g.steer.Finished():
	case <-alarm.C:
	case <-changed:
		return true
	}
	return false
}

// until waits.
func (g *generator) until(ctx context.Context, t time.Time) { g.wait(ctx, t, nil) }

// places are those of a plan with so many calls at a time: each has a worker that
// makes one call after the other, while the place is one of those wanted.
type places struct {
	wanted atomic.Int64
	taken  []atomic.Bool
	end    time.Time
}

// closed keeps so many calls up, or as many times that as is wanted meanwhile.
func (g *generator) closed(ctx context.Context) {
	c, part := g.plan.Calls, g.opts.Part
	p := &places{end: g.start.Add(c.For), taken: make([]atomic.Bool, part.Count(min(maxCalls, MostRate*c.Concurrency)))}
	first := func(n int) time.Time {
		return g.start.Add(c.Ramp * time.Duration(part.Nth(n)) / time.Duration(c.Concurrency))
	}
	for {
		times, changed := g.steer.Rate()
		p.wanted.Store(int64(min(len(p.taken), part.Count(int(math.Round(times*float64(c.Concurrency)))))))
		for n := range int(p.wanted.Load()) {
			if !p.taken[n].CompareAndSwap(false, true) {
				continue
			}
			s, from := g.shards[n%len(g.shards)], first(n)
			if n >= part.Count(c.Concurrency) || from.Before(time.Now()) {
				from = time.Now()
			}
			s.loop.Post(func() { g.work(s, p, n, from) })
		}
		if !g.wait(ctx, p.end, changed) {
			if g.steer.finished() {
				p.wanted.Store(0)
			}
			return
		}
	}
}

// work makes one call after the other from the given time on, at one place. On the
// shard's loop.
func (g *generator) work(s *shard, p *places, n int, from time.Time) {
	if !from.Before(p.end) {
		return
	}
	s.loop.After(time.Until(from), func() {
		if s.ending || p.leaves(n) || !g.take() {
			return
		}
		s.begin(from, func() {
			g.work(s, p, n, s.loop.Now().Add(g.plan.Calls.Think.draw(s.rng)))
		})
	})
}

// leaves gives a place up that is not wanted any more.
func (p *places) leaves(n int) bool {
	if int64(n) < p.wanted.Load() {
		return false
	}
	p.taken[n].Store(false)
	return int64(n) >= p.wanted.Load() || !p.taken[n].CompareAndSwap(false, true) // or it is wanted again since
}

// take counts a call against the most that there may be.
func (g *generator) take() bool {
	most := g.plan.Calls.Most
	return most == 0 || g.taken.Add(1) <= int64(g.opts.Part.Count(most))
}
