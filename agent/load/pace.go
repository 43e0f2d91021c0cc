package load

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// paceTick is the shortest that is waited for a call: at high rates those of a millisecond
// begin together, late by so much at most, and cost one wake-up.
const paceTick = time.Millisecond

// open begins calls at the plan's rate, whatever becomes of those before, until its
// time is over, it has made all, or ctx ends. Between generators, and then between
// shards, they go round.
func (g *generator) open(ctx context.Context) {
	most := g.opts.Part.Count(g.plan.Calls.Most)
	clock := planClock{steps: g.steps, rate: 1}
	end := g.start.Add(g.steps.length())
	for n := 0; g.plan.Calls.Most == 0 || n < most; n++ {
		due, ok := g.awaits(ctx, &clock, g.opts.Part.Nth(n), end)
		if !ok {
			break
		}
		s, arrival, step := g.shards[n%len(g.shards)], g.start.Add(due), g.steps.step(due)
		if !s.loop.Post(func() { s.begin(arrival, step, nil) }) {
			return
		}
	}
	g.until(ctx, end)
}

// awaits waits for call n of all, at whatever rate is wanted meanwhile, and says how
// long after the start it was to come. It is false when the run ends before.
func (g *generator) awaits(ctx context.Context, clock *planClock, n int, end time.Time) (time.Duration, bool) {
	for {
		times, changed := g.steer.Rate()
		if times != clock.rate {
			clock.turn(time.Since(g.start), times)
		}
		due, comes := clock.due(n)
		arrival := g.start.Add(due)
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
		return due, until.Before(end) && ctx.Err() == nil && !g.aborted() && !g.steer.finished()
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

// closed keeps as many calls up as the plan's step wants, or so many times that as is
// wanted meanwhile.
func (g *generator) closed(ctx context.Context) {
	length, part := g.steps.length(), g.opts.Part
	p := &places{end: g.start.Add(length), taken: make([]atomic.Bool, part.Count(min(maxCalls, MostRate*g.plan.Calls.PeakConcurrency())))}
	for at := time.Duration(0); at < length; {
		times, changed := g.steer.Rate()
		wanted, until := g.steps.places(at)
		before := int(p.wanted.Load())
		now := min(len(p.taken), part.Count(int(math.Round(times*float64(wanted)))))
		p.wanted.Store(int64(now))
		for n := before; n < now; n++ {
			if p.taken[n].CompareAndSwap(false, true) {
				s, from := g.shards[n%len(g.shards)], g.start.Add(at)
				s.loop.Post(func() { g.work(s, p, n, from) })
			}
		}
		switch {
		case g.wait(ctx, g.start.Add(until), changed):
			at = min(until, max(at, time.Since(g.start)))
		case ctx.Err() != nil || g.aborted():
			return
		case g.steer.finished():
			p.wanted.Store(0)
			return
		default:
			at = until
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
		s.begin(from, g.steps.step(from.Sub(g.start)), func() {
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
