package sip

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

func secured(r *registrar) { r.password = testPassword }

func TestConformance_R01_RegisterAndRefreshForAnHour(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		secured(r)
		r.less = time.Second
		l := b.line()
		l.is(Registered, "")
		b.pass(time.Hour)
		l.is(Registered, "")
		all := r.registers()
		var last uint32
		for i, s := range all {
			c, _ := message.CSeqOf(s.req)
			if id := message.CallID(s.req); id != message.CallID(all[0].req) {
				t.Errorf("request %d has another Call-ID", i)
			}
			if c.Seq <= last {
				t.Errorf("request %d: CSeq %d after %d", i, c.Seq, last)
			}
			last = c.Seq
			if got := message.Value(s.req, "Expires"); got != "300" {
				t.Errorf("request %d asks for %s s: Asterisk's second less must not add up", i, got)
			}
			if i > 1 {
				if gap := s.at.Sub(all[i-1].at); gap < 149*time.Second || gap > 270*time.Second {
					t.Errorf("refresh %d after %v, want 50 to 90 %% of 299 s", i, gap)
				}
			}
		}
		if len(all) < 14 || len(all) > 27 {
			t.Errorf("%d REGISTERs in an hour", len(all))
		}
		var gaps = map[time.Duration]bool{}
		for i := 2; i < len(all); i++ {
			gaps[all[i].at.Sub(all[i-1].at)] = true
		}
		if len(gaps) < 3 {
			t.Errorf("refreshes are not jittered: %v", gaps)
		}
		if l.lost() != 0 {
			t.Error("told as lost")
		}
		r.look(func() {
			if r.nonces != 1 {
				t.Errorf("%d challenges: the nonce was not used again", r.nonces)
			}
		})
	})
}

func TestConformance_R01_NeverTwoInFlight(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		open, most := 0, 0
		r.reply = func(s *transaction.Server) bool {
			if s.Request().Method != message.REGISTER {
				return false
			}
			open++
			most = max(most, open)
			r.loop.After(3*time.Second, func() { open--; r.bind(s) })
			return true
		}
		l := b.line(func(_ *Config, a *Account) { a.Expires = 60 * time.Second })
		for range 200 {
			l.do(l.reg.Refresh)
			b.pass(1300 * time.Millisecond)
		}
		if most != 1 {
			t.Errorf("%d REGISTERs at a time", most)
		}
		l.back(10 * time.Second)
	})
}

func TestConformance_R02_GrantedExpiry(t *testing.T) {
	for _, row := range []struct {
		name     string
		contacts string // %s is our own
		expires  string
		want     time.Duration
	}{
		{"our own Contact among others", "<sip:1001@10.9.9.9>;expires=20, <%s>;expires=120, <sip:1001@10.9.9.8>;expires=30", "90", 120 * time.Second},
		{"Expires header", "<%s>", "90", 90 * time.Second},
		{"neither", "<%s>", "", 300 * time.Second},
		{"2^32", "<%s>;expires=4294967296", "", 24 * time.Hour},
		{"rewritten by a NAT: the one that runs out first", "<sip:1001@10.9.9.9:1>;expires=70, <sip:1001@10.9.9.8:2>;expires=60", "", 60 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			story(t, func(b *bed) {
				r := b.registrar(pbxIP)
				r.reply = func(s *transaction.Server) bool {
					if s.Request().Method != message.REGISTER {
						return false
					}
					own, _, _ := message.Contacts(s.Request())
					res := s.NewResponse(200, "")
					if len(own) > 0 {
						message.Add(res, "Contact", strings.ReplaceAll(row.contacts, "%s", own[0].URI.String()))
					}
					if row.expires != "" {
						message.Add(res, "Expires", row.expires)
					}
					_ = s.Respond(res)
					return true
				}
				l := b.line(func(_ *Config, a *Account) { a.Keepalive = -1 })
				if got := time.Until(l.status().Expires) + time.Second; got < row.want-time.Second || got > row.want+100*time.Millisecond {
					t.Errorf("granted %v, want %v", got, row.want)
				}
			})
		})
	}
}

func TestConformance_R03_423(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		least := "1800"
		r.reply = func(s *transaction.Server) bool {
			if message.Value(s.Request(), "Expires") == "1800" && least == "1800" || s.Request().Method != message.REGISTER {
				return false
			}
			res := s.NewResponse(423, "")
			if least != "" {
				message.Add(res, "Min-Expires", least)
			}
			_ = s.Respond(res)
			return true
		}
		l := b.line()
		l.is(Registered, "")
		if n := len(r.registers()); n != 2 {
			t.Errorf("%d REGISTERs, want two", n)
		}
		r.look(func() { least = "" })
		r.forget()
		l.do(l.reg.Refresh)
		b.pass(100 * time.Millisecond)
		l.is(Registered, "423")
		if n := len(r.registers()); n != 1 {
			t.Errorf("%d REGISTERs at once after a 423 that names nothing", n)
		}
	})
}

func TestConformance_R04_Unregister(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		secured(r)
		l := b.line()
		done := errors.New("not called")
		begin := time.Now()
		l.do(func() { l.reg.Unregister(func(err error) { done = err }) })
		b.pass(2*time.Second - time.Since(begin))
		if done != nil || r.holds() {
			t.Errorf("unregister: %v, still bound: %v", done, r.holds())
		}
		l.is(Unregistered, "")
		for _, s := range r.registers() {
			if strings.Contains(message.Value(s.req, "Contact"), "*") {
				t.Error("Contact: * was sent")
			}
		}
		r.forget()
		b.pass(time.Hour)
		r.look(func() {
			if len(r.seen) != 0 {
				t.Errorf("%d requests after the end", len(r.seen))
			}
		})
	})
	t.Run("a silent registrar holds nobody up", func(t *testing.T) {
		story(t, func(b *bed) {
			r := b.registrar(pbxIP)
			l := b.line()
			b.net.Host(r.ip).SetDown(true)
			var done error
			l.do(func() { l.reg.Unregister(func(err error) { done = err }) })
			b.pass(2 * time.Second)
			if done == nil {
				t.Error("confirmed by nobody, or not ended in 2 s")
			}
			l.is(Unregistered, "in time")
			b.pass(time.Minute)
		})
	})
}

// refuse makes the registrar answer each REGISTER with a code.
func (r *registrar) refuse(code int, headers ...Header) {
	r.look(func() {
		r.reply = func(s *transaction.Server) bool {
			if code == 0 || s.Request().Method != message.REGISTER {
				return false
			}
			res := s.NewResponse(code, "")
			for _, h := range headers {
				message.Add(res, h.Name, h.Value)
			}
			_ = s.Respond(res)
			return true
		}
	})
}

func TestConformance_R05_503WithRetryAfter(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		r.refuse(503, Header{Name: "Retry-After", Value: "30"})
		l := b.line()
		l.is(Failed, "503")
		if next := time.Until(l.status().NextTry) + time.Second; next < 29*time.Second || next > 34*time.Second {
			t.Errorf("next try in %v", next)
		}
		r.refuse(0)
		b.pass(28 * time.Second)
		if n := len(r.registers()); n != 1 {
			t.Errorf("%d REGISTERs before Retry-After was over", n)
		}
		l.back(6 * time.Second)
	})
	t.Run("another server meanwhile, and back", func(t *testing.T) {
		story(t, func(b *bed) {
			first, second := b.registrar(pbxIP), b.registrar(otherIP)
			first.refuse(503, Header{Name: "Retry-After", Value: "30"})
			l := b.line(func(c *Config, a *Account) {
				c.Resolver = names{"pbx.test": {pbxIP, otherIP}}
				a.AOR, a.Registrar = uri("sip:1001@pbx.test"), uri("sip:pbx.test")
			})
			l.is(Registered, "")
			if !second.holds() || first.holds() {
				t.Error("not bound at the second server")
			}
			first.refuse(0)
			b.pass(45 * time.Second)
			if !first.holds() {
				t.Error("did not return to the preferred server")
			}
		})
	})
}

func TestConformance_R09_StaleNonce(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		secured(r)
		r.lifetime = 2
		l := b.line()
		b.pass(time.Hour)
		l.is(Registered, "")
		if l.lost() != 0 {
			t.Error("a stale nonce was told as a loss")
		}
		r.look(func() { r.lifetime = -1; r.used = map[string]int{} })
	})
	t.Run("stale for ever is bounded", func(t *testing.T) {
		story(t, func(b *bed) {
			r := b.registrar(pbxIP)
			r.look(func() {
				r.reply = func(s *transaction.Server) bool {
					res := s.NewResponse(401, "")
					message.Add(res, "WWW-Authenticate", `Digest realm="pbx", nonce="n", stale=true`)
					_ = s.Respond(res)
					return true
				}
			})
			l := b.line()
			if n := len(r.registers()); n < 2 || n > 8 {
				t.Errorf("%d REGISTERs in the first second", n)
			}
			l.do(func() {
				if s := l.told[1]; s.State != Failed || !strings.Contains(s.Reason, "stale") {
					t.Errorf("told %+v", s)
				}
			})
		})
	})
}

func TestConformance_R10_WrongPassword(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		r.password = "another"
		l := b.line()
		l.is(Failed, "password")
		b.pass(time.Hour)
		if n := len(r.registers()); n != 2 {
			t.Errorf("%d REGISTERs, want two and no retry", n)
		}
		if s := l.status(); !s.NextTry.IsZero() || s.Code != 401 {
			t.Errorf("status %+v", s)
		}
		r.look(func() { r.password = testPassword })
		l.do(l.reg.Refresh)
		l.back(time.Second)
	})
}

func TestConformance_R18_WhatTheRegistrarGivesIsKept(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		const id = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
		r.headers = []Header{{Name: "Service-Route", Value: "<sip:edge@10.0.0.1;lr>"}}
		r.reply = func(s *transaction.Server) bool {
			own, _, _ := message.Contacts(s.Request())
			if s.Request().Method != message.REGISTER || len(own) == 0 {
				return false
			}
			res := s.NewResponse(200, "")
			message.Add(res, "Service-Route", "<sip:edge@10.0.0.1;lr>")
			message.Add(res, "Contact", own[0].String()+`;pub-gruu="sip:1001@pbx.test;gr=urn:uuid:00"`)
			_ = s.Respond(res)
			return true
		}
		l := b.line(func(_ *Config, a *Account) { a.InstanceID = id; a.Keepalive = -1; a.Transport = "tcp" })
		l.is(Registered, "")
		l.do(l.reg.Refresh)
		b.pass(time.Second)
		for _, s := range r.registers() {
			c := message.Value(s.req, "Contact")
			if !strings.Contains(c, `+sip.instance="<`+id+`>"`) || !strings.Contains(c, "reg-id=1") || !strings.Contains(c, "@"+agentIP) {
				t.Errorf("Contact %s", c)
			}
			if !message.HasToken(s.req, "Supported", "path") || !message.HasToken(s.req, "Supported", "outbound") {
				t.Errorf("Supported %s", message.Value(s.req, "Supported"))
			}
		}
		l.do(func() {
			if got := l.UA.serviceRoute(l.account); len(got) != 1 || got[0].URI.User != "edge" {
				t.Errorf("Service-Route %v", got)
			}
			if got := l.UA.contact(l.account, nil); got != "<sip:1001@pbx.test;gr=urn:uuid:00>" {
				t.Errorf("Contact of calls %s", got)
			}
		})
	})
}
