package agent

import (
	"ringback/media/mixer"
)

// hearing is the part of the state that decides who hears whom.
type hearing struct {
	mic, ear mixer.Slot // the headset; None when there is none
	tone     mixer.Slot // ringback, busy and beeps, for the ear
	alert    mixer.Slot // ring or call waiting
	ring     mixer.Slot // the ring device; None: the headset
	second   mixer.Slot // the second ear; None: there is none
	waiting  bool       // alert is a call-waiting tone in the ear
	seats    []seat
}

// seat is one call in the bridge.
type seat struct {
	slot   mixer.Slot
	hears  mixer.Slot // of the call's meter
	talks  bool       // connected
	early  bool       // early media comes
	onHold bool
	joined bool // in a conference, named by the group
	group  InteractionID
	muted  bool         // nobody hears it
	deaf   bool         // the agent is muted, or out of the conference: it does not hear the agent
	away   bool         // the agent is out of the conference and does not hear it
	plays  []mixer.Slot // consent tone and file, which it hears
	tape   *tape        // it is recorded; nil: it is not
}

// tape is where a recording hears: left what the call hears, right what it says.
type tape struct{ left, right mixer.Slot }

// routes is the whole matrix: a pure function of the state.
func routes(h hearing) []mixer.Route {
	var all []mixer.Route
	add := func(from, to mixer.Slot) {
		if from != mixer.None && to != mixer.None && from != to {
			all = append(all, mixer.Route{From: from, To: to})
		}
	}
	hear := func(from mixer.Slot) {
		add(from, h.ear)
		add(from, h.second)
	}
	for i, s := range h.seats {
		if s.slot == mixer.None || s.onHold || !s.talks && !s.early {
			continue
		}
		add(s.slot, s.hears)
		if !s.muted && !s.away {
			hear(s.slot)
		}
		if !s.talks {
			continue
		}
		for _, from := range s.plays {
			add(from, s.slot)
			if !s.away {
				hear(from)
			}
		}
		if !s.deaf {
			add(h.mic, s.slot)
		}
		for j, other := range h.seats {
			if i != j && s.joined && other.joined && s.group == other.group && other.talks && !other.onHold && !s.muted {
				add(s.slot, other.slot)
			}
		}
	}
	record(h.seats, &all)
	hear(h.tone)
	if h.waiting || h.ring == mixer.None {
		hear(h.alert)
	} else {
		add(h.alert, h.ring)
	}
	return all
}

// levelled are the voices of conferences, which are brought to one level: those that
// others hear, and the agent's where he is in one.
func levelled(h hearing) []mixer.Slot {
	slots, agent := []mixer.Slot{}, false
	for _, s := range h.seats {
		if s.slot == mixer.None || !s.joined || !s.talks || s.onHold {
			continue
		}
		slots = append(slots, s.slot)
		agent = agent || !s.deaf
	}
	if agent && h.mic != mixer.None {
		slots = append(slots, h.mic)
	}
	return slots
}

// record adds what recordings hear: what a call does, and what it says where anybody
// hears that.
func record(seats []seat, all *[]mixer.Route) {
	for _, s := range seats {
		if s.tape == nil || s.onHold || !s.talks {
			continue
		}
		for _, r := range *all {
			if r.To == s.slot {
				*all = append(*all, mixer.Route{From: r.From, To: s.tape.left, GainDB: r.GainDB})
			}
		}
		if !s.muted {
			*all = append(*all, mixer.Route{From: s.slot, To: s.tape.right})
		}
	}
}

// hearing collects what routes needs.
func (a *Agent) hearing() hearing {
	h := hearing{mic: a.sound.headsetSlot, ear: a.sound.headsetSlot, tone: a.sound.toneSlot, alert: a.sound.alertSlot,
		ring: a.sound.ringSlot, second: a.sound.secondSlot, waiting: a.callWaits()}
	for _, in := range a.interactions {
		waits := in.waiting()
		for _, l := range in.live() {
			h.seats = append(h.seats, seat{slot: l.slot, hears: l.hears, talks: l.up(), early: l.early, onHold: l.onHold() || l == waits,
				joined: l.joined, group: in.id, muted: l.muted, deaf: in.muted || l.joined && in.away, away: l.joined && in.away,
				plays: in.playsTo(l), tape: in.recording.tapeOf(l)})
		}
	}
	return h
}

// playsTo are the slots of what is played to a call: a consent tone and a file.
func (in *interaction) playsTo(l *leg) (slots []mixer.Slot) {
	if t := in.recording; t.takes() && t.beepSlot != mixer.None && (l == t.leg || l.joined && t.leg.joined) {
		slots = append(slots, t.beepSlot)
	}
	if p := in.playing; p != nil && p.slot != mixer.None && (l == p.leg || in.conference && l.joined) {
		slots = append(slots, p.slot)
	}
	return slots
}

// tapeOf is where a call is recorded; nil when it is not.
func (t *recording) tapeOf(l *leg) *tape {
	if !t.takes() || l != t.leg {
		return nil
	}
	return &tape{t.left, t.right}
}

// waiting is the call of a consultation that the agent does not talk with, although
// it is not on hold, because its far end refused that; nil when there is none.
func (in *interaction) waiting() *leg {
	switch {
	case in.conference || !in.main.up() || !in.consult.up() || in.main.onHold() || in.consult.onHold():
		return nil
	case in.onMain:
		return in.consult
	}
	return in.main
}

// localTone is the tone that the agent hears because the PBX sends none:
// ringback while a call out rings without early media.
func (a *Agent) localTone() bool {
	for _, in := range a.interactions {
		for _, l := range in.live() {
			if !l.incoming && l.phase == CallPhaseRinging {
				return true
			}
		}
	}
	return false
}

// callWaits reports whether an offer is told by a tone in the ear of an agent who talks,
// and not by ringing.
func (a *Agent) callWaits() bool {
	return a.voice.busy && !(a.cfg.Audio.RingInCall && a.sound.ringSlot != mixer.None)
}

// alerting reports whether an offer waits for the agent.
func (a *Agent) alerting() bool {
	for _, in := range a.interactions {
		if in.offer.open() {
			return true
		}
	}
	return false
}
