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
	busy     bool       // a call is up: alert is a call-waiting tone in the ear
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
	muted  bool // nobody hears it
	deaf   bool // the agent is muted, or out of the conference: it does not hear the agent
	away   bool // the agent is out of the conference and does not hear it
}

// routes is the whole matrix: a pure function of the state.
func routes(h hearing) []mixer.Route {
	var all []mixer.Route
	add := func(from, to mixer.Slot) {
		if from != mixer.None && to != mixer.None && from != to {
			all = append(all, mixer.Route{From: from, To: to})
		}
	}
	for i, s := range h.seats {
		if s.slot == mixer.None || s.onHold || !s.talks && !s.early {
			continue
		}
		add(s.slot, s.hears)
		if !s.muted && !s.away {
			add(s.slot, h.ear)
		}
		if !s.talks {
			continue
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
	add(h.tone, h.ear)
	if h.busy || h.ring == mixer.None {
		add(h.alert, h.ear)
	} else {
		add(h.alert, h.ring)
	}
	return all
}

// hearing collects what routes needs.
func (a *Agent) hearing() hearing {
	h := hearing{mic: a.sound.headsetSlot, ear: a.sound.headsetSlot, tone: a.sound.toneSlot, alert: a.sound.alertSlot,
		ring: a.sound.ringSlot, busy: a.voice.busy}
	for _, in := range a.interactions {
		waits := in.waiting()
		for _, l := range in.live() {
			h.seats = append(h.seats, seat{slot: l.slot, hears: l.hears, talks: l.up(), early: l.early, onHold: l.onHold() || l == waits,
				joined: l.joined, group: in.id, muted: l.muted, deaf: in.muted || l.joined && in.away, away: l.joined && in.away})
		}
	}
	return h
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

// alerting reports whether an offer waits for the agent.
func (a *Agent) alerting() bool {
	for _, in := range a.interactions {
		if in.offer.open() {
			return true
		}
	}
	return false
}
