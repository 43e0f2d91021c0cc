package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ringback/media"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// Slots of the table below, by name.
const (
	slotHead, slotTone, slotAlert, slotRing     mixer.Slot = 0, 1, 2, 3
	slotA, slotB, slotC, hearsA, hearsB, hearsC mixer.Slot = 10, 11, 12, 20, 21, 22
	slotLeft, slotRight, slotBeep, slotFile     mixer.Slot = 30, 31, 32, 33
)

func routeText(all []mixer.Route) string {
	names := map[mixer.Slot]string{slotHead: "agent", slotA: "A", slotB: "B", slotC: "C", slotAlert: "alert", slotRing: "ring", slotTone: "tone",
		slotLeft: "left", slotRight: "right", slotBeep: "beep", slotFile: "file"}
	var out []string
	for _, r := range all {
		from, to := names[r.From], names[r.To]
		if from != "" && to != "" && r.From != slotTone {
			out = append(out, fmt.Sprintf("%s>%s", from, to))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestRoutes(t *testing.T) {
	talk := func(slot mixer.Slot, change ...func(*seat)) seat {
		s := seat{slot: slot, hears: slot + 10, talks: true}
		for _, c := range change {
			c(&s)
		}
		return s
	}
	held := func(s *seat) { s.onHold = true }
	joined := func(s *seat) { s.joined, s.group = true, "i1" }
	elsewhere := func(s *seat) { s.joined, s.group = true, "i2" }
	muted := func(s *seat) { s.muted = true }
	deaf := func(s *seat) { s.deaf = true }
	away := func(s *seat) { s.deaf, s.away = true, true }
	taped := func(s *seat) { s.tape = &tape{slotLeft, slotRight} }
	plays := func(slots ...mixer.Slot) func(*seat) { return func(s *seat) { s.plays = slots } }
	for _, c := range []struct {
		name  string
		seats []seat
		want  string
	}{
		{"recorded: left what A hears, right what it says", []seat{talk(slotA, taped)}, "A>agent A>right agent>A agent>left alert>ring"},
		{"recorded with a muted agent", []seat{talk(slotA, taped, deaf)}, "A>agent A>right alert>ring"},
		{"recorded on hold", []seat{talk(slotA, taped, held)}, "alert>ring"},
		{"a consultation is not recorded", []seat{talk(slotA, taped, held), talk(slotB)}, "B>agent agent>B alert>ring"},
		{"a conference is recorded, the parties on our side", []seat{talk(slotA, taped, joined), talk(slotB, joined)},
			"A>B A>agent A>right B>A B>agent B>left agent>A agent>B agent>left alert>ring"},
		{"nobody hears A: nor does the recording", []seat{talk(slotA, taped, joined, muted), talk(slotB, joined)}, "B>A B>agent B>left agent>A agent>B agent>left alert>ring"},
		{"a conference is recorded without the agent", []seat{talk(slotA, taped, joined, away), talk(slotB, joined, away)}, "A>B A>right B>A B>left alert>ring"},
		{"consent tone and file are heard by both, and recorded", []seat{talk(slotA, taped, plays(slotBeep, slotFile))},
			"A>agent A>right agent>A agent>left alert>ring beep>A beep>agent beep>left file>A file>agent file>left"},
		{"a file is heard although the agent is muted", []seat{talk(slotA, deaf, plays(slotFile))}, "A>agent alert>ring file>A file>agent"},
		{"nothing is played to who is on hold", []seat{talk(slotA, held, plays(slotFile))}, "alert>ring"},
		{"a consent tone goes on while the agent is out", []seat{talk(slotA, joined, away, plays(slotBeep)), talk(slotB, joined, away, plays(slotBeep))}, "A>B B>A alert>ring beep>A beep>B"},
		{"nobody", nil, "alert>ring"},
		{"talk", []seat{talk(slotA)}, "A>agent agent>A alert>ring"},
		{"muted agent", []seat{talk(slotA, deaf)}, "A>agent alert>ring"},
		{"on hold nobody hears the other", []seat{talk(slotA, held)}, "alert>ring"},
		{"early media is heard and not answered", []seat{{slot: slotA, hears: hearsA, early: true}}, "A>agent alert>ring"},
		{"ringing without early media", []seat{{slot: slotA, hears: hearsA}}, "alert>ring"},
		{"consultation: the contact hears nothing", []seat{talk(slotA, held), talk(slotB)}, "B>agent agent>B alert>ring"},
		{"conference: each hears all others and not itself", []seat{talk(slotA, joined), talk(slotB, joined), talk(slotC, joined)},
			"A>B A>C A>agent B>A B>C B>agent C>A C>B C>agent agent>A agent>B agent>C alert>ring"},
		{"a muted party hears and is not heard", []seat{talk(slotA, joined), talk(slotB, joined, muted)}, "A>B A>agent agent>A agent>B alert>ring"},
		{"a suspended party is out", []seat{talk(slotA, joined), talk(slotB, joined), talk(slotC, joined, held)},
			"A>B A>agent B>A B>agent agent>A agent>B alert>ring"},
		{"the agent is out, the others stay", []seat{talk(slotA, joined, away), talk(slotB, joined, away)}, "A>B B>A alert>ring"},
		{"the agent is muted in the conference", []seat{talk(slotA, joined, deaf), talk(slotB, joined, deaf)}, "A>B A>agent B>A B>agent alert>ring"},
		{"two conferences do not hear each other", []seat{talk(slotA, joined, away), talk(slotB, elsewhere)}, "B>agent agent>B alert>ring"},
		{"a party that is being called is not in yet", []seat{talk(slotA, joined), {slot: slotB, hears: hearsB, joined: true, group: "i1"}}, "A>agent agent>A alert>ring"},
	} {
		h := hearing{mic: slotHead, ear: slotHead, tone: slotTone, alert: slotAlert, ring: slotRing, second: mixer.None, seats: c.seats}
		if got := routeText(routes(h)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	if got := routeText(routes(hearing{mic: slotHead, ear: slotHead, tone: slotTone, alert: slotAlert, ring: slotRing, second: mixer.None, waiting: true})); got != "alert>agent" {
		t.Errorf("call waiting comes into the ear: %s", got)
	}
	h := hearing{mic: slotHead, ear: slotHead, tone: mixer.None, alert: slotAlert, ring: mixer.None, second: slotRing, seats: []seat{talk(slotA), talk(slotB, held)}}
	if got := routeText(routes(h)); got != "A>agent A>ring agent>A alert>agent alert>ring" {
		t.Errorf("the second ear hears what the headset hears: %s", got)
	}
	_, _, _ = hearsA, hearsB, hearsC
}

func TestLevelled_AreTheVoicesOfAConference(t *testing.T) {
	joined := func(slot mixer.Slot) seat { return seat{slot: slot, talks: true, joined: true, group: "i1"} }
	held, away := joined(slotB), joined(slotA)
	held.onHold, away.deaf, away.away = true, true, true
	for _, c := range []struct {
		name  string
		seats []seat
		want  []mixer.Slot
	}{
		{"nobody", nil, []mixer.Slot{}},
		{"a call is left as it is", []seat{{slot: slotA, talks: true}}, []mixer.Slot{}},
		{"all of a conference", []seat{joined(slotA), joined(slotB)}, []mixer.Slot{slotA, slotB, slotHead}},
		{"who is suspended is out", []seat{joined(slotA), held}, []mixer.Slot{slotA, slotHead}},
		{"the agent is out", []seat{away}, []mixer.Slot{slotA}},
	} {
		if got := levelled(hearing{mic: slotHead, seats: c.seats}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRoutes_ConferenceOfNine(t *testing.T) {
	h := hearing{mic: slotHead, ear: slotHead, tone: mixer.None, alert: mixer.None, ring: mixer.None, second: mixer.None}
	for i := range 8 {
		h.seats = append(h.seats, seat{slot: mixer.Slot(10 + i), hears: mixer.None, talks: true, joined: true, group: "i1"})
	}
	all := routes(h)
	if len(all) != 9*8 {
		t.Errorf("%d routes for nine who hear eight others each", len(all))
	}
	for _, r := range all {
		if r.From == r.To {
			t.Errorf("%d hears itself", r.From)
		}
	}
}

func TestHoldDirection_BothSides(t *testing.T) {
	// RFC 6337 5.3: A holds, B holds, A resumes, B resumes.
	var got []string
	for _, s := range [][2]bool{{true, false}, {true, true}, {false, true}, {false, false}} {
		got = append(got, holdDirection(s[0], s[1]).String())
	}
	if want := []string{"sendonly", "inactive", "recvonly", "sendrecv"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestHeldByRemote(t *testing.T) {
	for _, c := range []struct {
		before          bool
		offered, theirs sdp.Direction
		want            bool
	}{
		{false, sdp.SendRecv, sdp.SendRecv, false},
		{false, sdp.SendRecv, sdp.SendOnly, true},
		{true, sdp.SendRecv, sdp.Inactive, true},
		{false, sdp.SendOnly, sdp.RecvOnly, false},
		{false, sdp.SendOnly, sdp.Inactive, false},
		{true, sdp.Inactive, sdp.Inactive, true},
		{true, sdp.RecvOnly, sdp.SendOnly, true},
		{true, sdp.RecvOnly, sdp.Inactive, true},
		{true, sdp.SendOnly, sdp.RecvOnly, false},
	} {
		if got := heldByRemote(c.before, c.offered, c.theirs); got != c.want {
			t.Errorf("before %v, we offered %s, they answered %s: %v", c.before, c.offered, c.theirs, got)
		}
	}
}

func TestLegTable_ALateRingTakesNothingBack(t *testing.T) {
	l := &leg{phase: CallPhaseDialling}
	for _, s := range []struct {
		on   legInput
		to   CallPhase
		take bool
	}{{legRings, CallPhaseRinging, true}, {legEarly, CallPhaseEarly, true}, {legRings, CallPhaseEarly, false},
		{legConnected, CallPhaseConnected, true}, {legEarly, CallPhaseConnected, false}, {legEnded, CallPhaseEnded, true}, {legConnected, CallPhaseEnded, false}} {
		if took := l.move(s.on); took != s.take || l.phase != s.to {
			t.Errorf("%s: %v %s", s.on, took, l.phase)
		}
	}
}

func TestOfferTable_EndsOnce(t *testing.T) {
	for _, end := range []offerState{offerTaken, offerRefused, offerMissed, offerWithdrawn} {
		o := &offer{state: offerOpen}
		if !o.move(end) || o.open() {
			t.Errorf("open to %s", end)
		}
		for _, again := range []offerState{offerTaken, offerRefused, offerMissed, offerWithdrawn} {
			if o := *o; o.move(again) && !(end == offerTaken && again == offerWithdrawn) {
				t.Errorf("%s to %s", end, again)
			}
		}
	}
}

func TestQuality_ScoreNamesItsScale(t *testing.T) {
	for want, q := range map[string]Quality{
		"MOS 4.4": {MOS: 4.41, MOSScale: media.ScaleNarrow}, "MOS 4.3 wide-band": {MOS: 4.34, MOSScale: media.ScaleWide}, "MOS 0.0": {},
	} {
		if got := q.Score(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
