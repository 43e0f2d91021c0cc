package report

import (
	"encoding/xml"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Suites is a JUnit file.
type Suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suite   Suite    `xml:"testsuite"`
}

// Suite is what was tested. Write counts its cases.
type Suite struct {
	Name      string `xml:"name,attr"`
	Tests     int    `xml:"tests,attr"`
	Failures  int    `xml:"failures,attr"`
	Errors    int    `xml:"errors,attr"`
	Time      string `xml:"time,attr"`      // seconds
	Timestamp string `xml:"timestamp,attr"` // RFC 3339
	Cases     []Case `xml:"testcase"`
}

// Case is one test. Failure is an expectation that was not met, Error what kept it
// from being tested.
type Case struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Time    string   `xml:"time,attr"` // seconds
	Failure *Failure `xml:"failure"`
	Error   *Failure `xml:"error"`
	Out     string   `xml:"system-out,omitempty"`
}

// Failure is why.
type Failure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// Write writes the file, with what XML has no character for taken out.
func (s Suite) Write(w io.Writer) error {
	s.Name, s.Tests, s.Failures, s.Errors = valid(s.Name), len(s.Cases), 0, 0
	cases := make([]Case, len(s.Cases))
	for i, c := range s.Cases {
		c.Class, c.Name, c.Out = valid(c.Class), valid(c.Name), valid(c.Out)
		if c.Failure != nil {
			s.Failures++
			c.Failure = &Failure{valid(c.Failure.Message), valid(c.Failure.Text)}
		}
		if c.Error != nil {
			s.Errors++
			c.Error = &Failure{valid(c.Error.Message), valid(c.Error.Text)}
		}
		cases[i] = c
	}
	s.Cases = cases
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(Suites{Suite: s}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// valid keeps the lines of a text and makes control characters visible.
func valid(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return '\ufffd'
		}
		return r
	}, text)
}
