package transaction

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ringback/sip/loop"
)

// A transaction lingers for its whole time, and a little longer, so that those that end about the
// same moment are forgotten together; where nothing is repeated none lingers (RFC 3261 17.1.2.2).
func TestLingers_TogetherAndNeverShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Layer{Config: Config{Loop: loop.New(nil)}}
		ctx, cancel := context.WithCancel(t.Context())
		go l.Loop.Run(ctx)
		begin, moments := time.Now(), map[time.Duration]bool{}
		atOnce := false
		l.Loop.Post(func() {
			l.lingers(0, func() { atOnce = time.Since(begin) == 0 })
			for d := 5 * time.Second; d < 6*time.Second; d += time.Millisecond {
				l.lingers(d, func() {
					at := time.Since(begin)
					if moments[at] = true; at < d || at > d+16*time.Millisecond {
						t.Errorf("%v is %v", d, at)
					}
				})
			}
		})
		<-time.After(time.Minute) // virtual
		cancel()
		<-l.Loop.Done()
		if !atOnce || len(moments) > 64 {
			t.Errorf("at once %v; 1,000 transactions end at %d moments", atOnce, len(moments))
		}
	})
}
