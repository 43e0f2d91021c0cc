package load

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ringback/media"
	"ringback/sip"
)

// The range of the histograms: 1 us to an hour at three digits.
const (
	least  = 1
	most   = int64(time.Hour / time.Microsecond)
	digits = 3
)

func newTimes() *hdrhistogram.Histogram { return hdrhistogram.New(least, most, digits) }

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(int64(d/time.Microsecond), 0), most)) // within its range by that
}

// tally is what one shard counts, and the sum of all. Histograms are of
// microseconds, of MOS in hundredths, and of loss in ten-thousandths.
type tally struct {
	began, answered, failed, ended, active int
	dropped, silent, sounded               int
	causes                                 map[string]int

	setup, answer, late, jitter *hdrhistogram.Histogram
	mos, wide, loss             *hdrhistogram.Histogram // mos of narrow-band calls, and wide of wide-band ones: two scales

	offers       int                                // callbacks that were offered to agents
	verbs        map[string]*hdrhistogram.Histogram // how long each took that was done, microseconds
	refusedVerbs map[string]int                     // those that were refused or failed, with why

	registered, refused int // users now, and users that were never registered
	went, cameBack      int // users that churn sent away, and those that were registered again
	refreshed, lapsed   int // refreshes that were granted, and bindings that held and were lost
	refusals            map[string]int

	inbound                                        int // calls that came to users
	taken, turnedAway, missed, inFailed, inboundUp int // of these: answered; refused as the plan says; given up before the answer; failed; up now
	inCauses                                       map[string]int

	register *hdrhistogram.Histogram // from asking, challenge included, until bound

	steps []*tally // of the calls that were due in each step of the plan; nil: none was
}

func newTally() *tally { return newTallyOf(digits) }

// stepDigits are those of a step's histograms: there may be many.
const stepDigits = 2

func newTallyOf(digits int) *tally {
	times := func() *hdrhistogram.Histogram { return hdrhistogram.New(least, most, digits) }
	return &tally{causes: map[string]int{}, refusals: map[string]int{}, inCauses: map[string]int{}, refusedVerbs: map[string]int{}, verbs: map[string]*hdrhistogram.Histogram{}, setup: times(), answer: times(), late: times(), jitter: times(), register: times(),
		mos: hdrhistogram.New(1, 500, digits), wide: hdrhistogram.New(1, 500, digits), loss: hdrhistogram.New(1, 10_000, digits)}
}

// step is the tally of one of the steps, from 0.
func (t *tally) step(i int) *tally {
	for len(t.steps) <= i {
		t.steps = append(t.steps, nil)
	}
	if t.steps[i] == nil {
		t.steps[i] = newTallyOf(stepDigits)
	}
	return t.steps[i]
}

// verb is the histogram of one of verbNames, made with the first that is asked for: most
// tests have no agents. nil: there is no such verb.
func (t *tally) verb(name string) *hdrhistogram.Histogram {
	if h := t.verbs[name]; h != nil || !slices.Contains(verbNames(), name) {
		return h
	}
	t.verbs[name] = hdrhistogram.New(least, most, 2)
	return t.verbs[name]
}

// fails counts a call that did not come up.
func (t *tally) fails(c sip.Cause) {
	t.failed++
	t.causes[causeText(c)]++
}

func causeText(c sip.Cause) string {
	if c.Code > 0 {
		return fmt.Sprintf("%d %s", c.Code, c.Reason)
	}
	return string(c.Kind)
}

// inboundFails counts a call that came and was to be answered, and failed.
func (t *tally) inboundFails(cause string) {
	t.inFailed++
	t.inCauses[cause]++
}

// hears counts what a call's media was like.
func (t *tally) hears(s media.Stats) {
	t.hearsCall(s.RxPackets, uint64(max(0, s.Expected)), uint64(max(0, s.Lost)), s.MOS, s.MOSScale, s.JitterMS)
}

// hearsCall is hears of the figures by themselves: packets that came, that were
// expected and that were lost. A MOS says nothing on the other scale (media.Stats), so
// that each has a distribution of its own.
func (t *tally) hearsCall(came, expected, lost uint64, mos float64, scale string, jitterMS float64) {
	t.sounded++
	if came == 0 {
		t.silent++
		return
	}
	scores := t.mos
	if scale == media.ScaleWide {
		scores = t.wide
	}
	_ = scores.RecordValue(min(max(int64(mos*100), 1), 500))
	record(t.jitter, time.Duration(jitterMS*float64(time.Millisecond)))
	share := 0.0
	if expected > 0 {
		share = float64(lost) / float64(expected)
	}
	_ = t.loss.RecordValue(min(int64(share*10_000), 10_000))
}

// value is a threshold's metric; false where nothing was counted that it is of.
func (t *tally) value(th *Threshold) (float64, bool) {
	times := map[string]*hdrhistogram.Histogram{"setup": t.setup, "answer": t.answer, "lateness": t.late, "jitter": t.jitter, "registration": t.register}
	if h, ok := times[th.metric]; ok {
		return float64(h.ValueAtQuantile(th.share)) / 1000, h.TotalCount() > 0
	}
	if h := t.verbs[th.metric]; h != nil {
		return float64(h.ValueAtQuantile(th.share)) / 1000, h.TotalCount() > 0
	}
	over := func(n, of int) (float64, bool) {
		if of == 0 {
			return 0, false
		}
		return 100 * float64(n) / float64(of), true
	}
	settled := t.answered + t.failed
	switch th.metric {
	case "mos":
		return lower(t.mos, t.wide, th.share)
	case "mos.narrowband":
		return lower(t.mos, nil, th.share)
	case "mos.wideband":
		return lower(t.wide, nil, th.share)
	case "loss":
		return float64(t.loss.ValueAtQuantile(th.share)) / 100, t.loss.TotalCount() > 0
	case "failures":
		return over(t.failed, settled)
	case "silent":
		return over(t.silent, t.sounded)
	case "dropped":
		return over(t.dropped, t.answered)
	case "inbound.failures":
		return over(t.inFailed, t.inbound)
	}
	n, ok := map[string]int{"failures.count": t.failed, "inbound": t.inbound, "inbound.answered": t.taken, "inbound.missed": t.missed, "inbound.failures.count": t.inFailed, "silent.count": t.silent, "dropped.count": t.dropped, "calls": t.began, "answered": t.answered,
		"registration.failures": t.refused, "returned": t.cameBack, "registration.lost": t.lapsed, "offers": t.offers, "completed": t.ended, "verbs.failures": sum(t.refusedVerbs)}[th.metric]
	return float64(n), ok
}

func sum(counts map[string]int) (n int) {
	for _, one := range counts {
		n += one
	}
	return n
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// lower is the lesser percentile of the distributions that have something, in MOS.
func lower(a, b *hdrhistogram.Histogram, share float64) (least float64, any bool) {
	for _, h := range []*hdrhistogram.Histogram{a, b} {
		if h == nil || h.TotalCount() == 0 {
			continue
		}
		if v := float64(h.ValueAtQuantile(share)) / 100; !any || v < least {
			least, any = v, true
		}
	}
	return least, any
}

// commonest are the causes, the most frequent first.
func commonest(causes map[string]int) []Cause {
	var all []Cause
	for _, text := range slices.Sorted(maps.Keys(causes)) {
		all = append(all, Cause{Text: text, Count: causes[text]})
	}
	slices.SortStableFunc(all, func(a, b Cause) int { return b.Count - a.Count })
	return all
}
