package load

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Threshold is a line such as "p99(setup) < 500ms", "failures < 0.1%",
// "mos.p5 > 4.0" or "registration.failures == 0".
type Threshold struct {
	text   string
	metric string  // as Metrics names it
	share  float64 // percentile, 0 to 100; -1: none
	op     string
	limit  float64 // in the metric's own unit
}

func (t *Threshold) String() string { return t.text }

// unit is how a metric is written.
type unit uint8

const (
	count   unit = iota
	percent      // of calls; a count where no % is written
	millis       // a duration
	score
)

// metric is what a threshold may ask for.
type metric struct {
	unit       unit
	percentile bool // has to name one
	help       string
}

// metrics are all of them by name.
func metrics() map[string]metric {
	all := map[string]metric{
		"setup":                 {millis, true, "from the arrival of a call to the first sign of the far end"},
		"answer":                {millis, true, "from the arrival of a call to its answer"},
		"lateness":              {millis, true, "of the generator itself"},
		"mos":                   {score, true, "of the calls with media; where there are calls on both scales, of the scale that is worse off"},
		"mos.narrowband":        {score, true, "of the calls with media in G.711"},
		"mos.wideband":          {score, true, "of the calls with media in wider codecs, on the scale of wide-band calls (G.107.1)"},
		"jitter":                {millis, true, "of the calls with media"},
		"loss":                  {percent, true, "of packets, of the calls with media"},
		"failures":              {percent, false, "calls that did not come up"},
		"silent":                {percent, false, "calls with media that heard no packet"},
		"calls":                 {count, false, "that began"},
		"answered":              {count, false, "calls"},
		"dropped":               {percent, false, "calls that ended after their answer and before their time"},
		"registration":          {millis, true, "from asking until registered, the challenge included"},
		"registration.failures": {count, false, "users who did not get registered"},
		"returned":              {count, false, "users that churn sent away and that are registered again"},
		"registration.lost":     {count, false, "registrations that held and were lost before the end"},
		"inbound":               {count, false, "calls that came to users who answer"},
		"inbound.answered":      {count, false, "of these"},
		"inbound.missed":        {count, false, "of these, which the caller gave up before the answer"},
		"inbound.failures":      {percent, false, "of these: calls that were to be answered and did not come up, or broke off"},
		"offers":                {count, false, "callbacks that were offered to agents"},
		"completed":             {count, false, "calls and callbacks that came to their end"},
		"verbs.failures":        {count, false, "commands of agents that were refused or failed"},
	}
	for _, name := range verbNames() {
		all[name] = metric{millis, true, "the agents' verb, from the command to its outcome"}
	}
	return all
}

var (
	asFunction = regexp.MustCompile(`^p(\d+(?:\.\d+)?)\(([a-z.-]+)\)$`)
	asSuffix   = regexp.MustCompile(`^([a-z.]+)\.p(\d+(?:\.\d+)?)$`)
	comparison = regexp.MustCompile(`^(\S+)\s*(<=|>=|==|<|>)\s*(\S+)$`)
)

// ParseThreshold reads one line. Errors say what may stand there.
func ParseThreshold(text string) (*Threshold, error) {
	parts := comparison.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return nil, fmt.Errorf("threshold %q: write METRIC < LIMIT, as p99(setup) < 500ms or failures < 0.1%%", text)
	}
	t := &Threshold{text: strings.TrimSpace(text), metric: parts[1], share: -1, op: parts[2]}
	if m := asFunction.FindStringSubmatch(parts[1]); m != nil {
		t.metric = m[2]
		t.share, _ = strconv.ParseFloat(m[1], 64)
	} else if m := asSuffix.FindStringSubmatch(parts[1]); m != nil {
		t.metric = m[1]
		t.share, _ = strconv.ParseFloat(m[2], 64)
	}
	what, known := metrics()[t.metric]
	switch {
	case !known:
		return nil, fmt.Errorf("threshold %q: there is no %q: write one of %s", text, t.metric, strings.Join(metricNames(), ", "))
	case what.percentile && (t.share < 0 || t.share > 100):
		return nil, fmt.Errorf("threshold %q: of %s a percentile is asked, as p99(%s)", text, t.metric, t.metric)
	case !what.percentile && t.share >= 0:
		return nil, fmt.Errorf("threshold %q: %s has no percentiles", text, t.metric)
	}
	var err error
	if t.limit, err = what.unit.parse(parts[3]); err != nil {
		return nil, fmt.Errorf("threshold %q: %w", text, err)
	}
	if what.unit == percent && !strings.HasSuffix(parts[3], "%") && !what.percentile {
		t.metric += ".count"
	}
	return t, nil
}

func (u unit) parse(s string) (float64, error) {
	switch u {
	case millis:
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration: write 500ms or 2s", s)
		}
		return float64(d) / float64(time.Millisecond), nil
	case percent:
		s = strings.TrimSuffix(s, "%")
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return v, nil
}

// holds reports whether v is on the right side.
func (t *Threshold) holds(v float64) bool {
	switch t.op {
	case "<":
		return v < t.limit
	case "<=":
		return v <= t.limit
	case ">":
		return v > t.limit
	case ">=":
		return v >= t.limit
	}
	return v == t.limit
}

func metricNames() []string {
	var names []string
	for name := range metrics() {
		names = append(names, name)
	}
	return sorted(names)
}

func parseThresholds(field string, texts []string) ([]*Threshold, error) {
	var all []*Threshold
	for i, text := range texts {
		t, err := ParseThreshold(text)
		if err != nil {
			return nil, &fieldError{fmt.Sprintf("%s[%d]", field, i), text, fmt.Sprintf("%s: %v", field, err)}
		}
		all = append(all, t)
	}
	return all, nil
}
