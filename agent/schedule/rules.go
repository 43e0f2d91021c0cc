package schedule

import (
	"fmt"
	"time"
)

// Rules are what an administrator allows.
type Rules struct {
	Hours   Hours // in the contact's zone
	MaxDays int   // days ahead at most; 0: no bound
}

// Check says why a contact in zone may not be called back at a time; nil when it
// may. The error names the time, the rule, and a time that would do.
func (r Rules) Check(at, now time.Time, zone *time.Location) error {
	local := at.In(zone)
	written := local.Format("Mon 2006-01-02 15:04 MST")
	if !at.After(now) {
		return fmt.Errorf("%s is over: it is %s there now", written, now.In(zone).Format("Mon 2006-01-02 15:04"))
	}
	if r.MaxDays > 0 && at.After(now.AddDate(0, 0, r.MaxDays)) {
		return fmt.Errorf("%s is more than %d days ahead: %s is the last time", written, r.MaxDays,
			now.AddDate(0, 0, r.MaxDays).In(zone).Format("Mon 2006-01-02 15:04"))
	}
	if r.Hours.Open(local) {
		return nil
	}
	if next, ok := r.Hours.Next(local); ok {
		return fmt.Errorf("%s is outside of the contact's calling hours (%s): the next time is %s", written, r.Hours,
			next.Format("Mon 2006-01-02 15:04"))
	}
	return fmt.Errorf("%s is outside of the contact's calling hours (%s)", written, r.Hours)
}

// Fit moves a time to the next one at which the contact in zone may be called;
// ok is false when the rules allow none.
func (r Rules) Fit(at, now time.Time, zone *time.Location) (fit time.Time, ok bool) {
	fit, ok = r.Hours.Next(at.In(zone))
	return fit, ok && r.Check(fit, now, zone) == nil
}

// localForm is how a time is shown to the agent.
const localForm = "2006-01-02 15:04 MST"

// Preset is a wish with a name.
type Preset struct {
	Name  string    `json:"name"`          // as configured: +15m, tomorrow 09:00
	At    time.Time `json:"at"`            // what it means now
	Local string    `json:"local"`         // the same on the contact's clock
	Why   string    `json:"why,omitempty"` // why it cannot be taken now; empty: it can
}

// Presets are the wishes as they stand now, in the order of their names.
func (r Rules) Presets(names []string, now time.Time, zone *time.Location) []Preset {
	list := make([]Preset, 0, len(names))
	for _, name := range names {
		p := Preset{Name: name}
		at, err := Read(name, now, zone)
		if err == nil {
			p.At, p.Local = at.UTC(), at.In(zone).Format(localForm)
			err = r.Check(at, now, zone)
		}
		if err != nil {
			p.Why = err.Error()
		}
		list = append(list, p)
	}
	return list
}
