package sip

import (
	"fmt"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transaction"
)

// WatchOptions is what a notifier tells a subscriber.
type WatchOptions struct {
	Expires time.Duration // the most that is granted; zero: ten minutes
	// State is the present state as a body; asked whenever a NOTIFY is due.
	State func() (contentType string, body []byte)
	// Gone hears that nobody watches any more; may be nil.
	Gone func()
}

// Watch is a subscription of somebody's to state that is here (RFC 6665 4.2). It
// tells the state at once, at each refresh, and when Changed is called. All
// methods are called on the loop.
type Watch struct {
	ua     *UA
	o      WatchOptions
	dialog *dialog
	event  string
	until  time.Time
	expiry *loop.Timer
	out    bool   // a NOTIFY is under way: never two
	due    bool   // another is due after it
	ending string // the Subscription-State that ends it; empty: it goes on
	over   bool
}

// Watch accepts a SUBSCRIBE. Who may subscribe, and to what, was decided before.
func (r *IncomingRequest) Watch(o WatchOptions) (*Watch, error) {
	event := message.TokenOf(r.req, "Event")
	if r.req.Method != message.SUBSCRIBE || event.Value == "" {
		return nil, fmt.Errorf("watch: %s with the event %q is no subscription", r.req.Method, event.Value)
	}
	if o.Expires == 0 {
		o.Expires = defaultSubscription
	}
	w := &Watch{ua: r.ua, o: o, event: event.String()}
	to, _ := message.To(r.req)
	from, _ := message.From(r.req)
	local, remote := to.WithTag(""), from.WithTag("")
	w.dialog = &dialog{ua: r.ua, usage: w, account: r.account, remoteTag: RemoteTag(from.Params.Value("tag")),
		local: &local, remote: &remote, remoteSeq: seqOf(r.req), seen: true, target: from.URI, routes: recordRoutes(r.req)}
	w.dialog.key = dialogKey{CallID(message.CallID(r.req)), LocalTag(r.server.Tag()), w.dialog.remoteTag}
	w.dialog.learn(r.req, r.flow)
	r.ua.enter(w.dialog)
	w.accept(&inDialog{dialog: w.dialog, req: r.req, server: r.server, flow: r.flow})
	return w, nil
}

// accept grants a SUBSCRIBE its time, and tells the state (4.2.1.2).
func (w *Watch) accept(r *inDialog) {
	asked, said := message.Seconds(r.req, "Expires")
	if !said || asked > w.o.Expires {
		asked = w.o.Expires
	}
	res := w.ua.response(r.req, 200, "", string(w.dialog.key.local))
	message.Set(res, "Expires", seconds(asked))
	message.Set(res, "Contact", w.ua.contact(w.dialog.account, r.flow))
	r.send(res)
	w.until = w.ua.loop.Now().Add(asked)
	w.expiry.Stop()
	if asked == 0 {
		w.End("timeout", 0)
		return
	}
	w.expiry = w.ua.loop.After(asked, func() { w.End("timeout", 0) })
	w.Changed()
}

// Changed tells the state anew.
func (w *Watch) Changed() {
	if !w.over {
		w.due = true
		w.tell()
	}
}

// End tells the state for the last time, with the reason of RFC 6665 4.1.3
// (deactivated, probation, rejected, timeout, giveup, noresource, invariant) and,
// where it is not zero, when to come again.
func (w *Watch) End(reason string, after time.Duration) {
	if w.over || w.ending != "" {
		return
	}
	w.ending = "terminated;reason=" + reason
	if after > 0 {
		w.ending += ";retry-after=" + seconds(after)
	}
	w.Changed()
}

// Drop forgets the subscriber without a word.
func (w *Watch) Drop() {
	if w.over {
		return
	}
	w.over = true
	w.expiry.Stop()
	w.ua.leave(w.dialog)
	if w.o.Gone != nil {
		w.ua.guard("watch", w.o.Gone, nil)
	}
}

// tell sends the NOTIFY that is due, once the one before it is answered.
func (w *Watch) tell() {
	if w.out || !w.due || w.over {
		return
	}
	w.due, w.out = false, true
	req := w.dialog.request("NOTIFY", 0)
	message.Add(req, "Event", w.event)
	last := w.ending != ""
	state := w.ending
	if !last {
		state = "active;expires=" + seconds(max(w.until.Sub(w.ua.loop.Now()), 0))
	}
	message.Add(req, "Subscription-State", state)
	w.ua.guard("watch", func() {
		kind, body := w.o.State()
		message.SetBody(req, kind, body)
	}, nil)
	w.ua.start(exchangeOptions{account: w.dialog.account, req: req, hop: w.dialog.hop(), seq: w.dialog.nextSeq, replyTo: replyTo{
		response: func(res *message.Response, _ Flow) {
			if res.StatusCode >= 200 {
				w.told(last || res.StatusCode == 481)
			}
		},
		failed: func(error) { w.told(true) }}}) // "a notifier MUST consider it failed" (4.2.2)
}

// told goes on after a NOTIFY.
func (w *Watch) told(last bool) {
	w.out = false
	if last {
		w.Drop()
		return
	}
	w.tell()
}

// serveRequest implements dialogUsage: a SUBSCRIBE refreshes or ends it.
func (w *Watch) serveRequest(d *dialog, server *transaction.Server, flow Flow) {
	r := &inDialog{dialog: d, req: server.Request(), server: server, flow: flow}
	switch {
	case !d.inOrder(r.req):
		r.respond(500)
	case r.req.Method != message.SUBSCRIBE || w.ending != "":
		r.respond(481)
	case message.TokenOf(r.req, "Event").String() != w.event:
		r.respond(489, Header{Name: "Allow-Events", Value: w.event})
	default:
		d.learn(r.req, flow)
		w.accept(r)
	}
}
