package load

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Snapshot is how a run stands.
type Snapshot struct {
	result *Result
	tally  *tally
	at     time.Time
	start  time.Time // of the calls; zero: it registers still
}

// Result is all that was counted until then.
func (s *Snapshot) Result() *Result { return s.result }

// Standing is how a run stands, in figures.
type Standing struct {
	*Report               // what it would come to if it were over
	Begun   bool          // calls have; false: users register
	For     time.Duration // since then; below 0: until then
	Of      time.Duration // for how long calls begin, by the plan
	Up      int           // calls
	Step    int           // of the plan, from 1; 0: it has none, or has not begun
	Allowed time.Duration // of the generator's own lateness at p99
}

// Standing is the snapshot in figures.
func (s *Snapshot) Standing() Standing {
	now := Standing{Report: s.result.Report(), Begun: !s.start.IsZero(), Of: s.result.Terms.For, Up: s.tally.active, Allowed: s.result.Terms.Lateness}
	now.Registered = s.tally.registered
	if now.Begun {
		now.For = s.at.Sub(s.start)
		now.Step = s.step()
		now.Rate = float64(s.tally.began) / max(1, now.For.Seconds())
	}
	return now
}

// step is the one that runs, from 1; after the last one it is that. 0: there is none.
func (s *Snapshot) step() int {
	steps := s.result.Terms.Steps
	if len(steps) == 0 || s.start.IsZero() || s.at.Before(s.start) {
		return 0
	}
	return profileOf(steps).step(s.at.Sub(s.start)) + 1
}

// Line tells it in one line, for whoever watches.
func (s *Snapshot) Line() string {
	t := s.tally
	if s.start.IsZero() {
		return fmt.Sprintf("registering: %d registered, %d refused", t.registered, t.refused)
	}
	since := max(0, s.at.Sub(s.start).Seconds()) // generators are told of a start that is to come
	line := ""
	if step := s.step(); step > 0 {
		line = fmt.Sprintf("step %d  ", step)
	}
	line = fmt.Sprintf("%5.0f s  %s%d began (%.1f/s)  %d up now  %d failed", since, line, t.began, float64(t.began)/max(1e-3, since), t.active, t.failed)
	switch {
	case t.setup.TotalCount() > 0:
		line += fmt.Sprintf("  setup p50 %s p99 %s", at(t.setup, 50), at(t.setup, 99))
	case t.answer.TotalCount() > 0: // agents, who are called
		line += fmt.Sprintf("  answer p50 %s p99 %s", at(t.answer, 50), at(t.answer, 99))
	}
	if t.inbound > 0 {
		line += fmt.Sprintf("  %d came, %d up", t.inbound, t.inboundUp)
	}
	line += fmt.Sprintf("  late p99 %s", at(t.late, 99))
	if t.mos.TotalCount() > 0 {
		line += fmt.Sprintf("  MOS p5 %.2f", float64(t.mos.ValueAtQuantile(5))/100)
	}
	if t.wide.TotalCount() > 0 {
		line += fmt.Sprintf("  MOS p5 %.2f wide-band", float64(t.wide.ValueAtQuantile(5))/100)
	}
	return line
}

func at(h *hdrhistogram.Histogram, q float64) string {
	return (time.Duration(h.ValueAtQuantile(q)) * time.Microsecond).Round(10 * time.Microsecond).String()
}

// Times are percentiles in milliseconds.
type Times struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func timesOf(h *hdrhistogram.Histogram) Times {
	ms := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return Times{Count: h.TotalCount(), P50: ms(50), P90: ms(90), P95: ms(95), P99: ms(99), Max: float64(h.Max()) / 1000}
}

// Cause is why calls or registrations failed, and how many.
type Cause struct {
	Text  string `json:"text"`
	Count int    `json:"count"`
}

// Verdict is a threshold and how it came out.
type Verdict struct {
	Threshold string   `json:"threshold"`
	OK        bool     `json:"ok"`
	Value     *float64 `json:"value"` // null: nothing was counted that it is of
	Text      string   `json:"text"`
}

// String is the line with what was measured.
func (v Verdict) String() string {
	if v.Value == nil {
		return v.Threshold + ": " + v.Text
	}
	return v.Threshold + ": it is " + v.Text
}

// Report is what a run came to.
type Report struct {
	Schema   string    `json:"schema"` // ringback.load/1
	OK       bool      `json:"ok"`     // all thresholds held, the run is valid, and nothing is left
	Valid    bool      `json:"valid"`  // the generator itself was in time and lost nothing
	Why      []string  `json:"why"`    // why not OK
	Started  time.Time `json:"started"`
	Duration float64   `json:"duration_seconds"`

	Began    int     `json:"began"`
	Answered int     `json:"answered"`
	Failed   int     `json:"failed"`
	Dropped  int     `json:"dropped"` // ended by the far end before their time
	Rate     float64 `json:"rate"`    // calls that began a second, while calls began
	Causes   []Cause `json:"causes"`

	Steered []Steering `json:"steered,omitempty"` // what somebody changed while it lasted

	Kind      string `json:"kind"`                               // of the plan: open, closed, agents or registrations
	Corrected bool   `json:"corrected_for_coordinated_omission"` // setup_ms and answer_ms count from when the rate of an open plan wanted a call; of a closed one they count from when a place was free, and of agents from an offer or command

	Steps []StepReport `json:"steps,omitempty"` // of the plan, those that began

	Setup    Times `json:"setup_ms"`    // from the arrival to the first sign of the far end
	Answer   Times `json:"answer_ms"`   // from the arrival to the answer
	Lateness Times `json:"lateness_ms"` // of the generator

	Sounded int    `json:"sounded"`      // calls with media
	Silent  int    `json:"silent"`       // of these, those that heard no packet
	MOS     Scores `json:"mos"`          // of narrow-band calls, on their scale (G.107)
	Wide    Scores `json:"mos_wideband"` // of wide-band calls, on theirs (G.107.1)
	Loss    Scores `json:"loss_percent"`
	Jitter  Times  `json:"jitter_ms"`

	Registered  int     `json:"registered"` // users, at the end of the calls
	NotRegister int     `json:"not_registered"`
	Registering Times   `json:"registration_ms"` // from asking until registered, the challenge included
	Refreshed   int     `json:"refreshed"`
	Lapsed      int     `json:"registrations_lost"` // that held, before the end
	Went        int     `json:"went"`               // users that churn sent away
	CameBack    int     `json:"came_back"`          // of these, those that were registered again
	Refusals    []Cause `json:"refusals"`

	Inbound *InboundReport `json:"inbound,omitempty"` // where users answer calls

	Agents *AgentsReport `json:"agents,omitempty"`

	LostCalls         int       `json:"lost_calls"` // that were up at a generator when it was lost
	LeftCalls         int       `json:"left_calls"` // that could not be ended
	LeftRegistrations int       `json:"left_registrations"`
	Self              Self      `json:"self"`
	Thresholds        []Verdict `json:"thresholds"`

	Untraced   uint64            `json:"untraced,omitempty"`   // messages that are missing in ladders, since a generator was too busy
	Generators []GeneratorReport `json:"generators,omitempty"` // where there were several
}

// Steering is a Change by the run's own time.
type Steering struct {
	At          float64 `json:"at_seconds"` // since calls began; below 0: before
	Rate        float64 `json:"rate"`       // times the plan's
	Finished    bool    `json:"finished,omitempty"`
	Interrupted bool    `json:"interrupted,omitempty"`
}

// String tells it in words.
func (s Steering) String() string {
	switch {
	case s.Interrupted && s.At < 0:
		return "interrupted before calls began"
	case s.Interrupted:
		return fmt.Sprintf("interrupted after %.1f s: the rest of the plan was not done", s.At)
	}
	if s.Finished {
		return fmt.Sprintf("no call began after %.1f s", s.At)
	}
	return fmt.Sprintf("%g times the plan's rate from %.1f s on", s.Rate, s.At)
}

// Interrupted reports whether the run was ended by hand before the plan was done: what its
// thresholds say is of a part of it.
func (r *Report) Interrupted() bool {
	return slices.ContainsFunc(r.Steered, func(s Steering) bool { return s.Interrupted })
}

// GeneratorReport is what belongs to one of several generators alone.
type GeneratorReport struct {
	Generator string    `json:"generator"` // i/N
	Start     time.Time `json:"start"`     // of its calls, by its own clock
	Lateness  Times     `json:"lateness_ms"`
	Self      Self      `json:"self"`
	Lost      string    `json:"lost,omitempty"` // why it did not end its work
}

// InboundReport is what became of the calls that came to users. One that rang still when the
// run ended is none of those that follow.
type InboundReport struct {
	Came     int     `json:"came"`
	Answered int     `json:"answered"`
	Refused  int     `json:"refused"` // as the plan says: busy and refuse
	Missed   int     `json:"missed"`  // the caller gave up before the answer
	Failed   int     `json:"failed"`  // were to be answered and did not come up, or broke off
	Up       int     `json:"up"`      // now
	Causes   []Cause `json:"causes"`
}

// String tells it in a line, without the causes.
func (i *InboundReport) String() string {
	return fmt.Sprintf("%d calls came, %d answered, %d refused, %d missed, %d failed", i.Came, i.Answered, i.Refused, i.Missed, i.Failed)
}

func (t *tally) inboundReport() *InboundReport {
	if t.inbound == 0 {
		return nil
	}
	return &InboundReport{t.inbound, t.taken, t.turnedAway, t.missed, t.inFailed, t.inboundUp, commonest(t.inCauses)}
}

// AgentsReport is the work of a plan's agents.
type AgentsReport struct {
	Offers   int              `json:"offers"`
	Done     int              `json:"done"`
	Verbs    map[string]Times `json:"verbs_ms"` // from the command to its outcome; Count is how often
	Failures []Cause          `json:"failures"` // verbs that were refused or failed, in the refusal's words
}

func (t *tally) agents() *AgentsReport {
	if t.offers == 0 {
		return nil
	}
	a := &AgentsReport{Offers: t.offers, Done: t.ended, Verbs: map[string]Times{}, Failures: commonest(t.refusedVerbs)}
	for name, h := range t.verbs {
		if h.TotalCount() > 0 {
			a.Verbs[name] = timesOf(h)
		}
	}
	return a
}

// Scores are percentiles of what has no time.
type Scores struct {
	Count int64   `json:"count"` // 0: there was none, and the others say nothing
	P1    float64 `json:"p1"`
	P5    float64 `json:"p5"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
}

func scoresOf(h *hdrhistogram.Histogram) Scores {
	of := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 100 }
	if h.TotalCount() == 0 {
		return Scores{}
	}
	return Scores{h.TotalCount(), of(1), of(5), of(50), of(95), of(99)}
}

// Report sums up a result. It is of the end, when calls and registrations are gone.
func (r *Result) Report() *Report {
	t := r.tally
	start, made, began, at := r.span()
	p := &Report{
		Schema: "ringback.load/1", Started: began, Duration: at.Sub(began).Seconds(),
		Began: t.began, Answered: t.answered, Failed: t.failed, Dropped: t.dropped, Causes: commonest(t.causes),
		Kind: r.Terms.Kind, Corrected: r.Terms.Kind == KindOpen, Steps: r.steps(), Setup: timesOf(t.setup), Answer: timesOf(t.answer), Lateness: timesOf(t.late),
		Sounded: t.sounded, Silent: t.silent, MOS: scoresOf(t.mos), Wide: scoresOf(t.wide), Loss: scoresOf(t.loss), Jitter: timesOf(t.jitter),
		NotRegister: t.refused, Refusals: commonest(t.refusals), Agents: t.agents(), Inbound: t.inboundReport(),
		Registering: timesOf(t.register), Refreshed: t.refreshed, Lapsed: t.lapsed, Went: t.went, CameBack: t.cameBack,
	}
	for _, c := range r.Steered {
		since := -1.0 // they never began
		if !start.IsZero() {
			since = c.At.Sub(start).Seconds()
		}
		p.Steered = append(p.Steered, Steering{since, c.Rate, c.Finished, c.Interrupted})
	}
	for _, g := range r.Generators {
		p.Registered += g.Registered
		p.LeftCalls += g.LeftCalls
		p.LeftRegistrations += g.LeftUsers
		p.LostCalls += g.LostCalls
		p.Self = p.Self.plus(g.Self)
		p.Untraced += g.Untraced
		if g.Of > 1 {
			p.Generators = append(p.Generators, GeneratorReport{g.String(), g.Start, timesOf(g.late()), g.Self, g.Lost})
		}
	}
	if length := min(r.Terms.For, made.Sub(start)); length > 0 {
		p.Rate = float64(t.began) / length.Seconds()
	}
	r.judge(p)
	return p
}

// judge says whether it is well, and if not why.
func (r *Result) judge(p *Report) {
	thresholds := r.Terms.thresholds
	if r.Partial() {
		thresholds = nil
	}
	for _, th := range thresholds {
		p.holds(r.tally.verdict(th))
	}
	if !r.Partial() {
		r.judgeSteps(p)
	}
	held := len(p.Why) == 0
	if r.Aborted != "" {
		held = false
		p.Why = append(p.Why, "aborted: "+r.Aborted)
	}
	for _, s := range p.Steered {
		if s.Interrupted {
			held = false
			p.Why = append(p.Why, s.String())
		}
	}
	invalid := r.invalid()
	p.Valid = len(invalid) == 0
	p.Why = append(p.Why, invalid...)
	if p.LeftCalls+p.LeftRegistrations > 0 {
		held = false
		p.Why = append(p.Why, fmt.Sprintf("left behind: %d calls, %d registrations: the PBX did not answer BYE or REGISTER", p.LeftCalls, p.LeftRegistrations))
	}
	p.OK = held && p.Valid
}

// invalid says of each generator why the run cannot be trusted.
func (r *Result) invalid() []string {
	var why []string
	for _, g := range r.Generators {
		who := "the generator itself"
		if g.Of > 1 {
			who = "generator " + g.String()
		}
		if p99 := time.Duration(g.late().ValueAtQuantile(99)) * time.Microsecond; p99 > r.Terms.Lateness {
			why = append(why, fmt.Sprintf("not valid: %s was %v late at p99 (at most %v): use more cores or machines, or a lower rate", who, p99, r.Terms.Lateness))
		}
		if g.Self.Dropped > 0 {
			why = append(why, fmt.Sprintf("not valid: sockets of %s dropped %d datagrams: raise net.core.rmem_max, or lower the rate", who, g.Self.Dropped))
		}
		if g.Lost != "" {
			lost := fmt.Sprintf("not valid: %s was lost: %s: %d calls that were up when it was last heard are lost", who, g.Lost, g.LostCalls)
			if g.LostUsers > 0 {
				lost += fmt.Sprintf(", and %d users may be registered still", g.LostUsers)
			}
			why = append(why, lost)
		}
	}
	return why
}

// render writes a value as its threshold is written.
func render(t *Threshold, v float64) string {
	switch metrics()[strings.TrimSuffix(t.metric, ".count")].unit {
	case millis:
		return (time.Duration(v * float64(time.Millisecond))).Round(time.Microsecond).String()
	case percent:
		if !strings.HasSuffix(t.metric, ".count") {
			return fmt.Sprintf("%.3g%%", v)
		}
	case score:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%g", v)
}
