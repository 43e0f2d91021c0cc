package agent

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
	"ringback/sip"
	"ringback/sip/loop"
)

// peer is a PBX of few words, for what the lab never does: it registers everybody
// and does what the test says, without media.
type peer struct {
	b      *bed
	loop   *loop.Loop
	ua     *sip.UA
	came   chan *sip.Session
	events chan sip.Event
	answer func(s *sip.Session, e sip.Event) // nil: answers offers with plain SDP
	cancel context.CancelFunc
	done   sync.WaitGroup
}

const peerAt = labIP + ":5060"

// peerStory runs fn with an agent that is registered at a peer.
func peerStory(t *testing.T, change func(*Config), fn func(b *bed, p *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		if change != nil {
			change(&cfg)
		}
		b := &bed{t: t, net: simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond}))}
		p := newPeer(b)
		cfg.Account.AOR, cfg.Account.Registrar, cfg.Account.Bind = "sip:1001@"+peerAt, "sip:"+peerAt, agentIP
		a, err := New(cfg, Deps{Network: b.net.Host(agentIP)})
		if err != nil {
			t.Fatal(err)
		}
		b.agent = a
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		b.wait(RegistrationRegistered)
		fn(b, p)
		b.holds()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		<-time.After(time.Minute)
		p.close()
		b.net.Close()
		<-time.After(time.Minute)
	})
}

func newPeer(b *bed) *peer {
	p := &peer{b: b, loop: loop.New(nil), came: make(chan *sip.Session, 10), events: make(chan sip.Event, 1000)}
	var err error
	p.ua, err = sip.NewUA(sip.Config{Loop: p.loop, Network: b.net.Host(labIP), Handler: p,
		Listen: []sip.Listen{{Transport: "udp", Address: peerAt}},
		Policy: sip.Policy{AcceptFrom: sip.AcceptAnyone, Methods: []string{"REGISTER"}}})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.done.Go(func() { p.loop.Run(ctx) })
	return p
}

func (p *peer) close() {
	_ = p.ua.Close(context.Background())
	p.cancel()
	p.done.Wait()
}

func (p *peer) do(fn func()) {
	p.b.t.Helper()
	if err := p.loop.Do(context.Background(), fn); err != nil {
		p.b.t.Fatal(err)
	}
}

// Invited implements sip.Handler.
func (p *peer) Invited(s *sip.Session) {
	s.Handle(p)
	p.came <- s
}

// Requested implements sip.Handler: everybody is registered.
func (p *peer) Requested(r *sip.IncomingRequest) {
	_ = r.Respond(200, "", []sip.Header{{Name: "Contact", Value: r.Header("Contact") + ";expires=300"}}, "", nil)
}

// SessionEvent implements sip.SessionHandler.
func (p *peer) SessionEvent(s *sip.Session, e sip.Event) {
	if p.answer != nil {
		p.answer(s, e)
	} else if o, ok := e.(sip.OfferReceived); ok {
		direction := "sendrecv"
		if strings.Contains(string(o.SDP), "a=sendonly") {
			direction = "recvonly"
		}
		_ = s.AnswerOffer(plainSDP(direction))
	}
	p.events <- e
}

func plainSDP(direction string) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=%s\r\n", labIP, labIP, direction)
}

// call lets the peer call the agent.
func (p *peer) call(offer []byte, change func(*sip.InviteOptions), headers ...sip.Header) *sip.Session {
	p.b.t.Helper()
	var s *sip.Session
	p.do(func() {
		from := sip.Address{Display: "Tanaka", URI: sip.URI{Scheme: "sip", User: "3000", Host: labIP}}
		o := sip.InviteOptions{From: &from, To: sip.URI{Scheme: "sip", User: "1001", Host: agentIP, Port: p.port()}, Offer: offer, Headers: headers}
		if change != nil {
			change(&o)
		}
		var err error
		if s, err = p.ua.Invite(o, p); err != nil {
			p.b.t.Fatal(err)
		}
	})
	return s
}

// port is where the agent listens.
func (p *peer) port() uint16 { return p.b.agent.ua.LocalAddr("udp").Port() }

// wait is the next event of a type at the peer.
func peerWait[E sip.Event](p *peer) E {
	p.b.t.Helper()
	limit := time.After(3 * time.Minute)
	for {
		select {
		case e := <-p.events:
			if want, ok := e.(E); ok {
				return want
			}
		case <-limit:
			var want E
			p.b.t.Fatalf("the peer waited for %T; the agent has %v", want, p.b.happened())
		}
	}
}

// talkTo has the agent dial the peer, which answers.
func (p *peer) talkTo() (*sip.Session, CallID) {
	p.b.t.Helper()
	r := p.b.do("dial", map[string]any{"target": "3000"})
	s := <-p.came
	p.do(func() { _ = s.Answer(plainSDP("sendrecv")) })
	p.b.wait(CallConnected)
	p.b.settle()
	p.b.mark2()
	return s, r.Call
}

func (b *bed) mark2() { b.seen = b.agent.Events().Last() }

func TestStory_HoldRefused(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		_, call := p.talkTo()
		p.answer = func(s *sip.Session, e sip.Event) {
			if _, ok := e.(sip.OfferReceived); ok {
				_ = s.RefuseOffer(488)
			}
		}
		b.fails("hold", nil, CodeRejected)
		b.phase(PhaseConnected)
		if c := b.call(call); c.HeldByMe {
			t.Errorf("the session is as before: %+v", c)
		}
		p.answer = nil
		b.do("hold", nil)
		b.phase(PhaseOnHold)
	})
}

func TestStory_ConsultationWhereHoldIsRefused(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		main, _ := p.talkTo()
		p.answer = func(s *sip.Session, e sip.Event) {
			if _, ok := e.(sip.OfferReceived); ok && s == main {
				_ = s.RefuseOffer(488)
			}
		}
		b.do("consult", map[string]any{"target": "3001"})
		target := <-p.came
		p.do(func() { _ = target.Reject(486, "") })
		b.wait(ConsultationRefused)
		b.settle()
		if n := len(b.live()); n != 1 {
			t.Errorf("the contact's call survives: %d", n)
		}
	})
}

func TestStory_NoCommonCodec(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		b.mark2()
		p.call([]byte(strings.Replace(string(plainSDP("sendrecv")), "RTP/AVP 0", "RTP/AVP 18", 1)), nil)
		if c := peerWait[sip.Ended](p).Cause; c.Code != 488 {
			t.Errorf("%+v", c)
		}
		p.call([]byte("v=0\r\nnonsense"), nil)
		if c := peerWait[sip.Ended](p).Cause; c.Code != 400 && c.Code != 488 {
			t.Errorf("%+v", c)
		}
		if got := b.happened(); len(got) != 0 {
			t.Errorf("shown to the agent: %v", got)
		}
	})
}

func TestStory_AnAnswerThatCannotBeUsed(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		b.do("dial", map[string]any{"target": "3000"})
		s := <-p.came
		p.do(func() {
			_ = s.Answer([]byte(strings.Replace(string(plainSDP("sendrecv")), "RTP/AVP 0", "RTP/AVP 18", 1)))
		})
		b.wait(ErrorHappened)
		b.wait(CallEnded)
		b.phase(PhaseReadyToCall)
		peerWait[sip.Ended](p)
	})
}

func TestStory_LostACKFreesTheAgent(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		p.call(plainSDP("sendrecv"), nil)
		b.wait(OfferReceived)
		b.net.Partition(labIP, agentIP, true)
		began := time.Now()
		b.do("accept", nil)
		if e := b.wait(CallEnded); e.Reason != "lost-ack" {
			t.Errorf("%+v", e)
		}
		if took := time.Since(began); took != 32*time.Second {
			t.Errorf("after %s", took)
		}
		b.phase(PhaseReadyToCall)
		b.net.Partition(labIP, agentIP, false)
	})
}

func TestStory_ConnectedPartyChanges(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		p.call(plainSDP("sendrecv"), nil, sip.Header{Name: "P-Asserted-Identity", Value: `"Sato" <sip:4000@` + labIP + `>`})
		b.wait(OfferReceived)
		if in := b.phase(PhaseOffered); in.Contact.Name != "Sato" || in.Contact.Number != "4000" {
			t.Errorf("the trusted PBX says who calls: %+v", in.Contact)
		}
		b.do("accept", nil)
		b.phase(PhaseConnected)
	})
}

func TestStory_ReferIn(t *testing.T) {
	for _, c := range []struct {
		policy string
		action string
		code   int // of the last NOTIFY, or of the refusal
	}{{"ask", "accept", 200}, {"ask", "reject", 603}, {"accept", "", 200}, {"refuse", "", 603}, {"ask", "", 480}} {
		t.Run(c.policy+" "+c.action, func(t *testing.T) {
			peerStory(t, func(cfg *Config) { cfg.Calls.Refer = c.policy }, func(b *bed, p *peer) {
				first, _ := p.talkTo()
				p.do(func() {
					to := sip.URI{Scheme: "sip", User: "3001", Host: labIP, Port: 5060}
					if _, err := first.Refer(to, sip.ReferOptions{ReferredBy: "<sip:pbx@" + labIP + ">"}); err != nil {
						t.Error(err)
					}
				})
				if c.policy != "refuse" {
					b.wait(OfferReceived)
				}
				if c.policy == "ask" {
					if in := b.phase(PhaseOffered); in.AcceptMeans != "dial" || in.Contact.Number != "sip:3001@"+peerAt || !strings.HasPrefix(in.Case["referred_by"].(string), "sip:3000@") {
						t.Errorf("%+v", in)
					}
				}
				if c.action != "" {
					b.do(c.action, map[string]any{"interaction": "i2"})
				}
				if c.code == 200 {
					second := <-p.came
					if got := second.Header("Referred-By"); got != "<sip:pbx@"+labIP+">" {
						t.Errorf("Referred-By %q", got)
					}
					p.do(func() { _ = second.Answer(plainSDP("sendrecv")) })
				}
				e := peerWait[sip.TransferEnded](p)
				if e.Code != c.code || e.OK != (c.code == 200) {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

// A wish of the far end's is shown for no longer than it can be fulfilled.
func TestStory_ReferInIsOfferedWhileItLasts(t *testing.T) {
	for name, ends := range map[string]bool{"its time is over": false, "the call ends": true} {
		t.Run(name, func(t *testing.T) {
			peerStory(t, func(cfg *Config) { cfg.Callbacks.OfferTimeout = time.Minute }, func(b *bed, p *peer) {
				first, _ := p.talkTo()
				p.do(func() {
					if _, err := first.Refer(sip.URI{Scheme: "sip", User: "3001", Host: labIP, Port: 5060}, sip.ReferOptions{}); err != nil {
						t.Error(err)
					}
				})
				began := b.wait(OfferReceived).Time
				if in := b.phase(PhaseOffered); in.OfferExpires.Sub(began) > 24*time.Second {
					t.Errorf("shown until %s after it came", in.OfferExpires.Sub(began))
				}
				if ends {
					p.do(func() { _ = first.Hangup(sip.ReasonHeader{}) })
					b.wait(OfferCancelled)
				} else if e := b.wait(OfferMissed); e.Time.Sub(began) > 24*time.Second {
					t.Errorf("missed after %s", e.Time.Sub(began))
				}
				b.fails("accept", map[string]any{"interaction": "i2"}, CodeNotAllowed)
				for _, in := range b.agent.State().Interactions {
					if in.ID == "i2" && in.State != PhaseDone {
						t.Errorf("%+v", in)
					}
				}
			})
		})
	}
}

func TestStory_ReplacesIn(t *testing.T) {
	for policy, code := range map[string]int{"accept": 0, "refuse": 403} {
		t.Run(policy, func(t *testing.T) {
			peerStory(t, func(cfg *Config) { cfg.Calls.Replaces = policy }, func(b *bed, p *peer) {
				first, call := p.talkTo()
				var replaces sip.Replaces
				p.do(func() { replaces = first.Replaces() })
				p.call(plainSDP("sendrecv"), func(o *sip.InviteOptions) { o.Replaces = &replaces })
				if code != 0 {
					if c := peerWait[sip.Ended](p).Cause; c.Code != code {
						t.Errorf("%+v", c)
					}
					b.phase(PhaseConnected)
					return
				}
				e := b.wait(CallConnected)
				if e.Interaction != "i1" || e.Call == call {
					t.Errorf("%+v", e)
				}
				b.settle()
				in := b.phase(PhaseConnected)
				if live := b.live(); len(live) != 1 || live[0].ID != e.Call || len(in.Calls) != 2 {
					t.Errorf("%+v", live)
				}
			})
		})
	}
}

func TestStory_ReplacesInWithoutCommonCodec(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		first, call := p.talkTo()
		var replaces sip.Replaces
		p.do(func() { replaces = first.Replaces() })
		offer := []byte(strings.Replace(string(plainSDP("sendrecv")), "RTP/AVP 0", "RTP/AVP 18", 1))
		p.call(offer, func(o *sip.InviteOptions) { o.Replaces = &replaces })
		if c := peerWait[sip.Ended](p).Cause; c.Code != 488 {
			t.Errorf("%+v", c)
		}
		b.phase(PhaseConnected)
		if live := b.live(); len(live) != 1 || live[0].ID != call {
			t.Errorf("the old call goes on: %+v", live)
		}
		b.do("hold", nil)
	})
}
