package scenario

import (
	"fmt"
	"io"
	"strings"
	"time"

	"ringback/agent/report"
)

// JUnit writes the report in the form that build servers read: a case for each step
// and one for each call. An expectation that is not met is a failure, what ended the
// story an error.
func (r Report) JUnit(w io.Writer) error {
	suite := report.Suite{Name: r.Name, Time: fmt.Sprintf("%.3f", r.Seconds), Timestamp: r.Started.UTC().Format(time.RFC3339)}
	told := r.Failure == nil
	for _, s := range r.Steps {
		c := report.Case{Class: orNone(s.Phone, "scenario"), Name: fmt.Sprintf("line %d: %s", s.Line, s.Step), Time: fmt.Sprintf("%.3f", s.TookMS/1000)}
		c.Failure = unmetOf(s.Expectations)
		if !s.OK && s.Message != "" {
			c.Error, told = &report.Failure{Message: s.Message}, true
		}
		suite.Cases = append(suite.Cases, c)
	}
	for _, p := range r.Phones {
		for i, v := range p.Calls {
			suite.Cases = append(suite.Cases, report.Case{Class: p.Name, Name: fmt.Sprintf("call %d: %s", i+1, v.Target),
				Time: fmt.Sprintf("%.3f", v.Duration), Failure: unmetOf(v.Expectations), Out: v.Text()})
		}
	}
	if !told { // before the first step: a phone that did not register
		suite.Cases = append(suite.Cases, report.Case{Class: orNone(r.Failure.Phone, "scenario"), Name: orNone(r.Failure.Step, "end"), Time: "0",
			Error: &report.Failure{Message: r.Failure.Message}})
	}
	return suite.Write(w)
}

func unmetOf(checks []Check) *report.Failure {
	var lines []string
	for _, c := range checks {
		if !c.OK {
			lines = append(lines, c.Text())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return &report.Failure{Message: strings.Join(lines, "; "), Text: strings.Join(lines, "\n")}
}

func orNone(text, none string) string {
	if text == "" {
		return none
	}
	return text
}
