package scenario

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"ringback/agent"
)

// VerdictSchema names the version of a verdict's JSON form.
const VerdictSchema = "ringback.verdict/1"

// Verdict is what became of one call. Durations are seconds but those in _ms.
type Verdict struct {
	Schema       string    `json:"schema"`
	OK           bool      `json:"ok"`
	Target       string    `json:"target"`
	Asked        string    `json:"asked"`  // the command: test call, test answer, register, options; empty: a call of a scenario
	State        string    `json:"state"`  // answered, registered, refused, unanswered or failed
	Code         int       `json:"code"`   // the final SIP code; 0: the far end gave none
	Reason       string    `json:"reason"` // of the far end, or of the phone itself
	Cause        string    `json:"cause"`  // in words
	AnswerMS     float64   `json:"answer_ms"`
	Expectations []Check   `json:"expectations"`
	Findings     []Finding `json:"findings"` // what is odd, whether or not it was expected

	*Sound   // of a call
	*Binding // of a registration
	*Ability // of an answer to OPTIONS
}

// Sound is what was measured of a call and heard in it.
type Sound struct {
	SetupMS   float64       `json:"setup_ms"` // post-dial delay: to the first sign of the far end
	Duration  float64       `json:"duration"` // seconds from answer to end
	SIPCallID string        `json:"sip_call_id"`
	Codec     string        `json:"codec"`
	Encrypted bool          `json:"encrypted"`
	Suite     string        `json:"suite,omitempty"`
	Quality   agent.Quality `json:"quality"`
	Audio     float64       `json:"audio"` // seconds of sound from the far end
	Tones     []Tone        `json:"tones"`
	Digits    string        `json:"digits"`

	Levels []Loudness `json:"-"` // over time, for pictures; those of a scenario only
}

// Binding is what a registrar granted.
type Binding struct {
	Contact string     `json:"contact"`
	Expires *time.Time `json:"expires"`
}

// Ability is what a far end says of itself (RFC 3261 section 11).
type Ability struct {
	Server    string `json:"server"`
	Allow     string `json:"allow"`
	Supported string `json:"supported"`
}

// NewVerdict is the verdict of a question that is no call. The state and its cause
// follow from the code, or from why there is none.
func NewVerdict(asked, target, good string, code int, reason string, took time.Duration) Verdict {
	v := Verdict{Schema: VerdictSchema, Target: target, Asked: asked, Code: code, Reason: reason, AnswerMS: milliseconds(took), Expectations: []Check{}, Findings: []Finding{}}
	switch {
	case code >= 200 && code < 300:
		v.OK, v.State, v.Cause = true, good, good
	case code >= 300:
		v.State, v.Cause = "refused", fmt.Sprintf("refused with %d: %s", code, words(reason))
	default:
		v.State, v.Cause = "failed", words(reason)
	}
	return v
}

// Unanswered makes it the verdict of one to whom nothing came back in time: there is no
// time of an answer, and no reason of the far end.
func (v *Verdict) Unanswered() {
	v.AnswerMS, v.Reason = 0, ""
	v.OK, v.State, v.Cause = false, "unanswered", "no answer in time: is it the right address, and is it up?"
}

// Tone is how long a frequency was heard.
type Tone struct {
	Hz      float64 `json:"hz"`
	Seconds float64 `json:"seconds"`
}

// Check is one expectation, held against what was measured.
type Check struct {
	Expr     string `json:"expr"`
	OK       bool   `json:"ok"`
	Measured string `json:"measured"`
	By       string `json:"by,omitempty"` // by how much the limit is missed: "0.3 s too short"
}

// Text is the check as a person reads it.
func (c Check) Text() string {
	if c.By == "" {
		return c.Expr + ": " + c.Measured
	}
	return c.Expr + ": " + c.Measured + ", " + c.By
}

// Expect holds an expectation against the call until now, and keeps the outcome
// for the verdict.
func (r *Record) Expect(e Expectation, now time.Time, came []string) Check {
	m := r.measure(now)
	m.came = came
	o := e.check(m)
	c := Check{e.text, o.ok, o.found, o.by}
	r.checks = append(r.checks, c)
	if o.odd != nil {
		r.expected = append(r.expected, *o.odd)
	}
	return c
}

// Meets says whether an expectation is met now; nothing is kept.
func (r *Record) Meets(e Expectation, now time.Time, came []string) bool {
	m := r.measure(now)
	m.came = came
	return e.check(m).ok
}

// Verdict is what the call came to until now. It is not OK when an expectation was
// not met, and when it was not answered though no expectation speaks of a code.
func (r *Record) Verdict(now time.Time) Verdict {
	c, m := r.state, r.measure(now)
	v := Verdict{Schema: VerdictSchema, OK: true, Target: c.Remote, Code: m.code, Reason: c.Reason, AnswerMS: milliseconds(r.answer),
		Expectations: append([]Check{}, r.checks...), Findings: append(r.findings(m), r.expected...)}
	v.Sound = &Sound{SetupMS: milliseconds(m.setup), Duration: tenth(m.up), SIPCallID: c.SIPCallID, Codec: c.Codec, Encrypted: c.Encrypted, Suite: c.Suite, Quality: c.Quality,
		Audio: tenth(m.sound), Tones: []Tone{}, Digits: m.digits, Levels: r.loud.all}
	v.Quality.MOS = math.Round(100*v.Quality.MOS) / 100
	for _, hz := range sortedTones(m.tones) {
		v.Tones = append(v.Tones, Tone{hz, tenth(m.tones[hz])})
	}
	for _, check := range v.Expectations {
		v.OK = v.OK && check.OK
	}
	v.State, v.Cause = r.outcome()
	if v.State != "answered" {
		v.OK = v.OK && v.ExpectsCode()
	}
	return v
}

// ExpectsCode says whether an expectation is about the final code, so that a
// refusal may be what was wanted.
func (v Verdict) ExpectsCode() bool {
	return slices.ContainsFunc(v.Expectations, func(c Check) bool { return strings.HasPrefix(c.Expr, "code ") })
}

// Unmet says whether an expectation was not met.
func (v Verdict) Unmet() bool {
	return slices.ContainsFunc(v.Expectations, func(c Check) bool { return !c.OK })
}

// Failed names the expectations that were not met, in a line.
func (v Verdict) Failed() string {
	var all []string
	for _, c := range v.Expectations {
		if !c.OK {
			all = append(all, c.Text())
		}
	}
	if len(all) == 1 {
		return "an expectation was not met: " + all[0]
	}
	return fmt.Sprintf("%d expectations were not met: %s", len(all), strings.Join(all, "; "))
}

// outcome says in words how the call went.
func (r *Record) outcome() (state, cause string) {
	c := r.state
	switch {
	case c.Connected != nil && c.State == agent.CallPhaseEnded:
		return "answered", "answered and ended: " + words(c.Reason)
	case c.Connected != nil:
		return "answered", "answered"
	case c.State == agent.CallPhaseDialling:
		return "unanswered", "nothing came back from the PBX: is it the right address, and is it up?"
	case c.State != agent.CallPhaseEnded:
		return "unanswered", "it rang, and nobody answered"
	case c.Unreached:
		return "failed", cmp.Or(clean(r.why), words(c.Reason))
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

// Text is the verdict as a person reads it: what stands in its JSON too.
func (v Verdict) Text() string {
	first := okWord(v.OK) + "  "
	if v.Target != "" { // nobody called
		first += clean(v.Target) + "  "
	}
	lines := []string{first + v.head()}
	if v.Sound != nil {
		lines = append(lines, v.Sound.text()...)
	}
	if b := v.Binding; b != nil && b.Contact != "" {
		lines = append(lines, "    contact "+clean(b.Contact))
	}
	if a := v.Ability; a != nil {
		if a.Server != "" && v.State != "answered" {
			lines = append(lines, "    server: "+clean(a.Server))
		}
		for _, f := range [][2]string{{"allow", a.Allow}, {"supported", a.Supported}} {
			if f[1] != "" {
				lines = append(lines, "    "+f[0]+": "+clean(f[1]))
			}
		}
	}
	for _, e := range v.Expectations {
		lines = append(lines, "    "+okWord(e.OK)+"  "+e.Text())
	}
	for _, f := range v.Findings {
		lines = append(lines, "    note  "+f.Name+": "+f.Text)
	}
	return strings.Join(lines, "\n")
}

func okWord(ok bool) string {
	if ok {
		return "ok"
	}
	return "FAILED"
}

// head is what happened, in one line.
func (v Verdict) head() string {
	switch {
	case v.Sound != nil && v.State == "answered":
		text := fmt.Sprintf("answered %d after %.0f ms, %.1f s", v.Code, v.AnswerMS, v.Duration)
		if v.Reason != "" {
			text += ", " + words(v.Reason)
		}
		return text
	case v.Binding != nil && v.State == "registered":
		text := fmt.Sprintf("registered in %.1f ms", v.AnswerMS)
		if v.Expires != nil {
			text += " until " + v.Expires.Local().Format("15:04:05")
		}
		return strings.TrimSpace(fmt.Sprintf("%s, %d %s", text, v.Code, clean(v.Reason)))
	case v.Ability != nil && v.State == "answered":
		text := fmt.Sprintf("answered %d %s in %.1f ms", v.Code, clean(v.Reason), v.AnswerMS)
		if v.Server != "" {
			text += ", " + clean(v.Server)
		}
		return text
	}
	if v.AnswerMS > 0 {
		return fmt.Sprintf("%s, after %.1f ms", v.Cause, v.AnswerMS)
	}
	return v.Cause
}

func (s *Sound) text() []string {
	var lines []string
	switch {
	case s.SetupMS > 0:
		lines = append(lines, fmt.Sprintf("    first sign after %.0f ms, Call-ID %s", s.SetupMS, clean(s.SIPCallID)))
	case s.SIPCallID != "":
		lines = append(lines, "    Call-ID "+clean(s.SIPCallID))
	}
	if s.Encrypted {
		lines = append(lines, "    encrypted with "+s.Suite)
	}
	if s.Codec != "" {
		lines = append(lines, "    "+clean(s.Codec)+"  "+packets(s.Quality), "    "+s.heard())
	}
	if q := s.Quality; q.Trouble != "" {
		lines = append(lines, "    trouble  "+q.TroubleName+": "+clean(q.Trouble))
	}
	if s.Digits != "" {
		lines = append(lines, "    digits "+s.Digits)
	}
	return lines
}

// packets is what came of the sound and how good that is.
func packets(q agent.Quality) string {
	text := fmt.Sprintf("rx %d  tx %d  lost %d  late %d  made up %d  jitter %.1f ms", q.RXPackets, q.TXPackets, q.Lost, q.Late, q.Concealed, q.JitterMS)
	for _, n := range []struct {
		text string
		n    float64
	}{{"waited for %.0f", float64(q.Waited)}, {"given up %.0f", float64(q.Discarded)}, {"shortened by %.0f ms", q.AcceleratedMS}, {"lengthened by %.0f ms", q.DeceleratedMS}} {
		if n.n > 0 {
			text += "  " + fmt.Sprintf(n.text, n.n)
		}
	}
	if q.BurstRatio > 0 {
		text += fmt.Sprintf("  burst ratio %.1f", q.BurstRatio)
	}
	if q.RTTMS > 0 {
		text += fmt.Sprintf("  round trip %.1f ms", q.RTTMS)
	}
	return text + strings.TrimRight(fmt.Sprintf("  MOS %.1f, listening %.1f %s", q.MOS, q.Listening, q.MOSScale), " ")
}

// reportsAfter is after how many seconds of a call a far end that reports has reported
// (RFC 3550 6.2: every 5 s, and at most half as long again).
const reportsAfter = 8

// heard is the rest of the sound: how much, which tones, how late, and what the far
// end says of ours.
func (s *Sound) heard() string {
	q := s.Quality
	text := fmt.Sprintf("heard %.1f s", s.Audio)
	for _, t := range s.Tones {
		text += fmt.Sprintf(", %g Hz for %.1f s", t.Hz, t.Seconds)
	}
	if q.DelayMS > 0 {
		text += fmt.Sprintf("; mouth to ear %.0f ms", q.DelayMS)
	}
	switch {
	case q.RemoteMOSBy == agent.MOSByReports:
		text += fmt.Sprintf("; the far end hears us with MOS %.1f (estimated from the losses that it reports by %s), %.1f %% lost", q.RemoteMOS, q.RemoteMOSBy, q.RemoteLost)
	case q.RemoteMOS > 0:
		text += fmt.Sprintf("; the far end hears us with MOS %.1f (as it says by %s), %.1f %% lost", q.RemoteMOS, q.RemoteMOSBy, q.RemoteLost)
	case s.Duration >= reportsAfter && q.TXPackets > 0:
		text += "; how it hears us is not known: no RTCP report of it came"
	}
	return text
}

func tenth(d time.Duration) float64 {
	return float64(d.Round(10*time.Millisecond).Milliseconds()) / 1000
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()/10) / 100 }
