package scenario

import (
	"context"
	"errors"
	"time"

	"ringback/agent"
)

const (
	levelEvery = 200 * time.Millisecond // the meter looks back so far
	maxLevels  = 1200                   // of a call: 4 min; a longer one has them further apart
)

// Loudness is how loud a call was at a time since its begin, in dBFS.
type Loudness struct {
	At      time.Duration
	In, Out float64
}

// loudness is a call's levels, of which a bounded number is kept.
type loudness struct {
	all    []Loudness
	stride int // of how many looks one is kept, the loudest; 0: each
	looks  int
}

func (l *loudness) add(one Loudness) {
	l.stride = max(1, l.stride)
	if l.looks++; l.looks%l.stride != 0 && len(l.all) > 0 {
		last := &l.all[len(l.all)-1]
		last.In, last.Out = max(last.In, one.In), max(last.Out, one.Out)
		return
	}
	if len(l.all) >= maxLevels {
		half := l.all[:0]
		for i := 0; i+1 < len(l.all); i += 2 {
			a, b := l.all[i], l.all[i+1]
			half = append(half, Loudness{a.At, max(a.In, b.In), max(a.Out, b.Out)})
		}
		l.all, l.stride = half, 2*l.stride
	}
	l.all = append(l.all, one)
}

// listen looks at how loud the calls are until the phone has ended.
func (p *phone) listen() {
	tick := time.NewTicker(levelEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.read:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), levelEvery)
		now, err := p.agent.Levels(ctx)
		cancel()
		switch {
		case err == nil:
			p.hear(now)
		case !errors.Is(err, context.DeadlineExceeded):
			return // it has ended
		}
	}
}

func (p *phone) hear(all []agent.Level) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range all {
		if r := p.record(l.Call); r != nil && !r.Begun.IsZero() {
			r.loud.add(Loudness{time.Since(r.Begun), l.In, l.Out})
		}
	}
}
