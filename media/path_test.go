package media

import (
	"errors"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

// walking has a session speak as a browser does: ICE, DTLS, one port.
func walking(t *testing.T) func(*SessionConfig) {
	return func(c *SessionConfig) {
		shaking(t, sdp.EncryptionRequired)(c)
		c.Security.ICE = true
	}
}

func TestICE_BothHearEachOther(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := speaking(t, n, walking(t))
		defer a.close()
		defer b.close()
		hands := a.session.hands
		renegotiate(t, a, b, sdp.SendOnly, sdp.SendRecv)
		pass(time.Second)
		renegotiate(t, b, a, sdp.SendRecv, sdp.SendRecv)
		pass(8 * time.Second)
		if !a.hears(850) || !b.hears(440) || a.session.hands != hands || a.session.Stats().RTCPRecv == 0 {
			t.Errorf("after hold and resume they hear %v %v; %+v", a.hears(850), b.hears(440), a.session.Stats())
		}
	})
}

// TestICE_NoHandshakeBeforeThereIsAWay: DTLS goes to the pair that ICE has found, never to
// an address that only the SDP vouches for. That the network is away for two seconds costs
// these two seconds, not the call.
func TestICE_NoHandshakeBeforeThereIsAWay(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := newPhone(t, n, hereIP, walking(t)), newPhone(t, n, thereIP, walking(t))
		defer a.close()
		defer b.close()
		var flights atomic.Int64
		n.Tap(func(p simnet.Packet) {
			if len(p.Data) > 0 && p.Data[0] >= 20 && p.Data[0] < 64 {
				flights.Add(1)
			}
		})
		a.tone(440)
		b.tone(850)
		n.Partition(hereIP, thereIP, true)
		connect(t, a, b)
		pass(2 * time.Second)
		if got := flights.Load(); got != 0 {
			t.Errorf("%d datagrams of DTLS before a way was found", got)
		}
		n.Partition(hereIP, thereIP, false)
		pass(3 * time.Second)
		if flights.Load() == 0 || !a.hears(850) || !b.hears(440) {
			t.Errorf("with a way: %d datagrams of DTLS, they hear %v %v; told %+v %+v", flights.Load(), a.hears(850), b.hears(440), a.told(), b.told())
		}
	})
}

// TestConformance_O22_PlainWhereThePeerHasNone: a peer without ICE, and one whose c= is
// none of its candidates, is sent to where its SDP says.
func TestConformance_O22_PlainWhereThePeerHasNone(t *testing.T) {
	for name, change := range map[string]func(string) string{
		"no ICE": func(text string) string {
			return replaceLine(replaceLine(text, "a=ice-ufrag:", ""), "a=ice-pwd:", "")
		},
		"mismatch": func(text string) string {
			return replaceLine(text, "a=candidate:", "a=candidate:1 1 udp 2130706431 10.9.9.9 9999 typ host\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				a, b := newPhone(t, n, hereIP, shaking(t, sdp.EncryptionRequired)), newPhone(t, n, thereIP, walking(t))
				defer a.close()
				defer b.close()
				a.tone(440)
				b.tone(850)
				c := newPhone(t, n, "192.0.2.3", walking(t))
				defer c.close()
				offer, err := c.session.CreateOffer(sdp.SendRecv)
				must(t, err)
				answer, err := b.session.AcceptOffer([]byte(change(string(offer))), sdp.SendRecv)
				must(t, err)
				if strings.Contains(string(answer), "a=ice-ufrag") || name == "mismatch" != strings.Contains(string(answer), "a=ice-mismatch") {
					t.Errorf("answer\n%s", answer)
				}
				connect(t, a, b) // an offer without ICE
				pass(time.Second)
				if !a.hears(850) || !b.hears(440) {
					t.Errorf("they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
				}
			})
		})
	}
}

func TestConformance_O22_Restart(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := speaking(t, n, walking(t))
		defer a.close()
		defer b.close()
		was, _ := b.session.path.agent.Credentials()
		must(t, a.session.RestartPath())
		connect(t, a, b)
		pass(2 * time.Second)
		if is, _ := b.session.path.agent.Credentials(); is == was || !a.hears(850) || !b.hears(440) || !a.session.path.pair.IsValid() || !b.session.path.pair.IsValid() {
			t.Errorf("ufrag %s, then %s; they hear %v %v", was, is, a.hears(850), b.hears(440))
		}
	})
}

// TestForks_TheSecondAnswers: one offer rings two phones; the first is heard early, then the
// second, then the first one again, whose answer is the final one. With ICE each is found anew
// with the credentials that both were told; with DTLS the first goes on with the keys that it
// has, since it knows nothing of the second.
func TestForks_TheSecondAnswers(t *testing.T) {
	ice := finding(t, sdp.EncryptionOff, sdp.KeyingSDES, "")
	for name, how := range map[string]func(*SessionConfig){
		"ice, dtls": walking(t), "ice, dtls, one certificate": oneProof(walking(t)), "ice": ice,
		"dtls": shaking(t, sdp.EncryptionRequired), "dtls, one certificate": oneProof(shaking(t, sdp.EncryptionRequired)),
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				a, b, c := newPhone(t, n, hereIP, how), newPhone(t, n, thereIP, how), newPhone(t, n, "192.0.2.3", how)
				for _, p := range []*phone{a, b, c} {
					defer p.close()
				}
				a.tone(440)
				b.tone(620)
				c.tone(850)
				offer, err := a.session.CreateOffer(sdp.SendRecv)
				must(t, err)
				first, err := b.session.AcceptOffer(offer, sdp.SendRecv)
				must(t, err)
				must(t, a.session.AcceptAnswer(first, true))
				pass(time.Second)
				if !a.hears(620) || !b.hears(440) {
					t.Fatalf("early they hear %v %v", a.hears(620), b.hears(440))
				}
				second, err := c.session.AcceptOffer(offer, sdp.SendRecv)
				must(t, err)
				must(t, a.session.AcceptAnswer(second, true))
				must(t, a.session.AcceptAnswer(second, true)) // the same again begins nothing
				pass(2 * time.Second)
				if !a.hears(850) || !c.hears(440) || a.hears(620) || a.session.RemoteAddr() != c.session.LocalAddr() {
					t.Errorf("of the second they hear %v %v (of the first %v) at %v", a.hears(850), c.hears(440), a.hears(620), a.session.RemoteAddr())
				}
				must(t, a.session.AcceptAnswer(first, false))
				pass(2 * time.Second)
				if !a.hears(620) || !b.hears(440) || a.hears(850) || a.session.RemoteAddr() != b.session.LocalAddr() {
					t.Errorf("of the first again they hear %v %v (of the second %v) at %v", a.hears(620), b.hears(440), a.hears(850), a.session.RemoteAddr())
				}
				renegotiate(t, a, b, sdp.SendRecv, sdp.SendRecv)
				pass(10 * time.Second)
				if !a.hears(620) || !b.hears(440) || count[PathFailed](a)+count[EncryptionFailed](a)+len(a.session.forks) != 0 {
					t.Errorf("later they hear %v %v; told %+v", a.hears(620), b.hears(440), a.told())
				}
			})
		})
	}
}

// oneProof has all sessions that it sets up prove themselves by the same certificate.
func oneProof(how func(*SessionConfig)) func(*SessionConfig) {
	var one *Certificate
	return func(c *SessionConfig) {
		how(c)
		if one == nil {
			one = c.Security.Certificate
		}
		c.Security.Certificate = one
	}
}

// TestICE_ThePeerLeavesIt: a call goes on at the addresses of the SDP when the peer does not
// speak ICE any more, and nothing is looked for, nor missed. It may come back to it.
func TestICE_ThePeerLeavesIt(t *testing.T) {
	for name, how := range map[string]func(*SessionConfig){"dtls": walking(t), "plain": finding(t, sdp.EncryptionOff, sdp.KeyingSDES, "")} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				a, b := speaking(t, n, how)
				defer a.close()
				defer b.close()
				offer, err := a.session.CreateOffer(sdp.SendRecv)
				must(t, err)
				answer, err := b.session.AcceptOffer(withoutICE(offer), sdp.SendRecv)
				must(t, err)
				must(t, a.session.AcceptAnswer(withoutICE(answer), false))
				pass(time.Second)
				var checks atomic.Int64
				n.Tap(func(p simnet.Packet) {
					if len(p.Data) > 0 && p.Data[0] < 4 {
						checks.Add(1)
					}
				})
				pass(time.Minute)
				if got := checks.Load(); got != 0 || count[PathFailed](a)+count[PathFailed](b) != 0 || a.session.path.pair.IsValid() {
					t.Errorf("%d checks, pair %v; told %+v %+v", got, a.session.path.pair, a.told(), b.told())
				}
				if !a.hears(850) || !b.hears(440) {
					t.Errorf("without ICE they hear %v %v", a.hears(850), b.hears(440))
				}
				connect(t, b, a)
				pass(time.Minute)
				if !a.hears(850) || !b.hears(440) || !a.session.path.pair.IsValid() || !b.session.path.pair.IsValid() || count[PathFailed](a)+count[PathFailed](b) != 0 {
					t.Errorf("with it again they hear %v %v by %v and %v", a.hears(850), b.hears(440), a.session.path.pair, b.session.path.pair)
				}
			})
		})
	}
}

// withoutICE is SDP of somebody who does not speak it.
func withoutICE(text []byte) []byte {
	return regexp.MustCompile("a=(ice-|candidate|end-of-candidates).*\r\n").ReplaceAll(text, nil)
}

// TestICE_ARefusedRestartChangesNothing: an offer that restarts ICE and cannot be taken leaves
// the checks of before at work, without which the peer would give the call up.
func TestICE_ARefusedRestartChangesNothing(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := speaking(t, n, walking(t))
		defer a.close()
		defer b.close()
		was := b.session.path.agent
		offer := "v=0\r\no=- 1 99 IN IP4 " + hereIP + "\r\ns=-\r\nc=IN IP4 " + hereIP + "\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n" +
			"a=ice-ufrag:other\r\na=ice-pwd:0123456789012345678901\r\n"
		_, err := b.session.AcceptOffer([]byte(offer), sdp.SendRecv)
		if _, refused := errors.AsType[*sdp.Refusal](err); !refused {
			t.Fatalf("a plain offer in an encrypted call: %v", err)
		}
		pass(time.Minute)
		if b.session.path.agent != was || !a.hears(850) || !b.hears(440) || count[PathFailed](a)+count[PathFailed](b) != 0 {
			t.Errorf("the same agent %v; they hear %v %v; told %+v %+v", b.session.path.agent == was, a.hears(850), b.hears(440), a.told(), b.told())
		}
	})
}

func TestConformance_O22_ManyCandidatesAreNotAllTried(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := newPhone(t, n, hereIP, walking(t)), newPhone(t, n, thereIP, walking(t))
		defer a.close()
		defer b.close()
		many := strings.Repeat("a=candidate:9 1 udp 1 10.9.9.9 9999 typ host\r\n", 200)
		offer, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		answer, err := b.session.AcceptOffer([]byte(strings.Replace(string(offer), "a=end-of-candidates\r\n", many, 1)), sdp.SendRecv)
		must(t, err)
		must(t, a.session.AcceptAnswer(answer, false))
		a.tone(440)
		pass(2 * time.Second)
		if !b.hears(440) {
			t.Errorf("not heard; told %+v", b.told())
		}
	})
}
