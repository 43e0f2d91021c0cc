package sip

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ringback/sip/message"
)

// twoServers is a domain with a first and a second server.
func twoServers() *zone {
	return &zone{srv: map[string][]SRV{"_sip._udp.pbx.test": {
		{Priority: 1, Weight: 1, Port: 5060, Target: "one.test"}, {Priority: 2, Weight: 1, Port: 5060, Target: "two.test"}}},
		names: names{"one.test": {pbxIP}, "two.test": {otherIP}}}
}

func inDomain(c *Config, a *Account) {
	c.Resolver = twoServers()
	a.AOR, a.Registrar = uri("sip:1001@pbx.test"), uri("sip:pbx.test")
}

func TestConformance_T39_InviteAndInDialog(t *testing.T) {
	t.Run("silent: the INVITE goes to the second with a branch of its own", func(t *testing.T) {
		story(t, func(b *bed) {
			a, q := b.agent(agentIP, "1001", inDomain), b.peer(otherIP)
			begin := time.Now()
			a.invite("sip:peer@pbx.test")
			inv := q.request("INVITE")
			if d := time.Since(begin); d > 10*time.Second {
				t.Errorf("after %v", d)
			}
			q.reply(inv, 200, "Contact: <sip:peer@pbx.test>", "", "answer")
			ack := q.request("ACK")
			if v, w := via(t, inv), via(t, ack); v.Branch() == w.Branch() {
				t.Error("the ACK has the INVITE's branch")
			}
			a.saw("answered answer")
		})
	})
	t.Run("503: at once, and the dialog's requests too", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p, q := b.agent(agentIP, "1001", inDomain), b.peer(pbxIP), b.peer(otherIP)
			s := a.invite("sip:peer@pbx.test")
			first := p.request("INVITE")
			p.reply(first, 503)
			p.request("ACK")
			second := q.request("INVITE")
			if via(t, first).Branch() == via(t, second).Branch() {
				t.Error("one branch for two servers")
			}
			q.reply(second, 200, "Contact: <sip:peer@pbx.test>", "", "answer")
			q.request("ACK")
			b.pass(time.Minute) // the first counts as good again
			a.must(func() error { return s.Reinvite([]byte("hold")) })
			re := p.request("INVITE")
			p.reply(re, 503)
			p.request("ACK")
			again := q.request("INVITE")
			if via(t, re).Branch() == via(t, again).Branch() || message.CallID(again) != message.CallID(second) {
				t.Errorf("in the dialog:\n%s", again)
			}
			q.reply(again, 200, "", "held")
			q.request("ACK")
			a.saw("answered answer", "answer held")
		})
	})
}

func via(t *testing.T, m message.Message) message.Via {
	t.Helper()
	v, err := message.TopVia(m)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// T36: a flow that dies under a call takes the registration with it for a second,
// and not the call.
func TestConformance_T36_CallsOutliveTheFlow(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		r.reply = answerCalls
		l := b.line(overTCP)
		s := l.invite("sip:peer@" + pbxIP)
		b.pass(time.Second)
		l.saw("answered answer")
		r.look(func() { r.tr.CloseFlow(r.flows[0]) })
		b.pass(100 * time.Millisecond)
		l.is(Failed, "the connection to")
		l.back(2 * time.Second)
		l.do(func() {
			if s.State() != StateConfirmed {
				t.Errorf("the call is %s", s.State())
			}
		})
		l.must(func() error { return s.Reinvite([]byte("hold")) })
		b.pass(time.Second)
		l.saw("answer answer")
		l.must(func() error { return s.Hangup(ReasonHeader{}) })
		b.pass(time.Second)
		l.saw("ended completed 0")
		l.empty()
	})
}

func TestConformance_R01_ADayAt60s(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		secured(r)
		l := b.line(func(_ *Config, a *Account) { a.Expires = time.Minute })
		b.pass(24 * time.Hour)
		l.is(Registered, "")
		all := r.registers()
		ids := map[string]bool{}
		for i, s := range all {
			ids[message.CallID(s.req)] = true
			if i > 1 {
				if gap := s.at.Sub(all[i-1].at); gap < 29*time.Second || gap > 55*time.Second {
					t.Errorf("refresh %d after %v", i, gap)
				}
				if seqOf(s.req) <= seqOf(all[i-1].req) {
					t.Errorf("refresh %d: CSeq %d after %d", i, seqOf(s.req), seqOf(all[i-1].req))
				}
			}
		}
		if len(ids) != 1 || l.lost() != 0 || len(all) < 1500 {
			t.Errorf("%d Call-IDs, lost %d times, %d REGISTERs in a day", len(ids), l.lost(), len(all))
		}
	})
}

// R06: a thousand phones come back over the half minute that max-time is, not at once.
func TestConformance_R06_RestartStorm(t *testing.T) {
	story(t, func(b *bed) {
		const phones = 1000
		r := b.registrar(pbxIP)
		var all []*agent
		for i := range phones {
			ip := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}).String()
			a := b.agent(ip, fmt.Sprint("u", i), func(c *Config, acc *Account) {
				c.Random = rand.New(rand.NewPCG(1, uint64(i))).IntN
				acc.Password, acc.Expires, acc.Keepalive = testPassword, 600*time.Second, -1
				c.Listen = c.Listen[:1]
			})
			all = append(all, a)
			a.loop.Post(func() { a.Register(a.account, func(RegistrationStatus) {}) })
			if i%50 == 49 {
				b.pass(time.Second)
			}
		}
		b.pass(5 * time.Second)
		r.stop()
		b.net.Host(r.ip).Kill()
		for _, a := range all { // they all notice at once
			a.loop.Post(func() { a.registrations[0].Refresh() })
		}
		b.pass(2 * time.Minute)
		r.seen = nil
		r.start()
		back := time.Now()
		b.pass(40 * time.Second)
		var times []time.Duration
		seen := map[string]bool{}
		for _, s := range r.registers() {
			if user := message.Value(s.req, "To"); !seen[user] {
				seen[user] = true
				times = append(times, s.at.Sub(back))
			}
		}
		slices.Sort(times)
		if len(times) != phones {
			t.Fatalf("%d of %d are back", len(times), phones)
		}
		most, from := 0, 0
		for i := range times {
			for times[i]-times[from] >= time.Second {
				from++
			}
			most = max(most, i-from+1)
		}
		t.Logf("the last is back after %v, %d in the busiest second", times[phones-1], most)
		if most > phones/20 {
			t.Errorf("%d of %d REGISTERs in one second", most, phones)
		}
		if last := times[phones-1]; last > 31*time.Second {
			t.Errorf("the last is back after %v", last)
		}
	})
}
