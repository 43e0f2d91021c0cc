package rude

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"ringback/sip"
	"ringback/sip/loop"
)

// caller is a user agent that calls the phone, as a PBX of good manners.
type caller struct {
	p       *phone
	loop    *loop.Loop
	ua      *sip.UA
	account *sip.Account
	on      func(s *sip.Session, e sip.Event)
}

func (p *phone) caller(ip string) *caller {
	p.Helper()
	c := &caller{p: p, loop: loop.New(nil), account: &sip.Account{AOR: p.uri("sip:3000@" + pbxIP), SessionExpires: 90 * time.Second}}
	var err error
	if c.ua, err = sip.NewUA(sip.Config{Loop: c.loop, Network: p.net.Host(ip), Listen: []sip.Listen{{Transport: "udp", Address: ip + ":5070"}},
		Policy: sip.Policy{AcceptFrom: sip.AcceptAnyone}, Limits: sip.Limits{Sessions: 2000, InvitesPerSec: 10000}}); err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go c.loop.Run(ctx)
	p.stops = append(p.stops, func() {
		short, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = c.ua.Close(short)
		cancel()
		<-c.loop.Done()
	})
	return c
}

// SessionEvent implements sip.SessionHandler.
func (c *caller) SessionEvent(s *sip.Session, e sip.Event) {
	if _, ok := e.(sip.OfferReceived); ok {
		_ = s.AnswerOffer([]byte(SDP(pbxIP, 4000)))
	}
	if c.on != nil {
		c.on(s, e)
	}
}

// call begins n calls.
func (c *caller) call(n int) {
	c.p.Helper()
	err := c.loop.Do(context.Background(), func() {
		for range n {
			_, err := c.ua.Invite(sip.InviteOptions{Account: c.account, To: c.p.uri("sip:1001@" + at), Offer: []byte(SDP(pbxIP, 4000))}, c)
			if err != nil {
				c.p.Error(err)
			}
		}
	})
	if err != nil {
		c.p.Fatal(err)
	}
}

// busyPhone takes as many calls as are wanted.
func busyPhone(c *sip.Config, _ *sip.Account) {
	c.Limits = sip.Limits{Sessions: 2000, InvitesPerSec: 10000}
}

// 10,000 calls one after the other, fifty at a time, each with hold, resume and a
// digit: what was there before is there afterwards, and no more.
func TestSoak_TenThousandCalls(t *testing.T) {
	const calls, together, warm = 10_000 / scale, 5, 100
	onPhone(t, busyPhone, func(p *phone) {
		c := p.caller(pbxIP)
		ended, answered := 0, 0
		causes := map[sip.Cause]int{}
		p.invited = func(s *sip.Session) {
			_ = s.Ring()
			_ = s.Answer([]byte(SDP(phoneIP, 5000)))
			p.calls = nil
		}
		p.on = func(s *sip.Session, e sip.Event) {
			p.events = nil
			if o, ok := e.(sip.OfferReceived); ok {
				_ = s.AnswerOffer(o.SDP)
			}
		}
		c.on = func(s *sip.Session, e sip.Event) {
			switch e := e.(type) {
			case sip.Answered:
				answered++
				_ = s.Info("application/dtmf-relay", []byte("Signal=5\r\n"), nil)
				_ = s.Reinvite([]byte(SDP(pbxIP, 4002)))
			case sip.AnswerReceived:
				_ = s.Hangup(sip.ReasonHeader{})
			case sip.Ended:
				ended++
				causes[e.Cause]++
			}
		}
		round := func() {
			c.call(together)
			p.pass(time.Second)
		}
		for range warm { // to the most that is open at a time: what is answered stays for 32 s
			round()
		}
		p.pass(2 * time.Minute)
		before, goroutines, files := heap(), runtime.NumGoroutine(), descriptors()
		for range calls / together {
			round()
		}
		p.pass(2 * time.Minute)
		after := heap()
		t.Logf("%d calls: heap %d kB before, %d kB after; %d goroutines, then %d; %d descriptors, then %d", calls, before>>10, after>>10,
			goroutines, runtime.NumGoroutine(), files, descriptors())
		if ended != answered || answered != calls+warm*together {
			t.Errorf("%d answered, %d ended of %d: %v; %v", answered, ended, calls+warm*together, causes, p.counters())
		}
		if after > before+before/20 {
			t.Errorf("heap of %d bytes, %d before", after, before)
		}
		if n := runtime.NumGoroutine(); n != goroutines {
			t.Errorf("%d goroutines, %d before", n, goroutines)
		}
		if n := descriptors(); n != files {
			t.Errorf("%d descriptors, %d before", n, files)
		}
	})
}

// descriptors is how many are open; zero where the system does not tell.
func descriptors() int {
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}

// 1,024 calls at a time for ten minutes, each refreshed every 45 s, held and resumed:
// none is lost, none stays. With the race detector it looks for races.
func TestLoad_1024SessionsForTenMinutes(t *testing.T) {
	const sessions = 1024
	onPhone(t, busyPhone, func(p *phone) {
		p.account.SessionExpires = 90 * time.Second
		c := p.caller(pbxIP)
		lost, held := 0, 0
		p.on = func(s *sip.Session, e sip.Event) {
			switch e := e.(type) {
			case sip.OfferReceived:
				_ = s.AnswerOffer(e.SDP)
			case sip.AnswerReceived:
				held++
			case sip.Ended:
				lost++
			}
			p.events = nil
		}
		for range sessions / 64 {
			c.call(64)
			p.pass(100 * time.Millisecond)
		}
		p.do(func() {
			if len(p.calls) != sessions {
				t.Errorf("%d of %d calls came", len(p.calls), sessions)
			}
		})
		holds := 0
		for minute := range 10 {
			p.do(func() {
				for i, s := range p.calls {
					if i%10 == minute && s.State() == sip.StateConfirmed {
						holds++
						if err := s.Reinvite([]byte(SDP(phoneIP, 5000+2*minute))); err != nil {
							t.Errorf("hold: %v", err)
						}
					}
				}
			})
			p.pass(time.Minute)
		}
		up := 0
		p.do(func() {
			for _, s := range p.calls {
				if s.State() == sip.StateConfirmed {
					up++
				}
			}
		})
		if up != sessions || lost != 0 || held != holds || holds < sessions {
			t.Errorf("%d of %d are up, %d lost; %d of %d holds", up, sessions, lost, held, holds)
		}
		p.do(func() {
			for _, s := range p.calls {
				_ = s.Hangup(sip.ReasonHeader{})
			}
		})
		p.pass(2 * time.Minute)
		if n := p.counters()["transaction.servers.open"] + p.counters()["transaction.clients.open"]; n != 0 || lost != sessions {
			t.Errorf("%d transactions are open, %d of %d have ended", n, lost, sessions)
		}
	})
}
