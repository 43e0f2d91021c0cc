package media

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/internal/turnserver"
	"ringback/media/codec"
	"ringback/media/sdp"
	"ringback/media/webrtc"
)

// These hold a session to a foreign WebRTC peer, pion/webrtc, as it is behind a SIP PBX
// that passes its SDP on.

// call is a phone and a foreign peer.
type call struct {
	*phone
	peer *webrtc.Peer
	net  *simnet.Net
}

// withBrowser runs fn with both, not connected yet. What the phone says is 440 Hz, the peer 850.
func withBrowser(t *testing.T, browser func(*webrtc.Config), phone func(*SessionConfig), fn func(c *call)) {
	t.Helper()
	story(t, func(t *testing.T, n *simnet.Net) { withBrowserIn(t, n, browser, phone, fn) })
}

func withBrowserIn(t *testing.T, n *simnet.Net, browser func(*webrtc.Config), phone func(*SessionConfig), fn func(c *call)) {
	t.Helper()
	cfg := webrtc.Config{Network: n.Host(thereIP), IP: netip.MustParseAddr(thereIP), Codecs: []string{"PCMU"}, Tone: 850}
	if browser != nil {
		browser(&cfg)
	}
	change := []func(*SessionConfig){walking(t), func(c *SessionConfig) { c.NAT = false }}
	if phone != nil {
		change = append(change, phone)
	}
	first, _ := codec.Find(cfg.Codecs[0], 0)
	c := &call{phone: newPhoneAt(t, n, hereIP, first.SampleRate, change...), net: n}
	defer c.close()
	var err error
	c.peer, err = webrtc.New(cfg)
	must(t, err)
	defer func() { must(t, c.peer.Close()) }()
	c.tone(440)
	fn(c)
}

// offers is an exchange that the phone begins; change is what becomes of its offer on the way.
func (c *call) offers(dir sdp.Direction, change func(string) string) (offer, answer []byte) {
	c.t.Helper()
	offer, err := c.session.CreateOffer(dir)
	must(c.t, err)
	answer, err = c.peer.Answer(changed(offer, change))
	must(c.t, err)
	must(c.t, c.session.AcceptAnswer(answer, false))
	return offer, answer
}

// isOffered is one that the peer begins.
func (c *call) isOffered(dir sdp.Direction, restart bool, change func(string) string) (offer, answer []byte) {
	c.t.Helper()
	offer, err := c.peer.Offer(restart)
	must(c.t, err)
	answer, err = c.session.AcceptOffer(changed(offer, change), dir)
	must(c.t, err)
	must(c.t, c.peer.Accept(answer))
	return offer, answer
}

func changed(text []byte, by func(string) string) []byte {
	if by == nil {
		return text
	}
	return []byte(by(string(text)))
}

// begin is the first exchange, by who is said to make the offer.
func (c *call) begin(whose string) (offer, answer []byte) {
	c.t.Helper()
	if whose == "ours" {
		return c.offers(sdp.SendRecv, nil)
	}
	return c.isOffered(sdp.SendRecv, false, nil)
}

// hear says who hears whom after a second.
func (c *call) hear(when string, phone, peer bool) {
	c.t.Helper()
	pass(time.Second)
	if a, b := c.hears(850), c.peer.Hears(440); a != phone || b != peer || c.peer.State() != "connected" || count[EncryptionFailed](c.phone)+count[PathFailed](c.phone) != 0 {
		c.t.Fatalf("%s: the phone hears %v, the peer %v, which is %s; told %+v\n%+v", when, a, b, c.peer.State(), c.told(), c.session.Stats())
	}
}

// TestWebRTC_BothTalk: sound of each codec, digits and reports, both ways, by one port each.
func TestWebRTC_BothTalk(t *testing.T) {
	for _, name := range []string{"PCMU", "PCMA", "G722"} {
		t.Run(name, func(t *testing.T) { bothTalk(t, name) })
	}
}

func bothTalk(t *testing.T, name string) {
	for how, row := range map[string]struct {
		whose   string
		passive bool // it does not begin the handshake
		active  bool // its offer leaves us no choice
	}{"our offer": {whose: "ours"}, "our offer, passive answer": {whose: "ours", passive: true},
		"its offer": {whose: "its", passive: true}, "its active offer": {whose: "its", active: true}} {
		t.Run(how, func(t *testing.T) {
			browser := func(c *webrtc.Config) { c.Codecs, c.Passive = []string{name}, row.passive }
			withBrowser(t, browser, nil, func(c *call) {
				ways := map[[2]netip.AddrPort]bool{}
				c.net.Tap(func(p simnet.Packet) { ways[[2]netip.AddrPort{p.From, p.To}] = true })
				var answer []byte
				if row.active {
					_, answer = c.isOffered(sdp.SendRecv, false, func(text string) string { return strings.ReplaceAll(text, "a=setup:actpass", "a=setup:active") })
				} else {
					_, answer = c.begin(row.whose)
				}
				c.hear("at first", true, true)
				if c.session.hands.agreed.Client != row.passive || c.session.Suite() == "" {
					t.Errorf("we begin the handshake %v, %q", c.session.hands.agreed.Client, c.session.Suite())
				}
				if got, _, _ := strings.Cut(c.session.Codec(), "/"); got != name || c.peer.Codec() != name || !strings.Contains(string(answer), "a=rtcp-mux\r\n") || !strings.Contains(string(answer), "a=group:BUNDLE 0\r\n") {
					t.Errorf("codecs %s and %s, answer %s", c.session.Codec(), c.peer.Codec(), answer)
				}
				sent := make(chan error, 1)
				c.peer.Dial("0*#D11")
				must(t, c.session.SendDigits(digits(t, "11DA#*9"), RFC4733, func(err error) { sent <- err }))
				must(t, <-sent)
				pass(8 * time.Second)
				if ours, its := heardDigits(c.phone), c.peer.Digits(); ours != "0*#D11" || its != "11DA#*9" {
					t.Errorf("digits heard: %s by the phone, %s by the peer", ours, its)
				}
				c.hear("later", true, true)
				if len(ways) != 2 {
					t.Errorf("datagrams by %v: want one port each", ways)
				}
				st, r := c.session.Stats(), c.peer.Reports()
				if st.RTCPRecv < 4 || st.Lost != 0 || st.RemoteLoss != 0 || st.Dropped["rtcp_malformed"] != 0 || r.Blocks < 2 || r.Senders < 2 || r.Lost != 0 {
					t.Errorf("reports %+v, %+v", st, r)
				}
				must(t, c.session.Close())
				pass(time.Second)
				if c.peer.Reports().Byes != 1 {
					t.Errorf("%d BYEs of RTCP", c.peer.Reports().Byes)
				}
			})
		})
	}
}

// TestWebRTC_HoldAndResume: each side holds and comes back, in the association that there is.
func TestWebRTC_HoldAndResume(t *testing.T) {
	for _, whose := range []string{"ours", "its"} {
		t.Run(whose+" offer first", func(t *testing.T) {
			withBrowser(t, nil, nil, func(c *call) {
				c.begin(whose)
				c.hear("at first", true, true)
				hands := c.session.hands
				for range 2 {
					c.offers(sdp.SendOnly, nil)
					c.hear("we hold", false, true)
					c.offers(sdp.SendRecv, nil)
					c.hear("we resume", true, true)
					c.isOffered(sdp.SendRecv, false, says("sendonly"))
					c.hear("it holds", true, false)
					c.isOffered(sdp.SendRecv, false, nil)
					c.hear("it resumes", true, true)
				}
				if c.session.hands != hands || c.session.Stats().Lost != 0 {
					t.Errorf("another association %v, %d lost", c.session.hands != hands, c.session.Stats().Lost)
				}
				c.offers(sdp.Inactive, nil) // the last step: pion does not come back from it
				c.hear("we hold without music", false, false)
			})
		})
	}
}

// says has an offer say another direction on its way, as those who hold in JavaScript do.
func says(direction string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, "a=sendrecv", "a="+direction) }
}

// TestWebRTC_EachSideRestartsICE: the checks begin anew, the association stays (RFC 8445
// section 9, RFC 8842 section 4).
func TestWebRTC_EachSideRestartsICE(t *testing.T) {
	for _, whose := range []string{"ours", "its"} {
		t.Run(whose+" offer first", func(t *testing.T) {
			withBrowser(t, nil, nil, func(c *call) {
				c.begin(whose)
				c.hear("at first", true, true)
				hands, path, at := c.session.hands, c.session.path.agent, c.session.RemoteAddr()
				c.isOffered(sdp.SendRecv, true, nil)
				c.hear("it restarts", true, true)
				if c.session.path.agent == path || c.session.RemoteAddr() == at {
					t.Errorf("the way is the old one, to %v", at)
				}
				path = c.session.path.agent
				must(t, c.session.RestartPath())
				c.offers(sdp.SendRecv, nil)
				c.hear("we restart", true, true)
				pass(31 * time.Second) // a peer that answers no check is given up after 30
				c.hear("later", true, true)
				if c.session.hands != hands || c.session.path.agent == path || !c.session.path.pair.IsValid() || c.session.Stats().Lost > 2 {
					t.Errorf("another association %v, pair %v, %d lost", c.session.hands != hands, c.session.path.pair, c.session.Stats().Lost)
				}
			})
		})
	}
}

// TestWebRTC_WrongFingerprint: neither side talks to who has another certificate than the
// SDP says.
func TestWebRTC_WrongFingerprint(t *testing.T) {
	wrong := func(text string) string {
		return replaceLine(text, "a=fingerprint:", "a=fingerprint:sha-256 "+strings.TrimSuffix(strings.Repeat("AB:", 32), ":")+"\r\n")
	}
	t.Run("ours", func(t *testing.T) {
		withBrowser(t, nil, nil, func(c *call) {
			c.offers(sdp.SendRecv, wrong)
			pass(40 * time.Second)
			if c.peer.State() == "connected" || c.peer.Packets() != 0 || c.hears(850) {
				t.Errorf("the peer is %s, got %d packets, the phone hears %v", c.peer.State(), c.peer.Packets(), c.hears(850))
			}
		})
	})
	t.Run("its", func(t *testing.T) {
		withBrowser(t, nil, nil, func(c *call) {
			c.isOffered(sdp.SendRecv, false, wrong)
			pass(40 * time.Second)
			if c.hears(850) || c.session.Suite() != "" || c.session.Stats().TxPackets != 0 || count[EncryptionFailed](c.phone) != 1 {
				t.Errorf("the phone hears %v by %q, sent %d; told %+v", c.hears(850), c.session.Suite(), c.session.Stats().TxPackets, c.told())
			}
		})
	})
}

// TestWebRTC_ThroughTURN: either side or both are reached by a relay only.
func TestWebRTC_ThroughTURN(t *testing.T) {
	for name, row := range map[string]struct{ phone, peer bool }{"the phone": {phone: true}, "the peer": {peer: true}, "both": {true, true}} {
		for _, whose := range []string{"ours", "its"} {
			t.Run(name+", "+whose+" offer", func(t *testing.T) {
				withTURN(t, func(t *testing.T, n *simnet.Net, _ *turnserver.Server) {
					around := 0
					n.Tap(func(p simnet.Packet) {
						if p.From.Addr().String() == hereIP && p.To.Addr().String() == thereIP {
							around++
						}
					})
					withBrowserIn(t, n, func(c *webrtc.Config) {
						if row.peer {
							c.TURN = &webrtc.TURN{URL: "turn:" + turnIP + ":3478", Username: "agent", Password: "secret"}
						}
					}, func(c *SessionConfig) {
						if row.phone {
							c.Ways = Ways{Servers: []Server{{URL: "turn:" + turnIP, Username: "agent", Password: "secret"}}, RelayOnly: true}
						}
					}, func(c *call) {
						if row.phone {
							c.gathered(t)
						}
						c.begin(whose)
						pass(3 * time.Second) // its offer: pion looks for a better way for two
						c.hear("at first", true, true)
						c.offers(sdp.SendOnly, nil)
						c.hear("we hold", false, true)
						c.offers(sdp.SendRecv, nil)
						pass(10 * time.Second)
						c.hear("later", true, true)
						if around != 0 || c.session.Stats().RTCPRecv == 0 {
							t.Errorf("%d datagrams went around the relay, %+v", around, c.session.Stats())
						}
					})
				})
			})
		}
	}
}

// TestWebRTC_VideoIsDeclined: a bundled line of video is refused in each answer, and kept in
// our own offers; the sound goes on.
func TestWebRTC_VideoIsDeclined(t *testing.T) {
	withBrowser(t, func(c *webrtc.Config) { c.Video = true }, nil, func(c *call) {
		refused := func(text []byte) {
			t.Helper()
			if !regexp.MustCompile(`(?s)a=group:BUNDLE 0\r\n.*m=audio [1-9].*m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n`).Match(text) {
				t.Errorf("said\n%s", text)
			}
		}
		offer, answer := c.isOffered(sdp.SendRecv, false, nil)
		refused(answer)
		if !strings.Contains(string(offer), "a=group:BUNDLE 0 1\r\n") {
			t.Errorf("its offer\n%s", offer)
		}
		c.hear("at first", true, true)
		for _, dir := range []sdp.Direction{sdp.SendOnly, sdp.SendRecv} {
			offer, _ := c.offers(dir, nil)
			refused(offer)
			c.hear("in our offer", dir == sdp.SendRecv, true)
		}
		_, answer = c.isOffered(sdp.SendRecv, true, nil)
		refused(answer)
		c.hear("after another one of its", true, true)
	})
}

// TestWebRTC_NoAddressIsNoHold: a browser whose candidates come later, or are names that only
// its own network knows, says that it is at 0.0.0.0, port 9. Its checks show where it is.
func TestWebRTC_NoAddressIsNoHold(t *testing.T) {
	for name, hide := range map[string]func(string) string{
		"none yet": func(text string) string {
			return regexp.MustCompile("a=(candidate|end-of).*\r\n").ReplaceAllString(text, "")
		},
		"names": func(text string) string {
			return strings.ReplaceAll(text, " "+thereIP+" ", " 7e3f2a80-6c1d-4b0e-9d55-0d7c1f2e9a11.local ")
		},
	} {
		for whose, exchange := range map[string]func(c *call){
			"its": func(c *call) { c.isOffered(sdp.SendRecv, false, hide) },
			"our": func(c *call) {
				offer, err := c.session.CreateOffer(sdp.SendRecv)
				must(c.t, err)
				answer, err := c.peer.Answer(offer)
				must(c.t, err)
				must(c.t, c.session.AcceptAnswer(changed(answer, hide), false))
			},
		} {
			t.Run(name+", "+whose+" offer", func(t *testing.T) {
				withBrowser(t, nil, nil, func(c *call) {
					for range 2 {
						exchange(c)
						c.hear("at 0.0.0.0", true, true)
						if c.session.HeldByRemote() || c.session.RemoteAddr().Addr().String() != thereIP {
							t.Errorf("held %v, at %v", c.session.HeldByRemote(), c.session.RemoteAddr())
						}
						c.isOffered(sdp.SendRecv, false, func(text string) string { return hide(says("sendonly")(text)) })
						c.hear("it holds", true, false)
						if !c.session.HeldByRemote() {
							t.Error("it holds, and that is not seen")
						}
						c.isOffered(sdp.SendRecv, true, hide)
						c.hear("it resumes, and restarts ICE", true, true)
					}
				})
			})
		}
	}
}

// TestWebRTC_BothCountTheSame: what a bad network loses is in the counters of who does not
// get it, and in the reports to who sent it.
func TestWebRTC_BothCountTheSame(t *testing.T) {
	withBrowser(t, nil, nil, func(c *call) {
		c.begin("ours")
		c.hear("at first", true, true)
		c.net.Link(hereIP, thereIP, simnet.Link{Latency: 30 * time.Millisecond, Loss: 0.1})
		pass(20 * time.Second)
		if st := c.session.Stats(); st.RemoteLoss < 0.03 || st.RemoteLoss > 0.2 || st.RTTMS < 59 || st.RTTMS > 62 {
			t.Errorf("it reports %.2f lost; round trip %.1f ms", st.RemoteLoss, st.RTTMS)
		}
		c.net.Link(hereIP, thereIP, simnet.Link{})
		pass(20 * time.Second) // until the next report, of what is not lost any more
		st, r := c.session.Stats(), c.peer.Reports()
		if st.Lost < 60 || st.Lost > 150 || r.Lost != int(st.Lost) || st.RemoteLoss != 0 {
			t.Errorf("we count %d lost and report %d; it reports %.2f", st.Lost, r.Lost, st.RemoteLoss)
		}
		if lost := int(st.TxPackets) - c.peer.Packets(); lost < 60 || lost > 150 {
			t.Errorf("of %d packets it got %d", st.TxPackets, c.peer.Packets())
		}
		if slices.ContainsFunc(c.told(), func(e Event) bool { is, ok := e.(TroubleChanged); return ok && is.Trouble == Unheard }) {
			t.Errorf("it hears us, and we told %+v", c.told())
		}
		c.hear("at last", true, true)
	})
}
