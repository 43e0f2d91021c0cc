package sip

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// A PBX that was restarted under a call that rings does not ring any more.
func TestProbe_ACallThatRings(t *testing.T) {
	for _, row := range []struct {
		name  string
		allow []string
		asks  string
		code  int
		ended bool
	}{
		{"is forgotten", []string{"Allow: INVITE, UPDATE"}, "UPDATE", 481, true},
		{"is known", []string{"Allow: INVITE, UPDATE"}, "UPDATE", 200, false},
		{"is asked about in vain", []string{"Allow: INVITE, UPDATE"}, "UPDATE", 501, false},
		{"is forgotten, without UPDATE", []string{"Allow: INVITE, OPTIONS"}, "OPTIONS", 481, true},
		{"is forgotten, without a word of what is served", nil, "OPTIONS", 481, true},
		{"is known, without UPDATE", []string{"Allow: INVITE, OPTIONS"}, "OPTIONS", 200, false},
		{"is asked about in vain, without UPDATE", nil, "OPTIONS", 404, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				s := a.invite("sip:peer@" + pbxIP)
				inv := p.request("INVITE")
				a.do(func() {
					if err := s.Probe(); !errors.Is(err, ErrState) {
						t.Errorf("probed before it rang: %v", err)
					}
				})
				p.reply(inv, 180, row.allow...)
				b.pass(time.Second)
				a.must(s.Probe)
				ask := p.request(row.asks)
				if len(ask.Body()) != 0 || message.ToTag(ask) == "" || message.CallID(ask) != message.CallID(inv) {
					t.Errorf("with a body, or outside of the dialog:\n%s", ask)
				}
				p.reply(ask, row.code)
				if !row.ended {
					b.pass(10 * time.Second)
					a.saw("progressed 180")
					return
				}
				p.reply(p.request("CANCEL"), 481)
				b.pass(10 * time.Second)
				a.saw("progressed 180", "ended network 481")
			})
		})
	}
	t.Run("without UPDATE and OPTIONS", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := a.invite("sip:peer@" + pbxIP)
			p.reply(p.request("INVITE"), 180, "Allow: INVITE")
			b.pass(time.Second)
			a.do(func() {
				if err := s.Probe(); !errors.Is(err, ErrNotSupported) {
					t.Errorf("probed: %v", err)
				}
			})
			p.silent(time.Second)
		})
	})
}

// A call that rang when its connection broke is taken back as soon as there is a way to
// the PBX: nobody shall answer a call that has nobody at the other end.
func TestWithdraw_ACallWhoseConnectionBroke(t *testing.T) {
	for _, away := range []time.Duration{50 * time.Millisecond, 20 * time.Second, time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			story(t, func(b *bed) {
				a := b.agent(agentIP, "1001", overTCP)
				p := b.newPeer(pbxIP)
				ln, err := b.net.Host(pbxIP).Listen(context.Background(), "tcp", pbxIP+":5060")
				if err != nil {
					t.Fatal(err)
				}
				accept := func() net.Conn {
					defer time.AfterFunc(5*time.Minute, func() { _ = ln.Close() }).Stop()
					c, err := ln.Accept()
					if err != nil {
						t.Fatalf("the phone does not connect: %v", err)
					}
					p.serve(c)
					return c
				}
				a.invite("sip:peer@" + pbxIP)
				first := accept()
				p.reply(p.request("INVITE"), 180)
				b.pass(time.Second)
				ln.Close()
				first.Close()
				b.pass(away)
				a.saw("progressed 180", "ended network 503")
				if ln, err = b.net.Host(pbxIP).Listen(context.Background(), "tcp", pbxIP+":5060"); err != nil {
					t.Fatal(err)
				}
				b.ends = append(b.ends, func() { ln.Close() })
				p = b.newPeer(pbxIP)
				accept()
				cancel := p.request("CANCEL")
				if !strings.Contains(message.Value(cancel, "Reason"), "connection broke") {
					t.Errorf("Reason %q", message.Value(cancel, "Reason"))
				}
				p.reply(cancel, 481)
				b.pass(5 * time.Minute)
				a.empty()
			})
		})
	}
}

// Back is told once the registrar may have forgotten calls: after a loss, after a
// keepalive or a refresh that took repetitions; not for a refresh as usual.
func TestRegistration_SaysThatThePBXWasAway(t *testing.T) {
	for _, row := range []struct {
		name string
		down time.Duration // of the PBX, at the time of a keepalive
		want bool
	}{{"as usual", 0, false}, {"for a moment", 3 * time.Second, true}, {"for minutes", 3 * time.Minute, true}} {
		t.Run(row.name, func(t *testing.T) {
			story(t, func(b *bed) {
				r := b.registrar(pbxIP)
				l := b.line()
				b.pass(time.Minute)
				if row.down > 0 {
					r.restart(row.down)
				}
				b.pass(5 * time.Minute)
				back := 0
				l.do(func() {
					for _, s := range l.told {
						if s.Back {
							back++
						}
					}
				})
				if (back > 0) != row.want || back > 2 {
					t.Errorf("told %d times that it was away", back)
				}
			})
		})
	}
}
