//go:build !race

package load

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
)

// footprint is what a process holds on to.
type footprint struct {
	heap       uint64
	goroutines int
	sockets    int
}

func measure(n *simnet.Net) footprint {
	synctest.Wait()
	runtime.GC()
	runtime.GC() // what finalizers freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f := footprint{heap: m.HeapAlloc, goroutines: runtime.NumGoroutine()}
	for _, ip := range []string{generatorIP, farIP} {
		datagrams, listeners, connections := n.Host(ip).Sockets()
		f.sockets += datagrams + listeners + connections
	}
	return f
}

// Half an hour of calls, of registrations that come and go, and of agents at work: once it
// has drained, goroutines, sockets and memory are what they were.
func TestSoak_HalfAnHour(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: "echo 90%, none 10%", Codecs: []string{"pcmu"}, Busy: 0.05, Refuse: 0.02, Mute: 0.02, Late: 0.05, LateBy: 4 * time.Second, Offers: 0.1})
		callers := plan(t, users+"register: true\nchurn: {rate: 0.5, away: {mean: 5s, spread: exponential}}\n"+
			"calls: {to: ['sip:601@192.0.2.20'], rate: 1, for: 15m, ring: 10s, talk: {mean: 2s, spread: lognormal}, media: tone, codecs: [pcmu]}\n"+
			"thresholds: ['registration.failures == 0', 'failures < 20%', 'dropped == 0']\n")
		desks := plan(t, "users: {first: 3001, count: 3}\nagents: {for: 15m, think: {mean: 1s}, talk: {mean: 6s, spread: lognormal}, wrap_up: {mean: 1s}, hold: 20%, consult: 10%, consult_to: 'sip:601@192.0.2.20',\n"+
			"  transfer: 10%, transfer_to: 'sip:602@192.0.2.20', codecs: [pcmu]}\nthresholds: ['registration.failures == 0', 'completed > 60']\n")
		run := func(p *Plan, length time.Duration) {
			short := *p
			if p.Agents != nil {
				agents := *p.Agents
				agents.For, short.Agents = length, &agents
			}
			short.Calls.For = length
			host := n.Host(generatorIP)
			result, err := Run(context.Background(), &short, Options{Network: host, Media: host, Shards: 1})
			if err != nil {
				t.Fatal(err)
			}
			r := result.Report()
			if length > time.Minute && !r.OK || r.LeftCalls+r.LeftRegistrations != 0 {
				t.Errorf("%+v %+v", r, r.Agents)
			}
			time.Sleep(time.Minute) // transactions have their time to end
		}
		run(callers, time.Minute) // what is made once is there then
		run(desks, time.Minute)
		before := measure(n)
		began := time.Now()
		run(callers, 15*time.Minute)
		run(desks, 15*time.Minute)
		if length := time.Since(began); length < 30*time.Minute {
			t.Errorf("it took %v", length)
		}
		after := measure(n)
		t.Logf("before %+v, after %+v, the far end %+v", before, after, far.Answers())
		if after.goroutines > before.goroutines || after.sockets > before.sockets || after.heap > before.heap+before.heap/4+1<<20 {
			t.Errorf("before %+v, after %+v", before, after)
		}
		far.Close()
	})
}
