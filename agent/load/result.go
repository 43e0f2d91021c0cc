package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// ResultSchema is the version of a raw result. One of another version is refused.
const ResultSchema = "ringback.load-raw/1"

// Result is all that a run, or one generator's part of it, has counted so far: what
// reports are made of. It holds buckets and counters and never percentiles, so the
// results of several generators merge exactly to that of one.
type Result struct {
	Terms      Terms       // by which it is judged
	Generators []Generator // that counted, by their index
	Aborted    string      // why the run was ended early; empty: it was not
	Steered    []Change    // what somebody changed while it lasted
	Worst      []BadCall   // with Options.Worst
	tally      *tally
}

// Terms are what a plan says about its result.
type Terms struct {
	Plan       string        `json:"plan"` // digest of the plan: results of different plans do not merge
	For        time.Duration `json:"for"`  // nanoseconds, as Lateness
	Lateness   time.Duration `json:"lateness"`
	Thresholds []string      `json:"thresholds"`
	Steps      []StepPlan    `json:"steps,omitempty"`
	Kind       string        `json:"kind"` // KindOpen and its like
	thresholds []*Threshold  // read
}

// What a plan does.
const (
	KindOpen          = "open"          // so many calls a second
	KindClosed        = "closed"        // so many at a time
	KindAgents        = "agents"        // that take callbacks
	KindRegistrations = "registrations" // and no calls
)

// kind is that of a plan.
func (p *Plan) kind() string {
	switch {
	case p.Agents != nil:
		return KindAgents
	case p.Calls.PeakRate() > 0:
		return KindOpen
	case p.Calls.PeakConcurrency() > 0:
		return KindClosed
	}
	return KindRegistrations
}

// Generator is one of those that counted, and what belongs to it alone.
type Generator struct {
	Index      int       `json:"index"` // from 0
	Of         int       `json:"of"`
	Began      time.Time `json:"began"`       // its work
	Start      time.Time `json:"start"`       // of the calls; zero: they have not begun
	Made       time.Time `json:"made"`        // when the last call had begun; zero: not yet
	At         time.Time `json:"at"`          // of this result
	Registered int       `json:"registered"`  // users, when the last call had begun
	LeftCalls  int       `json:"left_calls"`  // that could not be ended
	LeftUsers  int       `json:"left_users"`  // that could not be unregistered
	Self       Self      `json:"self"`        // its own cost
	Untraced   uint64    `json:"untraced"`    // messages that it was too busy to keep: ladders have gaps
	Lateness   []Bucket  `json:"lateness_us"` // its own: one that is late spoils the run
	StepCPU    []float64 `json:"step_cpu_seconds,omitempty"`
	Lost       string    `json:"lost,omitempty"` // why it did not end its work
	LostCalls  int       `json:"lost_calls"`     // that were up when it was last heard
	LostUsers  int       `json:"lost_users"`     // that were registered then
}

// String is i/N, from 1.
func (g Generator) String() string { return Part{g.Index, g.Of}.String() }

// late is how late it was itself.
func (g Generator) late() *hdrhistogram.Histogram {
	h := newTimes()
	_ = fill(h, g.Lateness) // was looked at when it was read
	return h
}

// rawResult is a Result in a file.
type rawResult struct {
	Schema     string      `json:"schema"`
	Terms      Terms       `json:"terms"`
	Generators []Generator `json:"generators"`
	Aborted    string      `json:"aborted,omitempty"`
	Steered    []Change    `json:"steered,omitempty"`
	Worst      []BadCall   `json:"worst,omitempty"`
	Tally      *tally      `json:"tally"`
}

// MarshalJSON implements json.Marshaler.
func (r *Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(rawResult{ResultSchema, r.Terms, r.Generators, r.Aborted, r.Steered, r.Worst, r.tally})
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Result) UnmarshalJSON(text []byte) error {
	raw := rawResult{Tally: newTally()}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	if raw.Schema != ResultSchema {
		return fmt.Errorf("schema %q: this program reads %s", raw.Schema, ResultSchema)
	}
	if raw.Tally == nil || len(raw.Generators) == 0 {
		return errors.New("no tally or no generators: it is no result")
	}
	var err error
	if raw.Terms.thresholds, err = parseThresholds("thresholds", raw.Terms.Thresholds); err != nil {
		return err
	}
	if len(raw.Terms.Steps) > maxSteps {
		return fmt.Errorf("%d steps: there may be %d", len(raw.Terms.Steps), maxSteps)
	}
	for i := range raw.Terms.Steps {
		if err := raw.Terms.Steps[i].check(fmt.Sprintf("steps[%d]", i)); err != nil {
			return err
		}
	}
	for _, g := range raw.Generators {
		if g.Index < 0 || g.Index >= max(1, g.Of) {
			return fmt.Errorf("generator %d of %d: there is no such one", g.Index, g.Of)
		}
		if err := fill(newTimes(), g.Lateness); err != nil {
			return fmt.Errorf("generator %v: lateness: %w", g, err)
		}
	}
	*r = Result{raw.Terms, raw.Generators, raw.Aborted, raw.Steered, raw.Worst, raw.Tally}
	return nil
}

// maxResult bounds a raw result's file.
const maxResult = 256 << 20

// ReadResult reads a raw result, as json.Marshal writes it.
func ReadResult(from io.Reader) (*Result, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxResult+1))
	if err == nil && len(text) > maxResult {
		err = fmt.Errorf("is longer than %d bytes", maxResult)
	}
	r := &Result{}
	if err == nil {
		err = json.Unmarshal(text, r)
	}
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return r, nil
}

// Merge adds up the results of the parts of one run. The order does not matter.
// Errors name two that do not belong together, or one that is there twice.
func Merge(parts ...*Result) (*Result, error) {
	if len(parts) == 0 {
		return nil, errors.New("merge results: there are none")
	}
	parts = slices.SortedStableFunc(slices.Values(parts), func(a, b *Result) int { return a.Generators[0].Index - b.Generators[0].Index })
	all := &Result{Terms: parts[0].Terms, tally: newTally()}
	for _, p := range parts {
		if p.Terms.Plan != all.Terms.Plan {
			return nil, fmt.Errorf("merge results: %v is of another plan (%.12s) than %v (%.12s)", p.Generators[0], p.Terms.Plan, parts[0].Generators[0], all.Terms.Plan)
		}
		for _, g := range p.Generators {
			if g.Of != parts[0].Generators[0].Of {
				return nil, fmt.Errorf("merge results: generators %v and %v are of different runs", g, parts[0].Generators[0])
			}
			if slices.ContainsFunc(all.Generators, func(o Generator) bool { return o.Index == g.Index }) {
				return nil, fmt.Errorf("merge results: generator %v is there twice", g)
			}
			all.Generators = append(all.Generators, g)
		}
		if all.Aborted == "" {
			all.Aborted = p.Aborted
		}
		if all.Steered == nil {
			all.Steered = p.Steered // all are steered by one hand
		}
		all.Worst = append(all.Worst, p.Worst...)
		all.tally.add(p.tally)
	}
	all.Worst = worstOf(all.Worst)
	slices.SortFunc(all.Generators, func(a, b Generator) int { return a.Index - b.Index })
	return all, nil
}

// NoResult is that of a generator that counted nothing.
func NoResult(p *Plan, part Part) *Result {
	return &Result{Terms: p.terms(), Generators: []Generator{{Index: part.Index, Of: part.of()}}, tally: newTally()}
}

// KeepLadders is the result with the messages of its n first worst calls only.
func (r *Result) KeepLadders(n int) *Result {
	kept := *r
	kept.Worst = slices.Clone(r.Worst)
	for i := range kept.Worst {
		if b := &kept.Worst[i]; i >= n && b.ladder != nil {
			b.ladder = &callLadder{more: b.ladder.more + len(b.ladder.messages)}
		}
	}
	return &kept
}

// Lose makes this the last that was heard of a generator: the calls that were up and
// the users that were registered then are counted as lost.
func (r *Result) Lose(why string) {
	g := &r.Generators[0]
	g.Lost, g.LostCalls, g.LostUsers = why, r.tally.active, r.tally.registered
	r.tally.active, r.tally.registered = 0, 0
	if g.Made.IsZero() && !g.Start.IsZero() {
		g.Made = g.At // so far calls began
	}
}

func (p *Plan) terms() Terms {
	length := p.Calls.For
	if p.Agents != nil {
		length = p.Agents.For
	}
	return Terms{p.Digest(), length, p.Lateness, p.Thresholds, p.Calls.Steps, p.kind(), p.thresholds}
}

// Complete enters the generators of the run of which this result knows nothing as
// lost: without them it is not valid.
func (r *Result) Complete() *Result {
	of := r.Generators[0].Of
	for i := range of {
		if !slices.ContainsFunc(r.Generators, func(g Generator) bool { return g.Index == i }) {
			r.Generators = append(r.Generators, Generator{Index: i, Of: of, Lost: "its result is missing"})
		}
	}
	slices.SortFunc(r.Generators, func(a, b Generator) int { return a.Index - b.Index })
	return r
}

// Partial reports whether this is of some generators of a run only: thresholds are
// not judged then.
func (r *Result) Partial() bool { return len(r.Generators) < r.Generators[0].Of }

// span is from when to when calls began, and the whole run: of all generators
// together. Zero where nothing began.
func (r *Result) span() (start, made, began, at time.Time) {
	earlier := func(t *time.Time, o time.Time) {
		if !o.IsZero() && (t.IsZero() || o.Before(*t)) {
			*t = o
		}
	}
	later := func(t *time.Time, o time.Time) {
		if o.After(*t) {
			*t = o
		}
	}
	for _, g := range r.Generators {
		earlier(&start, g.Start)
		earlier(&began, g.Began)
		later(&made, g.Made)
		later(&at, g.At)
	}
	return start, made, began, at
}

// Snapshot is the result as whoever watches wants it.
func (r *Result) Snapshot() *Snapshot {
	start, _, _, at := r.span()
	return &Snapshot{result: r, tally: r.tally, at: at, start: start}
}

// AbortsOn is the line of abort_on that holds for a result and ends a run early, with
// the value; empty: none does.
func (p *Plan) AbortsOn(r *Result) string {
	for _, t := range p.abortOn {
		if v, counted := r.tally.value(t); counted && t.holds(v) {
			return fmt.Sprintf("%s: it is %s", t, render(t, v))
		}
	}
	return ""
}
