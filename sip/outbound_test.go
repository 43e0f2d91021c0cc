package sip

import (
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
