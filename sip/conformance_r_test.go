package sip

import (
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

const challengeLine = `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth", algorithm=MD5`

func TestConformance_R08_InviteIsAuthenticated(t *testing.T) {
	for name, line := range map[string]string{"401": challengeLine, "407": strings.Replace(challengeLine, "WWW-", "Proxy-", 1)} {
		t.Run(name, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				s := a.invite("sip:peer@" + pbxIP)
				first := p.request("INVITE")
				code, header := 401, "Authorization"
				if name == "407" {
					code, header = 407, "Proxy-Authorization"
				}
				p.reply(first, code, line)
				p.request("ACK")
				second := p.request("INVITE")
				auth := message.Value(second, header)
				if seqOf(second) != seqOf(first)+1 || message.CallID(second) != message.CallID(first) ||
					!strings.Contains(auth, `uri="sip:peer@`+pbxIP+`"`) || !strings.Contains(auth, "nc=00000001") {
					t.Errorf("second:\n%s", second)
				}
				p.reply(second, 200, "", "answer")
				ack := p.request("ACK")
				if seqOf(ack) != seqOf(second) || message.Value(ack, header) == "" { // RFC 3261 22.1
					t.Errorf("ACK:\n%s", ack)
				}
				a.must(func() error { return s.Reinvite([]byte("hold")) })
				re := p.request("INVITE")
				if !strings.Contains(message.Value(re, header), "nc=00000002") { // R11: the nonce is used again
					t.Errorf("re-INVITE:\n%s", re)
				}
				p.reply(re, code, line+", stale=true")
				p.request("ACK")
				again := p.request("INVITE")
				p.reply(again, 200, "", "held")
				if seqOf(p.request("ACK")) != seqOf(again) {
					t.Error("ACK has another number")
				}
				a.saw("answered answer", "answer held")
			})
		})
	}
}

func TestConformance_R10_WrongPasswordIsNotTriedAgain(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		p.reply(p.request("INVITE"), 401, challengeLine)
		p.request("ACK")
		p.reply(p.request("INVITE"), 401, strings.Replace(challengeLine, "n1", "n2", 1))
		p.request("ACK")
		p.silent(time.Minute)
		a.saw("ended forbidden 401")
		a.empty()
	})
}

func TestConformance_R16_CredentialsStayHome(t *testing.T) {
	t.Run("a target elsewhere challenges", func(t *testing.T) {
		story(t, func(b *bed) {
			a := b.agent(agentIP, "1001")
			q := b.peer(otherIP)
			a.invite("sip:x@" + otherIP)
			q.reply(q.request("INVITE"), 401, challengeLine)
			q.request("ACK")
			q.silent(time.Minute)
			a.saw("ended forbidden 401")
		})
	})
	t.Run("a 3xx leads away", func(t *testing.T) {
		story(t, func(b *bed) {
			a := b.agent(agentIP, "1001", func(_ *Config, acc *Account) { acc.Accept3xx = Follow })
			p, q := b.peer(pbxIP), b.peer(otherIP)
			a.invite("sip:x@" + pbxIP)
			p.reply(p.request("INVITE"), 401, challengeLine)
			p.request("ACK")
			p.reply(p.request("INVITE"), 302, "Contact: <sip:x@"+otherIP+">")
			p.request("ACK")
			inv := q.request("INVITE")
			if message.Has(inv, "Authorization") {
				t.Errorf("credentials for a stranger:\n%s", inv)
			}
		})
	})
}

func TestConformance_R17_ChallengedByeOfACallThatCameIn(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answered(a)
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		p.reply(p.request("BYE"), 407, strings.Replace(challengeLine, "WWW-", "Proxy-", 1))
		p.silent(time.Minute)
		a.saw("invited", "confirmed", "ended completed 0")
		a.empty()
	})
}
