package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ringback/agent/store"
	"ringback/agent/verdict"
)

// What must not be lost is on the disk before it holds: amend writes an
// interaction as it will be, with its callback, its attempts and what else belongs
// to the same moment, in one transaction, and only then changes it. A change that
// the disk does not take is refused, and nothing has changed.

// kept is the part of an interaction that outlives the phone's process.
type kept struct {
	key      string              // of its callback's record; empty: it has none
	source   string              // of the callback: invite, message, api or agent
	place    store.CallbackState // where the callback is
	since    time.Time           // when the callback was first heard of
	zone     string              // IANA name of the contact's zone; empty: ours
	order    string              // the order as it came
	retries  int                 // automatic ones of the callback so far
	armed    *Reschedule         // takes effect on Done
	log      []Attempt
	recorded bool // it is in the store
}

// interactionBody is what the store's columns do not hold.
type interactionBody struct {
	Callback   *Callback `json:"callback,omitempty"`
	Previewing bool      `json:"previewing,omitempty"`
	Zone       string    `json:"zone,omitempty"`
	Source     string    `json:"source,omitempty"`
	Order      string    `json:"order,omitempty"`
	Retries    int       `json:"retries,omitempty"`
	Since      time.Time `json:"since"`
}

func mustJSON(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil { // values that came as JSON, and structs of ours
		return json.RawMessage("null")
	}
	return text
}

// record is the interaction as the store keeps it.
func (a *Agent) record(in *interaction) store.Interaction {
	r := store.Interaction{ID: string(in.id), Kind: string(in.kind), Channel: string(in.channel), Callback: in.key,
		Name: in.contact.Name, Number: in.contact.Number, E164: a.e164(in.contact.Number),
		Case: mustJSON(in.caseData), Note: in.note, Disposition: in.disposition, Result: in.result, Attempts: in.attempts,
		Armed: mustJSON(in.armed), Created: in.created,
		Body: mustJSON(interactionBody{Callback: in.callback, Previewing: in.previewing, Zone: in.zone, Source: in.source,
			Order: in.order, Retries: in.retries, Since: in.since})}
	if in.closed {
		r.Closed, r.Outcome = a.now(), in.outcome()
	}
	return r
}

// outcome is how a closed interaction ended: done, or how its offer did.
func (in *interaction) outcome() string {
	if in.offer != nil && in.offer.state != offerTaken && in.offer.state != offerOpen {
		return string(in.offer.state)
	}
	return "done"
}

// callbackRecord is the interaction's callback as the store keeps it.
func (a *Agent) callbackRecord(in *interaction) store.Callback {
	r := store.Callback{Key: in.key, Channel: string(in.channel), Kind: string(in.kind), Source: in.source, State: in.place,
		Name: in.contact.Name, Number: in.contact.Number, E164: a.e164(in.contact.Number), Zone: in.zone,
		Created: in.since, Updated: a.now(), Interaction: string(in.id), Attempts: in.attempts, Retries: in.retries,
		Body: mustJSON(callbackBody{Callback: in.callback, Order: in.order})}
	if in.callback != nil {
		r.Reason = in.callback.Reason
	}
	if s := in.armed; s != nil {
		r.Due, r.Scope, r.Zone = s.At, s.Scope, s.Zone
		if s.Number != "" {
			r.Number, r.E164 = s.Number, a.e164(s.Number)
		}
		if s.Reason != "" {
			r.Reason = s.Reason
		}
	}
	return r
}

// writing is something that goes into the same transaction as an interaction.
type writing func(*store.Tx, *interaction) error

// amend makes a change of an interaction last, then makes it. point names the
// commit. change is called twice, on a copy first.
func (a *Agent) amend(in *interaction, point string, change func(*interaction), more ...writing) *ActionError {
	next := *in
	next.log = append([]Attempt(nil), in.log...)
	change(&next)
	next.recorded = true
	// Made before: a disk that is slow may still be writing when we have gone on.
	rows, writings := a.rowsOf(&next), append(append([]writing{}, in.owed...), more...)
	err := a.store.UpdateNamed(point, func(tx *store.Tx) error {
		if err := rows.put(tx); err != nil {
			return err
		}
		for _, w := range writings {
			if err := w(tx, &next); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return a.storeFailed("keep "+string(in.id), err)
	}
	change(in)
	in.recorded, in.owed = true, nil
	a.outbox.kick()
	return nil
}

// rows are an interaction, its callback and its attempts as the store keeps them.
type rows struct {
	interaction store.Interaction
	callback    *store.Callback // nil: it has none
	attempts    []store.Attempt
}

func (a *Agent) rowsOf(in *interaction) rows {
	r := rows{interaction: a.record(in)}
	if in.key != "" && in.place != "" {
		callback := a.callbackRecord(in)
		r.callback = &callback
	}
	for _, t := range in.log {
		r.attempts = append(r.attempts, a.attemptRecord(in, t))
	}
	return r
}

// put writes them into a transaction.
func (r rows) put(tx *store.Tx) error {
	if err := tx.PutInteraction(r.interaction); err != nil {
		return err
	}
	if r.callback != nil {
		if err := tx.PutCallback(*r.callback); err != nil {
			return err
		}
	}
	for _, t := range r.attempts {
		if err := tx.PutAttempt(t); err != nil {
			return err
		}
	}
	return nil
}

// saveAgain is how long the phone waits before it writes again what the disk did
// not take.
const saveAgain = 5 * time.Second

// save makes last what has happened already and cannot be refused, such as the end
// of a call. What the disk does not take is written with the next change, at the
// latest every few seconds.
func (a *Agent) save(in *interaction, point string, more ...writing) {
	refused := a.amend(in, point, func(*interaction) {}, more...)
	if refused == nil {
		return
	}
	in.owed = append(in.owed, more...)
	if !in.saving {
		a.emit(Event{Type: ErrorHappened, Interaction: in.id, Text: refused.Message})
		in.saving = true
		a.loop.After(saveAgain, a.input(func() {
			in.saving = false
			a.save(in, point)
		}))
	}
}

// storeFailed is a store's error as an action's: what to do stands in it.
func (a *Agent) storeFailed(what string, err error) *ActionError {
	a.log.Error("store", "what", what, "error", err)
	e := refuse(CodeFailed, "%s: %v", what, err)
	if f, ok := verdict.OfError(err, verdict.Case{File: a.store.Path(), Now: a.now()}); ok {
		e.Message, e.Hint = what+": "+f.Wrong, f.Do
	}
	return e
}

// ownKey is the key of a callback that has no id of the PBX's: unique among all
// agents at one PBX.
func (a *Agent) ownKey(id InteractionID) string {
	return fmt.Sprintf("%s-%s", a.account.AOR.User, id)
}

// restore brings back the interactions that were open when the phone ended,
// however it ended. Their calls are gone: they can be called again.
func (a *Agent) restore() error {
	open, err := a.store.OpenInteractions()
	if err != nil {
		return err
	}
	var damaged []error
	for _, r := range open {
		in, err := a.restored(r)
		if err != nil { // the others are not to be lost for it
			damaged = append(damaged, err)
			continue
		}
		a.interactions = append(a.interactions, in)
		a.emit(Event{Type: InteractionCreated, Interaction: in.id, Reason: "restored"})
		a.save(in, "restore")
	}
	return errors.Join(damaged...)
}

func (a *Agent) restored(r store.Interaction) (*interaction, error) {
	var body interactionBody
	in := &interaction{id: InteractionID(r.ID), kind: Kind(r.Kind), channel: ChannelName(r.Channel),
		contact: Contact{Name: r.Name, Number: r.Number}, caseData: map[string]any{}, disposition: r.Disposition, note: r.Note,
		result: r.Result, attempts: r.Attempts, created: r.Created}
	for _, part := range []struct {
		text json.RawMessage
		to   any
	}{{r.Body, &body}, {r.Case, &in.caseData}, {r.Armed, &in.armed}} {
		if len(part.text) == 0 {
			continue
		}
		if err := json.Unmarshal(part.text, part.to); err != nil {
			return nil, fmt.Errorf("restore %s: %w", r.ID, err)
		}
	}
	if in.caseData == nil {
		in.caseData = map[string]any{}
	}
	in.callback, in.previewing = body.Callback, body.Previewing
	in.kept.key, in.source, in.zone, in.order = r.Callback, body.Source, body.Zone, body.Order
	in.retries, in.since, in.recorded = body.Retries, body.Since, true
	if in.key != "" {
		in.place = store.CallbackOpen
	}
	attempts, err := a.store.Attempts(r.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range attempts {
		in.log = append(in.log, restoredAttempt(t, a.now()))
		if t.Ended.IsZero() {
			in.owed = append(in.owed, a.reportingAttempt(&in.log[len(in.log)-1])...)
		}
	}
	return in, nil
}
