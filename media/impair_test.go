package media

import (
	"math"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// lossless is a socket in memory: what is written can be read at once.
type lossless struct {
	waits [][]byte
	sent  [][]byte
	shut  bool
}

func (s *lossless) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	if len(s.waits) == 0 {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	n := copy(b, s.waits[0])
	s.waits = s.waits[1:]
	return n, netip.AddrPort{}, now, true
}

func (s *lossless) write(b []byte, _ netip.AddrPort) error {
	s.sent = append(s.sent, append([]byte(nil), b...))
	return nil
}

func (s *lossless) close() { s.shut = true }

// TestImpairment_LosesTheShareThatWasAsked: in each direction by itself, in bursts of
// the length that was asked.
func TestImpairment_LosesTheShareThatWasAsked(t *testing.T) {
	const packets = 100000
	for _, row := range []struct {
		name    string
		how     Impairment
		in, out float64
	}{
		{"5 % both ways", Impairment{Loss: 0.05, In: true, Out: true}, 0.05, 0.05},
		{"20 % in bursts of 10, of what is sent", Impairment{Loss: 0.2, Burst: 10, Out: true}, 0, 0.2},
		{"all of what comes", Impairment{Loss: 1, In: true}, 1, 0},
		{"none", Impairment{In: true, Out: true}, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			inner := &lossless{}
			s := impair(inner, row.how)
			buf, came, bursts, last := make([]byte, 8), 0, 0, true
			now := time.Now()
			for range packets {
				inner.waits = append(inner.waits, []byte{1})
				if _, _, _, ok := s.read(buf, now); ok {
					came++
				}
				before := len(inner.sent)
				if err := s.write([]byte{1}, netip.AddrPort{}); err != nil {
					t.Fatal(err)
				}
				if got := len(inner.sent) > before; got != last {
					if last = got; !got {
						bursts++
					}
				}
			}
			lost := packets - len(inner.sent)
			if in := 1 - float64(came)/packets; math.Abs(in-row.in) > 0.01 {
				t.Errorf("%.3f of what comes is lost, want %.3f", in, row.in)
			}
			if out := float64(lost) / packets; math.Abs(out-row.out) > 0.02 {
				t.Errorf("%.3f of what is sent is lost, want %.3f", out, row.out)
			}
			if row.how.Burst > 1 {
				if long := float64(lost) / float64(bursts); long < float64(row.how.Burst) || long > 1.5*float64(row.how.Burst) {
					t.Errorf("a burst is %.1f packets long, want %d and a little", long, row.how.Burst)
				}
			}
		})
	}
}

// TestImpairment_DelaysAndReorders: nothing is lost, everything is late by no more
// than was asked, and the order changes only where that was asked.
func TestImpairment_DelaysAndReorders(t *testing.T) {
	for _, row := range []struct {
		name    string
		how     Impairment
		latest  time.Duration
		reorder bool
	}{
		{"jitter below the pace", Impairment{Jitter: 15 * time.Millisecond, In: true, Out: true}, 15 * time.Millisecond, false},
		{"reorder", Impairment{Reorder: 0.2, In: true, Out: true}, overtaken, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &lossless{}
				s := impair(inner, row.how)
				begun, buf := time.Now(), make([]byte, 8)
				var order []byte
				for i := range byte(100) {
					inner.waits = append(inner.waits, []byte{i})
					_ = s.write([]byte{i}, netip.AddrPort{})
					order = drainImpaired(t, s, buf, begun, row.latest, order)
					pass(20 * time.Millisecond)
				}
				pass(time.Second)
				order = drainImpaired(t, s, buf, begun, row.latest, order)
				synctest.Wait()
				if len(order) != 100 || len(inner.sent) != 100 {
					t.Fatalf("%d came and %d went of 100", len(order), len(inner.sent))
				}
				var sent []byte
				for _, p := range inner.sent {
					sent = append(sent, p[0])
				}
				if in, out := swaps(order), swaps(sent); (in > 0) != row.reorder || (out > 0) != row.reorder {
					t.Errorf("%d came and %d went out of order", in, out)
				}
			})
		})
	}
}

func drainImpaired(t *testing.T, s socket, buf []byte, begun time.Time, latest time.Duration, order []byte) []byte {
	for {
		n, _, at, ok := s.read(buf, time.Now())
		if !ok {
			return order
		}
		if late := at.Sub(begun.Add(time.Duration(buf[0]) * 20 * time.Millisecond)); n != 1 || late < 0 || late > latest {
			t.Errorf("packet %d is %v late", buf[0], late)
		}
		order = append(order, buf[0])
	}
}

func swaps(order []byte) (n int) {
	for i := 1; i < len(order); i++ {
		if order[i] < order[i-1] {
			n++
		}
	}
	return n
}

// TestImpairment_AfterCloseNothingGoesOut: what was late is lost with the session.
func TestImpairment_AfterCloseNothingGoesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &lossless{}
		s := impair(inner, Impairment{Jitter: time.Second, Out: true})
		for range 10 {
			_ = s.write([]byte{1}, netip.AddrPort{})
		}
		s.close()
		gone := len(inner.sent)
		pass(2 * time.Second)
		synctest.Wait()
		if len(inner.sent) != gone || !inner.shut {
			t.Errorf("%d packets went out after the close", len(inner.sent)-gone)
		}
	})
}
