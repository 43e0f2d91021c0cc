package media

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/internal/turnserver"
	"ringback/media/sdp"
)

const turnIP = "192.0.2.200"

// withTURN runs fn with a TURN server in the network.
func withTURN(t *testing.T, fn func(t *testing.T, n *simnet.Net, server *turnserver.Server)) {
	story(t, func(t *testing.T, n *simnet.Net) {
		server, err := turnserver.Start(turnserver.Config{Network: n.Host(turnIP), Address: netip.MustParseAddrPort(turnIP + ":3478"), Username: "agent", Password: "secret"})
		must(t, err)
		defer server.Close()
		fn(t, n, server)
	})
}

// finding has a session find its way by ICE, with this encryption and through TURN only
// where password is not empty.
func finding(t *testing.T, e sdp.Encryption, keying sdp.Keying, password string) func(*SessionConfig) {
	return func(c *SessionConfig) {
		shaking(t, e)(c)
		c.Security.ICE, c.Security.Keying, c.Security.KeysReadable = true, keying, false
		if password != "" {
			c.Ways = Ways{Servers: []Server{{URL: "turn:" + turnIP, Username: "agent", Password: password}}, RelayOnly: true}
		}
	}
}

// gathered waits until servers have answered.
func (p *phone) gathered(t *testing.T) {
	t.Helper()
	pass(8 * time.Second)
	if done, err := p.session.PathGathered(); !done || err != nil || count[PathGathered](p) != 1 {
		t.Fatalf("gathered %v %v; told %+v", done, err, p.told())
	}
}

// TestTURN_CarriesTheCall: nothing goes between the phones by itself, and neither learns the
// other's address; sound, digits, RTCP, hold and a long time pass by the relay.
func TestTURN_CarriesTheCall(t *testing.T) {
	for name, secrecy := range map[string]struct {
		e      sdp.Encryption
		keying sdp.Keying
	}{"dtls": {sdp.EncryptionRequired, sdp.KeyingDTLS}, "sdes": {sdp.EncryptionRequired, sdp.KeyingSDES}, "plain": {sdp.EncryptionOff, sdp.KeyingSDES}} {
		t.Run(name, func(t *testing.T) {
			withTURN(t, func(t *testing.T, n *simnet.Net, server *turnserver.Server) {
				around := 0
				n.Tap(func(p simnet.Packet) {
					if p.From.Addr().String() == hereIP && p.To.Addr().String() == thereIP {
						around++
					}
				})
				a, b := newPhone(t, n, hereIP, finding(t, secrecy.e, secrecy.keying, "secret")), newPhone(t, n, thereIP, finding(t, secrecy.e, secrecy.keying, ""))
				defer b.close()
				a.gathered(t)
				offer, err := a.session.CreateOffer(sdp.SendRecv)
				must(t, err)
				if bytes.Contains(offer, []byte(hereIP)) || !bytes.Contains(offer, []byte("c=IN IP4 "+turnIP)) || !bytes.Contains(offer, []byte("typ relay")) {
					t.Errorf("offer %s", offer)
				}
				a.session.RollbackOffer()
				connect(t, a, b)
				a.tone(440)
				b.tone(850)
				pass(2 * time.Second)
				if !a.hears(850) || !b.hears(440) {
					t.Fatalf("they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
				}
				renegotiate(t, a, b, sdp.SendOnly, sdp.SendRecv)
				pass(time.Second)
				renegotiate(t, b, a, sdp.SendRecv, sdp.SendRecv)
				pass(12 * time.Minute) // a relay lives for 10, what lets the peer in for 5
				for _, p := range []*phone{a, b} {
					if st := p.session.Stats(); st.RTCPRecv == 0 || st.Lost > 0 || count[PathFailed](p) != 0 {
						t.Errorf("%+v; told %+v", st, p.told())
					}
				}
				if !a.hears(850) || !b.hears(440) || around > 0 || b.session.RemoteAddr().Addr().String() != turnIP {
					t.Errorf("they hear %v %v, %d datagrams went around the relay, b sends to %v", a.hears(850), b.hears(440), around, b.session.RemoteAddr())
				}
				must(t, a.session.Close()) // says BYE, by the relay
				pass(time.Second)
				if around > 0 || count[PeerLeft](b) != 1 {
					t.Errorf("%d datagrams went around the relay at the end, b was told of it %d times", around, count[PeerLeft](b))
				}
				a.close()
				pass(time.Second)
				if server.Open() != 0 {
					t.Errorf("%d relays are left", server.Open())
				}
			})
		})
	}
}

// TestTURN_OnlyMeansOnly: with no relay there is no offer and no answer, and to a peer
// without ICE nothing is sent.
func TestTURN_OnlyMeansOnly(t *testing.T) {
	withTURN(t, func(t *testing.T, n *simnet.Net, _ *turnserver.Server) {
		b := newPhone(t, n, thereIP, func(c *SessionConfig) {})
		defer b.close()
		offer, err := b.session.CreateOffer(sdp.SendRecv)
		must(t, err)

		wrong := newPhone(t, n, hereIP, finding(t, sdp.EncryptionOff, sdp.KeyingSDES, "wrong"))
		defer wrong.close()
		if _, err := wrong.session.CreateOffer(sdp.SendRecv); !errors.Is(err, ErrNoRelay) || !strings.Contains(err.Error(), "none has answered yet") {
			t.Errorf("an offer: %v", err)
		}
		pass(8 * time.Second)
		if _, err := wrong.session.CreateOffer(sdp.SendRecv); !errors.Is(err, ErrNoRelay) || !errors.Is(err, ErrServerAuth) {
			t.Errorf("an offer: %v", err)
		}
		if _, err := wrong.session.AcceptOffer(offer, sdp.SendRecv); !errors.Is(err, ErrNoRelay) {
			t.Errorf("an answer: %v", err)
		}

		a := newPhone(t, n, "192.0.2.3", finding(t, sdp.EncryptionOff, sdp.KeyingSDES, "secret"))
		defer a.close()
		a.gathered(t)
		var refusal *sdp.Refusal
		if _, err := a.session.AcceptOffer(offer, sdp.SendRecv); !errors.As(err, &refusal) || refusal.Code != 488 || !strings.Contains(err.Error(), "no ICE") {
			t.Errorf("an answer: %v", err)
		}
		b.session.RollbackOffer()
		if offer, err = a.session.CreateOffer(sdp.SendRecv); err != nil {
			t.Fatal(err)
		}
		answer, err := b.session.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		if err := a.session.AcceptAnswer(answer, false); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "no ICE") {
			t.Errorf("an answer: %v", err)
		}
		pass(time.Second)
		if st := a.session.Stats(); st.TxPackets != 0 {
			t.Errorf("sent %d", st.TxPackets)
		}
	})
}

// TestICE_WithoutEncryption: ICE is spoken in plain calls and with keys in SDP, too.
func TestICE_WithoutEncryption(t *testing.T) {
	for name, e := range map[string]sdp.Encryption{"plain": sdp.EncryptionOff, "sdes": sdp.EncryptionRequired} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				a, b := newPhone(t, n, hereIP, finding(t, e, sdp.KeyingSDES, "")), newPhone(t, n, thereIP, finding(t, e, sdp.KeyingSDES, ""))
				defer a.close()
				defer b.close()
				connect(t, a, b)
				a.tone(440)
				b.tone(850)
				pass(8 * time.Second)
				if !a.hears(850) || !b.hears(440) || !a.session.path.pair.IsValid() || !b.session.path.pair.IsValid() || a.session.Stats().RTCPRecv == 0 {
					t.Errorf("they hear %v %v, pairs %v %v", a.hears(850), b.hears(440), a.session.path.pair, b.session.path.pair)
				}
				if got, want := a.session.Suite() != "", e != sdp.EncryptionOff; got != want {
					t.Errorf("encrypted: %v", got)
				}
			})
		})
	}
}

// TestTURN_ARestartAsksServers: for an offer that restarts ICE they are asked beside what goes
// on, and the answer has what they gave; one that cannot wait for them is answered with what
// is known, or refused where that is nothing.
func TestTURN_ARestartAsksServers(t *testing.T) {
	for name, only := range map[string]bool{"relay": true, "all": false} {
		t.Run(name, func(t *testing.T) {
			withTURN(t, func(t *testing.T, n *simnet.Net, server *turnserver.Server) {
				a := newPhone(t, n, hereIP, walking(t), func(c *SessionConfig) {
					c.Ways = Ways{Servers: []Server{{URL: "stun:" + turnIP}, {URL: "turn:" + turnIP, Username: "agent", Password: "secret"}}, RelayOnly: only}
				})
				b := newPhone(t, n, thereIP, walking(t))
				defer a.close()
				defer b.close()
				a.gathered(t)
				connect(t, a, b)
				a.tone(440)
				b.tone(850)
				pass(2 * time.Second)
				was, hands := a.session.path.agent, a.session.hands
				restart := func() []byte {
					b.session.RollbackOffer()
					must(t, b.session.RestartPath())
					offer, err := b.session.CreateOffer(sdp.SendRecv)
					must(t, err)
					if waits := a.session.Gather(offer); !waits || a.session.path.agent != was {
						t.Fatalf("an offer that restarts ICE is waited for %v, has an effect already %v", waits, a.session.path.agent != was)
					}
					return offer
				}
				again, err := b.session.CreateOffer(sdp.SendRecv)
				must(t, err)
				if a.session.Gather(again) {
					t.Error("servers are asked for an offer that restarts nothing")
				}
				if _, err := a.session.AcceptOffer(restart(), sdp.SendRecv); only && !errors.Is(err, ErrNoRelay) || !only && err != nil {
					t.Fatalf("without waiting: %v", err)
				}
				was = a.session.path.agent
				restart() // is taken back
				offer := restart()
				pass(time.Second)
				if told := count[PathGathered](a); told < 2 || a.session.Gather(offer) {
					t.Fatalf("servers have not answered: told %+v", a.told())
				}
				answer, err := a.session.AcceptOffer(offer, sdp.SendRecv)
				must(t, err)
				if bytes.Contains(answer, []byte(hereIP+" ")) == only || !bytes.Contains(answer, []byte(" typ relay ")) {
					t.Errorf("answer %s", answer)
				}
				must(t, b.session.AcceptAnswer(answer, false))
				pass(2 * time.Second)
				if !a.hears(850) || !b.hears(440) || a.session.path.agent == was || a.session.hands != hands || server.Open() != 1 || count[PathFailed](a)+count[PathFailed](b) != 0 {
					t.Errorf("they hear %v %v, %d relays; told %+v %+v", a.hears(850), b.hears(440), server.Open(), a.told(), b.told())
				}
				was = a.session.path.agent
				restart() // never answered
				pass(time.Second)
				must(t, a.session.Close())
				pass(time.Second)
				if server.Open() != 0 {
					t.Errorf("%d relays are left", server.Open())
				}
			})
		})
	}
}
