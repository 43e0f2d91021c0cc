package agent

import (
	"reflect"
	"slices"
)

// emit writes an event, with everything that is different since the one before.
func (a *Agent) emit(e Event) {
	e.Schema, e.Time = EventSchema, a.now()
	if change := a.changes(); !change.empty() {
		e.Change = change
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e = a.events.append(e)
	a.state = a.state.Apply(e)
}

// publishRest tells what changed without an event of its own: every difference
// of the state belongs to an event.
func (a *Agent) publishRest() {
	change := a.changes()
	if change.empty() {
		return
	}
	e := Event{Type: InteractionChanged}
	switch {
	case len(change.Interactions) > 0:
		e.Interaction = change.Interactions[0].ID
	case len(change.Calls) > 0:
		e.Interaction, e.Call, e.SIPCallID = change.Calls[0].Interaction, change.Calls[0].ID, change.Calls[0].SIPCallID
	case len(change.Channels) > 0:
		e.Type = ChannelChanged
		for name := range change.Channels {
			e.Channel, e.State, e.Reason = name, change.Channels[name].State, change.Channels[name].Reason
		}
	case change.Outbox != nil:
		e.Type, e.Text = OutboxChanged, change.Outbox.Reason
	case change.Audio != nil:
		e.Type, e.Device = MediaDeviceChanged, change.Audio.Headset
	case change.Registration != nil:
		e.Type, e.State = RegistrationTrying, change.Registration.State
		if r := change.Registration.State; r == "unregistered" {
			e.Type = RegistrationLost
		}
	}
	a.emit(e)
}

// snapshot is the state as the model has it, computed anew; the events must lead
// to the same.
func (a *Agent) snapshot() State {
	s := NewState()
	s.Seq = a.state.Seq
	s.Registration = a.registered
	for _, ch := range a.channels() {
		s.Channels[ch.name] = a.channelView(ch)
	}
	s.Allowed = a.allowedNow()
	s.Audio, s.Outbox = a.sound.view(), a.outbox.view
	for _, m := range a.team {
		s.Team = append(s.Team, m.view())
	}
	for _, in := range a.interactions {
		s.Interactions = append(s.Interactions, a.view(in))
		for _, l := range in.legs {
			s.Calls = append(s.Calls, l.view())
		}
	}
	return s
}

// changes compares the model with what is published.
func (a *Agent) changes() *Change {
	c := &Change{}
	was := &a.state
	if !reflect.DeepEqual(was.Registration, a.registered) {
		r := a.registered
		c.Registration = &r
	}
	for _, ch := range a.channels() {
		if v := a.channelView(ch); !reflect.DeepEqual(was.Channels[ch.name], v) {
			if c.Channels == nil {
				c.Channels = map[ChannelName]ChannelState{}
			}
			c.Channels[ch.name] = v
		}
	}
	if outbox := a.outbox.view; !reflect.DeepEqual(was.Outbox, outbox) {
		c.Outbox = &outbox
	}
	if allowed := a.allowedNow(); !slices.Equal(was.Allowed, allowed) {
		c.Allowed = &allowed
	}
	if audio := a.sound.view(); audio != was.Audio {
		c.Audio = &audio
	}
	a.changedTeam(c)
	a.changedWork(c)
	return c
}

// changedWork compares interactions and calls; what is closed and published is
// not looked at again.
func (a *Agent) changedWork(c *Change) {
	was := &a.state
	keep, keepCalls := map[InteractionID]bool{}, map[CallID]bool{}
	for _, in := range a.interactions {
		keep[in.id] = true
		for _, l := range in.legs {
			keepCalls[l.id] = true
		}
		if in.frozen {
			continue
		}
		told := len(c.Interactions) + len(c.Calls)
		if v := a.view(in); !sameInteraction(was, v) {
			c.Interactions = append(c.Interactions, v)
		}
		for _, l := range in.legs {
			v := l.view()
			if old, have := was.Call(l.id); !have || !reflect.DeepEqual(old, v) {
				c.Calls = append(c.Calls, v)
			}
		}
		in.frozen = in.closed && len(in.live()) == 0 && in.recording == nil && told == len(c.Interactions)+len(c.Calls)
	}
	for _, old := range was.Interactions {
		if !keep[old.ID] {
			c.ForgottenInteractions = append(c.ForgottenInteractions, old.ID)
		}
	}
	for _, old := range was.Calls {
		if !keepCalls[old.ID] {
			c.ForgottenCalls = append(c.ForgottenCalls, old.ID)
		}
	}
}

// view is an interaction as it is published.
func (a *Agent) view(in *interaction) InteractionState {
	a.readNumber(in)
	v := in.view(a.table)
	v.Contact.Known = in.found.known
	if v.Past = in.found.past; v.Past == nil {
		v.Past = []Past{}
	}
	v.Info, v.Toast = in.show(&a.cfg.Information, &v)
	return v
}

func sameInteraction(s *State, v InteractionState) bool {
	old, have := s.Interaction(v.ID)
	return have && reflect.DeepEqual(old, v)
}

// allowedNow are the actions that need no interaction, in alphabetical order.
func (a *Agent) allowedNow() []string {
	if a.stopping {
		return []string{}
	}
	list := []string{"dnd", "logout", "not-ready", "outbox", "outbox-retry", "ready"}
	if a.registered.State == "registered" || !a.cfg.Account.Register {
		list = append([]string{"dial"}, list...)
	}
	return list
}
