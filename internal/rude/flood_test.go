package rude

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/sip"
)

func text(n int) string { return strconv.Itoa(n) }

// source is the n-th of many addresses that nobody has.
func source(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 16 + byte(n>>16), byte(n >> 8), byte(n)}), uint16(1024+n%60000))
}

// S06: 200,000 sources that send one datagram each, in 20 s, during a call.
func TestConformance_S06_UnknownSources(t *testing.T) {
	for kind, sources := range map[string]int{"OPTIONS": 200_000 / scale, "INVITE": 40_000 / scale, "REGISTER": 40_000 / scale, "BYE": 40_000 / scale,
		"ACK": 100_000 / scale, "response": 100_000 / scale, "CANCEL": 40_000 / scale, "cut off": 100_000 / scale} {
		t.Run(kind, func(t *testing.T) {
			onPhone(t, nil, func(p *phone) {
				c := p.rings(p.pbx)
				sound := p.pbx.New("OPTIONS")
				answers := 0
				p.net.Tap(func(k simnet.Packet) {
					if k.From.Addr().String() == phoneIP && k.To.Addr().As4()[0] == 172 {
						answers++
					}
				})
				before, goroutines := heap(), runtime.NumGoroutine()
				for n := range sources {
					p.spoof(source(n), unknown(sound, kind, n))
					if n%100 == 99 {
						p.pass(20 * time.Second / time.Duration(sources/100))
					}
					if n == sources/2 {
						c.works()
					}
				}
				after := heap()
				c.works()
				held := int64(after) - int64(before)
				t.Logf("%d sources: %d bytes held, %d each, %d answers", sources, held, max(0, held)/int64(sources), answers)
				if held/int64(sources) > 1024 || held > 4<<20 {
					t.Errorf("%d bytes are held after %d sources", held, sources)
				}
				if answers > 200*22 {
					t.Errorf("%d answers in 20 s", answers)
				}
				p.rings(p.pbx) // the PBX's next call gets through at once
				p.pass(time.Minute)
				if left := int64(heap()) - int64(before); left > 1<<20 {
					t.Errorf("%d bytes are held a minute later", left)
				}
				if n := runtime.NumGoroutine(); n > goroutines {
					t.Errorf("%d goroutines, %d before", n, goroutines)
				}
			})
		})
	}
}

// unknown is what the n-th source sends.
func unknown(sound Request, kind string, n int) string {
	r := sound
	r.CallID = "s" + text(n)
	r.Via = fmt.Sprintf("SIP/2.0/UDP h;rport;branch=z9hG4bKs%d", n)
	r.From = fmt.Sprintf("<sip:x@h>;tag=%d", n)
	switch kind {
	case "response":
		return strings.Replace(r.String(), "OPTIONS "+r.URI+" SIP/2.0", "SIP/2.0 200 OK", 1)
	case "cut off":
		return r.String()[:200]
	}
	r.Method, r.CSeq = kind, "1 "+kind
	if kind == "BYE" || kind == "ACK" {
		r.To += ";tag=" + text(n)
	}
	return r.String()
}

// S07: 2,000 connections with half a message and 10,000 that say nothing, from hundreds
// of addresses, keep neither the call nor the PBX's own connection out.
func TestConformance_S07_SlowClientsByTheThousand(t *testing.T) {
	for name, c := range map[string]struct {
		clients int
		text    func(q Request) string
	}{
		"half a message": {2000 / scale, func(r Request) string { return r.String()[:100] }},
		"nothing":        {10_000 / scale, nil},
		"a body that never comes": {2000 / scale, func(r Request) string {
			r.Length = "60000"
			return r.String()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			onPhone(t, nil, func(p *phone) {
				call := p.rings(p.pbx)
				before, goroutines := heap(), runtime.NumGoroutine()
				ends := p.connects(c.clients)
				for _, conn := range ends {
					if c.text != nil {
						_, _ = io.WriteString(conn, c.text(p.pbx.New("OPTIONS"))) // one too many is closed
					}
				}
				p.pass(100 * time.Millisecond)
				held := int64(heap()) - int64(before)
				count := p.counters()
				t.Logf("%d clients: %d kB held, %d and %d refused by limits", c.clients, held>>10, count["transport.accept_limit"], count["transport.accept_ip_limit"])
				if c.clients > 1500 && count["transport.accept_limit"] == 0 {
					t.Error("the limit was not reached")
				}
				if held > 64<<20 {
					t.Errorf("%d bytes are held", held)
				}
				call.works()
				p.servesNext(p.stream(pbxIP)) // the PBX connects
				p.pass(16 * time.Second)
				for i, conn := range ends {
					_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
					if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatalf("client %d is still connected after 16 s", i)
					}
					conn.Close()
				}
				ends = nil
				p.pass(time.Second)
				call.works()
				// A connection of simnet's leaves 1.4 kB behind in a bubble, without the phone.
				if left := int64(heap()) - int64(before); left > int64(1<<20+2800*c.clients) {
					t.Errorf("%d bytes are held afterwards", left)
				}
				if n := runtime.NumGoroutine(); n > goroutines+4 { // the PBX's own connection
					t.Errorf("%d goroutines, %d before", n, goroutines)
				}
			})
		})
	}
}

// S05: what is large and dear to read is refused; the answer is small, nothing stays.
func TestConformance_S05_LargeMessages(t *testing.T) {
	for _, kind := range []string{"stranger by UDP", "PBX by UDP", "PBX by TCP"} {
		t.Run(kind, func(t *testing.T) {
			onPhone(t, nil, func(p *phone) {
				call := p.rings(p.pbx)
				p.invited = func(s *sip.Session) { _ = s.Reject(486, "") }
				q := p.pbx
				if kind == "stranger by UDP" {
					q = p.peer(otherIP)
				}
				for _, method := range []string{"OPTIONS", "INVITE", "MESSAGE"} {
					for name, text := range Flood(q.New(method)) {
						if kind == "PBX by TCP" {
							q = p.stream(pbxIP)
						}
						q.Drain()
						before := q.Received()
						if len(text) > 65507 && kind != "PBX by TCP" {
							t.Fatalf("%s has %d bytes", name, len(text))
						}
						_ = q.Write(text) // a stream may be closed in the middle of it
						p.pass(100 * time.Millisecond)
						if got := q.Received() - before; got > int64(4*len(text)) {
							t.Errorf("%s of %d bytes got %d bytes: %q", name, len(text), got, first(q))
						}
					}
				}
				call.works()
				if n := p.counters()["sip.panics"]; n != 0 {
					t.Errorf("%d panics", n)
				}
			})
		})
	}
}

// connects opens connections to the phone from many addresses, forty each, in one
// moment.
func (p *phone) connects(n int) []net.Conn {
	p.Helper()
	came := make(chan net.Conn, n)
	for i := range n {
		ip := netip.AddrFrom4([4]byte{172, 20, byte(i / 40 >> 8), byte(i / 40)}).String()
		go func() {
			conn, err := p.net.Host(ip).Dial(p.Context(), "tcp", "", at)
			if err != nil {
				p.Error(err)
			}
			came <- conn
		}()
	}
	var all []net.Conn
	for range n {
		if conn := <-came; conn != nil {
			all = append(all, conn)
		}
	}
	return all
}

func first(q *Peer) string {
	m, _ := q.Next(time.Millisecond)
	return m.Start()
}
