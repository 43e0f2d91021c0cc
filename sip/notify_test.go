package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// A NOTIFY may come before the 2xx (RFC 6665 4.1.2.4), and makes the dialog.
func TestRFC6665_4_4_1_TheNotifyMakesTheDialog(t *testing.T) {
	for _, code := range []int{200, 500} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			story(t, func(b *bed) {
				w, p := b.watch(), b.peer(pbxIP)
				first := p.subscribed()
				p.notify(200, "pending", "")
				w.saw("Subscribing", "Pending", "told")
				w.do(w.sub.Refresh) // it waits for the answer
				w.do(func() { w.sub.wanted = w.sub.wanted && code == 200 })
				p.notify(200, "active;expires=60", "<one/>")
				w.saw("Subscribed", "told <one/>")
				p.reply(first, code, "Expires: 60")
				w.saw()
				begin := time.Now()
				again := p.request("SUBSCRIBE")
				if at := time.Since(begin) < time.Second; at != (code == 200) {
					t.Errorf("refreshed after %v", time.Since(begin))
				}
				if message.ToTag(again) != p.tag {
					t.Errorf("no refresh:\n%s", again)
				}
			})
		})
	}
}

// Timer N: "If this Timer N expires prior to the receipt of a NOTIFY request, the
// subscriber considers the subscription failed" (RFC 6665 4.1.2.4).
func TestRFC6665_4_1_2_4_TimerN(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		first := p.subscribed()
		p.reply(first, 200, "Expires: 600")
		b.pass(31 * time.Second)
		w.saw("Subscribing")
		p.silent(900 * time.Millisecond)
		second := p.subscribed()
		w.saw("Failed", "Subscribing")
		if message.CallID(second) == message.CallID(first) {
			t.Error("the Call-ID was used again")
		}
		p.reply(second, 200, "Expires: 60")
		p.notify(200, "active;expires=60", "<one/>")
		w.saw("Subscribed", "told <one/>")
		p.reply(p.request("SUBSCRIBE"), 200, "Expires: 20") // a refresh that no NOTIFY follows, nor the next
		begin := time.Now()
		p.reply(p.request("SUBSCRIBE"), 200, "Expires: 600")
		b.pass(31900*time.Millisecond - time.Since(begin))
		w.saw()
		b.pass(100 * time.Millisecond)
		w.saw("Failed")
	})
}

func TestRFC6665_4_1_3_ReasonsOfTheEnd(t *testing.T) {
	second := time.Second
	for _, c := range []struct {
		state       string
		cause       string
		least, most time.Duration // until it is asked for again; zero: never
	}{
		{"terminated;reason=deactivated", "deactivated", second / 2, second},
		{"terminated;reason=deactivated;retry-after=100", "deactivated", second / 2, second},
		{"terminated;reason=timeout", "timeout", second / 2, second},
		{"terminated", "", second / 2, second},
		{"terminated;retry-after=50", "", 50 * second, 55 * second},
		{"terminated;reason=whatever", "whatever", second / 2, second},
		{"terminated;reason=probation", "probation", 30 * second, 33 * second},
		{"terminated;reason=probation;retry-after=100", "probation", 100 * second, 110 * second},
		{"terminated;reason=giveup;retry-after=7", "giveup", 7 * second, 8 * second},
		{"terminated;reason=giveup", "giveup", 30 * second, 33 * second},
		{"Terminated;Reason=Rejected", "rejected", 0, 0},
		{"terminated;reason=noresource", "noresource", 0, 0},
		{"terminated;reason=invariant", "invariant", 0, 0},
	} {
		t.Run(c.state, func(t *testing.T) {
			story(t, func(b *bed) {
				w, p := b.watch(), b.peer(pbxIP)
				p.begun(w)
				p.notify(200, c.state, "<last/>")
				w.saw("told <last/>", strings.TrimSpace("Failed "+c.cause))
				p.notify(481, "active", "<two/>")
				if c.least == 0 {
					p.silent(time.Hour)
					w.do(w.sub.Refresh)
					p.subscribed()
					return
				}
				p.silent(c.least - 100*time.Millisecond)
				begin := time.Now()
				p.subscribed()
				if took := time.Since(begin); took > c.most-c.least+150*time.Millisecond {
					t.Errorf("late by %v", took)
				}
			})
		})
	}
	t.Run("in place of the first state", func(t *testing.T) {
		story(t, func(b *bed) {
			w, p := b.watch(), b.peer(pbxIP)
			p.reply(p.subscribed(), 202)
			p.notify(200, "terminated;reason=rejected", "")
			w.saw("Subscribing", "Failed rejected")
			p.silent(time.Hour)
			w.do(func() { w.sub.Unsubscribe(nil) })
			w.gone()
		})
	})
}

// A NOTIFY below the number of the last "MUST be rejected with a 500" (RFC 3261
// 12.2.2), and a notifier that gets one ends the subscription (RFC 6665 4.2.2): so
// Asterisk, which comes back from a restart with an older number.
func TestRFC6665_4_2_2_NotifyOutOfOrder(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		p.begun(w)
		p.notify(200, "active", "<two/>")
		w.saw("Subscribed", "told <two/>")
		p.seq -= 2
		p.notify(500, "active", "<old/>")
		w.saw("Failed")
		begin := time.Now()
		if anew := p.subscribed(); message.ToTag(anew) != "" || time.Since(begin) > time.Second {
			t.Errorf("after %v:\n%s", time.Since(begin), anew)
		}
	})
}

// A PBX that ends each subscription at once is not stormed.
func TestSubscribe_NoStorm(t *testing.T) {
	story(t, func(b *bed) {
		_, p := b.watch(), b.peer(pbxIP)
		n := 0
		for begin := time.Now(); time.Since(begin) < 10*time.Minute; n++ {
			p.reply(p.subscribed(), 200)
			p.notify(200, "active", "<one/>")
			p.notify(200, "terminated;reason=deactivated", "")
		}
		if n > 60 {
			t.Errorf("asked %d times in ten minutes", n)
		}
		p.reply(p.subscribed(), 200, "Expires: 600")
		p.notify(200, "active;expires=600", "<one/>")
		b.pass(40 * time.Second) // one that held is no failure
		p.drain()
		p.notify(200, "terminated;reason=deactivated", "")
		begin := time.Now()
		p.subscribed()
		if took := time.Since(begin); took > time.Second {
			t.Errorf("asked again after %v", took)
		}
	})
}

func TestRFC6665_4_1_3_NotifiesThatAreNotTaken(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		first := p.subscribed()
		stranger := b.peer(otherIP)
		stranger.callID, stranger.remote, stranger.tag, stranger.target = p.callID, p.remote, p.tag, p.target
		for range 2 { // before the dialog, and in it
			stranger.notify(403, "active", "<evil/>")
			for code, lines := range map[int][]string{
				489: {"Event: presence", "Subscription-State: active"},
				481: {"Event: dialog;id=7", "Subscription-State: active"},
				400: {"Event: dialog"},
				415: {"Event: dialog", "Subscription-State: active", "X-Type: text/html", "", "<html/>"},
			} {
				p.ask("NOTIFY", lines...)
				p.response(code)
			}
			if first != nil {
				w.saw("Subscribing")
				p.reply(first, 200)
				p.notify(200, "active", "<one/>")
				w.saw("Subscribed", "told <one/>")
				first = nil
			}
		}
		for method, code := range map[string]int{"BYE": 481, "INFO": 481, "SUBSCRIBE": 405, "OPTIONS": 200} {
			p.ask(method)
			p.response(code)
		}
		p.tag = "another"
		p.ask("BYE")
		p.response(481)
		w.saw()
	})
}

func TestRFC6665_5_4_9_Forks(t *testing.T) {
	t.Run("a package without forks", func(t *testing.T) {
		story(t, func(b *bed) {
			w, p := b.watch(), b.peer(pbxIP)
			p.begun(w)
			p.tag = "fork"
			p.notify(481, "active", "<other/>")
			w.saw()
		})
	})
	t.Run("a package with forks", func(t *testing.T) {
		story(t, func(b *bed) {
			w, p := b.watch(func(o *SubscribeOptions) { o.Forks = true }), b.peer(pbxIP)
			p.reply(p.subscribed(), 200, "Expires: 600")
			p.notify(200, "active;expires=500", "<one/>")
			w.saw("Subscribing", "Subscribed", "told <one/>")
			main := p.tag
			for i := range mostForks {
				p.tag = fmt.Sprint("fork", i)
				p.notify(200, "active;expires=599", "<other/>")
				w.saw("told <other/>")
			}
			p.tag = "surplus"
			p.notify(481, "active", "<other/>")
			p.tag = "fork3"
			p.notify(200, "active", "<again/>")
			w.saw("told <again/>")
			p.notify(200, "terminated;reason=noresource", "")
			w.saw("fork over")
			b.pass(32 * time.Second)
			p.notify(481, "active", "") // too late for a fork
			w.do(w.sub.Refresh)
			refresh := p.request("SUBSCRIBE")
			if message.ToTag(refresh) != main {
				t.Errorf("refresh:\n%s", refresh)
			}
			p.reply(refresh, 481)
			seen := map[string]int{}
			for range mostForks { // the others are of no use without it
				req := p.request("SUBSCRIBE")
				seen[message.Value(req, "Expires")]++
				p.reply(req, 200)
			}
			if seen["0"] != mostForks-1 || seen["60"] != 1 {
				t.Errorf("then came %v", seen)
			}
			b.pass(3 * time.Second)
			w.do(func() {
				if n := len(w.UA.subscriptions); n != 1 {
					t.Errorf("%d subscriptions are left", n)
				}
			})
		})
	})
}
