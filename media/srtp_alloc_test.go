//go:build !race

package media

import (
	"testing"

	"ringback/media/sdp"
)

// The race detector makes pools forget at random, so that this is tried without it (make limits).

// TestSRTP_NothingIsAllocatedForAPacket: neither on the way out nor in, whatever the suite.
func TestSRTP_NothingIsAllocatedForAPacket(t *testing.T) {
	for _, suite := range sdp.Suites() {
		key, salt := suite.Sizes()
		k := sdp.MasterKey{Key: make([]byte, key), Salt: make([]byte, salt)}
		agreed := &sdp.Crypto{Suite: suite, Send: k, Receive: []sdp.MasterKey{k}}
		var far, near secrecy
		for _, s := range []*secrecy{&far, &near} {
			_, err := s.agree(agreed)
			must(t, err)
		}
		var x transmitter
		room := new(scratch)
		out := &room.out
		x.renumber()
		x.header.Version = 2
		got := testing.AllocsPerRun(1000, func() {
			n, _ := x.header.MarshalTo(out[:])
			x.header.SequenceNumber++
			sealed, err := far.seal(out[:n+160], &room.sealed)
			if _, _, ok := near.open(sealed); err != nil || !ok {
				t.Fatal("not opened", err)
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", suite, got)
		}
	}
}
