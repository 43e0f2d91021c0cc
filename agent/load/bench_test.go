package load

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"ringback/internal/simnet"
)

// BenchmarkCalls is a basic call (INVITE, 180, 200, ACK, BYE, 200 over UDP on loopback),
// caller and far end in one process: "cpu-µs/call" is the CPU time of both. It is for
// profiles; testdata/bench measures the program beside its peers.
// Its budget is in testdata/bench/README.md.
func BenchmarkCalls(b *testing.B) {
	for _, rate := range []float64{500, 1000, 4000} {
		b.Run(fmt.Sprintf("rate=%.0f", rate), func(b *testing.B) { benchmarkCalls(b, rate, MediaNone) })
	}
}

// farCalled is a network with a far end, and a plan of calls to it that only signal.
func farCalled(b *testing.B) (*simnet.Net, Plan) {
	n := simnet.New(simnet.Seed(1))
	b.Cleanup(n.Close)
	r, err := StartResponder(ResponderPlan{Listen: []string{farIP + ":5060"}, Media: MediaNone}, Options{Network: n.Host(farIP)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close() })
	p := DefaultPlan()
	p.Account.Registrar, p.Account.Bind = "sip:"+farIP, generatorIP
	p.Users = UsersPlan{First: 1, Count: 2}
	p.Calls.To = []string{"sip:echo@" + farIP}
	p.Calls.Rate, p.Calls.Media = 0, MediaNone
	return n, p
}

// BenchmarkCall is the same call over the in-memory network, a hundred at a time and as
// fast as they go: what it allocates and computes, without the system's sockets and
// clocks, so that a busy machine changes "allocs/op" and "B/op" not at all and
// "cpu-µs/call" little. "lingering-B/call" is what both sides still hold of a call at the end
// of the last, for the repetitions that may come (32 s). testdata/benchmarks/calls.txt keeps its figures.
func BenchmarkCall(b *testing.B) {
	n, p := farCalled(b)
	p.Calls.Concurrency, p.Calls.Most = 100, b.N
	p.Calls.For, p.Calls.Talk.Mean, p.Calls.Think.Mean = time.Hour, 0, 0
	if err := p.Check(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended, before, after := 0, heap(), uint64(0)
	count := func(CallResult) { // on the one shard's loop
		if ended++; ended == b.N {
			after = heap()
			cancel()
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	began := cpuTime()
	result, err := Run(ctx, &p, Options{Network: n.Host(generatorIP), Shards: 1, OnCall: count})
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((cpuTime()-began).Microseconds())/float64(b.N), "cpu-µs/call")
	b.ReportMetric(float64(after-min(after, before))/float64(b.N), "lingering-B/call")
	if report := result.Report(); report.Failed > 0 || report.Answered != b.N {
		b.Errorf("%d of %d calls were answered, %d failed: %v", report.Answered, b.N, report.Failed, report.Causes)
	}
}

// BenchmarkHeldCall is calls that are up, b.N of them: "held-B/call" is what both sides hold
// of one, signalling only, with the transactions that linger for half a minute.
func BenchmarkHeldCall(b *testing.B) {
	n, p := farCalled(b)
	p.Calls.Concurrency = b.N
	p.Calls.Ramp, p.Calls.For, p.Calls.Talk.Mean = time.Duration(b.N)*time.Second/2000, time.Hour, time.Hour
	if err := p.Check(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	before, after := heap(), uint64(0)
	look := func(s *Snapshot) {
		if s.tally.answered == b.N && after == 0 {
			after = heap()
			cancel()
		}
	}
	result, err := Run(ctx, &p, Options{Network: n.Host(generatorIP), Shards: 1, OnProgress: look})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(after-min(after, before))/float64(b.N), "held-B/call")
	if report := result.Report(); report.Failed > 0 || report.Answered != b.N {
		b.Errorf("%d of %d calls were answered, %d failed: %v", report.Answered, b.N, report.Failed, report.Causes)
	}
}

// heap is what is reachable.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkCalls_Media is the same with a second of G.711 both ways in each call.
func BenchmarkCalls_Media(b *testing.B) {
	b.Run("rate=200", func(b *testing.B) { benchmarkCalls(b, 200, MediaTone) })
}

func benchmarkCalls(b *testing.B, rate float64, kind string) {
	far := MediaNone
	if kind != MediaNone {
		far = MediaEcho
	}
	r, err := StartResponder(ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: far, Codecs: []string{"pcmu"}}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	p := DefaultPlan()
	p.Account.Registrar = "sip:" + r.Addresses()[0]
	p.Users = UsersPlan{First: 1, Count: 2}
	p.Calls.To = []string{"sip:echo@" + r.Addresses()[0]}
	p.Calls.Rate, p.Calls.Most, p.Calls.Media = rate, b.N, kind
	p.Calls.For = time.Duration(float64(b.N)/rate*float64(time.Second)) + time.Second
	p.Calls.Talk.Mean = time.Millisecond
	if kind != MediaNone {
		p.Calls.Talk.Mean = time.Second
	}
	if err := p.Check(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	began := cpuTime()
	result, err := Run(context.Background(), &p, Options{Shards: 1})
	if err != nil {
		b.Fatal(err)
	}
	report := result.Report()
	b.ReportMetric(float64((cpuTime()-began).Microseconds())/float64(b.N), "cpu-µs/call")
	b.ReportMetric(report.Lateness.P99, "late-p99-ms")
	if report.Failed > 0 {
		b.Errorf("%d of %d calls failed: %v", report.Failed, report.Began, report.Causes)
	}
}

// BenchmarkAgents is a minute's part of behaving agents, with the far end that offers them
// callbacks in the same process. It is for profiles: b.N is callbacks at 50 a second.
func BenchmarkAgents(b *testing.B) {
	for _, agents := range []int{100, 300, 1000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) { benchmarkAgents(b, agents) })
	}
}

func benchmarkAgents(b *testing.B, agents int) {
	rate := float64(agents) / 20
	r, err := StartResponder(ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: MediaSilence, Codecs: []string{"pcmu"}, Offers: rate}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	p := DefaultPlan()
	p.Account.Registrar, p.Account.Bind = "sip:"+r.Addresses()[0], "127.0.0.1"
	p.Users = UsersPlan{First: 2001, Count: agents}
	a := defaultAgents()
	a.For = time.Duration(float64(b.N) / rate * float64(time.Second))
	a.Think, a.Talk, a.WrapUp = Spread{Mean: 2 * time.Second}, Spread{Mean: 10 * time.Second, Spread: "lognormal"}, Spread{Mean: 3 * time.Second}
	a.Hold, a.Transfer, a.TransferTo, a.Codecs = 0.2, 0.05, "sip:602@"+r.Addresses()[0], []string{"pcmu"}
	p.Agents = &a
	a.For = max(a.For, time.Second)
	if err := p.Check(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	began := cpuTime()
	result, err := Run(context.Background(), &p, Options{})
	if err != nil {
		b.Fatal(err)
	}
	report := result.Report()
	b.ReportMetric((cpuTime() - began).Seconds(), "cpu-s")
	b.ReportMetric(report.Lateness.P99, "late-p99-ms")
	b.ReportMetric(float64(report.Answered), "answered")
	if report.Failed > 0 {
		b.Errorf("%d of %d calls failed: %v", report.Failed, report.Began, report.Causes)
	}
}
