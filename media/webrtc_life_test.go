package media

import (
	"net/netip"
	"testing"
	"time"

	"ringback/media/sdp"
	"ringback/media/webrtc"
)

// TestWebRTC_ALitePeer: who only answers checks, as servers with a public address do (RFC 8445
// section 2.5), is looked for by us, whoever made the offer.
func TestWebRTC_ALitePeer(t *testing.T) {
	for _, whose := range []string{"ours", "its"} {
		t.Run(whose+" offer first", func(t *testing.T) {
			withBrowser(t, func(c *webrtc.Config) { c.Lite = true }, nil, func(c *call) {
				c.begin(whose)
				c.hear("at first", true, true)
				c.offers(sdp.SendOnly, nil)
				c.hear("we hold", false, true)
				c.offers(sdp.SendRecv, nil)
				c.hear("we resume", true, true)
				c.isOffered(sdp.SendRecv, true, nil)
				c.hear("it restarts ICE", true, true)
				pass(31 * time.Second)
				c.hear("later", true, true)
			})
		})
	}
}

// TestWebRTC_AnotherTakesTheCall: the PBX moves the call to another peer, with a certificate and
// ICE of its own, by its offer or in its answer to ours. The one before hears nothing more.
func TestWebRTC_AnotherTakesTheCall(t *testing.T) {
	for _, whose := range []string{"ours", "its"} {
		for _, passive := range []bool{false, true} {
			t.Run(map[bool]string{false: "active, ", true: "passive, "}[passive]+whose+" offer", func(t *testing.T) {
				withBrowser(t, nil, nil, func(c *call) {
					c.begin("ours")
					c.hear("at first", true, true)
					first, other := c.peer, netip.MustParseAddr("192.0.2.3")
					second, err := webrtc.New(webrtc.Config{Network: c.net.Host(other.String()), IP: other, Codecs: []string{"PCMU"}, Tone: 850, Passive: passive})
					must(t, err)
					defer func() { must(t, second.Close()) }()
					c.peer = second
					defer func() { c.peer = first }()
					c.begin(whose)
					c.hear("the other", true, true)
					if first.Hears(440) || c.session.RemoteAddr().Addr() != other {
						t.Errorf("the first hears us %v; we send to %v", first.Hears(440), c.session.RemoteAddr())
					}
					c.offers(sdp.SendOnly, nil)
					c.hear("we hold", false, true)
					c.isOffered(sdp.SendRecv, true, nil)
					c.hear("it resumes, and restarts ICE", true, true)
				})
			})
		}
	}
}

// TestWebRTC_ARestartMendsALongOutage: a way that was gone for so long that both sides have given
// it up is found again when either restarts ICE; the association is the one before.
func TestWebRTC_ARestartMendsALongOutage(t *testing.T) {
	for _, whose := range []string{"ours", "its"} {
		t.Run(whose+" restart", func(t *testing.T) {
			withBrowser(t, nil, nil, func(c *call) {
				c.begin("ours")
				c.hear("at first", true, true)
				hands := c.session.hands
				c.net.Partition(hereIP, thereIP, true)
				pass(45 * time.Second)
				if c.peer.State() != "failed" || count[PathFailed](c.phone) != 1 || c.hears(850) {
					t.Fatalf("without a network the peer is %s; told %+v", c.peer.State(), c.told())
				}
				c.net.Partition(hereIP, thereIP, false)
				if whose == "its" {
					c.isOffered(sdp.SendRecv, true, nil)
				} else {
					must(t, c.session.RestartPath())
					c.offers(sdp.SendRecv, nil)
				}
				pass(2 * time.Second)
				if !c.hears(850) || !c.peer.Hears(440) || c.peer.State() != "connected" || c.session.hands != hands || count[PathFailed](c.phone) != 1 {
					t.Errorf("they hear %v %v, the peer is %s, the same association %v; told %+v", c.hears(850), c.peer.Hears(440), c.peer.State(), c.session.hands == hands, c.told())
				}
			})
		})
	}
}
