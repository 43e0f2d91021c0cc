package lab

import (
	"slices"

	"ringback/media/mixer"
	"ringback/sip"
)

// end is one side of a call: a leg to a registered agent, or a line of a party
// that the lab plays. Loop goroutine.
type end interface {
	party() string          // user or number
	attach(w watcher)       // who is told from now on what happens to it
	ring(from sip.Address)  // it is called
	hearsRinging()          // the other side rings
	hearsEarly()            // the other side sends early media
	connected()             // the other side has answered
	hangUp(cause sip.Cause) // ends it, in whatever state it is; nothing more is told
	press(digits string)    // the other side sent digits
	slots() (says, hears mixer.Slot, echo bool)
}

// watcher is told what happens to an end.
type watcher interface {
	rings(e end)
	speaks(e end) // early media
	answers(e end)
	leaves(e end, cause sip.Cause) // refused before the answer, or hung up
	digit(e end, d string)         // it pressed a digit
	holds(e end, on bool)          // it put the other side on hold, or took it back
	refers(e end, r *sip.IncomingRefer)
}

// call is two ends that the lab connects: it carries the signals across and says
// who hears whom.
type call struct {
	boot           *boot
	caller, callee end
	up, early      bool
	over           bool
	ringing        bool
	holding        map[string]bool // party -> it holds the other
	transfer       *transfer       // one that runs, nil mostly
	callback       string          // the callback that it came from
}

// start calls callee for caller.
func (b *boot) start(caller, callee end) *call {
	c := b.newCall(caller, callee)
	b.lab.happened(Event{Type: CallStarted, Party: caller.party(), Peer: callee.party()})
	callee.ring(b.addressOf(caller))
	return c
}

// newCall puts two ends together without ringing.
func (b *boot) newCall(caller, callee end) *call {
	c := &call{boot: b, caller: caller, callee: callee, holding: map[string]bool{}}
	b.calls = append(b.calls, c)
	caller.attach(c)
	callee.attach(c)
	return c
}

func (c *call) other(e end) end {
	if e == c.caller {
		return c.callee
	}
	return c.caller
}

func (c *call) rings(e end) {
	if e != c.callee || c.up || c.ringing {
		return
	}
	c.ringing = true
	c.tell(Event{Type: CallRinging, Party: c.caller.party(), Peer: e.party()})
	c.caller.hearsRinging()
	c.boot.reroute()
}

func (c *call) speaks(e end) {
	if e != c.callee || c.up {
		return
	}
	c.early = true
	c.caller.hearsEarly()
	c.boot.reroute()
}

func (c *call) answers(e end) {
	if e != c.callee || c.up || c.over {
		return
	}
	c.up = true
	c.tell(Event{Type: CallAnswered, Party: c.caller.party(), Peer: e.party()})
	c.caller.connected()
	c.callee.connected()
	c.boot.reroute()
}

func (c *call) leaves(e end, cause sip.Cause) {
	if c.over {
		return
	}
	if t := c.transfer; t != nil && !t.over {
		if e == t.transferor { // the rest of the call is the transfer's now
			t.transferorLeft()
			return
		}
		t.abandon()
	}
	if e == c.callee && !c.up {
		c.tell(Event{Type: CallRefused, Party: c.caller.party(), Peer: e.party(), Code: cause.Code})
	}
	c.drop()
	c.tell(Event{Type: CallEnded, Party: e.party(), Peer: c.other(e).party(), Code: cause.Code})
	c.other(e).hangUp(cause)
	c.boot.reroute()
}

// end hangs both sides up.
func (c *call) end(cause sip.Cause) {
	if c.over {
		return
	}
	if c.transfer != nil {
		c.transfer.abandon()
	}
	c.drop()
	c.caller.hangUp(cause)
	c.callee.hangUp(cause)
	c.boot.reroute()
}

// drop forgets the call without a word to its ends.
func (c *call) drop() {
	c.over = true
	c.boot.calls = slices.DeleteFunc(c.boot.calls, func(have *call) bool { return have == c })
}

func (c *call) digit(e end, d string) {
	if !c.over && (c.up || c.early) {
		c.other(e).press(d)
	}
}

func (c *call) holds(e end, on bool) {
	if c.over || c.holding[e.party()] == on {
		return
	}
	c.holding[e.party()] = on
	kind := Resumed
	if on {
		kind = Held
	}
	c.tell(Event{Type: kind, Party: e.party(), Peer: c.other(e).party()})
	c.boot.reroute()
}

func (c *call) refers(e end, r *sip.IncomingRefer) { c.boot.refer(c, e, r) }

func (c *call) tell(e Event) {
	if e.Callback == "" {
		e.Callback = c.callback
	}
	c.boot.lab.happened(e)
}

// reroute sets the whole matrix from the calls as they are now.
func (b *boot) reroute() {
	var routes []mixer.Route
	for _, c := range b.calls {
		routes = append(routes, b.routesOf(c)...)
	}
	routes = append(routes, b.queue.routes()...)
	b.sound.route(routes)
}

func (b *boot) routesOf(c *call) []mixer.Route {
	switch {
	case c.up:
		return append(b.toward(c, c.callee, c.caller), b.toward(c, c.caller, c.callee)...)
	case c.early:
		return b.toward(c, c.callee, c.caller)
	case c.ringing:
		if _, hears, _ := c.caller.slots(); hears != mixer.None {
			return []mixer.Route{{From: b.sound.ringback, To: hears}}
		}
	}
	return nil
}

// toward is what one end hears of the other.
func (b *boot) toward(c *call, from, to end) []mixer.Route {
	says, _, echo := from.slots()
	own, hears, _ := to.slots()
	if hears == mixer.None || c.holding[to.party()] {
		return nil // who holds hears nothing
	}
	waiting := c.transfer != nil && c.transfer.transferee == to
	switch {
	case c.holding[from.party()] || waiting:
		says = b.sound.music
	case echo:
		says = own
	}
	if says == mixer.None {
		return nil
	}
	return []mixer.Route{{From: says, To: hears}}
}
