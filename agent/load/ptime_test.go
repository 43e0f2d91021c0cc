package load

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"ringback/internal/simnet"
)

// TestSend_PacketTime: callers and agents ask the far end for the plan's packet time, and
// get it.
func TestSend_PacketTime(t *testing.T) {
	for _, ms := range []int{10, 40, 60} {
		for name, text := range map[string]string{
			"calls":  users + "calls: {to: ['sip:601@192.0.2.20'], rate: 2, for: 1s, talk: {mean: 3s}, media: tone, codecs: [pcmu], ptime: %dms}\n",
			"agents": "users: {first: 3001, count: 1}\nagents: {for: 20s, think: {mean: 300ms}, talk: {mean: 3s}, media: tone, codecs: [pcmu], ptime: %dms}\n",
		} {
			t.Run(fmt.Sprintf("%s/%d", name, ms), func(t *testing.T) {
				story(t, func(t *testing.T, n *simnet.Net) {
					steps, last := map[uint32]int{}, map[uint16]uint32{}
					n.Tap(func(p simnet.Packet) {
						if p.From.Addr().String() != farIP || len(p.Data) < 12 || p.Data[0] != 0x80 || p.Data[1]&0x7F != 0 {
							return
						}
						ts := binary.BigEndian.Uint32(p.Data[4:])
						if before, known := last[p.To.Port()]; known {
							steps[ts-before]++
						}
						last[p.To.Port()] = ts
					})
					r := ResponderPlan{Media: MediaTone, Codecs: []string{"pcmu"}}
					if name == "agents" {
						r.Offers = 0.2
					}
					far := respond(t, n, r)
					run(t.Context(), t, n, plan(t, fmt.Sprintf(text, ms)), nil)
					far.Close()
					all := 0
					for _, n := range steps {
						all += n
					}
					if want := steps[uint32(8*ms)]; want < 40 || want < all*9/10 {
						t.Errorf("steps of the timestamp: %v", steps)
					}
				})
			})
		}
	}
}

// TestPlan_PacketTimesThatAreNone: the error names the field and what can be written.
func TestPlan_PacketTimesThatAreNone(t *testing.T) {
	for _, text := range []string{users + "calls: {to: ['sip:601@192.0.2.20'], rate: 1, for: 1s, talk: {mean: 1s}, ptime: 25ms}", "users: {first: 1, count: 1}\nagents: {for: 1s, ptime: 80ms}"} {
		_, err := ParsePlan([]byte("account: {registrar: 'sip:192.0.2.20'}\n" + text + "\n"))
		if err == nil || !strings.Contains(err.Error(), "ptime: ") || !strings.Contains(err.Error(), "write 10ms, 20ms, 30ms, 40ms or 60ms") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
