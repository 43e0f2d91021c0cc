package lab

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringback/sip"
	"ringback/sip/message"
)

// PresencePolicy is how the lab treats those who subscribe to others.
type PresencePolicy struct {
	Events     []string      // packages that are served; empty: dialog and presence. Others get 489
	Expires    time.Duration // the most that is granted; zero: ten minutes
	Refuse     int           // every SUBSCRIBE gets this code; zero: none
	RetryAfter time.Duration // with Refuse: the Retry-After header; zero: none
}

// SetPresence changes how subscriptions are treated from now on.
func (l *Lab) SetPresence(p PresencePolicy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.presence = p
}

func (l *Lab) presencePolicy() PresencePolicy {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.presence
	if len(p.Events) == 0 {
		p.Events = []string{"dialog", "presence"}
	}
	return p
}

// Watchers counts the subscriptions to a party.
func (l *Lab) Watchers(party string) int {
	n := 0
	_ = l.do("count watchers", func(b *boot) error {
		for _, w := range b.watching {
			if w.party == party {
				n++
			}
		}
		return nil
	})
	return n
}

// EndWatches ends the subscriptions to a party with that reason of RFC 6665 4.1.3
// and, where it is not zero, the time after which to come again.
func (l *Lab) EndWatches(party, reason string, after time.Duration) error {
	return l.do("end subscriptions", func(b *boot) error {
		found := false
		for _, w := range slices.Clone(b.watching) {
			if w.party == party {
				found = true
				w.sub.End(reason, after)
			}
		}
		if !found {
			return fmt.Errorf("nobody watches %s", party)
		}
		return nil
	})
}

// watching is a user's subscription to a party. Loop goroutine.
type watching struct {
	party, user string
	event       string
	sub         *sip.Watch
	version     int    // of the next dialog-info
	told        string // the last state, to tell only changes
}

// subscribe serves a SUBSCRIBE that begins a subscription.
func (b *boot) subscribe(r *sip.IncomingRequest) {
	user, ok := b.lab.user(r.From().URI.UserText())
	if !ok {
		b.respond(r, 403)
		return
	}
	if v := b.gate.check(user, "SUBSCRIBE", r.Header("Authorization"), b.loop.Now()); v != proven && !b.lab.callPolicy().OpenCalls {
		b.respond(r, 401, b.gate.challenge(user, v, b.loop.Now())...)
		return
	}
	policy, party := b.lab.presencePolicy(), r.To().URI.UserText()
	event, _, _ := strings.Cut(r.Header("Event"), ";")
	_, isUser := b.lab.user(party)
	_, isExtension := b.lab.extension(party)
	switch {
	case policy.Refuse != 0:
		var headers []sip.Header
		if policy.RetryAfter > 0 {
			headers = append(headers, sip.Header{Name: "Retry-After", Value: seconds(policy.RetryAfter)})
		}
		b.respond(r, policy.Refuse, headers...)
		return
	case !slices.Contains(policy.Events, event):
		b.respond(r, 489, sip.Header{Name: "Allow-Events", Value: strings.Join(policy.Events, ", ")})
		return
	case !isUser && !isExtension:
		b.respond(r, 404)
		return
	}
	w := &watching{party: party, user: user.Name, event: event}
	var err error
	w.sub, err = r.Watch(sip.WatchOptions{Expires: policy.Expires, State: func() (string, []byte) { return b.presenceBody(w) },
		Gone: func() { b.unwatched(w) }})
	if err != nil {
		b.respond(r, 400)
		return
	}
	b.watching = append(b.watching, w)
	b.lab.happened(Event{Type: WatchStarted, Party: user.Name, Peer: party, Text: event})
}

func (b *boot) unwatched(w *watching) {
	b.watching = slices.DeleteFunc(b.watching, func(other *watching) bool { return other == w })
	b.lab.happened(Event{Type: WatchEnded, Party: w.user, Peer: w.party, Text: w.event})
}

// lookAround tells those who watch a party what has changed there.
func (b *boot) lookAround() {
	for _, w := range slices.Clone(b.watching) {
		if now := fmt.Sprint(b.deskOf(w.party)); now != w.told {
			w.told = now
			w.sub.Changed()
		}
	}
}

// desk is what a party does now.
type desk struct {
	there bool // registered, or played by the lab
	calls []deskCall
}

// deskCall is a call of a party's in the words of RFC 4235.
type deskCall struct {
	id, direction, state string
	held                 bool
}

// deskOf looks at bindings, calls, the queue and transfers.
func (b *boot) deskOf(party string) desk {
	_, isExtension := b.lab.extension(party)
	d := desk{there: isExtension || b.registrar.newest(party) != nil}
	add := func(direction, state string, held bool) {
		d.calls = append(d.calls, deskCall{fmt.Sprint(party, "-", len(d.calls)+1), direction, state, held})
	}
	for _, c := range b.calls {
		state := "early"
		if c.up {
			state = "confirmed"
		}
		if c.caller.party() == party {
			add("initiator", state, c.holding[party])
		}
		if c.callee.party() == party {
			add("recipient", state, c.holding[party])
		}
		if t := c.transfer; t != nil && !t.over && t.target != nil && t.target.party() == party {
			add("recipient", "early", false)
		}
	}
	for _, r := range b.queue.waiting {
		if r.ringing != nil && r.ringing.party() == party {
			add("recipient", "early", false)
		}
	}
	return d
}

// presenceBody is the state of a party as its subscription asked for it.
func (b *boot) presenceBody(w *watching) (contentType string, body []byte) {
	d := b.deskOf(w.party)
	w.told = fmt.Sprint(d)
	entity := "sip:" + message.EscapeUser(w.party) + "@" + b.uri(w.party).HostPort()
	if w.event == "presence" {
		return "application/pidf+xml", d.pidf(entity, w.party)
	}
	defer func() { w.version++ }()
	return "application/dialog-info+xml", d.dialogInfo(entity, w.version)
}

// dialogInfo is a full document (RFC 4235 4).
func (d desk) dialogInfo(entity string, version int) []byte {
	var s strings.Builder
	fmt.Fprintf(&s, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"%d\" state=\"full\" entity=\"%s\">\n",
		version, escaped(entity))
	for _, c := range d.calls {
		fmt.Fprintf(&s, "<dialog id=\"%s\" direction=\"%s\"><state>%s</state>", escaped(c.id), c.direction, c.state)
		if c.held {
			fmt.Fprintf(&s, "<local><target uri=\"%s\"><param pname=\"+sip.rendering\" pval=\"no\"/></target></local>", escaped(entity))
		}
		s.WriteString("</dialog>\n")
	}
	s.WriteString("</dialog-info>\n")
	return []byte(s.String())
}

// pidf is a presence document (RFC 3863) with the notes and activities of Asterisk.
func (d desk) pidf(entity, party string) []byte {
	basic, activity, note := "open", "", "Ready"
	for _, c := range d.calls {
		switch {
		case c.state == "confirmed" || c.direction == "initiator":
			activity, note = "busy", "On the phone"
		case activity == "":
			activity, note = "busy", "Ringing"
		}
	}
	if !d.there {
		basic, activity, note = "closed", "away", "Unavailable"
	}
	if activity != "" {
		activity = "<rpid:" + activity + "/>"
	}
	return fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""+
		" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"%s\">\n<note>%s</note>\n<tuple id=\"%s\"><status><basic>%s</basic></status></tuple>\n"+
		"<dm:person><rpid:activities>%s</rpid:activities></dm:person>\n</presence>\n", escaped(entity), note, escaped("t"+party), basic, activity)
}

func escaped(text string) string {
	var s strings.Builder
	_ = xml.EscapeText(&s, []byte(text)) // a Builder takes everything
	return s.String()
}
