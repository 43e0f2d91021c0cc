package agent

import "slices"

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
	if !was.Registration.same(&a.registered) {
		r := a.registered
		c.Registration = &r
	}
	for _, ch := range a.channels() {
		old := was.Channels[ch.name]
		if v := a.channelView(ch); !old.same(&v) {
			if c.Channels == nil {
				c.Channels = map[ChannelName]ChannelState{}
			}
			c.Channels[ch.name] = v
		}
	}
	if !was.Outbox.same(&a.outbox.view) {
		outbox := a.outbox.view
		c.Outbox = &outbox
	}
	if allowed := a.allowedNow(); !slices.Equal(was.Allowed, allowed) {
		told := allowed
		c.Allowed = &told
	}
	if audio := a.sound.view(); audio != was.Audio {
		told := audio
		c.Audio = &told
	}
	a.changedTeam(c)
	a.changedWork(c)
	return c
}

// changedWork compares interactions and calls; what is closed and published is
// not looked at again.
func (a *Agent) changedWork(c *Change) {
	was := &a.state
	known, knownCalls := 0, 0 // of what is published
	for _, in := range a.interactions {
		if in.frozen {
			known, knownCalls = known+1, knownCalls+len(in.legs)
			continue
		}
		told := len(c.Interactions) + len(c.Calls)
		old := was.interaction(in.id)
		if old != nil {
			known++
		}
		if v := a.view(in); old == nil || !v.same(old) {
			c.Interactions = append(c.Interactions, v)
		}
		for _, l := range in.legs {
			old := was.call(l.id)
			if old != nil {
				knownCalls++
			}
			if v := l.view(); old == nil || !v.same(old) {
				c.Calls = append(c.Calls, v)
			}
		}
		in.frozen = in.closed && len(in.live()) == 0 && in.recording == nil && told == len(c.Interactions)+len(c.Calls)
	}
	if known != len(was.Interactions) || knownCalls != len(was.Calls) {
		a.changedPast(c)
	}
}

// changedPast finds what is published and is no more.
func (a *Agent) changedPast(c *Change) {
	keep, keepCalls := map[InteractionID]bool{}, map[CallID]bool{}
	for _, in := range a.interactions {
		keep[in.id] = true
		for _, l := range in.legs {
			keepCalls[l.id] = true
		}
	}
	for i := range a.state.Interactions {
		if id := a.state.Interactions[i].ID; !keep[id] {
			c.ForgottenInteractions = append(c.ForgottenInteractions, id)
		}
	}
	for i := range a.state.Calls {
		if id := a.state.Calls[i].ID; !keepCalls[id] {
			c.ForgottenCalls = append(c.ForgottenCalls, id)
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

// allowedNow are the actions that need no interaction, in alphabetical order.
func (a *Agent) allowedNow() []string {
	if a.stopping {
		return []string{}
	}
	list := []string{"dnd", "headset-gain", "headset-use", "headset-volume", "logout", "not-ready", "outbox", "outbox-retry", "ready"}
	if a.registered.State == "registered" || !a.cfg.Account.Register {
		list = append([]string{"dial"}, list...)
	}
	return list
}
