package load

import (
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
)

// The rate of a run changes while it lasts, and it still ends when it would have.
func TestSteer_Rate(t *testing.T) {
	for _, row := range []struct {
		name, calls string
		steps       []float64 // one every 10 s, from the start on
		least, most int
	}{
		{"open", "rate: 10, for: 40s, talk: {mean: 1s}", []float64{1, 3, 0, 1}, 498, 502},
		{"open in its ramp", "rate: 10, for: 20s, ramp: 20s, talk: {mean: 1s}", []float64{2, 0}, 49, 51}, // 25 are due in its first half, at once
		{"concurrency", "concurrency: 4, for: 40s, talk: {mean: 1900ms}, think: {mean: 100ms}", []float64{1, 3, 0, 1}, 95, 110},
	} {
		t.Run(row.name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				far := respond(t, n, ResponderPlan{Media: MediaNone})
				p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], "+row.calls+"}\n")
				steer := NewSteer()
				began := time.Now()
				go func() {
					for _, times := range row.steps {
						if err := steer.SetRate(times); err != nil {
							t.Error(err)
						}
						time.Sleep(10 * time.Second)
					}
				}()
				host := n.Host(generatorIP)
				r, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 2, Steer: steer})
				if err != nil {
					t.Fatal(err)
				}
				if p := r.Report(); !p.OK || p.Began < row.least || p.Began > row.most || p.Lateness.P99 > 1 {
					t.Errorf("%+v", p)
				}
				if took := time.Since(began); took > p.Calls.For+3*time.Second {
					t.Errorf("it took %v", took)
				}
				far.Close()
			})
		})
	}
	if err := NewSteer().SetRate(11); err == nil {
		t.Error("eleven times the plan's rate is taken")
	}
}

// Finish lets the calls that are up come to their own end, and no other begin.
func TestSteer_Finish(t *testing.T) {
	for _, calls := range []string{"rate: 10", "concurrency: 20, think: {mean: 100ms}"} {
		story(t, func(t *testing.T, n *simnet.Net) {
			far := respond(t, n, ResponderPlan{Media: MediaNone})
			p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], "+calls+", for: 1h, talk: {mean: 5s}}\nthresholds: ['dropped == 0']\n")
			steer := NewSteer()
			began := time.Now()
			time.AfterFunc(9*time.Second, func() { _ = steer.SetRate(2) })
			time.AfterFunc(10*time.Second, steer.Finish)
			var cut int
			host := n.Host(generatorIP)
			r, err := Run(t.Context(), p, Options{Network: host, Media: host, Steer: steer, OnCall: func(c CallResult) {
				if c.Outcome != CallDone {
					cut++
				}
			}})
			if err != nil {
				t.Fatal(err)
			}
			report := r.Report()
			if took := time.Since(began); cut > 0 || !report.OK || took < 14*time.Second || took > 17*time.Second || far.Answers().Active != 0 {
				t.Errorf("%s: after %v, %d calls cut: %+v", calls, took, cut, report)
			}
			if s := report.Steered; len(s) != 2 || s[0].Rate != 2 || !s[1].Finished || s[1].At != 10 {
				t.Errorf("%s: what was changed by hand: %+v", calls, s)
			}
			far.Close()
		})
	}
}

// End ends a run early: as aborted with a reason, as interrupted without.
func TestSteer_End(t *testing.T) {
	for _, why := range []string{"", "enough"} {
		story(t, func(t *testing.T, n *simnet.Net) {
			far := respond(t, n, ResponderPlan{Media: MediaNone})
			p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 10, for: 1h, talk: {mean: 1h}}\n")
			steer := NewSteer()
			began := time.Now()
			time.AfterFunc(10*time.Second, func() { steer.End(why) })
			host := n.Host(generatorIP)
			r, err := Run(t.Context(), p, Options{Network: host, Media: host, Steer: steer})
			if err != nil {
				t.Fatal(err)
			}
			if r.Aborted != why || r.Report().OK || r.Report().Interrupted() != (why == "") || r.Report().LeftCalls != 0 || time.Since(began) > 12*time.Second {
				t.Errorf("after %v: %+v", time.Since(began), r.Report())
			}
			synctest.Wait()
			if far.Answers().Active != 0 {
				t.Errorf("the far end still has %+v", far.Answers())
			}
			far.Close()
		})
	}
}
