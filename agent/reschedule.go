package agent

import (
	"strings"
	"time"

	"ringback/agent/schedule"
	"ringback/agent/store"
)

// Reschedule is when an interaction's contact will be called again. It is armed
// until Done, then the callback goes there.
type Reschedule struct {
	At     time.Time `json:"at"`
	Zone   string    `json:"zone"`  // IANA name of the contact's zone
	Local  string    `json:"local"` // At on the contact's clock
	Number string    `json:"number"`
	Reason string    `json:"reason"`
	Scope  string    `json:"scope"` // personal: offered here again; team: given to the PBX
	Retry  bool      `json:"retry"` // armed by the phone, as callbacks.retry says
	// Untold: it is for the team, and nobody is there who could be told (callbacks.report_to).
	Untold bool `json:"untold,omitempty"`
}

// Whose a rescheduled callback is.
const (
	ScopePersonal = "personal"
	ScopeTeam     = "team"
)

// contactZone is the zone of an interaction's contact: its callback's, its
// record's, that of its number, the configured one, or the phone's own.
func (a *Agent) contactZone(in *interaction) *time.Location {
	for _, name := range []string{in.zone, in.found.known.Zone, a.cfg.Reschedule.Zone} {
		if zone := zoneNamed(name); zone != nil {
			return zone
		}
	}
	return time.Local
}

// actReschedule arms, changes or drops.
func (a *Agent) actReschedule(r *request) {
	if r.args.Drop {
		a.dropReschedule(r)
		return
	}
	next, refused := a.wished(r)
	if refused != nil {
		r.fail(refused)
		return
	}
	if refused := a.arm(r.in, next); refused != nil {
		r.fail(refused)
		return
	}
	r.ok(nil)
}

// Presets are the times that are offered to the agent with one press.
type Presets struct {
	Interaction InteractionID     `json:"interaction"`
	Zone        string            `json:"zone"` // the contact's
	Presets     []schedule.Preset `json:"presets"`
}

// actPresets says what the configured presets mean now, on the contact's clock.
func (a *Agent) actPresets(r *request) {
	in, refused := a.find("reschedule", r.args.Interaction)
	if refused != nil {
		r.fail(refused)
		return
	}
	zone := a.contactZone(in)
	r.done(Presets{Interaction: in.id, Zone: zone.String(), Presets: a.rules.Presets(a.cfg.Reschedule.Presets, a.wall(), zone)})
}

// arm makes a reschedule last and tells it.
func (a *Agent) arm(in *interaction, next *Reschedule) *ActionError {
	change := func(in *interaction) { in.armed = next }
	if refused := a.amend(in, "reschedule", change); refused != nil {
		return refused
	}
	e := Event{Type: InteractionRescheduled, Interaction: in.id, Target: next.Number, Text: next.Local, Reason: next.Scope}
	if next.Retry {
		e.Reason = "retry"
	}
	a.emit(e)
	return nil
}

func (a *Agent) dropReschedule(r *request) {
	in := r.in
	if a := r.args; a.At != "" || a.Zone != "" || a.Number != "" || a.Reason != "" || a.Personal {
		r.fail(refuse(CodeInvalid, "reschedule: drop goes with nothing else").hint("leave drop out, to call again at another time"))
		return
	}
	if in.armed == nil {
		r.fail(refuse(CodeNotFound, "reschedule: nothing is armed for %s", in.id).hint("arm it with --at"))
		return
	}
	if refused := a.amend(in, "reschedule-dropped", func(in *interaction) { in.armed = nil }); refused != nil {
		r.fail(refused)
		return
	}
	a.emit(Event{Type: InteractionRescheduled, Interaction: in.id, Reason: "dropped"})
	r.ok(nil)
}

// wished reads and checks what the agent asks for.
func (a *Agent) wished(r *request) (*Reschedule, *ActionError) {
	in := r.in
	if r.args.At == "" {
		return nil, refuse(CodeInvalid, "reschedule: at is missing").hint("write it like %s; or drop what is armed", schedule.Forms)
	}
	zone := a.contactZone(in)
	if name := r.args.Zone; name != "" {
		if zone = zoneNamed(name); zone == nil {
			return nil, refuse(CodeInvalid, "reschedule: zone %q is not known", name).hint("use an IANA name such as Asia/Tokyo")
		}
	}
	at, err := schedule.Read(r.args.At, a.wall(), zone)
	if err != nil {
		return nil, refuse(CodeInvalid, "reschedule: %v", err)
	}
	if err := a.rules.Check(at, a.wall(), zone); err != nil {
		return nil, refuse(CodeInvalid, "reschedule: %v", err)
	}
	number, refused := a.rescheduleNumber(in, r.args.Number)
	if refused != nil {
		return nil, refused
	}
	reasons := a.cfg.Reschedule.Reasons
	reason, known := oneOfTexts(r.args.Reason, reasons)
	if !known {
		return nil, refuse(CodeInvalid, "reschedule: reason %q is not known", r.args.Reason).hint("use one of %s", join(reasons))
	}
	next := newReschedule(at, zone, number, reason)
	if r.args.Personal {
		next.Scope = ScopePersonal
	}
	next.Untold = next.Scope == ScopeTeam && a.cfg.Callbacks.ReportTo == ""
	return next, nil
}

func newReschedule(at time.Time, zone *time.Location, number, reason string) *Reschedule {
	return &Reschedule{At: at.UTC().Truncate(time.Second), Zone: zone.String(), Local: at.In(zone).Format("2006-01-02 15:04 MST"),
		Number: number, Reason: reason, Scope: ScopeTeam}
}

func (a *Agent) rescheduleNumber(in *interaction, wished string) (string, *ActionError) {
	number := in.contact.Number
	if wished != "" {
		number = wished
	}
	if _, refused := a.target(number); refused != nil {
		return "", refused
	}
	return number, a.blocked(number)
}

// oneOfTexts finds a text in a list as people write it: case, blanks and hyphens do
// not count. An empty text, and any where the list is empty, is taken.
func oneOfTexts(text string, list []string) (string, bool) {
	text = cleanText(strings.TrimSpace(text))
	if text == "" || len(list) == 0 {
		return text, true
	}
	plain := func(s string) string {
		return strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(s))
	}
	for _, have := range list {
		if plain(have) == plain(text) {
			return have, true
		}
	}
	return "", false
}

// armRetry arms the next try by itself where the configuration asks for it, the
// last call did not reach the contact, and the agent has said nothing else. What it
// armed itself it takes back when the result is corrected.
func (a *Agent) armRetry(in *interaction) {
	if in.kind == KindCall || in.armed != nil && !in.armed.Retry {
		return
	}
	wait, again := a.cfg.Callbacks.retry().After(in.result, in.retries)
	if !again {
		if in.armed != nil {
			_ = a.amend(in, "retry-dropped", func(in *interaction) { in.armed = nil })
			a.emit(Event{Type: InteractionRescheduled, Interaction: in.id, Reason: "dropped"})
		}
		return
	}
	zone := a.contactZone(in)
	at, fits := a.rules.Fit(a.wall().Add(wait), a.wall(), zone)
	if !fits || a.blocked(in.contact.Number) != nil {
		return
	}
	next := newReschedule(at, zone, in.contact.Number, in.result)
	next.Scope, next.Retry = ScopePersonal, true
	if refused := a.arm(in, next); refused != nil {
		a.emit(Event{Type: ErrorHappened, Interaction: in.id, Text: "arm the next try: " + refused.Message})
	}
}

// settleCallback says where a callback goes when its interaction is done.
func (in *interaction) settleCallback() {
	switch {
	case in.armed == nil:
		in.place = store.CallbackDone
	case in.armed.Scope == ScopePersonal:
		in.place = store.CallbackScheduled
		if in.armed.Retry {
			in.retries++
		}
	default:
		in.place = store.CallbackHanded
	}
	if in.key == "" && in.armed == nil {
		in.place = ""
	}
}
