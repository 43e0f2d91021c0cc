package lab

import (
	"strings"
	"time"

	"ringback/media/mixer"
	"ringback/sip"
	"ringback/sip/loop"
)

// line is a party of the lab in one call: it does what its Behaviour says, says
// its sound and measures what it hears. Loop goroutine.
type line struct {
	boot    *boot
	ext     Extension
	watcher watcher
	voice   *voice // its player and its meter
	up      bool
	over    bool
	timers  []*loop.Timer
}

func (b *boot) newLine(ext Extension) (*line, error) {
	n := &line{boot: b, ext: ext}
	v, err := b.sound.newVoice(ext.Number, func(digit string) {
		if n.up && !n.over {
			n.press(digit)
		}
	})
	if err != nil {
		return nil, err
	}
	n.voice = v
	return n, nil
}

func (n *line) party() string    { return n.ext.Number }
func (n *line) attach(w watcher) { n.watcher = w }

func (n *line) slots() (says, hears mixer.Slot, echo bool) {
	return n.voice.says, n.voice.hears, n.up && n.ext.Say.kind == "echo"
}

// after runs fn unless the line ended before.
func (n *line) after(d time.Duration, fn func()) {
	n.timers = append(n.timers, n.boot.loop.After(d, func() {
		if !n.over {
			fn()
		}
	}))
}

// moment is what it takes until a party that is called does something: not zero, so
// that it has an order with whatever else the caller sent at the same instant.
const moment = 20 * time.Millisecond

// ring does what the Behaviour says before the answer.
func (n *line) ring(sip.Address) {
	be := n.ext.Behaviour
	decide := func() {
		if be.Refuse != 0 {
			n.leave(sip.Cause{Kind: sip.CauseRejected, Code: be.Refuse, Reason: be.RefuseText})
			return
		}
		n.answer()
	}
	if !be.NoAnswer && be.Ring == 0 {
		n.after(moment, decide)
		return
	}
	n.after(moment, func() {
		if be.Early.kind != "" {
			n.voice.say(be.Early)
			n.watcher.speaks(n)
			return
		}
		n.watcher.rings(n)
	})
	if !be.NoAnswer {
		n.after(be.Ring, decide)
	}
}

func (n *line) answer() {
	n.watcher.answers(n)
}

// connected begins to speak: it is told by the call once both sides are there.
func (n *line) connected() {
	if n.up || n.over {
		return
	}
	n.up = true
	be := n.ext.Behaviour
	n.voice.say(be.Say)
	if be.Press != "" {
		wait := be.PressAfter
		if wait == 0 {
			wait = 500 * time.Millisecond
		}
		n.after(wait, func() { n.watcher.digit(n, be.Press) })
	}
	if be.HangUpAfter > 0 {
		n.after(be.HangUpAfter, func() { n.leave(sip.Cause{Kind: sip.CauseCompleted}) })
	}
}

func (n *line) hearsRinging() {}
func (n *line) hearsEarly()   {}

// press notes the digits that came.
func (n *line) press(digits string) {
	digits = strings.Map(func(r rune) rune {
		if strings.ContainsRune("0123456789*#ABCD", r) {
			return r
		}
		return -1
	}, strings.ToUpper(digits))
	for _, d := range digits {
		n.boot.lab.hears(n.party(), func(h *hearing) { h.digits += string(d) })
		n.boot.lab.happened(Event{Type: Digit, Party: n.party(), Text: string(d)})
	}
}

// leave ends the line by its own will.
func (n *line) leave(cause sip.Cause) {
	w := n.watcher
	n.hangUp(cause)
	w.leaves(n, cause)
}

func (n *line) hangUp(sip.Cause) {
	if n.over {
		return
	}
	n.over = true
	for _, t := range n.timers {
		t.Stop()
	}
	n.voice.close()
}
