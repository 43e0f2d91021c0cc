package load

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringback/internal/simnet"
)

func TestSteps_Due(t *testing.T) {
	p := profileOf([]StepPlan{
		{Rate: 10, For: 10 * time.Second},
		{Rate: 50, Ramp: 4 * time.Second, For: 10 * time.Second}, // 120 in its ramp, 300 after it
		{For: 5 * time.Second},
		{Rate: 20, For: 5 * time.Second},
		{Rate: 0, Ramp: 2 * time.Second, For: 2 * time.Second},
	})
	for _, row := range []struct {
		n    float64
		want time.Duration
		step int
	}{{0, 0, 0}, {99, 9900 * time.Millisecond, 0}, {100, 10 * time.Second, 1}, {140, 12 * time.Second, 1}, {220, 14 * time.Second, 1}, {270, 15 * time.Second, 1},
		{520, 25 * time.Second, 3}, {619, 29950 * time.Millisecond, 3}, {635, 31 * time.Second, 4}} {
		at, comes := p.comes(row.n)
		if !comes || at != row.want || p.step(at) != row.step {
			t.Errorf("call %v at %v (%v) in step %d, want %v in %d", row.n, at, comes, p.step(at), row.want, row.step)
		}
	}
	if at, comes := p.comes(640); comes {
		t.Errorf("call 640 of 640 comes at %v", at)
	}
	if p.length() != 32*time.Second {
		t.Errorf("it takes %v", p.length())
	}
}

// aSteps draws steps of one kind.
func aSteps(t *rapid.T, closed bool) []StepPlan {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) StepPlan {
		s := StepPlan{For: time.Duration(rapid.IntRange(1, 20_000).Draw(t, "for")) * time.Millisecond}
		s.Ramp = time.Duration(rapid.Int64Range(0, int64(s.For)).Draw(t, "ramp"))
		if closed {
			s.Concurrency = rapid.IntRange(0, 300).Draw(t, "concurrency")
		} else {
			s.Rate = rapid.Float64Range(0, 500).Draw(t, "rate")
		}
		return s
	}), 1, 6).Draw(t, "steps")
}

// A call comes when as many are due, none before the one in front of it.
func TestSteps_DueIsTheRateSummedUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := profileOf(aSteps(t, false))
		before, all := time.Duration(0), p.dueBy(p.length())
		for n := 0.0; n < min(all-1e-6, 3000); n++ {
			at, comes := p.comes(n)
			if !comes || at < before || at > p.length() {
				t.Fatalf("call %v of %v at %v (%v), after one at %v", n, all, at, comes, before)
			}
			if due := p.dueBy(at); math.Abs(due-n) > 1e-3 {
				t.Fatalf("call %v comes at %v, when %v are due", n, at, due)
			}
			before = at
		}
		if _, comes := p.comes(all + 1e-6); comes {
			t.Fatalf("more than %v calls come", all)
		}
	})
}

// The places change when they are said to, by one in a ramp, and end at each step's own.
func TestSteps_Places(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := aSteps(t, true)
		p := profileOf(steps)
		for at := time.Duration(0); at < p.length(); {
			n, until := p.places(at)
			if until <= at {
				t.Fatalf("at %v nothing changes until %v", at, until)
			}
			if last, _ := p.places(until - 1); last != n {
				t.Fatalf("%d at %v, and %d at %v before the change at %v", n, at, last, until-1, until)
			}
			if i := p.step(at); until == p.length() || p.step(until) != i {
				if want := steps[i].Concurrency; n != want {
					t.Fatalf("step %d ends with %d places, wants %d", i+1, n, want)
				}
			} else if next, _ := p.places(until); next-n != 1 && n-next != 1 && steps[i].Ramp >= time.Millisecond {
				t.Fatalf("in the ramp of step %d from %d to %d at %v", i+1, n, next, until)
			}
			at = until
		}
	})
}

const stepped = `
  steps:
    - {rate: 10, for: 10s}
    - {rate: 40, ramp: 2s, for: 10s, thresholds: ["p99(setup) < 500ms", "failures < 1%"]}
    - {for: 5s}
    - {rate: 4, for: 5s, thresholds: ["calls == 20"]}
`

// Each call counts in the step in which it was due, by whichever generator, and in all.
func TestLoad_Steps(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"calls:\n  to: ['sip:601@192.0.2.20']\n  talk: {mean: 3s}"+stepped)
		var parts []*Result
		for i := range 2 {
			host := n.Host(generatorIP)
			r, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 2, Part: Part{i, 2}})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			read, err := ReadResult(strings.NewReader(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, read)
		}
		all, err := Merge(parts...)
		if err != nil {
			t.Fatal(err)
		}
		r := all.Report()
		if len(r.Steps) != 4 || !r.OK || r.Kind != KindOpen || !r.Corrected {
			t.Fatalf("%+v", r)
		}
		for i, want := range []int{100, 370, 0, 20} {
			s := r.Steps[i]
			if s.Step != i+1 || s.Began != want || s.Answered != want || s.Failed != 0 || s.Setup.Count != int64(want) || !s.OK || s.Late {
				t.Errorf("step %d: %+v", i+1, s)
			}
		}
		if r.Began != 490 || r.Steps[3].At != 25 || r.Steps[1].Causes != nil {
			t.Errorf("%d calls in all: %+v", r.Began, r.Steps)
		}
		if got := r.Thresholds[0].String(); len(r.Thresholds) != 3 || !strings.HasPrefix(got, "step 2: p99(setup) < 500ms: it is ") {
			t.Errorf("%q", r.Thresholds)
		}
		far.Close()
	})
}

// A step whose calls fail says so, and no other one does.
func TestLoad_StepThatFails(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		time.AfterFunc(11*time.Second, far.Close)
		p := plan(t, users+"calls:\n  to: ['sip:601@192.0.2.20']\n  ring: 1s\n  talk: {mean: 100ms}\n  steps: [{rate: 5, for: 10s, thresholds: [failures == 0]}, {rate: 5, for: 10s, thresholds: [failures == 0]}]\n")
		r := run(t.Context(), t, n, p, nil)
		if len(r.Steps) != 2 || !r.Steps[0].OK || r.Steps[1].OK || r.Steps[0].Failed != 0 || r.Steps[1].Failed < 20 || r.OK || len(r.Why) != 1 || !strings.HasPrefix(r.Why[0], "step 2: failures == 0: it is ") {
			t.Errorf("%q: %+v", r.Why, r.Steps)
		}
	})
}

// As many are up as the step wants; a lower one cuts nobody off.
func TestLoad_StepsOfConcurrency(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"calls:\n  to: ['sip:601@192.0.2.20']\n  talk: {mean: 1870ms}\n  steps: [{concurrency: 4, for: 20s}, {concurrency: 20, ramp: 8s, for: 20s}, {concurrency: 2, for: 20s}, {for: 10s}]\nthresholds: ['dropped == 0']\n")
		began := time.Now()
		up := map[int]int{}
		cut := 0
		host := n.Host(generatorIP)
		res, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 2, OnProgress: func(s *Snapshot) { up[int(time.Since(began).Seconds()+0.5)] = s.tally.active }, OnCall: func(c CallResult) {
			if c.Outcome != CallDone {
				cut++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range map[int]int{10: 4, 19: 4, 24: 13, 35: 20, 39: 20, 45: 2, 59: 2, 65: 0} {
			if got := up[at]; got < want-want/4-1 || got > want {
				t.Errorf("after %d s %d are up, want %d", at, got, want)
			}
		}
		r := res.Report()
		if cut > 0 || !r.OK || r.Corrected || r.Kind != KindClosed || len(r.Steps) != 4 || r.Steps[3].Began != 0 || r.Steps[0].Began < 40 || r.Steps[0].Began > 45 || r.Steps[2].Began > 24 {
			t.Errorf("%d cut: %+v", cut, r)
		}
		far.Close()
	})
}

// By hand a step is so many times what it is; the next one comes in its own time.
func TestSteer_TurnsEachStep(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"calls:\n  to: ['sip:601@192.0.2.20']\n  talk: {mean: 1s}\n  steps: [{rate: 5, for: 10s}, {rate: 10, for: 10s}]\n")
		steer := NewSteer()
		if err := steer.SetRate(3); err != nil {
			t.Fatal(err)
		}
		host := n.Host(generatorIP)
		res, err := Run(t.Context(), p, Options{Network: host, Media: host, Steer: steer})
		if err != nil {
			t.Fatal(err)
		}
		r := res.Report()
		if len(r.Steps) != 2 || r.Steps[0].Began != 150 || r.Steps[1].Began != 300 {
			t.Errorf("%+v", r.Steps)
		}
		far.Close()
	})
}
