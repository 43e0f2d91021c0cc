package load

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// StepPlan is one of several levels that follow each other: as many calls a second, or
// as many at a time, for a while. One with neither is a pause.
type StepPlan struct {
	Rate        float64       `yaml:"rate" json:"rate,omitempty"`               // calls a second, whatever becomes of those before
	Concurrency int           `yaml:"concurrency" json:"concurrency,omitempty"` // in place of Rate: so many at a time; those too many come to their own end
	Ramp        time.Duration `yaml:"ramp" json:"ramp,omitempty"`               // of For: from the step before, or from nothing, in a straight line
	For         time.Duration `yaml:"for" json:"for"`                           // in which calls of this step begin, ramp included
	Thresholds  []string      `yaml:"thresholds" json:"thresholds,omitempty"`   // of the calls that were due in this step
	thresholds  []*Threshold  // read
}

// maxSteps bounds the steps of a plan: each has histograms of its own.
const maxSteps = 50

// Levels are the steps of a plan; one without steps is one level, and one without calls
// a pause.
func (c CallsPlan) Levels() []StepPlan {
	if len(c.Steps) > 0 {
		return c.Steps
	}
	return []StepPlan{{Rate: c.Rate, Concurrency: c.Concurrency, Ramp: c.Ramp, For: c.For}}
}

// PeakRate is the highest rate of an open plan, calls a second; 0: it is none.
func (c CallsPlan) PeakRate() float64 {
	peak := 0.0
	for _, s := range c.Levels() {
		peak = max(peak, s.Rate)
	}
	return peak
}

// PeakConcurrency is the most calls at a time that a closed plan wants; 0: it is none.
func (c CallsPlan) PeakConcurrency() int {
	peak := 0
	for _, s := range c.Levels() {
		peak = max(peak, s.Concurrency)
	}
	return peak
}

// At is the step, from 0, that a time after the start belongs to, and the rate or the
// concurrency that it wants then; after the end the last one, which wants none any more.
func (c CallsPlan) At(at time.Duration) (step int, rate float64, concurrency int) {
	all := profileOf(c.Levels())
	step = all.step(at)
	if s := all[step]; at < all.length() {
		rate, concurrency = s.rate(at-s.begins), s.places(at-s.begins)
	}
	return step, rate, concurrency
}

// stretch is a step with what was before it.
type stretch struct {
	StepPlan
	begins time.Duration // after the start of the calls
	from   StepPlan      // the step before; zero: none
	due    float64       // calls that were due until it begins, of an open plan
}

// rate is the calls a second at a time after it begins.
func (s stretch) rate(at time.Duration) float64 {
	if at >= s.Ramp {
		return s.Rate
	}
	return s.from.Rate + (s.Rate-s.from.Rate)*at.Seconds()/s.Ramp.Seconds()
}

// places are the calls at a time. In a ramp one comes, or goes, after the other: the
// first at once.
func (s stretch) places(at time.Duration) int {
	steps := s.Concurrency - s.from.Concurrency
	if at >= s.Ramp || steps == 0 {
		return s.Concurrency
	}
	size := max(steps, -steps)
	moved := min(size, 1+int(int64(size)*int64(at)/int64(s.Ramp)))
	if steps < 0 {
		moved = -moved
	}
	return s.from.Concurrency + moved
}

// dueBy is how many calls are due until a time after it begins.
func (s stretch) dueBy(at time.Duration) float64 {
	ramp := min(at, s.Ramp)
	return (s.from.Rate+s.rate(ramp))/2*ramp.Seconds() + s.Rate*(at-ramp).Seconds()
}

// comes is the time after its beginning at which x calls are due.
func (s stretch) comes(x float64) time.Duration {
	if x <= 0 {
		return 0
	}
	inRamp := s.dueBy(s.Ramp)
	if x >= inRamp {
		return s.Ramp + time.Duration((x-inRamp)/s.Rate*float64(time.Second))
	}
	// x = from*t + (to-from)/(2*ramp)*t*t, solved so that nothing is divided by the difference, which may be 0.
	steeper := (s.Rate - s.from.Rate) / s.Ramp.Seconds()
	root := math.Sqrt(max(0, s.from.Rate*s.from.Rate+2*steeper*x))
	return time.Duration(2 * x / (s.from.Rate + root) * float64(time.Second))
}

// profile is the steps of a plan, one after the other.
type profile []stretch

func profileOf(steps []StepPlan) profile {
	var all profile
	next := stretch{}
	for _, s := range steps {
		next.StepPlan = s
		all = append(all, next)
		next = stretch{begins: next.begins + s.For, from: s, due: next.due + next.dueBy(s.For)}
	}
	return all
}

// length is how long all steps take.
func (p profile) length() time.Duration {
	last := p[len(p)-1]
	return last.begins + last.For
}

// step is which one a time belongs to, from 0; what is outside belongs to the nearest.
func (p profile) step(at time.Duration) int {
	i, found := slices.BinarySearchFunc(p, at, func(s stretch, at time.Duration) int { return cmp.Compare(s.begins, at) })
	if found {
		return i
	}
	return max(0, i-1)
}

// dueBy is how many calls are due until a time after the start.
func (p profile) dueBy(at time.Duration) float64 {
	s := p[p.step(at)]
	return s.due + s.dueBy(min(max(0, at-s.begins), s.For))
}

// comes is the time after the start at which x calls are due; false: never.
func (p profile) comes(x float64) (time.Duration, bool) {
	for _, s := range p {
		if x < s.due+s.dueBy(s.For) {
			return s.begins + s.comes(max(0, x-s.due)), true
		}
	}
	return 0, false
}

// places are the calls at a time that are wanted at a time after the start, and when that
// changes next; the length of all: never.
func (p profile) places(at time.Duration) (n int, until time.Duration) {
	i := p.step(at)
	s := p[i]
	inside := at - s.begins
	n = s.places(inside)
	size := int64(max(s.Concurrency-s.from.Concurrency, s.from.Concurrency-s.Concurrency))
	if n == s.Concurrency {
		return n, s.begins + s.For
	}
	// The next of the ramp's places comes with the first moment that its quotient has.
	next := int64(inside)*size/int64(s.Ramp) + 1
	return n, s.begins + time.Duration((next*int64(s.Ramp)+size-1)/size)
}

// stepMetrics are what a step counts.
func stepMetrics() []string {
	return []string{"setup", "answer", "lateness", "mos", "mos.narrowband", "mos.wideband", "jitter", "loss", "failures", "silent", "calls", "answered", "dropped", "completed"}
}

// checkSteps looks at the steps of a plan, and reads their thresholds.
func (p *Plan) checkSteps() error {
	c := &p.Calls
	if len(c.Steps) == 0 {
		return nil
	}
	if c.Rate != 0 || c.Concurrency != 0 || c.Ramp != 0 {
		return wrong("calls.steps", fmt.Sprintf("%d steps beside rate, concurrency or ramp", len(c.Steps)), "write these in the steps")
	}
	if len(c.Steps) > maxSteps {
		return wrong("calls.steps", fmt.Sprintf("%d steps", len(c.Steps)), fmt.Sprintf("write at most %d", maxSteps))
	}
	c.For = 0
	for i := range c.Steps {
		if err := c.Steps[i].check(fmt.Sprintf("calls.steps[%d]", i)); err != nil {
			return err
		}
		c.For += c.Steps[i].For
	}
	switch rate, places := c.PeakRate(), c.PeakConcurrency(); {
	case rate > 0 && places > 0:
		return wrong("calls.steps", "rates and concurrencies", "write steps of one kind")
	case rate == 0 && places == 0:
		return wrong("calls.steps", "pauses only", "write a rate or a concurrency in one of them")
	case c.For > maxTime:
		return wrong("calls.steps", c.For, fmt.Sprintf("write at most %v in all", maxTime))
	}
	return nil
}

// check looks at one step, which stands at a field, and reads its thresholds.
func (s *StepPlan) check(field string) error {
	switch {
	case !(s.Rate >= 0 && s.Rate <= maxRate):
		return wrong(field+".rate", s.Rate, fmt.Sprintf("write calls a second, up to %d", maxRate))
	case s.Concurrency < 0 || s.Concurrency > maxCalls:
		return wrong(field+".concurrency", s.Concurrency, fmt.Sprintf("write 1 to %d", maxCalls))
	case s.Rate > 0 && s.Concurrency > 0:
		return wrong(field+".concurrency", s.Concurrency, "write a rate or a concurrency, not both")
	case s.For < time.Millisecond || s.For > maxTime:
		return wrong(field+".for", s.For, fmt.Sprintf("write %v to %v", time.Millisecond, maxTime))
	case s.Ramp < 0 || s.Ramp > s.For:
		return wrong(field+".ramp", s.Ramp, "write at most the step's for, which it is a part of")
	}
	var err error
	if s.thresholds, err = parseThresholds(field+".thresholds", s.Thresholds); err != nil {
		return err
	}
	for i, t := range s.thresholds {
		if name := strings.TrimSuffix(t.metric, ".count"); !slices.Contains(stepMetrics(), name) {
			return &fieldError{fmt.Sprintf("%s.thresholds[%d]", field, i), t.text, fmt.Sprintf("%s.thresholds: %s: %s is counted for the whole run only: write the line under thresholds, or one of %s",
				field, t, name, strings.Join(stepMetrics(), ", "))}
		}
	}
	return nil
}
