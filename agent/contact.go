package agent

import (
	"context"
	"time"

	"ringback/agent/book"
	"ringback/agent/phone"
	"ringback/agent/store"
)

// Contact is who is at the other side of an interaction: as the PBX or the callback
// says, and as the contacts know the number.
type Contact struct {
	Name   string `json:"name"`
	Number string `json:"number"`
	Known
}

// Known is what is known of a number. The empty fields are not.
type Known struct {
	E164    string         `json:"e164,omitempty"`  // the number with its country
	Shown   string         `json:"shown,omitempty"` // the number as people of the configured region write it
	ID      book.ContactID `json:"id,omitempty"`    // of the contact that has the number
	Reading string         `json:"reading,omitempty"`
	Zone    string         `json:"zone,omitempty"` // IANA name: the contact's, or the one in which the number is
	Note    string         `json:"note,omitempty"`
	Points  []book.Point   `json:"points,omitempty"` // the contact's numbers and addresses, each with what can be done
}

// Past is an earlier interaction with the same number.
type Past struct {
	Interaction InteractionID `json:"interaction"`
	Time        time.Time     `json:"time"`
	Agent       string        `json:"agent"` // whose work it was
	Kind        Kind          `json:"kind"`
	Outcome     string        `json:"outcome"` // done, or how its offer ended
	Result      string        `json:"result"`
	Disposition string        `json:"disposition"`
	Attempts    int           `json:"attempts"`
	Note        string        `json:"note"`
}

// pastShown is how many earlier interactions stand with one, of the pastRead last.
const (
	pastShown = 5
	pastRead  = 50
)

// found is what the records say of an interaction's number.
type found struct {
	number string // that it is about
	order  int    // counts what was found for the interaction
	asked  bool   // the records are being looked into, or were
	name   string // the contact's
	known  Known
	past   []Past
}

// followContacts looks up whom the open interactions are with, once for each number.
// It runs after every input.
func (a *Agent) followContacts() {
	for _, in := range a.interactions {
		if a.readNumber(in); !in.closed && !in.found.asked {
			in.found.asked = true
			a.lookUp(in)
		}
	}
}

// readNumber notes what a number says by itself, when it is another than before.
func (a *Agent) readNumber(in *interaction) {
	if number := in.contact.Number; in.found.number != number || in.found.order == 0 {
		in.found = found{number: number, order: in.found.order + 1, known: knownNumber(a.numbers, number), asked: number == ""}
	}
}

func knownNumber(numbers phone.Numbers, number string) Known {
	e164 := numbers.E164(number)
	if e164 == "" {
		return Known{}
	}
	return Known{E164: e164, Shown: numbers.Show(e164), Zone: phone.Zone(e164)}
}

// lookUp finds an interaction's contact by its number, and what was written down
// about it before, without keeping the loop from its work.
func (a *Agent) lookUp(in *interaction) {
	id, number := in.id, in.contact.Number
	a.lookups.Go(func() {
		f, err := a.records.find(id, number)
		a.loop.Post(a.input(func() { a.foundOut(in, f, err) }))
	})
}

// foundOut takes what was looked up.
func (a *Agent) foundOut(in *interaction, f found, err error) {
	if err != nil {
		a.log.Warn("look up contact", "interaction", string(in.id), "error", err)
		return
	}
	if in.closed || in.contact.Number != f.number {
		return
	}
	f.asked, f.order = true, in.found.order+1
	in.found = f
	if in.contact.Name == "" {
		in.contact.Name = f.name
	}
	if in.zone == "" && f.known.ID != "" {
		in.zone = f.known.Zone
	}
	if !a.unpublished(in) {
		return
	}
	a.emit(Event{Type: InteractionChanged, Interaction: in.id, Reason: "contact"})
}

// unpublished reports whether an interaction is not as it was published last.
func (a *Agent) unpublished(in *interaction) bool {
	old, v := a.state.interaction(in.id), a.view(in)
	return old == nil || !v.same(old)
}

// lookInto does an action on records on its caller's goroutine. When it has edited
// them the open interactions show it before the action is answered.
func (a *Agent) lookInto(ctx context.Context, r *request) (any, *ActionError) {
	result, refused := a.records.do(ctx, r.spec, r.raw)
	if refused != nil || !r.spec.Edits {
		return result, refused
	}
	for _, s := range a.State().Interactions {
		if s.State == PhaseDone {
			continue
		}
		f, err := a.records.find(s.ID, s.Contact.Number)
		// An agent that has ended, or a caller without patience: the edit is done all the same.
		_ = a.loop.Do(ctx, a.input(func() {
			if in := a.interaction(s.ID); in != nil {
				a.foundOut(in, f, err)
			}
		}))
	}
	return result, nil
}

// renumberContacts reads the contacts' numbers by the rules of the configured region.
func (a *Agent) renumberContacts(ctx context.Context) {
	n, err := a.records.book.Renumber(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		a.log.Warn("read the contacts' numbers again", "error", err)
	case n > 0:
		a.log.Info("contacts whose numbers are read in another way now", "contacts", n, "region", a.cfg.Numbers.Region)
	}
}

// interaction is the one with that id; nil when it is forgotten.
func (a *Agent) interaction(id InteractionID) *interaction {
	for _, in := range a.interactions {
		if in.id == id {
			return in
		}
	}
	return nil
}

// find looks up a number: whose it is, and the interactions with it before this one.
func (r *Records) find(id InteractionID, number string) (found, error) {
	f := found{number: number, known: knownNumber(r.numbers, number)}
	c, have, err := r.book.ByNumber(number)
	if err != nil {
		return f, err
	}
	if have {
		f.name = c.Name
		f.known.ID, f.known.Reading, f.known.Note, f.known.Points = c.ID, c.Reading, c.Note, c.Points
		if c.Zone != "" {
			f.known.Zone = c.Zone
		}
	}
	e164 := f.known.E164
	if e164 == "" {
		e164 = dialable(number) // as the store keeps extensions
	}
	before, err := r.store.History(store.HistoryFilter{E164: e164, Limit: pastRead})
	for _, i := range before {
		told := i.Note != "" || i.Attempts > 0 // offers that nobody took say nothing
		if InteractionID(i.ID) != id && len(f.past) < pastShown && !i.Closed.IsZero() && told {
			f.past = append(f.past, r.past(i))
		}
	}
	return f, err
}

func (r *Records) past(i store.Interaction) Past {
	return Past{Interaction: InteractionID(i.ID), Time: i.Created, Agent: r.cfg.Account.name(), Kind: Kind(i.Kind), Outcome: i.Outcome,
		Result: i.Result, Disposition: i.Disposition, Attempts: i.Attempts, Note: i.Note}
}

// name is the agent's, as it is shown to others.
func (c *AccountConfig) name() string {
	if c.Display != "" {
		return c.Display
	}
	if aor, err := parseTarget(c.AOR, ""); err == nil {
		return aor.UserText()
	}
	return c.Username
}
