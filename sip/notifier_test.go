package sip

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"ringback/sip/message"
)

// notifying is a user agent that lets everybody watch a text.
type notifying struct {
	*agent
	text    string
	most    time.Duration
	watches []*Watch
	gone    int
}

func (b *bed) notifying() *notifying {
	b.Helper()
	n := &notifying{text: "<one/>", most: time.Minute}
	n.agent = b.agent(pbxIP, "pbx", func(c *Config, a *Account) {
		c.Policy = Policy{AcceptFrom: AcceptAnyone, LocalUsers: func(string) bool { return true }, Methods: []string{"SUBSCRIBE"}}
	})
	n.asked = func(r *IncomingRequest) {
		w, err := r.Watch(WatchOptions{Expires: n.most, State: func() (string, []byte) { return dialogInfo, []byte(n.text) }, Gone: func() { n.gone++ }})
		if err != nil {
			_ = r.Respond(489, "", nil, "", nil)
			return
		}
		n.watches = append(n.watches, w)
	}
	return n
}

// each runs fn for every watch.
func (n *notifying) each(fn func(*Watch)) {
	n.bed.Helper()
	n.do(func() {
		for _, w := range n.watches {
			fn(w)
		}
	})
}

// TestWatch_BothSides: our notifier and our subscriber agree.
func TestWatch_BothSides(t *testing.T) {
	story(t, func(b *bed) {
		n, w := b.notifying(), b.watch()
		w.saw("Subscribing", "Subscribed", "told <one/>")
		n.do(func() {
			for i := range 5 { // while a NOTIFY is under way, only the newest state waits
				n.text = fmt.Sprintf("<%d/>", i)
				n.watches[0].Changed()
			}
		})
		w.saw("Subscribed", "told <0/>", "Subscribed", "told <4/>")
		b.pass(5 * time.Minute) // it is refreshed, and tells at each
		n.do(func() {
			if len(n.watches) != 1 || n.gone != 0 {
				t.Errorf("%d watches, %d gone", len(n.watches), n.gone)
			}
		})
		w.do(w.sub.Refresh) // the next one is half a minute away
		b.pass(time.Second)
		w.do(func() { w.told = nil })
		w.do(func() { w.sub.Unsubscribe(nil) })
		b.pass(time.Second)
		w.saw("told <4/>", "Unsubscribed timeout")
		n.do(func() {
			if n.gone != 1 {
				t.Errorf("%d gone", n.gone)
			}
		})
		w.gone()
		n.empty()
	})
}

func TestWatch_Ends(t *testing.T) {
	story(t, func(b *bed) {
		n, w := b.notifying(), b.watch()
		w.saw("Subscribing", "Subscribed", "told <one/>")
		n.each(func(w *Watch) { w.End("probation", 50*time.Second); w.End("rejected", 0); w.Changed() })
		w.saw("told <one/>", "Failed probation")
		b.pass(49 * time.Second)
		w.saw()
		b.pass(7 * time.Second)
		w.saw("Subscribing probation", "Subscribed", "told <one/>")
		n.do(func() { n.watches = n.watches[1:] })
		n.each(func(w *Watch) { w.Drop(); w.Changed() }) // the PBX has forgotten it: the refresh says so
		w.saw()
		b.pass(time.Minute)
		w.saw("Subscribing", "Subscribed", "told <one/>")
		n.do(func() {
			if len(n.watches) != 2 || n.gone != 2 {
				t.Errorf("%d watches, %d gone", len(n.watches), n.gone)
			}
		})
	})
}

func TestWatch_ScriptedSubscriber(t *testing.T) {
	subscribe := func(p *peer, lines ...string) { p.ask("SUBSCRIBE", lines...) }
	begin := func(b *bed) (*notifying, *peer) {
		n, p := b.notifying(), b.peer(agentIP)
		p.to = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(pbxIP + ":5060"))
		p.callID, p.remote, p.target = message.NewCallID(), "<"+watchedURI+">", watchedURI
		return n, p
	}
	t.Run("not refreshed, and refreshed wrongly", func(t *testing.T) {
		story(t, func(b *bed) {
			n, p := begin(b)
			subscribe(p, "Event: dialog", "Expires: 3600")
			res := p.response(200)
			if message.Value(res, "Expires") != "60" || message.ToTag(res) == "" {
				t.Errorf("200:\n%s", res)
			}
			p.remote = message.Value(res, "To")
			notify := p.request("NOTIFY")
			if message.Value(notify, "Subscription-State") != "active;expires=60" || message.FromTag(notify) != message.ToTag(res) {
				t.Errorf("NOTIFY:\n%s", notify)
			}
			p.reply(notify, 200)
			subscribe(p, "Event: presence")
			p.response(489)
			p.ask("BYE")
			p.response(481)
			last := p.request("NOTIFY")
			if message.Value(last, "Subscription-State") != "terminated;reason=timeout" {
				t.Errorf("NOTIFY:\n%s", last)
			}
			subscribe(p, "Event: dialog") // crosses the end
			p.response(481)
			p.reply(last, 200)
			b.pass(time.Second)
			subscribe(p, "Event: dialog")
			p.response(481)
			n.empty()
		})
	})
	t.Run("only asks", func(t *testing.T) {
		story(t, func(b *bed) {
			n, p := begin(b)
			subscribe(p, "Event: dialog", "Expires: 0")
			p.response(200)
			last := p.request("NOTIFY")
			if message.Value(last, "Subscription-State") != "terminated;reason=timeout" || string(last.Body()) != "<one/>" {
				t.Errorf("NOTIFY:\n%s", last)
			}
			p.reply(last, 200)
			b.pass(time.Second)
			n.empty()
		})
	})
	t.Run("does not know it, or does not answer", func(t *testing.T) {
		story(t, func(b *bed) {
			n, p := begin(b)
			subscribe(p, "Event: dialog")
			p.response(200)
			p.reply(p.request("NOTIFY"), 481)
			b.pass(time.Second)
			n.empty()
			p.callID = message.NewCallID()
			subscribe(p, "Event: dialog")
			p.response(200)
			b.pass(40 * time.Second)
			n.empty()
			n.do(func() {
				if n.gone != 2 {
					t.Errorf("%d gone", n.gone)
				}
			})
		})
	})
	t.Run("no event", func(t *testing.T) {
		story(t, func(b *bed) {
			n, p := begin(b)
			subscribe(p)
			p.response(489)
			n.empty()
		})
	})
}
