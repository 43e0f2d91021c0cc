package sip

import (
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

func TestRegister3xx(t *testing.T) {
	for _, row := range []struct {
		policy, reason string
		want           RegistrationState
	}{
		{Follow, "", Registered}, {Refuse, "302", Failed}, {Ask, "does not belong", Failed},
	} {
		t.Run(row.policy, func(t *testing.T) {
			story(t, func(b *bed) {
				first, second := b.registrar(pbxIP), b.registrar(otherIP)
				secured(second)
				first.refuse(302, Header{Name: "Contact", Value: "<sip:" + otherIP + ">"})
				l := b.line(func(_ *Config, a *Account) { a.Accept3xx = row.policy })
				l.is(row.want, row.reason)
				for _, s := range second.registers() {
					if row.policy == Ask && message.Has(s.req, "Authorization") {
						t.Error("credentials went to a foreign host")
					}
				}
			})
		})
	}
}

func TestRegisterSilentRegistrarIsTold(t *testing.T) {
	story(t, func(b *bed) {
		l := b.line()
		b.pass(5 * time.Second)
		l.is(Registering, "no answer from "+pbxIP)
		b.pass(30 * time.Second)
		told := false
		l.do(func() {
			for _, s := range l.told {
				told = told || s.State == Failed && strings.Contains(s.Reason, "does not answer") && !s.NextTry.IsZero()
			}
		})
		if !told {
			t.Errorf("never told as failed: %+v", l.told)
		}
		b.registrar(pbxIP)
		l.back(31 * time.Second)
	})
}

func TestRegisterThroughNAT(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		r.reply = func(s *transaction.Server) bool {
			seen := strings.NewReplacer("rport=5060", "rport=40000", "received="+agentIP, "received=198.51.100.7")
			message.SetFirst(s.Request(), "Via", seen.Replace(message.Value(s.Request(), "Via")))
			return false
		}
		l := b.line()
		l.is(Registered, "")
		if got := l.status().Contact; got != "sip:1001@198.51.100.7:40000" {
			t.Errorf("bound %s", got)
		}
		r.look(func() {
			if len(r.bound) != 1 {
				t.Errorf("bindings %v: the private one is still there", r.bound)
			}
		})
		b.pass(time.Minute)
		if n := len(r.registers()); n != 2 {
			t.Errorf("%d REGISTERs", n)
		}
	})
}
