package story

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// faults is how often something breaks: as often as RINGBACK_FAULTS says, else once in
// each state.
func faults(t *testing.T) int {
	text := os.Getenv("RINGBACK_FAULTS")
	if text == "" {
		return len(standings())
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFault_ThePBXIsKilledInEveryState: the PBX dies and comes back, knowing
// nothing, in each state of a registration and a call, over UDP and TCP, after
// nothing and after minutes. The agent is registered within 30 s of its return, is
// told, keeps the work in hand, goes on, and nothing is left anywhere.
func TestFault_ThePBXIsKilledInEveryState(t *testing.T) {
	times := faults(t)
	chance := rand.New(rand.NewPCG(4, 4))
	away := []time.Duration{0, 2 * time.Second, 10 * time.Second, 40 * time.Second, 3 * time.Minute}
	var mu sync.Mutex
	var took []time.Duration
	t.Run("each", func(t *testing.T) {
		for n := range times {
			all := standings()
			s, transport := all[n%len(all)], []string{"udp", "tcp"}[(n+n/len(all))%2]
			gone := away[n/2%len(away)] + time.Duration(chance.IntN(1000))*time.Millisecond
			wait := time.Duration(chance.IntN(3000)) * time.Millisecond
			t.Run(fmt.Sprintf("%03d %s %s away %s", n, s.name, transport, gone), func(t *testing.T) {
				t.Parallel()
				s.struck(t, transport, func(d *desk) {
					back := s.killed(d, wait, gone)
					mu.Lock()
					defer mu.Unlock()
					took = append(took, back)
				})
			})
		}
	})
	slices.Sort(took)
	if len(took) == times {
		t.Logf("registered again after a median of %s, 90 %% within %s, at most %s", took[times/2], took[times*9/10], took[times-1])
	}
}

// killed has the PBX die after a while and come back later, knowing nothing, and gives how long
// the agent took to be registered again.
func (s standing) killed(d *desk, wait, gone time.Duration) time.Duration {
	d.Helper()
	d.pass(wait)
	d.lab.Stop(false)
	d.pass(gone)
	if err := d.lab.Resume(context.Background()); err != nil {
		d.Fatal(err)
	}
	took := d.backWithin(30 * time.Second)
	d.pass(20 * time.Second)
	if gone > 32*time.Second {
		d.told("registration.")
	}
	if s.lost != "" {
		d.is(s.lost)
	}
	return took
}
