package media

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
)

// slow is a node that takes long at one of its ticks.
type slow struct {
	at, ticks, skipped int
	takes              time.Duration
	last               time.Time
	ends               int
}

type slowNode struct{ *slow }

func (n slowNode) tick(now time.Time, skipped int) bool {
	n.ticks++
	n.skipped += skipped
	n.last = now
	if n.ticks == n.at {
		<-time.After(n.takes)
	}
	return n.ticks != n.ends
}

func TestWheel_CatchesUpByAbsoluteDeadlines(t *testing.T) {
	for _, row := range []struct {
		takes   time.Duration
		skipped bool
	}{{70 * time.Millisecond, false}, {190 * time.Millisecond, false}, {730 * time.Millisecond, true}} {
		t.Run(row.takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := NewEngine(EngineConfig{Shards: 1})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- e.Run(ctx) }()
				n := slowNode{&slow{at: 10, takes: row.takes}}
				start := time.Now()
				e.place(n)
				pass(2 * time.Second)
				cancel()
				must(t, <-ended)
				if all := n.ticks + n.skipped; all < 99 || all > 101 {
					t.Errorf("%d ticks and %d left out in 2 s", n.ticks, n.skipped)
				}
				if (n.skipped > 0) != row.skipped {
					t.Errorf("left out %d", n.skipped)
				}
				if off := n.last.Sub(start) % audio.FrameTime; off != 0 {
					t.Errorf("off its place by %v", off)
				}
			})
		})
	}
}

func TestWheel_SharesAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(EngineConfig{Shards: 2})
		go func() { _ = e.Run(context.Background()) }()
		defer func() { _ = e.Close() }()
		var nodes []slowNode
		for range 40 {
			n := slowNode{&slow{ends: 5}}
			nodes = append(nodes, n)
			e.place(n)
		}
		for _, s := range e.shards {
			if s.load.Load() != 20 {
				t.Errorf("a shard has %d of 40", s.load.Load())
			}
			for i := range s.slots {
				s.mu.Lock()
				if n := len(s.slots[i].nodes); n != 2 {
					t.Errorf("slot %d has %d of 20", i, n)
				}
				s.mu.Unlock()
			}
		}
		pass(time.Second)
		for _, n := range nodes {
			if n.ticks != 5 {
				t.Errorf("%d ticks after its end", n.ticks)
			}
		}
		if e.shards[0].load.Load() != 0 {
			t.Error("ended nodes stay")
		}
	})
}
