package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// heardCall is what a test call brought.
type heardCall struct {
	up      time.Duration // from answer to end
	audio   time.Duration // sound from the far end
	tones   map[float64]time.Duration
	digits  string
	code    int
	quality verdictQuality
}

// expected is one --expect, read.
type expected struct {
	text  string
	check func(h heardCall) (ok bool, measured string)
}

// canComplete says whether the expectation is met for good once it is met: what
// is measured over the whole call is known at its end.
func (e expected) canComplete() bool {
	word, _, _ := strings.Cut(e.text, " ")
	return word == "tone" || word == "audio" || word == "dtmf"
}

// checkResult is one expectation in a verdict.
type checkResult struct {
	Expr     string `json:"expr"`
	OK       bool   `json:"ok"`
	Measured string `json:"measured"`
}

// expectForms is the grammar of --expect.
var expectForms = []string{
	"tone HZ [> DURATION]    such as: tone 1004, tone 440 > 500ms",
	"audio [> DURATION]      sound from the far end, such as: audio > 2s",
	"silence [> DURATION]    no sound at all, or for so long in all",
	"dtmf DIGITS             such as: dtmf 1234",
	"code NUMBER             the final SIP code, such as: code 486",
	"mos > NUMBER            also: mos < NUMBER",
	"lost < NUMBER           packets; also: jitter < MS, rx > PACKETS",
}

// readExpect reads one --expect. Its error is a usage error that lists the forms.
func readExpect(text string) (expected, error) {
	words := strings.Fields(strings.NewReplacer(">", " > ", "<", " < ").Replace(text))
	e := expected{text: strings.Join(words, " ")}
	bad := func(why string) (expected, error) {
		return e, usageError("flag --expect %q: %s", text, why).withHint("forms:\n  %s", strings.Join(expectForms, "\n  "))
	}
	if len(words) == 0 {
		return bad("it is empty")
	}
	var err error
	switch words[0] {
	case "tone":
		e.check, err = expectTone(words[1:])
	case "audio":
		e.check, err = expectSpan(words[1:], func(h heardCall) time.Duration { return h.audio })
	case "silence":
		e.check, err = expectSilence(words[1:])
	case "dtmf":
		e.check, err = expectDigits(words[1:])
	case "code":
		e.check, err = expectCode(words[1:])
	case "mos", "lost", "jitter", "rx":
		e.check, err = expectNumber(words[0], words[1:])
	default:
		err = fmt.Errorf("nothing is called %q", words[0])
	}
	if err != nil {
		return bad(err.Error())
	}
	return e, nil
}

// overDuration reads "[> DURATION]".
func overDuration(words []string, standard time.Duration) (time.Duration, error) {
	if len(words) == 0 {
		return standard, nil
	}
	if len(words) != 2 || words[0] != ">" {
		return 0, fmt.Errorf("after it comes nothing, or > DURATION")
	}
	d, err := time.ParseDuration(words[1])
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration such as 2s", words[1])
	}
	return d, nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func expectSpan(words []string, of func(heardCall) time.Duration) (func(heardCall) (bool, string), error) {
	least, err := overDuration(words, 0)
	return func(h heardCall) (bool, string) { return of(h) > least, seconds(of(h)) }, err
}

func expectSilence(words []string) (func(heardCall) (bool, string), error) {
	least, err := overDuration(words, -1)
	return func(h heardCall) (bool, string) {
		silent := max(0, h.up-h.audio)
		if least < 0 {
			return h.audio == 0 && h.up > 0, seconds(h.audio) + " of sound"
		}
		return silent > least, seconds(silent)
	}, err
}

func expectTone(words []string) (func(heardCall) (bool, string), error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("HZ is missing")
	}
	hz, err := strconv.ParseFloat(strings.TrimSuffix(strings.ToLower(words[0]), "hz"), 64)
	if err != nil || !(hz >= 50 && hz <= 20000) {
		return nil, fmt.Errorf("HZ %q: it is a frequency from 50 to 20000", words[0])
	}
	least, err := overDuration(words[1:], 0)
	return func(h heardCall) (bool, string) {
		var heard time.Duration
		var all []string
		for _, f := range slices.Sorted(keysOf(h.tones)) {
			if math.Abs(f-hz) <= 0.02*hz {
				heard = max(heard, h.tones[f])
			}
			all = append(all, fmt.Sprintf("%g Hz for %s", f, seconds(h.tones[f])))
		}
		if len(all) == 0 {
			return false, "no tone"
		}
		return heard > least, strings.Join(all, ", ")
	}, err
}

func keysOf(m map[float64]time.Duration) func(func(float64) bool) {
	return func(yield func(float64) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func expectDigits(words []string) (func(heardCall) (bool, string), error) {
	if len(words) != 1 || strings.Trim(strings.ToUpper(words[0]), "0123456789*#ABCD") != "" {
		return nil, fmt.Errorf("DIGITS are of 0-9 * # A-D")
	}
	want := strings.ToUpper(words[0])
	return func(h heardCall) (bool, string) {
		if h.digits == "" {
			return false, "no digit"
		}
		return strings.Contains(h.digits, want), h.digits
	}, nil
}

func expectCode(words []string) (func(heardCall) (bool, string), error) {
	if len(words) != 1 {
		return nil, fmt.Errorf("NUMBER is missing")
	}
	want, err := sipCode(words[0])
	return func(h heardCall) (bool, string) { return h.code == want, strconv.Itoa(h.code) }, err
}

func sipCode(text string) (int, error) {
	code, err := strconv.Atoi(text)
	if err != nil || code < 200 || code > 699 {
		return 0, fmt.Errorf("%q is no final SIP code: it is 200 to 699", text)
	}
	return code, nil
}

func expectNumber(name string, words []string) (func(heardCall) (bool, string), error) {
	if len(words) != 2 || words[0] != ">" && words[0] != "<" {
		return nil, fmt.Errorf("after it comes > or < and a number")
	}
	limit, err := strconv.ParseFloat(words[1], 64)
	if err != nil || math.IsNaN(limit) {
		return nil, fmt.Errorf("%q is no number", words[1])
	}
	of := map[string]func(verdictQuality) float64{
		"mos":    func(q verdictQuality) float64 { return q.MOS },
		"lost":   func(q verdictQuality) float64 { return float64(q.Lost) },
		"jitter": func(q verdictQuality) float64 { return q.JitterMS },
		"rx":     func(q verdictQuality) float64 { return float64(q.RXPackets) },
	}[name]
	return func(h heardCall) (bool, string) {
		v := of(h.quality)
		if h.quality.RXPackets == 0 && name != "rx" {
			return false, "no packet came"
		}
		if words[0] == ">" {
			return v > limit, strconv.FormatFloat(v, 'g', 4, 64)
		}
		return v < limit, strconv.FormatFloat(v, 'g', 4, 64)
	}, nil
}
