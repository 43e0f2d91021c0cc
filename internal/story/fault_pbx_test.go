package story

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
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
	var took []time.Duration
	all := standings()
	for n := range times {
		s, transport := all[n%len(all)], []string{"udp", "tcp"}[(n+n/len(all))%2]
		gone := away[n/2%len(away)] + time.Duration(chance.IntN(1000))*time.Millisecond
		wait := time.Duration(chance.IntN(3000)) * time.Millisecond
		t.Run(fmt.Sprintf("%03d %s %s away %s", n, s.name, transport, gone), func(t *testing.T) {
			s.struck(t, transport, func(d *desk) {
				d.pass(wait)
				d.lab.Stop(false)
				d.pass(gone)
				if err := d.lab.Resume(context.Background()); err != nil {
					t.Fatal(err)
				}
				took = append(took, d.backWithin(30*time.Second))
				d.pass(20 * time.Second)
				if gone > 32*time.Second {
					d.told("registration.")
				}
				if s.lost != "" {
					d.is(s.lost)
				}
			})
		})
	}
	slices.Sort(took)
	if len(took) == times {
		t.Logf("registered again after a median of %s, 90 %% within %s, at most %s", took[times/2], took[times*9/10], took[times-1])
	}
}
