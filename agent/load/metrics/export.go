package metrics

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"ringback/agent/load"
)

// maxCauses is how many causes of a kind are told by themselves; others are one.
const maxCauses = 50

// schema is the growth of a native histogram's buckets: 2^(1/2^schema), 2 %.
const schema = 5

// exporter is a prometheus.Collector of the newest snapshot. Any goroutine.
type exporter struct {
	rate func() float64 // times the plan's, that is wanted

	mu  sync.Mutex
	now *load.Snapshot // nil: none yet
}

func (e *exporter) take(s *load.Snapshot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = s
}

// Describe implements prometheus.Collector: what there is depends on the run.
func (e *exporter) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (e *exporter) Collect(to chan<- prometheus.Metric) {
	e.mu.Lock()
	now := e.now
	e.mu.Unlock()
	one := func(r row, value float64, labels prometheus.Labels) {
		kind := prometheus.CounterValue
		if r.gauge {
			kind = prometheus.GaugeValue
		}
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(prefix+r.name, r.help, nil, labels), kind, value)
	}
	one(row{"rate_ratio", "The rate, or the concurrency, that is wanted now, in times the plan's.", true}, e.rate(), nil)
	if now == nil {
		return
	}
	all := now.Result().Counted()
	for raw, n := range all.Counters {
		one(counterRow(raw), float64(n), nil)
	}
	for raw, counts := range all.Causes {
		for cause, n := range bounded(counts) {
			one(causeRow(raw), float64(n), prometheus.Labels{"cause": cause})
		}
	}
	for raw, d := range all.Distributions {
		if s, verb, known := distributionScale(raw); known {
			labels := prometheus.Labels{}
			if verb != "" {
				labels["verb"] = verb
			}
			to <- histogram(s, d, labels)
		}
	}
	generators(now, one)
}

// generators are what belongs to each generator, and the judgement so far.
func generators(now *load.Snapshot, one func(row, float64, prometheus.Labels)) {
	yes := map[bool]float64{true: 1}
	for _, g := range now.Result().Generators {
		labels := prometheus.Labels{"generator": g.String()}
		one(row{"generator_cpu_seconds_total", "CPU that the generator used itself.", false}, g.Self.CPU, labels)
		one(row{"generator_dropped_datagrams_total", "Datagrams that its own signalling sockets dropped.", false}, float64(g.Self.Dropped), labels)
		one(row{"generator_resent_messages_total", "SIP messages that it sent again; those of agents are not counted.", false}, float64(g.Self.Resent), labels)
		one(row{"generator_lost", "1: nothing comes of it any more before its time.", true}, yes[g.Lost != ""], labels)
	}
	standing := now.Standing()
	if standing.Step > 0 {
		one(row{"step", "The step of the plan that runs, from 1.", true}, float64(standing.Step), nil)
	}
	one(row{"valid", "1: no generator was late or dropped datagrams so far.", true}, yes[standing.Valid], nil)
	told := map[string]bool{}
	for _, t := range standing.Thresholds {
		if !told[t.Threshold] { // a plan may say a line twice
			one(row{"threshold_met", "1: the threshold holds so far.", true}, yes[t.OK], prometheus.Labels{"threshold": label(t.Threshold)})
			told[t.Threshold] = true
		}
	}
}

// bounded are the commonest causes as labels, and the others as one.
func bounded(counts map[string]int) map[string]int {
	texts := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	all := map[string]int{}
	for i, text := range texts {
		if i >= maxCauses {
			all["other"] += counts[text]
			continue
		}
		all[label(text)] += counts[text]
	}
	return all
}

// maxLabel bounds a label's value, in bytes.
const maxLabel = 120

// label is a text from the network as a label.
func label(text string) string { return load.Printable(text, maxLabel) }

// both is a native histogram that has classic buckets too.
type both struct {
	prometheus.Metric // native
	classic           []*dto.Bucket
}

// Write implements prometheus.Metric.
func (b both) Write(to *dto.Metric) error {
	if err := b.Metric.Write(to); err != nil {
		return err
	}
	to.Histogram.Bucket = b.classic
	return nil
}

// histogram makes one from the buckets of a run. The sum is exact to the width of
// these, 0.1 %.
func histogram(s scale, d []load.Bucket, labels prometheus.Labels) prometheus.Metric {
	var total, zero uint64
	sum := 0.0
	native, classic := map[int]int64{}, make([]uint64, len(s.bounds))
	for _, b := range d {
		value, n := float64(b[0])*s.unit, uint64(b[1])
		total += n
		sum += value * float64(n)
		for i := len(s.bounds) - 1; i >= 0 && value <= s.bounds[i]; i-- {
			classic[i] += n
		}
		if b[0] == 0 {
			zero += n
			continue
		}
		native[int(math.Ceil(math.Log2(value)*(1<<schema)))] += int64(n)
	}
	desc := prometheus.NewDesc(prefix+s.name, s.help, nil, labels)
	m, err := prometheus.NewConstNativeHistogram(desc, total, sum, native, nil, zero, schema, s.unit/2, time.Time{})
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	h := both{Metric: m}
	for i, bound := range s.bounds {
		h.classic = append(h.classic, &dto.Bucket{UpperBound: &bound, CumulativeCount: &classic[i]})
	}
	return h
}
