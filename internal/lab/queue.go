package lab

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringback/media/mixer"
	"ringback/sip"
	"ringback/sip/loop"
)

// queue holds the callbacks that wait for an agent. Loop goroutine.
type queue struct {
	boot    *boot
	waiting []*request // oldest first
	closed  bool
}

// request is a callback in the queue: its contact listens to music while one
// member after the other is rung. It watches the leg of the member that rings.
type request struct {
	queue   *queue
	cb      Callback
	contact *line
	tried   map[string]bool // members of this round
	ringing *leg            // nil between two members
	over    bool
	giveUp  *loop.Timer
	pause   *loop.Timer
}

// Offer puts a callback into the queue and returns its id. Members are rung at
// once where some are registered.
func (l *Lab) Offer(cb Callback) (id string, err error) {
	err = l.do("offer callback", func(b *boot) error {
		id, err = b.queue.add(cb)
		return err
	})
	return id, err
}

// GiveUp lets the contact of a waiting callback hang up: a member that rings gets
// CANCEL.
func (l *Lab) GiveUp(id string) error {
	return l.do("give up callback", func(b *boot) error {
		for _, r := range b.queue.waiting {
			if r.cb.ID == id {
				r.abandon()
				return nil
			}
		}
		return fmt.Errorf("%q does not wait in the queue", id)
	})
}

func (q *queue) add(cb Callback) (string, error) {
	if q.closed {
		return "", errors.New("the lab is closing")
	}
	cb = cb.withDefaults()
	if err := cb.validate(); err != nil {
		return "", err
	}
	contact, err := q.boot.newLine(q.boot.contactOf(cb))
	if err != nil {
		return "", err
	}
	r := &request{queue: q, cb: cb, contact: contact, tried: map[string]bool{}}
	contact.attach(r)
	q.waiting = append(q.waiting, r)
	wait := cb.GiveUp
	if wait == 0 {
		wait = q.boot.lab.queuePolicy().GiveUp
	}
	r.giveUp = q.boot.loop.After(wait, r.abandon)
	r.tell(Event{Type: CallbackWaiting, Party: cb.Number})
	q.boot.reroute()
	r.next()
	return cb.ID, nil
}

// contactOf is the party that the contact plays.
func (b *boot) contactOf(cb Callback) Extension {
	ext, known := b.lab.extension(cb.Number)
	if !known {
		ext = Extension{Number: cb.Number, Name: cb.Name, Behaviour: Behaviour{Say: Tone(ContactHz)}}
	}
	if cb.Contact != nil {
		ext.Behaviour = *cb.Contact
	}
	return ext
}

// kick tries the waiting callbacks again: somebody has registered or got free.
func (q *queue) kick() {
	for _, r := range slices.Clone(q.waiting) {
		if r.ringing == nil && !r.over && !q.closed {
			r.next()
		}
	}
}

func (q *queue) close() {
	q.closed = true
	for _, r := range slices.Clone(q.waiting) {
		r.abandon()
	}
}

// routes let the waiting contacts hear music.
func (q *queue) routes() []mixer.Route {
	var routes []mixer.Route
	for _, r := range q.waiting {
		if _, hears, _ := r.contact.slots(); hears != mixer.None && !r.cb.dialledLater() {
			routes = append(routes, mixer.Route{From: q.boot.sound.music, To: hears})
		}
	}
	return routes
}

// members are the users to be rung, in order.
func (r *request) members() []string {
	if len(r.cb.Members) > 0 {
		return r.cb.Members
	}
	if m := r.queue.boot.lab.queuePolicy().Members; len(m) > 0 {
		return m
	}
	var all []string
	for _, u := range r.queue.boot.lab.cfg.Users {
		all = append(all, u.Name)
	}
	return all
}

// next rings the next member that is registered and free; after the last one the
// round begins anew when the pause is over.
func (r *request) next() {
	b := r.queue.boot
	for _, member := range r.members() {
		if r.tried[member] || b.registrar.newest(member) == nil || b.busy(member) {
			continue
		}
		r.tried[member] = true
		if err := r.ringMember(member); err != nil {
			b.lab.cfg.Log.Warn("lab cannot ring a member", "member", member, "cause", err)
			continue
		}
		return
	}
	if r.pause != nil {
		return
	}
	r.pause = b.loop.After(b.lab.queuePolicy().Pause, func() {
		r.pause = nil
		clear(r.tried)
		r.queue.kick()
	})
}

// busy reports whether a user has a call, or is being rung.
func (b *boot) busy(user string) bool {
	for _, g := range b.legs {
		if g.user == user && !g.over {
			return true
		}
	}
	return false
}

func (r *request) ringMember(member string) error {
	b := r.queue.boot
	g, err := b.newLeg(member)
	if err != nil {
		return err
	}
	policy := b.lab.queuePolicy()
	g.headers, err = r.cb.headers(policy.PercentName)
	if err != nil {
		g.close()
		return err
	}
	g.ringTime, g.late = policy.RingTime, r.cb.LateOffer
	g.attach(r)
	r.ringing = g
	r.tell(Event{Type: CallbackOffered, Party: member})
	g.ring(sip.Address{Display: r.cb.Name, URI: b.uri(r.cb.Number)})
	return nil
}

func (r *request) rings(end)  {}
func (r *request) speaks(end) {}

// answers: a member has accepted. The contact is connected, or called now.
func (r *request) answers(e end) {
	if r.over || e != end(r.ringing) {
		return
	}
	b := r.queue.boot
	r.tell(Event{Type: CallbackAccepted, Party: e.party()})
	r.remove()
	switch {
	case strings.EqualFold(r.cb.FirstLeg, "agent"): // he calls the contact himself
		r.contact.hangUp(sip.Cause{})
		nobody, err := b.newLine(Extension{Number: "callback-" + r.cb.ID})
		if err != nil {
			e.hangUp(sip.Cause{Kind: sip.CauseFailed, Code: 500})
			return
		}
		b.join(e, nobody).callback = r.cb.ID
	case r.cb.dialledLater():
		b.start(e, r.contact).callback = r.cb.ID
	default:
		b.join(r.contact, e).callback = r.cb.ID
	}
}

// join connects two ends that are there already.
func (b *boot) join(x, y end) *call {
	c := b.newCall(x, y)
	c.up = true
	x.connected()
	y.connected()
	b.reroute()
	return c
}

// leaves: the member refused, did not answer, or the contact hung up.
func (r *request) leaves(e end, cause sip.Cause) {
	if r.over {
		return
	}
	if e != end(r.ringing) {
		r.abandon()
		return
	}
	r.ringing = nil
	if cause.Kind == sip.CauseNoAnswer && !cause.ByRemote {
		r.tell(Event{Type: CallbackMissed, Party: e.party()})
	} else {
		r.tell(Event{Type: CallbackRejected, Party: e.party(), Code: cause.Code})
	}
	r.next()
}

func (r *request) digit(end, string)                  {}
func (r *request) holds(end, bool)                    {}
func (r *request) refers(_ end, x *sip.IncomingRefer) { _ = x.Refuse(603) }

// abandon: the contact does not wait any longer.
func (r *request) abandon() {
	if r.over {
		return
	}
	r.remove()
	if r.ringing != nil {
		r.tell(Event{Type: CallbackCancelled, Party: r.ringing.party()})
		r.ringing.hangUp(sip.Cause{Kind: sip.CauseCancelled})
	}
	r.tell(Event{Type: CallbackAbandoned, Party: r.cb.Number})
	r.contact.hangUp(sip.Cause{})
	r.queue.boot.reroute()
}

// remove takes the request out of the queue.
func (r *request) remove() {
	r.over = true
	r.giveUp.Stop()
	r.pause.Stop()
	q := r.queue
	q.waiting = slices.DeleteFunc(q.waiting, func(have *request) bool { return have == r })
}

func (r *request) tell(e Event) {
	e.Callback = r.cb.ID
	r.queue.boot.lab.happened(e)
}

// rfc3339 writes a time for a header; empty for the zero time.
func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
