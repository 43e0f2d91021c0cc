package load

import (
	"context"
	"slices"
	"time"

	"ringback/agent"
)

// work takes one callback after the other until ctx ends. What is under way then is
// ended as an agent ends it whose shift is over: with Done.
func (d *desk) work(ctx context.Context) {
	d.says(ctx, "ready", map[string]any{"channel": "all"})
	for ctx.Err() == nil { // an offer that still waits at the end of the shift is not taken up again
		s, err := d.until(ctx, func(s agent.State) bool { return offered(s) >= 0 })
		if err != nil {
			return
		}
		in := s.Interactions[offered(s)]
		id := in.ID
		d.floor.count(func(t *tally) { t.offers++ })
		d.calls.offered()
		if d.takes(ctx, id) {
			d.talks(ctx, id)
			if ctx.Err() == nil {
				d.calls.ends()
			}
		}
		d.tells(in, d.finishes(id))
	}
}

// offered is the place of the interaction that waits for an answer; below 0: none does.
func offered(s agent.State) int {
	return slices.IndexFunc(s.Interactions, func(in agent.InteractionState) bool { return in.State == agent.PhaseOffered })
}

// takes accepts an offer and brings the contact to the phone, or rejects it. It
// reports whether the two talk.
func (d *desk) takes(ctx context.Context, id agent.InteractionID) bool {
	if !d.pause(ctx, d.plan.Think.draw(d.rng)) {
		return false
	}
	d.calls.begins(d.late)
	if d.draws(d.plan.Reject) {
		d.do(ctx, "reject", id, nil)
		d.calls.becomes(CallRefused, "")
		return false
	}
	begun := time.Now()
	d.floor.count(func(t *tally) { t.began++ })
	if !d.do(ctx, "accept", id, nil) {
		d.fails("the offer was gone")
		return false
	}
	in, there, err := d.meets(ctx, id, agent.PhasePreview, agent.PhaseConnected, agent.PhaseReadyToCall)
	if err == nil && there && in.State == agent.PhasePreview {
		if !d.pause(ctx, d.plan.Think.draw(d.rng)) {
			return false
		}
		begun = time.Now()
		d.calls.begins(d.late)
		if d.do(ctx, "call", id, nil) {
			in, there, err = d.meets(ctx, id, agent.PhaseConnected, agent.PhaseReadyToCall)
		}
	}
	switch {
	case err != nil: // the shift is over
		return false
	case there && in.State == agent.PhaseConnected:
		d.floor.count(func(t *tally) { t.answered++; record(t.answer, time.Since(begun)) })
		d.calls.answered()
		return true
	}
	why := in.Result
	if why == "" {
		why = "the contact did not come"
	}
	d.fails(why)
	return false
}

// fails counts a callback that did not come up.
func (d *desk) fails(why string) {
	d.floor.count(func(t *tally) { t.failed++; t.causes[why]++ })
	d.calls.becomes(CallFailed, why)
}

// talks is a conversation with what happens in it.
func (d *desk) talks(ctx context.Context, id agent.InteractionID) {
	p := d.plan
	if !d.listens(ctx, id, p.Talk.draw(d.rng)) {
		return
	}
	if d.draws(p.DTMF) && !d.do(ctx, "dtmf", id, map[string]any{"digits": p.Digits}) {
		return
	}
	if d.draws(p.Hold) && !d.holds(ctx, id) {
		return
	}
	if d.draws(p.Consult) && !d.consults(ctx, id) {
		return
	}
	if d.draws(p.Conference) && !d.confers(ctx, id) {
		return
	}
	if d.draws(p.Reschedule) {
		d.do(ctx, "reschedule", id, map[string]any{"at": "tomorrow 12:00"})
	}
	if d.draws(p.Transfer) {
		d.do(ctx, "transfer", id, map[string]any{"target": p.TransferTo})
	}
}

// listens lets the call go on, and reports whether it is still up.
func (d *desk) listens(ctx context.Context, id agent.InteractionID, length time.Duration) bool {
	talk, over := context.WithTimeout(ctx, length)
	defer over()
	_, _, err := d.meets(talk, id, agent.PhaseReadyToCall)
	if err == nil { // the contact hung up
		d.floor.count(func(t *tally) { t.dropped++; t.causes["ended by the far end"]++ })
		d.calls.becomes(CallDropped, "ended by the far end")
	}
	return err != nil && ctx.Err() == nil
}

func (d *desk) holds(ctx context.Context, id agent.InteractionID) bool {
	return d.do(ctx, "hold", id, nil) && d.listens(ctx, id, d.plan.HoldFor.draw(d.rng)) && d.do(ctx, "resume", id, nil)
}

// consults asks somebody and comes back to the contact.
func (d *desk) consults(ctx context.Context, id agent.InteractionID) bool {
	if d.brings(ctx, id, "consult", d.plan.ConsultTo, agent.RoleConsultation) == "" {
		return false
	}
	return d.pause(ctx, d.plan.HoldFor.draw(d.rng)) && d.do(ctx, "consult-end", id, nil) && d.do(ctx, "resume", id, nil)
}

// confers lets somebody join for a while.
func (d *desk) confers(ctx context.Context, id agent.InteractionID) bool {
	party := d.brings(ctx, id, "conference", d.plan.ConferTo, agent.RoleParty)
	return party != "" && d.listens(ctx, id, d.plan.HoldFor.draw(d.rng)) && d.do(ctx, "conference-drop", id, map[string]any{"party": string(party)})
}

// brings calls somebody to an interaction and waits until he is there; empty: he is not.
func (d *desk) brings(ctx context.Context, id agent.InteractionID, verb, whom string, role agent.Role) agent.CallID {
	begun := time.Now()
	if !d.do(ctx, verb, id, map[string]any{"target": whom}) {
		return ""
	}
	var call agent.CallID
	connected := func(s agent.State) (up, over bool) {
		over = true
		for _, c := range s.Calls {
			if c.Interaction == id && c.Role == role && c.State != agent.CallPhaseEnded {
				call, up, over = c.ID, c.State == agent.CallPhaseConnected, false
			}
		}
		return up, over
	}
	s, err := d.until(ctx, func(s agent.State) bool { up, over := connected(s); return up || over })
	if up, _ := connected(s); err != nil || !up {
		if err == nil {
			d.failed(verb, "the target did not answer")
		}
		return ""
	}
	d.took(verb+"-answer", time.Since(begun))
	return call
}

// hears counts what the calls of an interaction that is at its end were like.
func (d *desk) hears(id agent.InteractionID) {
	for _, c := range d.agent.State().Calls {
		if c.Interaction == id && c.Role == agent.RoleMain && c.Connected != nil && (c.Quality.RXPackets > 0 || time.Since(*c.Connected) >= soon) {
			q := c.Quality
			d.floor.count(func(t *tally) { t.hearsCall(q.RXPackets, q.RXPackets+q.Lost, q.Lost, q.MOS, q.MOSScale, q.JitterMS) })
		}
	}
}

// finishTime bounds the end of an interaction: a PBX that does not answer must not
// keep a desk.
const finishTime = 10 * time.Second

// finishes ends what is up, does the work after the call and closes the interaction,
// also when the shift is over. It returns the calls as they were at its end.
func (d *desk) finishes(id agent.InteractionID) (calls []agent.CallState) {
	ctx, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	in, there := d.now(id)
	if there && slices.Contains(in.Allowed, "end") {
		if d.do(ctx, "end", id, nil) {
			in, there, _ = d.meets(ctx, id, agent.PhaseReadyToCall)
		}
	}
	if !there || in.State == agent.PhaseOffered {
		return d.callsOf(id)
	}
	if slices.Contains(in.Allowed, "dispose") && len(d.plan.Codes) > 0 {
		d.do(ctx, "dispose", id, map[string]any{"code": d.plan.Codes[d.rng.IntN(len(d.plan.Codes))]})
	}
	if slices.Contains(in.Allowed, "note") && d.plan.Note != "" {
		d.do(ctx, "note", id, map[string]any{"text": d.plan.Note})
	}
	d.pause(ctx, min(d.plan.WrapUp.draw(d.rng), finishTime/2))
	d.hears(id)
	calls = d.callsOf(id)
	if in, there = d.now(id); there && slices.Contains(in.Allowed, "done") && d.do(ctx, "done", id, nil) {
		d.floor.count(func(t *tally) { t.ended++ })
	}
	return calls
}

// now is the interaction as it stands.
func (d *desk) now(id agent.InteractionID) (agent.InteractionState, bool) {
	for _, in := range d.agent.State().Interactions {
		if in.ID == id && in.State != agent.PhaseDone {
			return in, true
		}
	}
	return agent.InteractionState{}, false
}
