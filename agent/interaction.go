package agent

import (
	"slices"
	"time"
)

// interaction is one piece of work in the agent's hands. It owns its calls, and
// only Done (or the end of an offer that nobody took) closes it.
type interaction struct {
	id          InteractionID
	kind        Kind
	channel     ChannelName
	contact     Contact
	callback    *Callback
	caseData    map[string]any
	disposition string
	note        string
	result      string
	attempts    int
	created     time.Time
	offer       *offer // nil: never offered
	previewing  bool   // accepted, and not called yet
	closed      bool
	legs        []*leg // all calls that it ever had, as far as they are remembered
	main        *leg   // the call with the contact, the newest
	consult     *leg   // the consultation; nil when there is none
	muted       bool   // the others do not hear the agent
	conference  bool   // a party has joined
	away        bool   // the agent is out of the conference
	onMain      bool   // in a consultation: the agent talked with the contact last
	frozen      bool   // closed, and published so
	saving      bool   // what the disk did not take is written again soon
	owed        []writing
	found       found      // what the records say of its number
	shown       shown      // what was made of it to be shown
	recording   *recording // of the call with the contact; nil: there is none
	pauses      int        // of recordings, so far
	playing     *playing   // nil: nothing is
	kept
}

// maxLegs bounds what an interaction remembers of calls that have ended.
const maxLegs = 64

// maxDone is how many closed interactions are remembered.
const maxDone = 20

// newInteraction opens an interaction and tells nothing yet.
func (a *Agent) newInteraction(kind Kind, contact Contact) *interaction {
	in := &interaction{id: a.ids.interaction(), kind: kind, channel: ChannelVoice, contact: contact,
		caseData: map[string]any{}, created: a.now()}
	a.interactions = append(a.interactions, in)
	return in
}

// forgetOld drops the oldest closed interactions.
func (a *Agent) forgetOld() {
	closed := 0
	for _, in := range a.interactions {
		if in.closed && len(in.live()) == 0 {
			closed++
		}
	}
	a.interactions = slices.DeleteFunc(a.interactions, func(in *interaction) bool {
		if closed <= maxDone || !in.closed || len(in.live()) > 0 {
			return false
		}
		closed--
		return true
	})
}

// phase is the interaction's state as a person sees it, computed.
func (in *interaction) phase() Phase {
	switch {
	case in.closed:
		return PhaseDone
	case in.offer.open():
		return PhaseOffered
	case in.conference:
		return PhaseConference
	case in.consult.live():
		return PhaseConsulting
	case in.main.up() && in.main.onHold():
		return PhaseOnHold
	case in.main.up():
		return PhaseConnected
	case in.main.live():
		return PhaseDialling
	case len(in.live()) > 0: // the contact has gone, a party is being called
		return PhaseDialling
	case in.previewing:
		return PhasePreview
	}
	return PhaseReadyToCall
}

// facts are what the table's guards look at.
func (in *interaction) facts() facts {
	f := facts{attempts: in.attempts, mainUp: in.main.up(), consultUp: in.consult.up(), parties: len(in.parties()), playing: in.playing != nil}
	if in.recording != nil {
		f.recording = in.recording.state
	}
	for _, l := range in.legs {
		f.transferring = f.transferring || l.live() && l.transfer != nil
	}
	return f
}

// inCall reports whether the interaction occupies its channel with a call.
func (in *interaction) inCall() bool {
	switch in.phase() {
	case PhaseDialling, PhaseConnected, PhaseOnHold, PhaseConsulting, PhaseConference:
		return true
	}
	return false
}

// live are the calls that have not ended.
func (in *interaction) live() []*leg {
	var legs []*leg
	for _, l := range in.legs {
		if l.live() {
			legs = append(legs, l)
		}
	}
	return legs
}

// joined are the calls in the conference, the contact's among them.
func (in *interaction) joined() []*leg {
	var legs []*leg
	for _, l := range in.legs {
		if l.up() && l.joined {
			legs = append(legs, l)
		}
	}
	return legs
}

// parties are the calls beside the contact's that are in a conference, or are
// being called to join it.
func (in *interaction) parties() []*leg {
	var legs []*leg
	for _, l := range in.legs {
		if l.live() && l.role == RoleParty {
			legs = append(legs, l)
		}
	}
	return legs
}

func (in *interaction) partyUp() bool {
	return slices.ContainsFunc(in.parties(), func(l *leg) bool { return l.up() && l.joined })
}

// leg finds a call by its id.
func (in *interaction) leg(id CallID) *leg {
	for _, l := range in.legs {
		if l.id == id {
			return l
		}
	}
	return nil
}

// talking is the call that the agent speaks on when there is no conference: the
// contact, or the target of the consultation.
func (in *interaction) talking() *leg {
	if in.consult.live() && !in.consult.onHold() {
		return in.consult
	}
	if in.main.up() && !in.main.onHold() {
		return in.main
	}
	if in.consult.live() {
		return in.consult
	}
	return in.main
}

// addLeg keeps a new call, and forgets the oldest that has ended when there are
// too many.
func (in *interaction) addLeg(l *leg) {
	if len(in.legs) >= maxLegs {
		in.legs = slices.DeleteFunc(in.legs, func(old *leg) bool {
			return !old.live() && old != in.main && len(in.legs) >= maxLegs
		})
	}
	in.legs = append(in.legs, l)
}

// setCase sets a field of the case data within bounds.
func (in *interaction) setCase(key string, value any) bool {
	if _, have := in.caseData[key]; !have && len(in.caseData) >= maxCaseFields {
		return false
	}
	next := make(map[string]any, len(in.caseData)+1) // the published one is never changed
	for k, v := range in.caseData {
		next[k] = v
	}
	next[key] = value
	in.caseData = next
	return true
}

// setCases sets fields, or removes those with an empty text; false when there is no
// room, then none is set.
func (in *interaction) setCases(values map[string]string) bool {
	was := in.caseData
	for key, value := range values {
		if value == "" {
			in.dropCase(key)
		} else if !in.setCase(key, value) {
			in.caseData = was
			return false
		}
	}
	return true
}

func (in *interaction) dropCase(key string) {
	next := make(map[string]any, len(in.caseData))
	for k, v := range in.caseData {
		if k != key {
			next[k] = v
		}
	}
	in.caseData = next
}

// view is the interaction as it is published.
func (in *interaction) view(t interactionTable) InteractionState {
	v := InteractionState{ID: in.id, Kind: in.kind, Channel: in.channel, State: in.phase(),
		Contact: in.contact, Callback: in.callback, Case: in.caseData, Disposition: in.disposition, Note: in.note,
		Result: in.result, Attempts: in.attempts, AttemptLog: in.log, Reschedule: in.armed, Timezone: in.zone, Muted: in.muted, Created: in.created, Calls: []CallID{},
		Recording: in.recording.view(), Playing: in.playing.view()}
	if v.AttemptLog == nil {
		v.AttemptLog = []Attempt{}
	}
	v.Allowed = t.allowed(v.State, in.facts())
	v.Held = v.State == PhaseOnHold || v.State == PhaseConference && in.away
	if in.offer.open() {
		v.OfferExpires, v.AcceptMeans = &in.offer.expires, in.offer.means
	}
	for _, l := range in.legs {
		v.Calls = append(v.Calls, l.id)
	}
	return v
}
