package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Expectation is one thing that has to be so about a call.
type Expectation struct {
	text  string
	check checker
}

// String is the expectation in its normal spelling.
func (e Expectation) String() string { return e.text }

// CanComplete says whether the expectation is met for good once it is met: what is
// measured over the whole call is known at its end.
func (e Expectation) CanComplete() bool {
	switch word, _, _ := strings.Cut(e.text, " "); word {
	case "tone", "audio", "speech", "dtmf", "header", "sdp":
		return true
	}
	return false
}

type checker = func(m measured) outcome

// outcome is what a checker found, and by how much that misses the limit of an
// expectation that has one.
type outcome struct {
	ok        bool
	found, by string
	odd       *Finding // what was found has a name of its own; nil: none
}

// limited is an outcome with how far it is off its limit, where that is missed:
// off is positive then, or 0 at the limit itself.
func limited(ok bool, found string, off float64, text string) outcome {
	switch {
	case ok:
		return outcome{ok: true, found: found}
	case off <= 0:
		return outcome{found: found, by: "just at the limit"}
	}
	return outcome{found: found, by: text}
}

// longer is an outcome of a time that has to be more than least.
func longer(ok bool, d, least time.Duration, found string) outcome {
	if least == 0 { // whether there is any
		return outcome{ok: ok, found: found}
	}
	return limited(ok, found, float64(least-d), seconds(least-d)+" too short")
}

// expectForm is a row of the grammar: the first word, what may follow, what it means.
type expectForm struct {
	word, rest, help string
	read             func(words []string) (checker, error)
}

// expectForms is the grammar of expectations.
func expectForms() []expectForm {
	over := func(word, help string, of func(measured) time.Duration) expectForm {
		return expectForm{word, "[> DURATION]", help, func(words []string) (checker, error) { return expectSpan(words, of) }}
	}
	number := func(word, rest, help string, of func(measured) float64) expectForm {
		return expectForm{word, rest, help, func(words []string) (checker, error) { return expectNumber(word, words, of) }}
	}
	delay := func(word, help, none string, of func(measured) (time.Duration, bool)) expectForm {
		return expectForm{word, "< DURATION", help, func(words []string) (checker, error) { return expectDelay(words, none, of) }}
	}
	return []expectForm{
		{"tone", "HZ [> DURATION]", "such as: tone 1004, tone 440 > 500ms", expectTone},
		over("audio", "sound from the far end, such as: audio > 2s", func(m measured) time.Duration { return m.sound }),
		over("speech", "sound that is no steady tone, such as: speech > 1s", func(m measured) time.Duration { return m.speech }),
		{"silence", "[> DURATION]", "no sound at all, or for so long in all", expectSilence},
		{"dtmf", "DIGITS", "such as: dtmf 1234", expectDigits},
		{"code", "NUMBER", "the final SIP code, such as: code 486", expectCode},
		{"state", "STATE", "of the call or its interaction, such as: state on-hold", expectState},
		{"header", "NAME [= TEXT]", "a header of the call that came in, such as: header X-Case = 4711", expectHeader},
		{"sdp", "TEXT", "a session description that came in holds it, such as: sdp a=sendonly", expectSDP},
		number("mos", "> NUMBER", "also: mos < NUMBER", func(m measured) float64 { return m.quality.MOS }),
		number("lost", "< NUMBER", "packets; also: loss < PERCENT, jitter < MS, rx > PACKETS", func(m measured) float64 { return float64(m.quality.Lost) }),
		number("loss", "< NUMBER", "", func(m measured) float64 { return lossOf(m.quality) }),
		number("jitter", "< NUMBER", "", func(m measured) float64 { return m.quality.JitterMS }),
		number("rx", "> NUMBER", "", func(m measured) float64 { return float64(m.quality.RXPackets) }),
		delay("post-dial", "from dialling to the first sign of the far end", "there was no sign of the far end", func(m measured) (time.Duration, bool) { return m.setup, m.setup > 0 }),
		delay("answer", "from dialling to the answer", "there was no answer", func(m measured) (time.Duration, bool) { return m.answer, m.answer >= 0 }),
		delay("first-sound", "from the answer to the first sound", "there was no sound", func(m measured) (time.Duration, bool) { return m.first, m.first >= 0 }),
		delay("delay", "from mouth to ear, as far as it is known", "nothing is known of it", func(m measured) (time.Duration, bool) {
			return time.Duration(m.quality.DelayMS * float64(time.Millisecond)), m.quality.DelayMS > 0
		}),
		{"both-ways", "", "packets went both ways, and sound came", expectBothWays},
		{"clean", "", "nothing is odd: no loss, late answer, one-way audio, ...", nil},
	}
}

// ExpectForms lists the grammar for people, one form a line.
func ExpectForms() []string {
	var lines []string
	for _, f := range expectForms() {
		if f.help != "" {
			lines = append(lines, fmt.Sprintf("%-24s %s", strings.TrimSpace(f.word+" "+f.rest), f.help))
		}
	}
	return lines
}

// ParseExpectation reads one. Its error says what is wrong, without the text.
func ParseExpectation(text string) (Expectation, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Expectation{}, fmt.Errorf("it is empty")
	}
	first := words[0]
	if first != "header" && first != "sdp" { // > and < stand for themselves there
		words = strings.Fields(strings.NewReplacer(">", " > ", "<", " < ").Replace(text))
	}
	e := Expectation{text: strings.Join(words, " ")}
	for _, f := range expectForms() {
		if f.word != words[0] {
			continue
		}
		if f.read == nil {
			e.check = expectClean
			return e, none(words[1:])
		}
		var err error
		e.check, err = f.read(words[1:])
		return e, err
	}
	return e, fmt.Errorf("nothing is called %q", words[0])
}

func none(words []string) error {
	if len(words) > 0 {
		return fmt.Errorf("%q is too much", words[0])
	}
	return nil
}

// expectClean is met when the call has no finding; who holds the record fills them in.
func expectClean(m measured) outcome {
	found := (&Record{taken: true}).findings(m)
	var names []string
	for _, f := range found {
		names = append(names, f.Name+": "+f.Text)
	}
	if len(names) == 0 {
		return outcome{ok: true, found: "nothing odd"}
	}
	return outcome{found: strings.Join(names, "; ")}
}

// overDuration reads "[> DURATION]".
func overDuration(words []string, standard time.Duration) (time.Duration, error) {
	if len(words) == 0 {
		return standard, nil
	}
	if len(words) != 2 || words[0] != ">" {
		return 0, fmt.Errorf("after it comes nothing, or > DURATION")
	}
	return aDuration(words[1])
}

func aDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration such as 2s", text)
	}
	return d, nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func expectSpan(words []string, of func(measured) time.Duration) (checker, error) {
	least, err := overDuration(words, 0)
	return func(m measured) outcome { return longer(of(m) > least, of(m), least, seconds(of(m))) }, err
}

func expectDelay(words []string, none string, of func(measured) (time.Duration, bool)) (checker, error) {
	if len(words) != 2 || words[0] != "<" && words[0] != ">" {
		return nil, fmt.Errorf("after it comes < or > and a duration")
	}
	limit, err := aDuration(words[1])
	return func(m measured) outcome {
		d, there := of(m)
		if !there {
			return outcome{found: none}
		}
		text := fmt.Sprintf("%.0f ms", milliseconds(d))
		if words[0] == "<" {
			return limited(d < limit, text, float64(d-limit), fmt.Sprintf("%.0f ms too long", milliseconds(d-limit)))
		}
		return limited(d > limit, text, float64(limit-d), fmt.Sprintf("%.0f ms too short", milliseconds(limit-d)))
	}, err
}

func expectSilence(words []string) (checker, error) {
	least, err := overDuration(words, -1)
	return func(m measured) outcome {
		silent := max(0, m.up-m.sound)
		if least < 0 {
			return outcome{ok: m.sound == 0 && m.up > 0, found: seconds(m.sound) + " of sound"}
		}
		return longer(silent > least, silent, least, seconds(silent))
	}, err
}

func expectTone(words []string) (checker, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("HZ is missing")
	}
	hz, err := strconv.ParseFloat(strings.TrimSuffix(strings.ToLower(words[0]), "hz"), 64)
	if err != nil || !(hz >= 50 && hz <= 20000) {
		return nil, fmt.Errorf("HZ %q: it is a frequency from 50 to 20000", words[0])
	}
	least, err := overDuration(words[1:], 0)
	return func(m measured) outcome {
		heard := time.Duration(-1)
		var all []string
		for _, f := range sortedTones(m.tones) {
			if math.Abs(f-hz) <= 0.02*hz {
				heard = max(heard, m.tones[f])
			}
			all = append(all, fmt.Sprintf("%g Hz for %s", f, seconds(m.tones[f])))
		}
		if len(all) == 0 {
			return outcome{found: "no tone"}
		}
		ok := heard > least || heard == 0 && least == 0 // it has begun just now
		return longer(ok, max(0, heard), least, strings.Join(all, ", "))
	}, err
}

func expectDigits(words []string) (checker, error) {
	if len(words) != 1 || strings.Trim(strings.ToUpper(words[0]), "0123456789*#ABCD") != "" {
		return nil, fmt.Errorf("DIGITS are of 0-9 * # A-D")
	}
	want := strings.ToUpper(words[0])
	return func(m measured) outcome {
		if m.digits == "" {
			return outcome{found: "no digit"}
		}
		o := outcome{ok: strings.Contains(m.digits, want), found: m.digits}
		if !o.ok {
			o.odd = &Finding{"wrong-digits", fmt.Sprintf("%s came, and not %s", m.digits, want)}
		}
		return o
	}, nil
}

func expectCode(words []string) (checker, error) {
	if len(words) != 1 {
		return nil, fmt.Errorf("NUMBER is missing")
	}
	want, err := FinalCode(words[0])
	return func(m measured) outcome {
		if m.code == 0 {
			return outcome{found: "there was no final answer"}
		}
		return outcome{ok: m.code == want, found: strconv.Itoa(m.code)}
	}, err
}

// FinalCode reads a final SIP code, 200 to 699.
func FinalCode(text string) (int, error) {
	code, err := strconv.Atoi(text)
	if err != nil || code < 200 || code > 699 {
		return 0, fmt.Errorf("%q is no final SIP code: it is 200 to 699", text)
	}
	return code, nil
}

func expectNumber(name string, words []string, of func(measured) float64) (checker, error) {
	if len(words) != 2 || words[0] != ">" && words[0] != "<" {
		return nil, fmt.Errorf("after it comes > or < and a number")
	}
	limit, err := strconv.ParseFloat(strings.TrimSuffix(words[1], "%"), 64)
	if err != nil || math.IsNaN(limit) {
		return nil, fmt.Errorf("%q is no number", words[1])
	}
	return func(m measured) outcome {
		v := of(m)
		if m.quality.RXPackets == 0 && name != "rx" {
			return outcome{found: "no packet came"}
		}
		text := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
		if words[0] == ">" {
			return limited(v > limit, text(v), limit-v, text(limit-v)+" too low")
		}
		return limited(v < limit, text(v), v-limit, text(v-limit)+" too high")
	}, nil
}

func expectBothWays(words []string) (checker, error) {
	return func(m measured) outcome {
		q := m.quality
		return outcome{ok: q.RXPackets > 0 && q.TXPackets > 0 && m.sound > 0,
			found: fmt.Sprintf("%d packets came with %s of sound, %d went", q.RXPackets, seconds(m.sound), q.TXPackets)}
	}, none(words)
}
