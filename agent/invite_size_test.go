package agent

import (
	"bytes"
	"testing"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/sip/transport"
)

// TestInvite_GoesByUDP: an ordinary INVITE with all codecs and credentials is short enough to
// go by UDP (RFC 3261 section 18.1.1).
func TestInvite_GoesByUDP(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) { c.Audio.Codecs = []string{"opus", "g722", "pcmu", "pcma"} }, func(b *bed) {
		longest, withCredentials, sendsOpus := 0, 0, false
		b.net.Tap(func(p simnet.Packet) {
			if p.Network == "udp" && bytes.HasPrefix(p.Data, []byte("INVITE")) && p.From.Addr().String() == agentIP {
				longest = max(longest, len(p.Data))
				sendsOpus = sendsOpus || bytes.Contains(p.Data, []byte("opus/48000"))
				if bytes.Contains(p.Data, []byte("uthorization: ")) {
					withCredentials++
				}
			}
		})
		b.do("dial", map[string]any{"target": "2001"})
		b.wait(CallConnected)
		const longerNames, opus = 60, 110 // a real PBX's names; Opus is in the offer of builds that can send it only
		limit := transport.MaxUDPRequest - longerNames
		if !sendsOpus {
			limit -= opus
		}
		if withCredentials == 0 || longest > limit {
			t.Errorf("%d octets, want at most %d; %d INVITEs with credentials", longest, limit, withCredentials)
		}
	})
}
