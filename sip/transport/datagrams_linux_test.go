package transport

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// A socket that becomes busy is read by many at a time, and loses and confuses nothing
// on the way there and back.
func TestDatagrams_Batches(t *testing.T) {
	for _, network := range []string{"udp4", "udp"} {
		t.Run(network, func(t *testing.T) {
			bind := map[string]string{"udp4": "127.0.0.1:0", "udp": "[::1]:0"}[network]
			pc, err := net.ListenPacket(network, bind)
			if err != nil {
				t.Fatal(err)
			}
			defer pc.Close()
			sender, err := net.Dial(network, pc.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			from, r := addrPortOf(sender.LocalAddr()), newDatagrams(pc).(*batches)
			if r.many != nil {
				t.Fatal("a socket is busy from its beginning")
			}
			got, most := 0, 0
			read := func() {
				t.Helper()
				before := got
				err := r.read(func(data []byte, at netip.AddrPort, _ time.Time) {
					if want := fmt.Sprint("message ", got); string(data) != want || at != from {
						t.Fatalf("read %q from %v, want %q from %v", data, at, want, from)
					}
					got++
				})
				if err != nil {
					t.Fatal(err)
				}
				most = max(most, got-before)
			}
			for sent := 0; sent < 600; {
				for range 60 {
					if _, err := fmt.Fprint(sender, "message ", sent); err != nil {
						t.Fatal(err)
					}
					sent++
				}
				for got < sent {
					read()
				}
			}
			if r.many == nil || most < 2 || most > batchMost {
				t.Errorf("the busy socket was read %d at a time at most", most)
			}
			r.alone = time.Now().Add(-2 * quietFor) // as after messages that each came alone
			fmt.Fprint(sender, "message ", got)
			read()
			if r.many != nil {
				t.Error("the socket is busy still")
			}
			fmt.Fprint(sender, "message ", got)
			read()
			pc.Close()
			if err := r.read(func([]byte, netip.AddrPort, time.Time) {}); err == nil {
				t.Error("a closed socket was read")
			}
		})
	}
}
