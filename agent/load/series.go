package load

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxSamples bounds a series: a longer run has coarser ones.
const maxSamples = 600

// Sample is one part of a run's time: what happened in it, not until then.
type Sample struct {
	At       float64 // seconds from the beginning of the run to its end
	Length   float64 // seconds
	Began    float64 // calls a second, as the next two
	Answered float64
	Failed   float64
	Up       int     // calls, at its end
	SetupP50 float64 // ms; NaN where no call rang, as the next two
	SetupP99 float64
	LateP99  float64 // ms, of the generators
	Cores    float64 // CPU of the generators per second
}

// Series is how a run went over time. The zero value is empty; any goroutine.
type Series struct {
	mu     sync.Mutex
	all    []Sample
	last   *tally
	setup  map[int64]int64 // buckets of the last
	late   map[int64]int64
	cpu    float64
	before time.Time
	start  time.Time
	every  time.Duration // at least between two samples
}

// Take takes a sample from how the run stands, once a second or whenever there is
// news; the same moment twice counts once.
func (s *Series) Take(now *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		_, _, s.start, _ = now.result.span()
		s.last, s.before = newTally(), s.start
	}
	length := now.at.Sub(s.before)
	if length < max(s.every, lookTime/10) {
		return
	}
	seconds := length.Seconds()
	setup, late := counts(now.tally.setup), counts(now.tally.late)
	cpu := 0.0
	for _, g := range now.result.Generators {
		cpu += g.Self.CPU
	}
	rate := func(n, before int) float64 { return max(0, float64(n-before)/seconds) }
	p := Sample{At: now.at.Sub(s.start).Seconds(), Length: seconds, Up: now.tally.active, Cores: max(0, (cpu-s.cpu)/seconds),
		Began: rate(now.tally.began, s.last.began), Answered: rate(now.tally.answered, s.last.answered), Failed: rate(now.tally.failed, s.last.failed)}
	added := difference(setup, s.setup)
	p.SetupP50, p.SetupP99 = quantile(added, 50), quantile(added, 99)
	p.LateP99 = quantile(difference(late, s.late), 99)
	s.all = append(s.all, p)
	s.last, s.setup, s.late, s.cpu, s.before = now.tally, setup, late, cpu, now.at
	if len(s.all) == maxSamples {
		s.halve()
	}
}

// halve makes one sample of each two.
func (s *Series) halve() {
	var all []Sample
	for i := 0; i+1 < len(s.all); i += 2 {
		a, b := s.all[i], s.all[i+1]
		length := a.Length + b.Length
		mean := func(x, y float64) float64 { return (x*a.Length + y*b.Length) / length }
		all = append(all, Sample{At: b.At, Length: length, Up: b.Up, Began: mean(a.Began, b.Began), Answered: mean(a.Answered, b.Answered),
			Failed: mean(a.Failed, b.Failed), Cores: mean(a.Cores, b.Cores),
			SetupP50: greater(a.SetupP50, b.SetupP50), SetupP99: greater(a.SetupP99, b.SetupP99), LateP99: greater(a.LateP99, b.LateP99)})
	}
	s.all, s.every = all, 2*max(s.every, lookTime)
}

// greater is the greater of two, of which each may be missing: a percentile of two
// samples is at most that.
func greater(a, b float64) float64 {
	if math.IsNaN(a) || b > a {
		return b
	}
	return a
}

// Samples are those until now, by their time.
func (s *Series) Samples() []Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Sample(nil), s.all...)
}

func counts(h *hdrhistogram.Histogram) map[int64]int64 {
	all := map[int64]int64{}
	for _, b := range buckets(h) {
		all[b[0]] = b[1]
	}
	return all
}

// difference is what was counted between two looks.
func difference(now, before map[int64]int64) *hdrhistogram.Histogram {
	h := newTimes()
	for value, n := range now {
		if n > before[value] {
			_ = h.RecordValues(value, n-before[value]) // was within the range there too
		}
	}
	return h
}

func quantile(h *hdrhistogram.Histogram, q float64) float64 {
	if h.TotalCount() == 0 {
		return math.NaN()
	}
	return float64(h.ValueAtQuantile(q)) / 1000
}
