package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/control"
)

// verdict is what a test call prints with --json.
type verdict struct {
	Schema       string         `json:"schema"`
	OK           bool           `json:"ok"`
	Target       string         `json:"target"`
	State        string         `json:"state"` // answered, refused, unanswered or failed
	Code         int            `json:"code"`  // the final SIP code
	Reason       string         `json:"reason"`
	Cause        string         `json:"cause"` // in words
	SetupMS      float64        `json:"setup_ms"`
	AnswerMS     float64        `json:"answer_ms"`
	Duration     float64        `json:"duration"` // seconds from answer to end
	SIPCallID    string         `json:"sip_call_id"`
	Codec        string         `json:"codec"`
	Quality      verdictQuality `json:"quality"`
	Audio        float64        `json:"audio"` // seconds of sound from the far end
	Tones        []toneResult   `json:"tones"`
	Digits       string         `json:"digits"`
	Expectations []checkResult  `json:"expectations"`
}

type verdictQuality = agent.Quality

type toneResult struct {
	Hz      float64 `json:"hz"`
	Seconds float64 `json:"seconds"`
}

// meter adds up what a call's far end was heard to say, from its events.
type meter struct {
	audio  span
	tones  map[float64]*span
	digits string
	from   time.Time // of the answer
	to     time.Time // of the end
}

// span adds up the times during which something was on.
type span struct {
	since time.Time // zero while it is off
	total time.Duration
}

func (s *span) set(on bool, at time.Time) {
	if on && s.since.IsZero() {
		s.since = at
	}
	if !on && !s.since.IsZero() {
		s.total += at.Sub(s.since)
		s.since = time.Time{}
	}
}

func (s *span) at(now time.Time) time.Duration {
	if s.since.IsZero() {
		return s.total
	}
	return s.total + now.Sub(s.since)
}

// note takes one event of the call.
func (m *meter) note(e agent.Event) {
	switch e.Type {
	case agent.CallConnected:
		if m.from.IsZero() {
			m.from = e.Time
		}
	case agent.CallEnded:
		m.to = e.Time
		m.hear(agent.Heard{}, e.Time)
	case agent.DTMFReceived:
		m.digits += strings.ToUpper(e.Digits)
	}
	if e.Change == nil {
		return
	}
	for _, c := range e.Change.Calls {
		if c.ID == e.Call && c.State != agent.CallPhaseEnded {
			m.hear(c.Heard, e.Time)
		}
	}
}

func (m *meter) hear(h agent.Heard, at time.Time) {
	m.audio.set(h.Sound, at)
	if m.tones == nil {
		m.tones = map[float64]*span{}
	}
	for _, hz := range h.Tones {
		if m.tones[hz] == nil {
			m.tones[hz] = &span{}
		}
	}
	for hz, s := range m.tones {
		s.set(slices.Contains(h.Tones, hz), at)
	}
}

// heard is what has come until now.
func (t *trial) heard() heardCall {
	c, m, now := t.current(), &t.meter, time.Now()
	if !m.to.IsZero() {
		now = m.to
	}
	h := heardCall{audio: m.audio.at(now), tones: map[float64]time.Duration{}, digits: m.digits, quality: c.Quality, code: t.finalCode(c)}
	if !m.from.IsZero() {
		h.up = now.Sub(m.from)
	}
	for hz, s := range m.tones {
		h.tones[hz] = s.at(now)
	}
	return h
}

// finalCode is the final answer to the INVITE: 200 once the call was up,
// whatever ended it.
func (t *trial) finalCode(c agent.CallState) int {
	if c.Connected != nil {
		return 200
	}
	return c.Code
}

// verdict is what the call came to.
func (t *trial) verdict() verdict {
	c, h := t.current(), t.heard()
	v := verdict{Schema: "ringback.verdict/1", Target: t.target, Code: h.code, Reason: c.Reason, SetupMS: milliseconds(t.setup), AnswerMS: milliseconds(t.answerd),
		Duration: tenth(h.up), SIPCallID: c.SIPCallID, Codec: c.Codec, Quality: c.Quality, Audio: tenth(h.audio), Tones: []toneResult{}, Digits: h.digits, Expectations: []checkResult{}}
	if c.Remote != "" {
		v.Target = c.Remote
	}
	v.Quality.MOS = math.Round(100*v.Quality.MOS) / 100
	for _, hz := range slices.Sorted(maps.Keys(h.tones)) {
		v.Tones = append(v.Tones, toneResult{hz, tenth(h.tones[hz])})
	}
	v.OK = true
	for _, e := range t.expects {
		ok, measured := e.check(h)
		v.Expectations = append(v.Expectations, checkResult{e.text, ok, measured})
		v.OK = v.OK && ok
	}
	v.State, v.Cause = t.outcome(c)
	if t.code > 0 {
		ok := h.code == t.code
		v.Expectations = append(v.Expectations, checkResult{"code " + strconv.Itoa(t.code), ok, strconv.Itoa(h.code)})
		v.OK = v.OK && ok
	} else if v.State != "answered" {
		v.OK = v.OK && t.expectsCode()
	}
	return v
}

// expectsCode says whether an expectation is about the final code, so that a
// refusal may be what was wanted.
func (t *trial) expectsCode() bool {
	return slices.ContainsFunc(t.expects, func(e expected) bool { return strings.HasPrefix(e.text, "code ") })
}

func tenth(d time.Duration) float64 {
	return float64(d.Round(10*time.Millisecond).Milliseconds()) / 1000
}

// outcome says in words how the call went.
func (t *trial) outcome(c agent.CallState) (state, cause string) {
	switch {
	case t.call == "" && t.answer:
		return "unanswered", "no call came"
	case t.call == "":
		return "failed", "no call was made"
	case c.Connected != nil && c.State == agent.CallPhaseEnded:
		return "answered", "answered and ended: " + words(c.Reason)
	case c.Connected != nil:
		return "answered", "answered"
	case c.State == agent.CallPhaseDialling:
		return "unanswered", "nothing came back from the PBX: is it the right address, and is it up?"
	case c.State != agent.CallPhaseEnded:
		return "unanswered", "it rang, and nobody answered"
	case c.Code >= 300:
		return "refused", fmt.Sprintf("refused with %d: %s", c.Code, words(c.Reason))
	}
	return "failed", words(c.Reason)
}

func words(reason string) string {
	if reason == "" {
		return "without a reason"
	}
	return strings.ReplaceAll(clean(reason), "-", " ")
}

// testVerdict prints the verdict and gives it its exit code.
func (sh *shell) testVerdict(c *cli.Context, t *trial, v verdict, err error) error {
	timedOut := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !timedOut {
		v.OK, v.Cause = false, asFailure(err).message
	}
	if timedOut {
		v.OK = false
	}
	sh.result(c, v, verdictText(v))
	if v.OK {
		return nil
	}
	f := &failure{code: exitFailed, name: "failed", message: "test " + v.State + ": " + v.Cause, told: true}
	failed := slices.ContainsFunc(v.Expectations, func(r checkResult) bool { return !r.OK })
	switch {
	case timedOut:
		f.code, f.name = exitTimedOut, "timeout"
	case err != nil:
		f = asFailure(err)
		f.told = true
	case failed && (v.State == "answered" || t.code > 0 || t.expectsCode()):
		f.code, f.name, f.message = exitExpectation, "expectation", "an expectation was not met"
	default:
		f.code = asFailure(control.Ended(t.current())).code
	}
	return f
}

// verdictText is the verdict as a person reads it.
func verdictText(v verdict) string {
	word := map[bool]string{true: "ok", false: "FAILED"}
	head := word[v.OK] + "  " + clean(v.Target) + "  "
	if v.State == "answered" {
		head += fmt.Sprintf("answered %d after %.0f ms, %.1f s", v.Code, v.AnswerMS, v.Duration)
	} else {
		head += v.Cause
	}
	lines := []string{head}
	if q := v.Quality; v.Codec != "" {
		lines = append(lines, fmt.Sprintf("    %s  rx %d  tx %d  lost %d  jitter %.1f ms  MOS %.1f", v.Codec, q.RXPackets, q.TXPackets, q.Lost, q.JitterMS, q.MOS))
	}
	if v.Digits != "" {
		lines = append(lines, "    digits "+v.Digits)
	}
	for _, e := range v.Expectations {
		lines = append(lines, fmt.Sprintf("    %s  %s: %s", word[e.OK], e.Expr, e.Measured))
	}
	return strings.Join(lines, "\n")
}

func marshal(args map[string]any) (json.RawMessage, error) {
	if args == nil {
		return nil, nil
	}
	text, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("write arguments: %w", err)
	}
	return text, nil
}
