package load

import "fmt"

// StepReport is what came of one step of a plan: of the calls that were due in it,
// whenever they ended.
type StepReport struct {
	Step        int     `json:"step"`                  // from 1
	At          float64 `json:"at_seconds"`            // after the start
	For         float64 `json:"for_seconds"`           // by the plan, its ramp included
	Ramp        float64 `json:"ramp_seconds"`          // of For
	Wanted      float64 `json:"rate,omitempty"`        // calls a second, after the ramp
	Concurrency int     `json:"concurrency,omitempty"` // calls at a time, after the ramp

	Began    int     `json:"began"`
	Rate     float64 `json:"began_per_second"` // while the step lasted
	Answered int     `json:"answered"`
	Failed   int     `json:"failed"`
	Dropped  int     `json:"dropped"`
	Causes   []Cause `json:"causes"`

	Setup    Times `json:"setup_ms"`
	Answer   Times `json:"answer_ms"`
	Lateness Times `json:"lateness_ms"` // of the generator

	Sounded int    `json:"sounded"`
	Silent  int    `json:"silent"`
	MOS     Scores `json:"mos"`
	Wide    Scores `json:"mos_wideband"`
	Loss    Scores `json:"loss_percent"`

	Cores float64 `json:"cores"` // CPU of all generators per second, while the step lasted
	Late  bool    `json:"late"`  // the generator was later than the plan allows: it may have been the limit, and not the PBX
	OK    bool    `json:"ok"`    // its thresholds hold, as far as it has come
}

// steps are those that have begun. Percentiles are those of histograms with two digits.
func (r *Result) steps() []StepReport {
	var all []StepReport
	start, made, _, at := r.span()
	if !made.IsZero() && made.Before(at) {
		at = made
	}
	ran := at.Sub(start)
	for i, s := range profileOf(r.Terms.Steps) {
		if start.IsZero() || ran <= s.begins {
			break
		}
		t := r.tally.ofStep(i)
		lasted := min(ran-s.begins, s.For).Seconds()
		one := StepReport{Step: i + 1, At: s.begins.Seconds(), For: s.For.Seconds(), Ramp: s.Ramp.Seconds(), Wanted: s.Rate, Concurrency: s.Concurrency,
			Began: t.began, Rate: float64(t.began) / lasted, Answered: t.answered, Failed: t.failed, Dropped: t.dropped, Causes: commonest(t.causes),
			Setup: timesOf(t.setup), Answer: timesOf(t.answer), Lateness: timesOf(t.late),
			Sounded: t.sounded, Silent: t.silent, MOS: scoresOf(t.mos), Wide: scoresOf(t.wide), Loss: scoresOf(t.loss)}
		for _, g := range r.Generators {
			if i < len(g.StepCPU) {
				one.Cores += g.StepCPU[i] / lasted
			}
		}
		one.Late = one.Lateness.P99 > float64(r.Terms.Lateness.Microseconds())/1000
		one.OK = true
		for _, th := range s.thresholds {
			one.OK = one.OK && t.verdict(th).OK
		}
		all = append(all, one)
	}
	return all
}

// ofStep is the tally of a step, an empty one where no call was due in it.
func (t *tally) ofStep(i int) *tally {
	if i < len(t.steps) && t.steps[i] != nil {
		return t.steps[i]
	}
	return newTallyOf(stepDigits)
}

// Level is what the step wants, in words.
func (s StepReport) Level() string {
	text := "nobody"
	switch {
	case s.Wanted > 0:
		text = fmt.Sprintf("%g/s", s.Wanted)
	case s.Concurrency > 0:
		text = fmt.Sprintf("%d at a time", s.Concurrency)
	}
	if s.Ramp > 0 {
		text += fmt.Sprintf(", over %g s", s.Ramp)
	}
	return text
}

// Score is the MOS at p5, of the worse of the two scales; a dash: none was measured.
func (s StepReport) Score() string {
	switch {
	case s.MOS.Count > 0 && (s.Wide.Count == 0 || s.MOS.P5 <= s.Wide.P5):
		return fmt.Sprintf("%.2f", s.MOS.P5)
	case s.Wide.Count > 0:
		return fmt.Sprintf("%.2f wide", s.Wide.P5)
	}
	return "-"
}

// String is the step and what came of it, in a line.
func (s StepReport) String() string { return fmt.Sprintf("step %d %s", s.Step, s.Outcome()) }

// Outcome is what the step wanted and what came of it.
func (s StepReport) Outcome() string {
	text := fmt.Sprintf("(%s): %d began at %.1f/s, %d answered, %d failed, %d dropped", s.Level(), s.Began, s.Rate, s.Answered, s.Failed, s.Dropped)
	if s.Setup.Count > 0 {
		text += fmt.Sprintf(", setup p50 %.1f ms p99 %.1f ms", s.Setup.P50, s.Setup.P99)
	}
	if s.Answer.Count > 0 {
		text += fmt.Sprintf(", answer p99 %.1f ms", s.Answer.P99)
	}
	if s.Sounded > 0 {
		text += fmt.Sprintf(", MOS p5 %s, %d silent", s.Score(), s.Silent)
	}
	text += fmt.Sprintf(", late p99 %.1f ms, %.2f cores", s.Lateness.P99, s.Cores)
	if len(s.Causes) > 0 {
		text += fmt.Sprintf("; %d × %s", s.Causes[0].Count, s.Causes[0].Text)
	}
	return text
}

// verdict judges a line.
func (t *tally) verdict(th *Threshold) Verdict {
	v := Verdict{Threshold: th.String(), Text: "nothing was counted"}
	if value, counted := t.value(th); counted {
		v.Value, v.OK, v.Text = &value, th.holds(value), render(th, value)
	}
	return v
}

// holds adds a verdict to those of the run.
func (r *Report) holds(v Verdict) {
	if !v.OK {
		r.Why = append(r.Why, v.String())
	}
	r.Thresholds = append(r.Thresholds, v)
}

// judgeSteps adds the verdicts of the steps: of one that never began nothing was counted.
func (r *Result) judgeSteps(p *Report) {
	for i, s := range r.Terms.Steps {
		for _, th := range s.thresholds {
			v := r.tally.ofStep(i).verdict(th)
			v.Threshold = fmt.Sprintf("step %d: %s", i+1, v.Threshold)
			p.holds(v)
		}
	}
}

// Basis says from when the run's times count.
func (r *Report) Basis() string {
	switch r.Kind {
	case KindAgents:
		return "Agents' times count from an offer or a command to its outcome: they are not corrected for coordinated omission, since the PBX decides when there is work."
	case KindClosed:
		return "Setup and answer times count from when a place was free for the next call: the generator's own lateness is in them. A plan with a concurrency waits for a slow PBX by its nature, so they are not corrected for coordinated omission: write a rate for that."
	case KindOpen:
		return "Setup and answer times count from the moment at which the plan wanted a call, whether it could be made then or not: they are corrected for coordinated omission."
	}
	return "Registrations only: times count from asking, the challenge included."
}
