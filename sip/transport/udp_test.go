package transport

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

func TestUDPKeepsOrder(t *testing.T) {
	run(t, nil, func(b *bench) {
		pc := b.udp(":5060")
		for i := range 200 {
			pc.WriteTo([]byte(options(fmt.Sprint(i))), udpAddr(ourIP+":5060"))
		}
		var first Flow
		for i := range 200 {
			in := b.next(fmt.Sprint(i))
			if first == nil {
				first = in.Flow
			}
			if in.Flow != first || in.Flow.Reliable() || in.Flow.Transport() != "UDP" {
				t.Fatal("another flow")
			}
		}
	})
}

// T29, T28: where answers go, whatever their size.
func TestConformance_T28_T29_AnswersOverUDP(t *testing.T) {
	rows := []struct{ name, via, want string }{
		{"rport: the source port", "SIP/2.0/UDP 10.9.9.9:7777;branch=z9hG4bKa;rport", peerIP + ":6000"},
		{"no rport: the port of Via", "SIP/2.0/UDP 10.9.9.9:7777;branch=z9hG4bKa", peerIP + ":7777"},
		{"no port either: 5060", "SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKa", peerIP + ":5060"},
		{"maddr and received are not believed", "SIP/2.0/UDP h:7777;branch=b;maddr=192.0.2.66;received=192.0.2.66", peerIP + ":7777"},
	}
	for _, row := range rows {
		for _, size := range []int{0, 1400, 9000} {
			t.Run(fmt.Sprint(row.name, " ", size), func(t *testing.T) {
				run(t, nil, func(b *bench) {
					pc := b.udp(":6000")
					listening := pc
					if row.want != peerIP+":6000" {
						listening = b.udp(row.want)
					}
					text := regexp.MustCompile(`Via: .*\r\n`).ReplaceAllString(options("1"), "Via: "+row.via+"\r\n")
					pc.WriteTo([]byte(text), udpAddr(ourIP+":5060"))
					in := b.next("1")
					res := message.NewResponse(in.Msg.(*message.Request), 200, "", "tag")
					message.SetBody(res, "text/plain", bytes.Repeat([]byte("x"), size))
					if err := b.send(in.Flow, res); err != nil {
						t.Fatal(err)
					}
					got, from := b.recv(listening)
					wantStatus(t, got, 200)
					if from.String() != ourIP+":5060" || !strings.Contains(got, ";received="+peerIP) || len(got) < size {
						t.Errorf("from %s, %d bytes:\n%s", from, len(got), got[:200])
					}
				})
			})
		}
	}
}

func TestUDPFlow(t *testing.T) {
	run(t, nil, func(b *bench) {
		pc := b.udp(":5060")
		f := b.mustFlow(Target{Transport: "UDP", Addr: netip.MustParseAddrPort(peerIP + ":5060")})
		if err := b.send(f, ours(f, 10)); err != nil {
			t.Fatal(err)
		}
		got, _ := b.recv(pc)
		if !strings.Contains(got, "Via: SIP/2.0/UDP "+ourIP+":5060;rport;branch=z9hG4bK") {
			t.Error(got)
		}
		if again := b.mustFlow(Target{Transport: "UDP", Addr: f.Remote()}); again != f {
			t.Error("flows of one peer differ")
		}
		done := make(chan error, 1)
		b.layer.Ping(f, func(err error) { done <- err })
		if got, _ := b.recv(pc); got != "\r\n\r\n" || <-done != nil {
			t.Errorf("ping %q", got)
		}
		for _, keepalive := range []string{"\r\n\r\n", "\r\n", "\x00", ""} {
			pc.WriteTo([]byte(keepalive), udpAddr(ourIP+":5060"))
		}
		b.silent(pc)
		b.nothing()
		b.count("keepalives", 4)
	})
}

func TestUnspecifiedSocketKnowsItsAddress(t *testing.T) {
	for _, ips := range [][2]string{{"192.0.2.10", "192.0.2.20"}, {"2001:db8::10", "2001:db8::20"}} {
		run(t, nil, func(b *bench) {
			l, err := New(Config{Loop: b.loop, Network: b.net.Host(ips[0]), OnMessage: func(Inbound) {}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			local, err := l.Listen(b.Context(), "UDP", ":0")
			if err != nil || local.Port() == 0 || !local.Addr().IsUnspecified() || l.LocalAddr("UDP") != local {
				t.Fatal(local, err)
			}
			got := make(chan Flow, 1)
			l.GetFlow(Target{Transport: "UDP", Addr: netip.AddrPortFrom(netip.MustParseAddr(ips[1]), 5060)}, func(f Flow, _ error) { got <- f })
			f := <-got
			if f == nil || f.Local() != netip.AddrPortFrom(netip.MustParseAddr(ips[0]), local.Port()) {
				t.Fatal(f)
			}
			if v := f.LocalVia(); v.Host != ips[0] || v.Port != local.Port() || !strings.Contains(v.String(), f.Local().String()) {
				t.Error(v)
			}
		})
	}
}

// T27: a large request goes by TCP, and by UDP when TCP is refused.
func TestConformance_T27_LargeRequest(t *testing.T) {
	target := Target{Transport: "UDP", Addr: netip.MustParseAddrPort(peerIP + ":5060"), Size: 1400}
	t.Run("by TCP", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			ln, _ := b.peer.Listen(b.Context(), "tcp", ":5060")
			f := b.mustFlow(target)
			if err := b.send(f, ours(f, 1400)); err != nil {
				t.Fatal(err)
			}
			c, _ := ln.Accept()
			if got := b.read(c); !strings.Contains(got, "Via: SIP/2.0/TCP ") {
				t.Error(got)
			}
		})
	})
	t.Run("TCP refused", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			pc := b.udp(":5060")
			f := b.mustFlow(target)
			if err := b.send(f, ours(f, 9000)); err != nil {
				t.Fatal(err)
			}
			if got, _ := b.recv(pc); !strings.Contains(got, "Via: SIP/2.0/UDP ") || len(got) < 9000 {
				t.Error(got)
			}
			b.count("tcp_fallback_to_udp", 1)
			b.mustFlow(target)
			b.count("dial_error", 1) // not asked again at once
			<-time.After(noTCPFor)
			b.mustFlow(target)
			b.count("dial_error", 2)
		})
	})
	t.Run("small", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			small := target
			small.Size = MaxUDPRequest
			if f := b.mustFlow(small); f.Transport() != "UDP" {
				t.Error(f)
			}
		})
	})
}

// A loop that is behind costs datagrams, not memory.
func TestUDPBacklogIsBounded(t *testing.T) {
	run(t, func(c *Config) { c.Limits.Backlog = 10 }, func(b *bench) {
		free := make(chan struct{})
		b.loop.Post(func() { <-free })
		pc := b.udp(":5060")
		for i := range 100 {
			pc.WriteTo([]byte(options(fmt.Sprint(i))), udpAddr(ourIP+":5060"))
		}
		<-time.After(time.Second)
		b.count("drop_backlog", 90)
		close(free)
		for i := range 10 {
			b.next(fmt.Sprint(i))
		}
		pc.WriteTo([]byte(options("after")), udpAddr(ourIP+":5060"))
		b.next("after")
	})
}

// RFC 3261 8.2.7: a stateless answer to a retransmission has the same tag.
func TestStatelessAnswersRepeat(t *testing.T) {
	run(t, nil, func(b *bench) {
		pc := b.udp(":5060")
		bad := options("1", "Contact: <sip:h")
		pc.WriteTo([]byte(bad), udpAddr(ourIP+":5060"))
		pc.WriteTo([]byte(bad), udpAddr(ourIP+":5060"))
		first, _ := b.recv(pc)
		second, _ := b.recv(pc)
		wantStatus(t, first, 400)
		if first != second || !strings.Contains(first, "To: <sip:us@h>;tag=") {
			t.Errorf("%s\n%s", first, second)
		}
		pc.WriteTo([]byte(strings.ReplaceAll(bad, "OPTIONS", "ACK")), udpAddr(ourIP+":5060"))
		b.silent(pc)
		b.nothing()
	})
}

// T32: a datagram that is shorter than Content-Length says.
func TestConformance_T32_ShortDatagram(t *testing.T) {
	run(t, nil, func(b *bench) {
		pc := b.udp(":5060")
		pc.WriteTo([]byte(options("1", "l: 10")+"short"), udpAddr(ourIP+":5060"))
		got, _ := b.recv(pc)
		wantStatus(t, got, 400)
		pc.WriteTo([]byte(options("2", "Content-Type: text/plain", "l: 5")+"longer"), udpAddr(ourIP+":5060"))
		if in := b.next("2"); string(in.Msg.Body()) != "longe" {
			t.Errorf("%q", in.Msg.Body())
		}
	})
}

func tortureFiles(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	files, _ := filepath.Glob("../../testdata/rfc4475/*.dat")
	v6, _ := filepath.Glob("../../testdata/rfc5118/[impv]*")
	for _, file := range append(files, v6...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(file, "rfc5118") {
			// What the print lost: see testdata/rfc5118/README.md.
			data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
			_, body, found := bytes.Cut(data, []byte("\r\n\r\n"))
			if !found {
				data = append(data, "\r\n"...)
			}
			data = regexp.MustCompile(`Content-Length: \d+`).ReplaceAll(data, fmt.Appendf(nil, "Content-Length: %d", len(body)))
		}
		out[filepath.Base(file)] = data
	}
	if len(out) != 62 {
		t.Fatalf("%d messages", len(out))
	}
	return out
}

// U13: each torture message is delivered, refused with an answer or dropped, as
// admission says, and the next request is served.
func TestConformance_U13_TortureOverUDP(t *testing.T) {
	for name, data := range tortureFiles(t) {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(b *bench) {
				pc := b.udp(":5060")
				pc.WriteTo(data, udpAddr(ourIP+":5060"))
				_, err := message.Parse(data)
				if err == nil {
					<-b.in
				} else if r := err.(*message.Reject); r.Response("") != nil && !strings.Contains(string(data), ":5050;") {
					// Answers go to the port in Via; the test listens on its default.
					if got, _ := b.recv(pc); !strings.HasPrefix(got, fmt.Sprintf("SIP/2.0 %d ", r.Code)) {
						t.Error(got)
					}
				}
				pc.WriteTo([]byte(options("next")), udpAddr(ourIP+":5060"))
				b.next("next")
			})
		})
	}
}

// On a stream a message of the torture suite either leaves the connection in
// step, or ends it.
func TestConformance_U13_TortureOverTCP(t *testing.T) {
	for name, data := range tortureFiles(t) {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(b *bench) {
				c := b.dial()
				b.write(c, string(data))
				b.write(c, options("next"))
				<-time.After(20 * time.Second)
				served := false
				for len(b.in) > 0 {
					in := <-b.in
					served = served || message.CallID(in.Msg) == "next"
				}
				if !served && b.layer.Connections() != 0 {
					t.Error("neither served nor closed")
				}
				again := b.dial()
				b.write(again, options("next"))
				b.next("next")
			})
		})
	}
}
