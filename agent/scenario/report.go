package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ringback/agent"
)

// Report is what became of a run.
type Report struct {
	Schema  string        `json:"schema"`
	OK      bool          `json:"ok"`
	Name    string        `json:"name"`
	File    string        `json:"file"`
	Started time.Time     `json:"started"`
	Seconds float64       `json:"seconds"`
	Failure *Failure      `json:"failure"` // what ended the story early; null: nothing did
	Phones  []PhoneReport `json:"phones"`
	Steps   []StepResult  `json:"steps"` // in the order in which they ended
}

// PhoneReport is one phone with its calls.
type PhoneReport struct {
	Name         string    `json:"name"`
	AOR          string    `json:"aor"`
	Registration string    `json:"registration"` // at the end: unregistered when all went well
	Impairment   string    `json:"impairment,omitempty"`
	EventsLost   bool      `json:"events_lost,omitempty"` // the process was too slow: what was measured has gaps
	Calls        []Verdict `json:"calls"`

	Trace []agent.TraceRecord `json:"-"`
}

// StepResult is what became of one step.
type StepResult struct {
	Line         int     `json:"line"`
	Phone        string  `json:"phone,omitempty"`
	Step         string  `json:"step"`
	OK           bool    `json:"ok"`
	AtMS         float64 `json:"at_ms"` // since the start of the run
	TookMS       float64 `json:"took_ms"`
	Message      string  `json:"message,omitempty"`
	Expectations []Check `json:"expectations"`

	begun time.Time
}

// Failure is the step that ended the story, or what else did.
type Failure struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Phone   string `json:"phone,omitempty"`
	Step    string `json:"step"`
	Message string `json:"message"`

	Err error `json:"-"`
}

// report is made when all phones have ended.
func (r *run) report() Report {
	rep := Report{Schema: Schema, OK: r.failed == nil, Name: r.file.Name, File: r.file.Path, Started: r.begun,
		Seconds: tenth(time.Since(r.begun)), Failure: r.failed, Phones: []PhoneReport{}, Steps: append([]StepResult{}, r.results...)}
	for _, s := range rep.Steps {
		rep.OK = rep.OK && s.OK
	}
	for _, p := range r.order {
		one := PhoneReport{Name: p.spec.Name, AOR: p.agent.State().Registration.AOR, Registration: p.agent.State().Registration.State,
			Impairment: impairmentText(p.spec.Impairment), EventsLost: p.gap, Calls: []Verdict{}, Trace: p.agent.Trace("")}
		for _, rec := range p.records {
			v := rec.Verdict(time.Now())
			if r.file.Clean {
				found := Check{Expr: "clean", OK: len(v.Findings) == 0, Measured: findingNames(v.Findings)}
				v.Expectations = append(v.Expectations, found)
			}
			v.OK = !v.Unmet() // a refusal may be what the story is about
			rep.OK = rep.OK && v.OK
			one.Calls = append(one.Calls, v)
		}
		rep.Phones = append(rep.Phones, one)
	}
	return rep
}

func findingNames(all []Finding) string {
	var names []string
	for _, f := range all {
		names = append(names, f.Name+": "+f.Text)
	}
	if len(names) == 0 {
		return "nothing odd"
	}
	return strings.Join(names, "; ")
}

// Unmet are the expectations that were not met, in words.
func (r Report) Unmet() []string {
	var all []string
	add := func(who string, c Check) {
		if line := fmt.Sprintf("%s: %s", who, c.Text()); !c.OK && !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	for _, s := range r.Steps {
		for _, c := range s.Expectations {
			add(s.Phone, c)
		}
	}
	for _, p := range r.Phones {
		for _, v := range p.Calls {
			for _, c := range v.Expectations {
				add(p.Name, c)
			}
		}
	}
	return all
}

// Text is the report as a person reads it.
func (r Report) Text() string {
	word := map[bool]string{true: "ok", false: "FAILED"}
	lines := []string{fmt.Sprintf("%s  %s  %d steps, %.1f s", word[r.OK], clean(r.Name), len(r.Steps), r.Seconds)}
	for _, s := range r.Steps {
		lines = append(lines, s.Text())
	}
	for _, p := range r.Phones {
		for _, v := range p.Calls {
			lines = append(lines, "  "+p.Name+"  "+strings.ReplaceAll(v.Text(), "\n", "\n  "))
		}
		if p.Registration == "registered" {
			lines = append(lines, fmt.Sprintf("  %s  is registered still: the PBX did not answer when it left", p.Name))
		}
		if p.Impairment != "" {
			lines = append(lines, fmt.Sprintf("  %s  its media was impaired: %s", p.Name, p.Impairment))
		}
	}
	if f := r.Failure; f != nil {
		lines = append(lines, fmt.Sprintf("  line %d: %s: %s", f.Line, f.Step, clean(f.Message)))
	}
	return strings.Join(lines, "\n")
}

// Text is one step as a person reads it.
func (s StepResult) Text() string {
	mark := map[bool]string{true: "ok    ", false: "FAILED"}[s.OK]
	line := fmt.Sprintf("  %s %8.0f ms  line %-4d %-8s %s", mark, s.AtMS+s.TookMS, s.Line, clean(s.Phone), s.Step)
	if s.Message != "" {
		line += ": " + s.Message
	}
	for _, c := range s.Expectations {
		if !c.OK {
			line += "\n         " + c.Text()
		}
	}
	return line
}
