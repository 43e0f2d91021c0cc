package load

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// counters are all numbers that a tally counts, by the name that they have in a raw
// result. What is not in one of the three tables is neither merged nor kept: a test
// looks after it.
func (t *tally) counters() map[string]*int {
	return map[string]*int{
		"began": &t.began, "answered": &t.answered, "failed": &t.failed, "ended": &t.ended, "active": &t.active,
		"dropped": &t.dropped, "silent": &t.silent, "sounded": &t.sounded, "registered": &t.registered, "not_registered": &t.refused,
		"refreshed": &t.refreshed, "registrations_lost": &t.lapsed,
		"inbound": &t.inbound, "inbound_answered": &t.taken, "inbound_refused": &t.turnedAway, "inbound_missed": &t.missed, "inbound_failed": &t.inFailed, "inbound_up": &t.inboundUp,
		"offers": &t.offers, "went": &t.went, "came_back": &t.cameBack,
	}
}

// reasons are all that is counted by a text.
func (t *tally) reasons() map[string]map[string]int {
	return map[string]map[string]int{"calls": t.causes, "registrations": t.refusals, "verbs": t.refusedVerbs, "inbound": t.inCauses}
}

// histograms are all distributions.
func (t *tally) histograms() map[string]*hdrhistogram.Histogram {
	all := map[string]*hdrhistogram.Histogram{
		"setup_us": t.setup, "answer_us": t.answer, "lateness_us": t.late, "jitter_us": t.jitter, "registration_us": t.register, "mos_hundredths": t.mos, "mos_wideband_hundredths": t.wide, "loss_ten_thousandths": t.loss,
	}
	for name, h := range t.verbs {
		all[verbPrefix+name+verbUnit] = h
	}
	return all
}

// How the histogram of a verb is called.
const verbPrefix, verbUnit = "verb_", "_us"

// add merges another tally exactly: histograms by their buckets, not averages.
func (t *tally) add(o *tally) {
	mine := t.counters()
	for name, n := range o.counters() {
		*mine[name] += *n
	}
	texts := t.reasons()
	for name, counts := range o.reasons() {
		for text, n := range counts {
			texts[name][text] += n
		}
	}
	for name := range o.verbs {
		t.verb(name)
	}
	all := t.histograms()
	for name, h := range o.histograms() {
		all[name].Merge(h) // drops nothing: both have the same range
	}
	for i, one := range o.steps {
		if one != nil {
			t.step(i).add(one)
		}
	}
}

// Bucket is a value, the lowest of its bucket, and how often it was counted.
type Bucket [2]int64

// Counted is all that a result counts, by the names that it has in its file: those of
// distributions end with their unit (_us are microseconds).
type Counted struct {
	Counters      map[string]int
	Causes        map[string]map[string]int // how often, by kind and text
	Distributions map[string][]Bucket
}

// Counted is what was counted, for whoever shows it elsewhere. It is not to be changed.
func (r *Result) Counted() Counted {
	c := Counted{map[string]int{}, r.tally.reasons(), map[string][]Bucket{}}
	for name, n := range r.tally.counters() {
		c.Counters[name] = *n
	}
	for name, h := range r.tally.histograms() {
		c.Distributions[name] = buckets(h)
	}
	return c
}

// buckets are those that are not empty, from the lowest.
func buckets(h *hdrhistogram.Histogram) []Bucket {
	all := []Bucket{}
	for _, bar := range h.Distribution() {
		if bar.Count > 0 {
			all = append(all, Bucket{bar.From, bar.Count})
		}
	}
	return all
}

// fill counts buckets into h; errors name what is out of its range.
func fill(h *hdrhistogram.Histogram, all []Bucket) error {
	for _, b := range all {
		if b[0] < 0 || b[1] < 1 || h.RecordValues(b[0], b[1]) != nil {
			return fmt.Errorf("bucket %v: a value of 0 to %d and a count above 0 belong there", b, h.HighestTrackableValue())
		}
	}
	return nil
}

// rawTally is a tally in a file.
type rawTally struct {
	Counters   map[string]int            `json:"counters"`
	Causes     map[string]map[string]int `json:"causes"`
	Histograms map[string][]Bucket       `json:"histograms"`
	Steps      []*rawTally               `json:"steps,omitempty"` // null: no call was due in it
}

// MarshalJSON implements json.Marshaler.
func (t *tally) MarshalJSON() ([]byte, error) { return json.Marshal(t.raw()) }

func (t *tally) raw() *rawTally {
	raw := &rawTally{map[string]int{}, t.reasons(), map[string][]Bucket{}, nil}
	for name, n := range t.counters() {
		raw.Counters[name] = *n
	}
	for name, h := range t.histograms() {
		raw.Histograms[name] = buckets(h)
	}
	for _, one := range t.steps {
		var step *rawTally
		if one != nil {
			step = one.raw()
		}
		raw.Steps = append(raw.Steps, step)
	}
	return raw
}

// UnmarshalJSON implements json.Unmarshaler. What it does not know is an error: a
// result with something left out would be no result.
func (t *tally) UnmarshalJSON(text []byte) error {
	var raw rawTally
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	*t = *newTally()
	if len(raw.Steps) > maxSteps {
		return fmt.Errorf("%d steps: there may be %d", len(raw.Steps), maxSteps)
	}
	for i, step := range raw.Steps {
		if step == nil {
			continue
		}
		if len(step.Steps) > 0 {
			return fmt.Errorf("step %d: has steps itself", i+1)
		}
		if err := t.step(i).read(step); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return t.read(&raw)
}

// read counts what is in a file, but for its steps.
func (t *tally) read(raw *rawTally) error {
	for name := range raw.Histograms {
		if verb, is := strings.CutPrefix(name, verbPrefix); is {
			t.verb(strings.TrimSuffix(verb, verbUnit))
		}
	}
	counters, reasons, histograms := t.counters(), t.reasons(), t.histograms()
	for _, name := range slices.Sorted(maps.Keys(raw.Counters)) {
		if counters[name] == nil || raw.Counters[name] < 0 {
			return fmt.Errorf("counter %s: %d: not known here, or below 0", name, raw.Counters[name])
		}
		*counters[name] = raw.Counters[name]
	}
	for _, name := range slices.Sorted(maps.Keys(raw.Causes)) {
		if reasons[name] == nil {
			return fmt.Errorf("causes of %s: not known here", name)
		}
		for text, n := range raw.Causes[name] {
			if n < 0 {
				return fmt.Errorf("causes of %s: %q: %d is below 0", name, text, n)
			}
			reasons[name][text] = n
		}
	}
	for _, name := range slices.Sorted(maps.Keys(raw.Histograms)) {
		if histograms[name] == nil {
			return fmt.Errorf("histogram %s: not known here", name)
		}
		if err := fill(histograms[name], raw.Histograms[name]); err != nil {
			return fmt.Errorf("histogram %s: %w", name, err)
		}
	}
	return nil
}
