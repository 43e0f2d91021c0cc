package sip

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/sip/message"
)

const (
	watchedURI = "sip:1002@" + pbxIP
	dialogInfo = "application/dialog-info+xml"
)

// watching is an agent that subscribes, and what it was told.
type watching struct {
	*agent
	sub  *Subscription
	told []string
}

// SubscriptionChanged implements SubscriptionHandler.
func (w *watching) SubscriptionChanged(_ *Subscription, st SubscriptionStatus) {
	w.told = append(w.told, strings.TrimSpace(fmt.Sprintf("%s %s", st.State, st.Cause)))
}

// Notified implements SubscriptionHandler.
func (w *watching) Notified(_ *Subscription, n Notification) {
	if n.Over {
		w.told = append(w.told, "fork over")
		return
	}
	w.told = append(w.told, strings.TrimSpace("told "+string(n.Body)))
}

// watch makes an agent that subscribes to the event dialog.
func (b *bed) watch(edit ...func(*SubscribeOptions)) *watching {
	b.Helper()
	w := &watching{agent: b.agent(agentIP, "1001")}
	w.subscribe(edit...)
	return w
}

func (w *watching) subscribe(edit ...func(*SubscribeOptions)) {
	w.bed.Helper()
	o := SubscribeOptions{Account: w.account, To: uri(watchedURI), Event: "dialog", Accept: []string{dialogInfo}, Expires: time.Minute}
	for _, e := range edit {
		e(&o)
	}
	w.must(func() (err error) { w.sub, err = w.UA.Subscribe(o, w); return err })
}

// saw fails unless the subscription told this since the last call.
func (w *watching) saw(want ...string) {
	w.bed.Helper()
	w.bed.pass(20 * time.Millisecond)
	var got []string
	w.do(func() { got, w.told = w.told, nil })
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		w.bed.Fatalf("told:\n got  %s\n want %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// gone fails when anything is left of subscriptions.
func (w *watching) gone() {
	w.bed.Helper()
	w.empty()
	w.do(func() {
		if u := w.UA; len(u.subscriptions)+len(u.awaited)+len(u.turns.waiting)+u.turns.inside != 0 {
			w.bed.Errorf("left behind: %d subscriptions, %d awaited, %d turns", len(u.subscriptions), len(u.awaited), u.turns.inside)
		}
	})
}

// subscribed is the next message, a SUBSCRIBE that begins a subscription.
func (p *peer) subscribed() *message.Request {
	p.bed.Helper()
	p.callID, p.seq = "", 0
	return p.request("SUBSCRIBE")
}

// notify sends a NOTIFY about dialogs, and expects that answer.
func (p *peer) notify(code int, state, body string, more ...string) {
	p.bed.Helper()
	lines := append([]string{"Event: dialog", "Subscription-State: " + state}, more...)
	if body != "" {
		lines = append(lines, "X-Type: "+dialogInfo, "", body)
	}
	p.ask("NOTIFY", lines...)
	p.response(code)
}

// begun has the peer accept a subscription and tell once.
func (p *peer) begun(w *watching) {
	p.bed.Helper()
	p.reply(p.subscribed(), 200, "Expires: 60")
	p.notify(200, "active;expires=60", "<one/>")
	w.saw("Subscribing", "Subscribed", "told <one/>")
}

func TestRFC6665_4_1_2_SubscribedRefreshedAndLeft(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		first := p.subscribed()
		for name, want := range map[string]string{"Event": "dialog", "Accept": dialogInfo, "Expires": "60", "To": "<" + watchedURI + ">", "Contact": "<sip:1001@" + agentIP + ":5060>"} {
			if got := message.Value(first, name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		p.reply(first, 200, "Expires: 60")
		p.notify(200, "active;expires=60", "<one/>", "Record-Route: <sip:"+pbxIP+";lr>", "Contact: <sip:notifier@"+pbxIP+":5060>")
		w.saw("Subscribing", "Subscribed", "told <one/>")
		p.notify(200, "active;expires=59", "<two/>")
		w.saw("Subscribed", "told <two/>")
		begin := time.Now()
		again := p.request("SUBSCRIBE")
		if took := time.Since(begin); took < 29*time.Second || took > 54*time.Second {
			t.Errorf("refreshed after %v", took)
		}
		if message.CallID(again) != message.CallID(first) || message.ToTag(again) != p.tag || message.FromTag(again) != message.FromTag(first) ||
			seqOf(again) != seqOf(first)+1 || message.RequestURI(again).String() != "sip:peer@"+pbxIP+":5060" && message.RequestURI(again).String() != "sip:notifier@"+pbxIP+":5060" ||
			message.Value(again, "Route") != "<sip:"+pbxIP+";lr>" {
			t.Errorf("refresh:\n%s", again)
		}
		p.reply(again, 200, "Expires: 60")
		p.notify(200, "active;expires=60", "<three/>")
		w.saw("Subscribed", "told <three/>")
		over := false
		w.do(func() { w.sub.Unsubscribe(func() { over = true }) })
		bye := p.request("SUBSCRIBE")
		if message.Value(bye, "Expires") != "0" {
			t.Errorf("unsubscribe:\n%s", bye)
		}
		p.reply(bye, 200, "Expires: 0")
		b.pass(20 * time.Millisecond)
		p.notify(200, "terminated;reason=timeout", "")
		w.saw("Unsubscribed timeout")
		if !over {
			t.Error("the end was not told")
		}
		p.notify(481, "active", "<four/>")
		w.gone()
	})
}

func TestRFC6665_4_1_2_3_NoAnswerToUnsubscribe(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		p.begun(w)
		begin, over := time.Now(), time.Time{}
		w.do(func() { w.sub.Unsubscribe(func() { over = time.Now() }) })
		b.pass(3 * time.Second)
		if over.IsZero() || over.Sub(begin) > 2*time.Second {
			t.Errorf("over at %v", over.Sub(begin))
		}
		b.pass(time.Minute)
		w.gone()
	})
}

func TestSubscribe_IsAuthenticated(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		first := p.subscribed()
		p.reply(first, 401, challengeLine)
		second := p.request("SUBSCRIBE")
		if message.CallID(second) != message.CallID(first) || seqOf(second) != seqOf(first)+1 || message.Value(second, "Authorization") == "" {
			t.Errorf("second:\n%s", second)
		}
		p.reply(second, 200, "Expires: 60")
		p.notify(200, "active;expires=60", "<one/>")
		w.saw("Subscribing", "Subscribed", "told <one/>")
		refresh := p.request("SUBSCRIBE")
		p.reply(refresh, 401, challengeLine+", stale=true")
		p.reply(p.request("SUBSCRIBE"), 401, challengeLine) // fresh credentials are refused
		w.saw("Failed")
		p.silent(30 * time.Minute)
		if st := w.sub.Status(); st.Code != 401 || !strings.Contains(st.Reason, "password") || !st.NextTry.IsZero() {
			t.Errorf("%+v", st)
		}
	})
}

func TestSubscribe_IntervalTooBrief(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		p.reply(p.subscribed(), 423, "Min-Expires: 3600")
		second := p.subscribed()
		if message.Value(second, "Expires") != "3600" {
			t.Errorf("second:\n%s", second)
		}
		p.reply(second, 423, "Min-Expires: 7200") // it cannot make up its mind: no more at once
		w.saw("Subscribing", "Failed")
		p.silent(400 * time.Millisecond)
		p.reply(p.subscribed(), 200, "Expires: 3600")
		p.notify(200, "active", "<one/>")
		w.saw("Subscribing", "Subscribed", "told <one/>")
		p.silent(25 * time.Minute)
	})
}

func TestSubscribe_Refused(t *testing.T) {
	for _, c := range []struct {
		code        int
		lines       []string
		least, most time.Duration // until the next try
	}{
		{489, []string{"Allow-Events: presence"}, 5 * time.Minute, 10 * time.Minute},
		{404, nil, 5 * time.Minute, 10 * time.Minute},
		{403, nil, 5 * time.Minute, 10 * time.Minute},
		{480, nil, 500 * time.Millisecond, time.Second},
		{481, nil, 500 * time.Millisecond, time.Second},
		{500, nil, 500 * time.Millisecond, time.Second},
		{503, []string{"Retry-After: 40"}, 40 * time.Second, 44 * time.Second},
	} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			story(t, func(b *bed) {
				w, p := b.watch(), b.peer(pbxIP)
				p.reply(p.subscribed(), c.code, c.lines...)
				w.saw("Subscribing", "Failed")
				if st := w.sub.Status(); st.Code != c.code || !strings.Contains(st.Reason, fmt.Sprint(c.code)) {
					t.Errorf("%+v", st)
				}
				p.silent(c.least - 100*time.Millisecond)
				p.reply(p.subscribed(), 200)
				p.notify(200, "active", "<one/>")
				w.saw("Subscribing", "Subscribed", "told <one/>")
			})
		})
	}
}

func TestSubscribe_NothingAnswers(t *testing.T) {
	story(t, func(b *bed) {
		w := b.watch()
		b.peer(pbxIP)
		b.pass(31 * time.Second)
		w.saw("Subscribing")
		b.pass(time.Second)
		w.saw("Failed")
		if st := w.sub.Status(); !strings.Contains(st.Reason, "does not answer") && !strings.Contains(st.Reason, "no NOTIFY") {
			t.Errorf("%+v", st)
		}
	})
}

func TestRFC6665_4_1_2_2_RefreshFails(t *testing.T) {
	for _, code := range []int{404, 405, 410, 416, 480, 482, 485, 489, 501, 604, 408} {
		t.Run(fmt.Sprint(code, " ends it"), func(t *testing.T) {
			story(t, func(b *bed) {
				w, p := b.watch(), b.peer(pbxIP)
				p.begun(w)
				p.reply(p.request("SUBSCRIBE"), code)
				w.saw("Failed")
				p.notify(481, "active", "<two/>")
			})
		})
	}
	for _, code := range []int{400, 403, 486, 500, 503, 603} {
		t.Run(fmt.Sprint(code, " leaves it"), func(t *testing.T) {
			story(t, func(b *bed) {
				w, p := b.watch(), b.peer(pbxIP)
				p.begun(w)
				p.reply(p.request("SUBSCRIBE"), code)
				w.saw("Subscribed")
				p.notify(200, "active", "<two/>")
				w.saw("Subscribed", "told <two/>")
				if again := p.request("SUBSCRIBE"); message.ToTag(again) == "" {
					t.Errorf("begun anew:\n%s", again)
				}
			})
		})
	}
	t.Run("481 begins anew at once", func(t *testing.T) {
		story(t, func(b *bed) {
			w, p := b.watch(), b.peer(pbxIP)
			p.begun(w)
			p.reply(p.request("SUBSCRIBE"), 481)
			if anew := p.subscribed(); message.ToTag(anew) != "" {
				t.Errorf("begun anew:\n%s", anew)
			}
			w.saw("Subscribing")
		})
	})
	t.Run("500 again and again begins anew", func(t *testing.T) {
		story(t, func(b *bed) {
			w, p := b.watch(), b.peer(pbxIP)
			p.reply(p.subscribed(), 200, "Expires: 600")
			p.notify(200, "active;expires=600", "<one/>")
			for range 2 {
				p.reply(p.request("SUBSCRIBE"), 500)
			}
			p.reply(p.request("SUBSCRIBE"), 200, "Expires: 600") // one that works makes it forget the others
			p.notify(200, "active;expires=600", "<two/>")
			for range 2 {
				p.reply(p.request("SUBSCRIBE"), 500)
			}
			w.saw("Subscribing", "Subscribed", "told <one/>", "Subscribed", "Subscribed", "Subscribed", "told <two/>", "Subscribed", "Subscribed")
			p.reply(p.request("SUBSCRIBE"), 500)
			if anew := p.subscribed(); message.ToTag(anew) != "" {
				t.Errorf("begun anew:\n%s", anew)
			}
			w.saw("Subscribing")
		})
	})
	t.Run("nothing answers until it runs out", func(t *testing.T) {
		story(t, func(b *bed) {
			w, p := b.watch(), b.peer(pbxIP)
			p.begun(w)
			p.request("SUBSCRIBE")
			b.pass(32 * time.Second)
			w.saw("Failed", "Subscribing")
			w.do(func() {
				if len(w.UA.dialogs) != 0 {
					t.Error("the dialog is still there")
				}
			})
		})
	})
}

func TestSubscribe_Bounds(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		p.begun(w)
		w.do(func() {
			o := w.sub.o
			for range 499 {
				if _, err := w.UA.Subscribe(o, w); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.UA.Subscribe(o, w); err == nil {
				t.Error("the 501st was taken")
			}
			for _, bad := range []SubscribeOptions{{}, {Account: o.Account}, {Account: o.Account, To: uri("tel:12")}, {Account: o.Account, To: o.To, Event: "a\r\nb"}} {
				if _, err := w.UA.Subscribe(bad, w); err == nil {
					t.Errorf("taken: %+v", bad)
				}
			}
		})
		b.pass(100 * time.Millisecond)
		var calls []string
		for a := p.next(time.Millisecond); a != nil; a = p.next(time.Millisecond) {
			calls = append(calls, message.CallID(a.msg))
		}
		if len(calls) != mostTurns {
			t.Errorf("%d came at once", len(calls))
		}
		w.do(func() {
			for i := len(w.UA.subscriptions) - 1; i >= 0; i-- {
				w.UA.subscriptions[i].Unsubscribe(nil)
			}
		})
		p.reply(p.request("SUBSCRIBE"), 200)
		b.pass(40 * time.Second)
		w.gone()
	})
}

func TestSubscribe_APanicOfTheHandlerEndsNothing(t *testing.T) {
	story(t, func(b *bed) {
		w, p := b.watch(), b.peer(pbxIP)
		p.begun(w)
		w.do(func() { w.sub.handler = panicking{} })
		p.notify(200, "active", "<two/>")
		w.do(func() { w.sub.handler = w })
		p.notify(200, "active", "<three/>")
		w.saw("Subscribed", "told <three/>")
	})
}

type panicking struct{}

// SubscriptionChanged implements SubscriptionHandler.
func (panicking) SubscriptionChanged(*Subscription, SubscriptionStatus) { panic("changed") }

// Notified implements SubscriptionHandler.
func (panicking) Notified(*Subscription, Notification) { panic("told") }

// TestSubscribe_RenewedWithTheRegistration: a PBX that forgot the binding has
// forgotten the subscription too.
func TestSubscribe_RenewedWithTheRegistration(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		l := b.line()
		w := &watching{agent: l.agent}
		asked := func() []seen {
			var list []seen
			r.look(func() {
				for _, s := range r.seen {
					if s.req.Method == message.SUBSCRIBE {
						list = append(list, s)
					}
				}
			})
			return list
		}
		w.subscribe(func(o *SubscribeOptions) { o.Expires = time.Hour })
		b.pass(time.Second)
		if n := len(asked()); n != 1 { // 405: slowly
			t.Fatalf("%d SUBSCRIBEs", n)
		}
		r.restart(2 * time.Minute)
		l.back(40 * time.Second)
		b.pass(100 * time.Millisecond)
		if list := asked(); len(list) != 2 || list[1].at.Sub(list[0].at) > 3*time.Minute {
			t.Errorf("%d SUBSCRIBEs", len(list))
		}
	})
}

func TestSubscribe_TurnsAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, ran := &turns{}, 0
		var list []*turn
		for range 3 * mostTurns {
			list = append(list, &turn{run: func() { ran++ }})
			q.enter(list[len(list)-1])
		}
		q.leave(list[2*mostTurns]) // one that waits
		q.leave(nil)
		for _, x := range list[:mostTurns] {
			q.leave(x)
			q.leave(x)
		}
		if ran != 2*mostTurns || q.inside != mostTurns || len(q.waiting) != mostTurns-1 {
			t.Errorf("ran %d, inside %d, waiting %d", ran, q.inside, len(q.waiting))
		}
	})
}
