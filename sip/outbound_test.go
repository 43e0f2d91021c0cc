package sip

import (
	"context"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

// TestRFC5626_4_3_ContactsAskForTheFlow: a registrar that keeps to flows says "Require:
// outbound", and the Contacts of calls then have ob; they have it no more when it does not
// say so any longer, nor is it there for an account without an instance.
func TestRFC5626_4_3_ContactsAskForTheFlow(t *testing.T) {
	for _, id := range []string{"", "urn:uuid:00000000-0000-4000-8000-000a95a0e128"} {
		story(t, func(b *bed) {
			r := b.registrar(pbxIP)
			r.headers = []Header{{Name: "Require", Value: "outbound"}}
			l := b.line(overTCP, func(_ *Config, a *Account) { a.InstanceID = id })
			l.is(Registered, "")
			contact := func() (text string) {
				l.do(func() { text = l.UA.contact(l.account, l.reg.flow) })
				return text
			}
			if got := contact(); strings.HasSuffix(got, ";ob>") != (id != "") {
				t.Errorf("with the instance %q the Contact is %s", id, got)
			}
			r.look(func() { r.headers = nil })
			l.do(l.reg.Refresh)
			b.pass(time.Second)
			if got := contact(); strings.Contains(got, "ob") {
				t.Errorf("the registrar does not keep to flows any more: %s", got)
			}
		})
	}
}

// TestRFC5626_4_4_FlowTimer: signs of life come as often as the registrar wants, however
// seldom the account would send them.
func TestRFC5626_4_4_FlowTimer(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		r.headers = []Header{{Name: "Flow-Timer", Value: "5"}}
		l := b.line(overTCP, func(_ *Config, a *Account) { a.Keepalive, a.Expires = time.Hour, time.Hour })
		l.is(Registered, "")
		b.pass(time.Minute)
		var beats uint64
		l.do(func() { beats = uint64(l.reg.beats) })
		if beats < 12 || beats > 16 {
			t.Errorf("%d signs of life in a minute, want one every 4 to 5 s", beats)
		}
	})
}

// TestRFC5626_4_5_TheWayOfBefore: the connection of a call is gone and its peer's Contact
// names nobody that could be dialled; what comes next goes to where the connection led.
func TestRFC5626_4_5_TheWayOfBefore(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		r.reply = func(s *transaction.Server) bool {
			if s.Request().Method != message.INVITE {
				return answerCalls(s)
			}
			res := s.NewResponse(200, "")
			message.Add(res, "Contact", "<sip:peer@pbx.invalid;transport=tcp>")
			message.SetBody(res, typeSDP, []byte("answer"))
			_ = s.Respond(res)
			return true
		}
		l := b.line(overTCP)
		s := l.invite("sip:peer@" + pbxIP)
		b.pass(time.Second)
		l.saw("answered answer")
		r.look(func() { r.tr.CloseFlow(r.flows[0]) })
		b.pass(10 * time.Millisecond) // before the registration has tried again
		l.is(Failed, "the connection to")
		l.must(func() error { return s.Reinvite([]byte("hold")) })
		b.pass(time.Second)
		l.saw("answer answer")
		l.must(func() error { return s.Hangup(ReasonHeader{}) })
		b.pass(time.Second)
		l.saw("ended completed 0")
		l.is(Registered, "")
		r.look(func() {
			if len(r.flows) != 2 {
				t.Errorf("%d connections, want one for call and registration after the first", len(r.flows))
			}
		})
		l.empty()
	})
}

// TestRFC5626_4_5_TheConnectionThatIsRegisteredNow: the PBX's Contact is a machine behind its
// proxy, which nobody here can reach. When the call's connection is gone, what comes next goes
// by the one that the registration has opened in its place.
func TestRFC5626_4_5_TheConnectionThatIsRegisteredNow(t *testing.T) {
	story(t, func(b *bed) {
		ln, err := b.net.Host(pbxIP).Listen(context.Background(), "tcp", pbxIP+":5060")
		if err != nil {
			t.Fatal(err)
		}
		b.ends = append(b.ends, func() { ln.Close() })
		registers := func() *peer {
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			p := b.newPeer(pbxIP)
			p.serve(c)
			req := p.request("REGISTER")
			p.reply(req, 200, "Contact: "+message.Value(req, "Contact"), "Expires: 300")
			b.pass(time.Second)
			return p
		}
		l := b.line(overTCP)
		p := registers()
		l.is(Registered, "")
		s := p.answered(l.agent, "Contact: <sip:inner@10.0.0.77;transport=tcp>", "", "offer")
		l.saw("invited", "confirmed")
		p.conn.Close()
		next := registers()
		l.is(Registered, "")
		next.tag, next.callID = p.tag, p.callID
		l.must(func() error { return s.Reinvite([]byte("hold")) })
		next.reply(next.request("INVITE"), 200, "Contact: <sip:inner@10.0.0.77;transport=tcp>", "", "answer")
		next.request("ACK")
		l.saw("answer answer")
		l.must(func() error { return s.Hangup(ReasonHeader{}) })
		next.reply(next.request("BYE"), 200)
		b.pass(time.Second)
		l.saw("ended completed 0")
	})
}
