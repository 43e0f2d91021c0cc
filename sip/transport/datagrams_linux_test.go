package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
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
			sender, err := net.Dial(network, pc.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			from, r := addrPortOf(sender.LocalAddr()), newDatagrams(pc).(*batches)
			defer r.close()
			if r.bare != nil {
				t.Fatal("a socket is busy from its beginning")
			}
			answered := func(want string) {
				t.Helper()
				if err := r.write([]byte(want), from); err != nil {
					t.Fatal(err)
				}
				var room [64]byte
				if n, err := sender.Read(room[:]); err != nil || string(room[:n]) != want {
					t.Fatalf("the answer was %q, %v, want %q", room[:n], err, want)
				}
			}
			answered("quiet")
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
			if r.bare == nil || most < 2 || most > batchMost {
				t.Errorf("the busy socket was read %d at a time at most", most)
			}
			answered("busy")
			r.since, r.came = time.Now().Add(-2*quietFor), 0 // as after hardly any messages
			fmt.Fprint(sender, "message ", got)
			read()
			if r.bare != nil {
				t.Error("the socket is busy still")
			}
			fmt.Fprint(sender, "message ", got)
			read()
			answered("quiet again")
			r.close()
			if err := r.write([]byte("x"), from); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write to a closed socket: %v", err)
			}
			if err := r.read(func([]byte, netip.AddrPort, time.Time) {}); err == nil {
				t.Error("a closed socket was read")
			}
		})
	}
}

// A busy socket that is closed under its reader and its writer ends both.
func TestDatagrams_CloseWhileBusy(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := addrPortOf(pc.LocalAddr())
	r := newDatagrams(pc).(*batches)
	r.becomeBusy(time.Now())
	if r.bare == nil {
		t.Fatal("the socket did not become busy")
	}
	read := make(chan int, 1000)
	var both sync.WaitGroup
	both.Go(func() {
		for r.read(func(data []byte, _ netip.AddrPort, _ time.Time) {
			select {
			case read <- len(data):
			default:
			}
		}) == nil {
		}
	})
	both.Go(func() {
		for r.write([]byte("to itself"), own) == nil {
		}
	})
	for range 100 {
		<-read
	}
	r.close()
	r.close()
	both.Wait()
}

// Whoever writes while a socket becomes busy or quiet is not told of it.
func TestDatagrams_WriteWhileItChanges(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own := addrPortOf(pc.LocalAddr())
	r := newDatagrams(pc).(*batches)
	defer r.close()
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer stop()
	for range 2 {
		writers.Go(func() {
			for ctx.Err() == nil {
				if err := r.write([]byte("to itself"), own); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 200 {
		r.becomeBusy(time.Now())
		r.becomeQuiet()
	}
	if r.bare != nil {
		t.Error("the socket is not quiet")
	}
}
