package media

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkEngine measures what a packet sent or received costs in CPU, with
// everything that belongs to it (tone, mixer, codec, jitter buffer, RTCP,
// meters), for calls between two sessions of one process over loopback. Budget:
// 5.3 us a packet at 1,000 calls; a send and a receive alone cost 5.1 us.
func BenchmarkEngine(b *testing.B) {
	for _, calls := range []int{200, 500, 1000} {
		b.Run(fmt.Sprintf("calls=%d/codec=PCMU", calls), func(b *testing.B) {
			e := NewEngine(EngineConfig{})
			go func() { _ = e.Run(context.Background()) }()
			defer func() { _ = e.Close() }()
			heap := heapInUse()
			var all []*Session
			for range calls / 2 { // each side of a call counts as one: both are ours
				x, y := realPair(b, e, netip.MustParseAddr("127.0.0.1"), nil)
				all = append(all, x, y)
			}
			packets := func() (n, late uint64, jitter float64) {
				for _, s := range all {
					st := s.Stats()
					n += st.RxPackets + st.TxPackets
					late += st.Concealed
					jitter = max(jitter, st.JitterMS)
				}
				return n, late, jitter
			}
			<-time.After(time.Second)
			memory := float64(heapInUse()-heap) / 1024 / float64(calls)
			for b.Loop() {
				before, lateBefore, _ := packets()
				cpu := cpuTime(b)
				<-time.After(2 * time.Second)
				cpu = cpuTime(b) - cpu
				after, late, jitter := packets()
				n := float64(after - before)
				b.ReportMetric(float64(cpu.Microseconds())/n, "cpu-us/packet")
				b.ReportMetric(200*float64(late-lateBefore)/n, "concealed-%")
				b.ReportMetric(jitter, "worst-jitter-ms")
				b.ReportMetric(memory, "kB/call")
			}
		})
	}
}

// BenchmarkSocket is the floor: one send and one receive over loopback.
func BenchmarkSocket(b *testing.B) {
	e := NewEngine(EngineConfig{})
	defer func() { _ = e.Close() }()
	ip := netip.MustParseAddr("127.0.0.1")
	x, err := e.NewSession(SessionConfig{LocalIP: ip})
	if err != nil {
		b.Fatal(err)
	}
	y, err := e.NewSession(SessionConfig{LocalIP: ip})
	if err != nil {
		b.Fatal(err)
	}
	packet, buf := make([]byte, 172), make([]byte, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if err := x.rtp.write(packet, y.LocalAddr()); err != nil {
			b.Fatal(err)
		}
		if _, _, _, ok := y.rtp.read(buf, time.Now()); !ok {
			b.Fatal("nothing arrived")
		}
	}
}

// BenchmarkTick_Alone is a call of a load test, which nobody hears: by itself, and one of a
// thousand, of which the processor's cache holds nothing from one tick to the next.
func BenchmarkTick_Alone(b *testing.B) {
	for _, calls := range []int{1, 1000} {
		b.Run(fmt.Sprintf("calls=%d/codec=PCMU", calls), func(b *testing.B) {
			all := make([]*aloneRig, calls)
			for i := range all {
				all[i] = newAloneRig(b)
				if err := all[i].session.Announce(all[0].said); err != nil {
					b.Fatal(err)
				}
			}
			n := 0
			tick := func() {
				all[n].tick()
				n = (n + 1) % calls
			}
			for range 100 * calls {
				tick()
			}
			b.ReportAllocs()
			cpu := cpuTime(b)
			for b.Loop() {
				tick()
			}
			b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N), "cpu-ns/tick")
		})
	}
}
