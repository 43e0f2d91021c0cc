package agent

import (
	"runtime"
	"testing"
	"time"

	"ringback/sip"
)

// A day's work leaves nothing behind: what is remembered of calls that are done is
// bounded, and no goroutine, dialog or timer stays.
func TestShift_QuickCallsLeaveNothingBehind(t *testing.T) {
	const before, calls = 50, 350
	peerStory(t, func(cfg *Config) { cfg.Account.Keepalive = time.Hour }, func(b *bed, p *peer) {
		one := func() {
			r := b.do("dial", map[string]any{"target": "3000"})
			s := <-p.came
			p.do(func() { _ = s.Answer(plainSDP("sendrecv")) })
			b.wait(CallConnected)
			b.do("end", map[string]any{"interaction": r.Interaction})
			peerWait[sip.Ended](p)
			b.do("done", map[string]any{"interaction": r.Interaction})
			<-time.After(time.Second) // the peer takes 50 a second
		}
		measure := func() (heap uint64, goroutines int) {
			<-time.After(time.Minute) // transactions have their time to end
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc, runtime.NumGoroutine()
		}
		for range before {
			one()
		}
		heap, goroutines := measure()
		for range calls {
			one()
		}
		after, left := measure()
		t.Logf("heap %d kB, then %d kB; goroutines %d, then %d", heap>>10, after>>10, goroutines, left)
		if left > goroutines || after > heap+8<<20 { // the events and the trace fill up to their bounds
			t.Errorf("grew: heap %d kB, then %d kB; goroutines %d, then %d", heap>>10, after>>10, goroutines, left)
		}
		b.on(func(a *Agent) {
			if len(a.interactions) > maxDone || a.ua.Counters()["transaction.servers.open"] != 0 {
				t.Errorf("%d interactions, %v", len(a.interactions), a.ua.Counters())
			}
		})
	})
}
