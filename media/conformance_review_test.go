package media

import (
	"encoding/binary"
	"regexp"
	"runtime"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

// O02: what a re-INVITE without SDP gets is a full offer, on the path and with the keys
// that are there: no new handshake, no gap.
func TestConformance_O02_ALateOfferKeepsPathAndKeys(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := speaking(t, n, walking(t))
		defer a.close()
		defer b.close()
		line := func(text []byte, begin string) string {
			return string(regexp.MustCompile(`(?m)^` + begin + `[^\r\n]*`).Find(text))
		}
		renegotiate(t, a, b, sdp.SendOnly, sdp.SendRecv) // held down
		hands, pair := a.session.hands, a.session.path.pair
		quiet := quietest(b, func() {
			offer, err := a.session.CreateOffer(sdp.SendRecv)
			must(t, err)
			for _, want := range []string{"a=fingerprint:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=setup:"} {
				if line(offer, want) == "" {
					t.Errorf("no %s in\n%s", want, offer)
				}
			}
			if line(offer, "a=(sendonly|inactive|recvonly)") != "" {
				t.Errorf("held down:\n%s", offer)
			}
			answer, err := b.session.AcceptOffer(offer, sdp.SendRecv)
			must(t, err)
			must(t, a.session.AcceptAnswer(answer, false))
			if line(offer, "a=ice-ufrag:") != "a=ice-ufrag:"+ufrag(a) {
				t.Errorf("other credentials than those of the path:\n%s", offer)
			}
			pass(2 * time.Second)
		})
		if a.session.hands != hands || a.session.path.pair != pair || quiet > 0 || !a.hears(850) || !b.hears(440) {
			t.Errorf("the same handshake %v, the same path %v, a gap of %v", a.session.hands == hands, a.session.path.pair == pair, quiet)
		}
	})
}

func ufrag(p *phone) string {
	of, _ := p.session.path.agent.Credentials()
	return of
}

// M09: junk leaves nothing behind in memory.
func TestConformance_M09_JunkCostsNoMemory(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		junk := func(packets int) {
			for i := range packets {
				b := make([]byte, 12+i%200)
				for k := range b {
					b[k] = byte(i*31 + k*7)
				}
				b[0], b[1] = 0x80|b[0]&0x3F, b[1]|0x40
				r.send(b)
				r.rtcpTo(r.rtcp, p, b)
				if i%20 == 0 {
					r.speak(1)
				}
			}
		}
		junk(2000)
		before := live(r)
		junk(20_000)
		if after := live(r); after > before+before/20+64<<10 {
			t.Errorf("%d bytes are held, %d before", after, before)
		}
	})
}

// live is what the garbage collector leaves once both have read what came, in bytes.
func live(r *peer) uint64 {
	pass(time.Minute)
	for _, ok := drain(r); ok; _, ok = drain(r) {
		continue
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// M23: reports about 31 sources each, new ones in every packet, from the peer itself.
func TestConformance_M23_ManyReportBlocks(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(50)
		before := live(r)
		quiet := quietest(p, func() {
			for i := range uint32(2000) {
				b := make([]byte, 8+31*24)
				b[0], b[1] = 0x80|31, 201
				binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
				binary.BigEndian.PutUint32(b[4:], i)
				for k := range uint32(31) {
					binary.BigEndian.PutUint32(b[8+k*24:], 0x10000+i*31+k)
				}
				r.rtcpTo(r.rtcp, p, b)
				if i%4 == 0 {
					r.speak(1)
				}
			}
		})
		heard := p.hears(440)
		if after := live(r); quiet > 0 || after > before+before/20+64<<10 || !heard {
			t.Errorf("gap %v, heard %v, %d bytes held, %d before", quiet, heard, after, before)
		}
	})
}
