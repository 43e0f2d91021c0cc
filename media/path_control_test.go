package media

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

// reports counts the datagrams of RTCP between two ports.
type reports struct {
	mu   sync.Mutex
	seen map[[2]netip.AddrPort]int
}

func (r *reports) take(p simnet.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(p.Data) > 1 && p.Data[1] >= 200 && p.Data[1] <= 207 {
		r.seen[[2]netip.AddrPort{p.From, p.To}]++
	}
}

// taken are those since the last time.
func (r *reports) taken() map[[2]netip.AddrPort]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = map[[2]netip.AddrPort]int{}
	return seen
}

// TestICE_RTCPOnItsOwnPort: a peer that does not take RTCP with RTP, and whose SDP names a
// port for it that is closed, gets reports where the checks of component 2 find it, and so
// do we (RFC 8445 section 13). A re-INVITE changes nothing of it.
func TestICE_RTCPOnItsOwnPort(t *testing.T) {
	for name, e := range map[string]sdp.Encryption{"plain": sdp.EncryptionOff, "sdes": sdp.EncryptionRequired} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				wire := &reports{seen: map[[2]netip.AddrPort]int{}}
				n.Tap(wire.take)
				a, b := newPhone(t, n, hereIP, finding(t, e, sdp.KeyingSDES, "")), newPhone(t, n, thereIP, finding(t, e, sdp.KeyingSDES, ""))
				defer a.close()
				defer b.close()
				misled := regexp.MustCompile(`a=rtcp:\d+`)
				through := func(text []byte) []byte {
					if c := strings.Count(string(text), " 2 udp "); c != 1 {
						t.Errorf("%d candidates of RTCP:\n%s", c, text)
					}
					return misled.ReplaceAll([]byte(strings.Replace(string(text), "a=rtcp-mux\r\n", "", 1)), []byte("a=rtcp:9"))
				}
				agree := func() {
					offer, err := a.session.CreateOffer(sdp.SendRecv)
					must(t, err)
					answer, err := b.session.AcceptOffer(through(offer), sdp.SendRecv)
					must(t, err)
					if strings.Contains(string(answer), "rtcp-mux") {
						t.Errorf("who was not offered it takes it:\n%s", answer)
					}
					must(t, a.session.AcceptAnswer(through(answer), false))
				}
				agree()
				a.tone(440)
				b.tone(850)
				for range 2 {
					wire.taken()
					pass(40 * time.Second)
					if !a.hears(850) || !b.hears(440) {
						t.Fatalf("they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
					}
					here, there, seen := rtcpOf(a), rtcpOf(b), wire.taken()
					if seen[[2]netip.AddrPort{here, there}] < 4 || seen[[2]netip.AddrPort{there, here}] < 4 {
						t.Errorf("reports between %v and %v: %v", here, there, seen)
					}
					if a.session.Stats().RTCPRecv == 0 || b.session.Stats().RTCPRecv == 0 {
						t.Error("they get no reports")
					}
					agree()
				}
			})
		})
	}
}

// TestICE_RTCPIsTakenWithRTPLater: once both have agreed on one port, nothing looks for the
// other any more, and nothing is sent to it.
func TestICE_RTCPIsTakenWithRTPLater(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		how := finding(t, sdp.EncryptionOff, sdp.KeyingSDES, "")
		a, b := newPhone(t, n, hereIP, how), newPhone(t, n, thereIP, how)
		defer a.close()
		defer b.close()
		var toSecond atomic.Int64
		agree := func(change func(string) string) {
			offer, err := a.session.CreateOffer(sdp.SendRecv)
			must(t, err)
			answer, err := b.session.AcceptOffer([]byte(change(string(offer))), sdp.SendRecv)
			must(t, err)
			must(t, a.session.AcceptAnswer(answer, false))
		}
		agree(func(text string) string { return strings.Replace(text, "a=rtcp-mux\r\n", "", 1) })
		a.tone(440)
		b.tone(850)
		pass(10 * time.Second)
		ports := []netip.AddrPort{rtcpOf(a), rtcpOf(b)}
		if !a.session.path.control.pair.IsValid() || !b.session.path.control.pair.IsValid() {
			t.Fatalf("the ports of RTCP are not found: %+v %+v", a.session.path.control, b.session.path.control)
		}
		agree(func(text string) string { return text })
		pass(3 * time.Second) // what was on its way
		n.Tap(func(p simnet.Packet) {
			if slices.Contains(ports, p.To) {
				toSecond.Add(1)
			}
		})
		before := a.session.Stats().RTCPRecv
		pass(30 * time.Second)
		if got := toSecond.Load(); got != 0 || a.session.path.control != (controlWay{}) || b.session.path.control != (controlWay{}) {
			t.Errorf("%d datagrams go to the ports that nobody uses; %+v %+v", got, a.session.path.control, b.session.path.control)
		}
		if !a.hears(850) || !b.hears(440) || a.session.Stats().RTCPRecv == before {
			t.Errorf("they hear %v %v, reports %d and %d", a.hears(850), b.hears(440), before, a.session.Stats().RTCPRecv)
		}
	})
}

func rtcpOf(p *phone) netip.AddrPort {
	p.session.mu.Lock()
	defer p.session.mu.Unlock()
	return p.session.controlAddress()
}

// TestICE_RTCPWithRTPHasNoSecondComponent: where the peer takes both on one port, and where
// keys come by DTLS, which would be others there, nothing is said of a second port.
func TestICE_RTCPWithRTPHasNoSecondComponent(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		plain := finding(t, sdp.EncryptionOff, sdp.KeyingSDES, "")
		a, b := newPhone(t, n, hereIP, plain), newPhone(t, n, thereIP, plain)
		defer a.close()
		defer b.close()
		offer, answer := connect(t, a, b)
		again, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		a.session.RollbackOffer()
		secret := newPhone(t, n, turnIP, finding(t, sdp.EncryptionRequired, sdp.KeyingDTLS, ""))
		defer secret.close()
		shaken, err := secret.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		if !strings.Contains(string(offer), " 2 udp ") {
			t.Errorf("it is not known yet whether the peer takes both on one port:\n%s", offer)
		}
		for _, text := range [][]byte{answer, again, shaken} {
			if strings.Contains(string(text), " 2 udp ") {
				t.Errorf("it has candidates of RTCP:\n%s", text)
			}
		}
	})
}
