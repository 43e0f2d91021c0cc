package sip

import (
	"sync"
	"time"
)

// counters count by cause. The causes are words of this package's own, never of a
// peer's, so that there are only so many. Any goroutine.
type counters struct {
	mu sync.Mutex
	n  map[string]uint64
}

func (c *counters) add(cause string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]uint64{}
	}
	c.n[cause]++
}

func (c *counters) snapshot() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]uint64, len(c.n)+8)
	for k, v := range c.n {
		out["sip."+k] = v
	}
	return out
}

// rateGate lets so many through in each second of the loop's time.
type rateGate struct {
	perSecond int
	second    time.Time
	used      int
}

func (g *rateGate) pass(now time.Time) bool {
	if now.Sub(g.second) >= time.Second {
		g.second, g.used = now, 0
	}
	g.used++
	return g.used <= g.perSecond
}
