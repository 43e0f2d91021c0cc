package load

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/agent/report"
	"ringback/internal/simnet"
	"ringback/sip"
)

// Each call is told once with its times and its cause; the worst have their messages,
// from the INVITE to the end.
func TestLoad_TellsEachCall(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaTone, Busy: 0.2, Ring: 300 * time.Millisecond, Codecs: []string{"pcmu"}})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 5, for: 10s, talk: {mean: 3s}, media: tone}\n")
		var mu sync.Mutex
		outcomes, ids := map[string]int{}, map[string]bool{}
		var worst Worst
		var series Series
		host := n.Host(generatorIP)
		result, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 2, Ladders: true, OnProgress: series.Take, OnCall: func(r CallResult) {
			worst.Add(r)
			mu.Lock()
			defer mu.Unlock()
			outcomes[r.Outcome+" "+r.Cause]++
			ids[r.SIPCallID] = true
			if r.Outcome == CallDone && (*r.AnswerMS < 300 || *r.AnswerMS > 320 || r.Talk < 2.9 || r.Media == nil || r.Media.MOS < 4 || *r.SetupMS > *r.AnswerMS) {
				t.Errorf("%+v %+v", r, r.Media)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		r := result.Report()
		if outcomes["done "] != r.Answered || outcomes["failed 486 Busy Here"] != r.Failed || len(outcomes) != 2 || len(ids) != 50 {
			t.Errorf("%v, %d ids, %+v", outcomes, len(ids), r)
		}
		for _, b := range worst.Calls() {
			text := ""
			for _, m := range b.Messages() {
				line, _, _ := strings.Cut(m.Text, "\r\n")
				text += line + "\n"
			}
			want := []string{"INVITE sip:601", "SIP/2.0 486"}
			if b.Outcome == CallDone {
				want = []string{"INVITE sip:601", "SIP/2.0 180", "SIP/2.0 200", "ACK ", "BYE "}
			}
			for _, one := range want {
				if !strings.Contains(text, one) {
					t.Errorf("%s has no %s:\n%s", b.Why, one, text)
				}
			}
		}
		if n := len(worst.Calls()); n != 2+worstSlow && (n < 2+worstSlow || n > 2+worstSlow+worstHeard) {
			t.Errorf("%d of the worst", n)
		}
		adds := 0.0
		for _, s := range series.Samples() {
			adds += s.Began * s.Length
		}
		if last := series.Samples(); len(last) < 10 || adds != 50 || last[4].Began < 4 || last[4].Began > 6 || last[4].SetupP50 > 20 {
			t.Errorf("the series has %.1f calls: %+v", adds, last)
		}
		far.Close()
	})
}

// What comes from outside cannot break out of the page or of the JUnit file, and both
// say what failed.
func TestReports(t *testing.T) {
	const evil = `</pre><script src="http://evil.example/x.js">alert(1)</script>` + "\x00"
	value := 7.0
	r := &Report{Began: 3, Failed: 1, Causes: []Cause{{evil, 1}}, Setup: Times{Count: 2, P99: 7}, Why: []string{"failures == 0: it is 1", "not valid: late"},
		Lateness: Times{Count: 3, P50: 1, P99: 6.25, Max: 7}, Kind: KindOpen, Corrected: true, Self: Self{CPU: 1.5, Cores: 0.5, Dropped: 4},
		Generators: []GeneratorReport{{Generator: "2/2", Lateness: Times{P99: 9, Max: 10}, Self: Self{Dropped: 3}, Lost: evil}},
		Thresholds: []Verdict{{"failures == 0", false, &value, "1"}, {"p99(setup) < 9ms", true, &value, "7ms"}}}
	p := Page{Report: r, Name: evil, Allowed: 5 * time.Millisecond, Worst: []BadCall{{evil, CallResult{From: evil, AnswerMS: &value, ladder: &callLadder{messages: []sip.TraceRecord{{Text: evil}}}}}}}
	for i := range 5 {
		p.Series = append(p.Series, Sample{At: float64(i), Length: 1, Began: 2, Failed: 1, SetupP50: math.NaN(), SetupP99: 5})
	}
	var html, junit bytes.Buffer
	if err := p.HTML(&html, func(all []sip.TraceRecord) string { return "LADDER " + all[0].Text }); err != nil {
		t.Fatal(err)
	}
	text := html.String()
	if found := regexp.MustCompile(`(?i)<script|<[^>]*\s(src|href|srcset|data)=|@import|url\(`).FindString(text); found != "" {
		t.Errorf("the page holds %s", found)
	}
	for _, want := range []string{"FAILED", "NOT VALID", "coordinated omission", "LADDER", "<polyline", "failed (dots)", "answered after 7.0 ms", "not met", `content="default-src 'none'`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "%!") {
		t.Error("the page draws what is no number")
	}
	if err := r.JUnit(&junit, evil); err != nil {
		t.Fatal(err)
	}
	var read report.Suites
	if err := xml.Unmarshal(junit.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	s := read.Suite
	if s.Tests != 3 || s.Failures != 1 || s.Errors != 1 || s.Cases[0].Failure.Message != "failures == 0: it is 1" || s.Cases[2].Error.Message != "not valid: late" {
		t.Errorf("%+v", s)
	}
	for _, want := range []string{"late p99 6.25 ms, most 7.00 ms", "1.5 s of CPU (0.50 cores)", "4 datagrams dropped", "generator 2/2: late p99 9.00 ms, most 10.00 ms", "3 datagrams dropped", "corrected for coordinated omission"} {
		if !strings.Contains(s.Cases[2].Out, want) {
			t.Errorf("the JUnit report does not say %q: %q", want, s.Cases[2].Out)
		}
	}
}

// A report says whether its times count from when calls were due, in JSON too.
func TestReport_SaysThatItIsCorrected(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		defer far.Close()
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 2, for: 1s, talk: {mean: 100ms}}\n")
		host := n.Host(generatorIP)
		r, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 1})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(r.Report())
		if err != nil || !strings.Contains(string(text), `"corrected_for_coordinated_omission":true`) {
			t.Errorf("%v: %s", err, text)
		}
		for kind, want := range map[string]string{KindAgents: "from an offer or a command", KindClosed: "from when a place was free", KindRegistrations: "from asking"} {
			r.Terms.Kind = kind // with agents, whether one was offered something or not
			if p := r.Report(); p.Corrected || !strings.Contains(p.Basis(), want) {
				t.Errorf("%s: it is said to be corrected, or %q", kind, p.Basis())
			}
		}
	})
}

// Where messages could not be kept, or calls could not be told, the page says so, and where
// all are there it does not.
func TestReports_SayWhatCouldNotBeKept(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 2, for: 1s, talk: {mean: 100ms}}\n")
		host := n.Host(generatorIP)
		r, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 1, Part: Part{Of: 2}, Worst: true, Ladders: true})
		if err != nil || len(r.Worst) != 1 {
			t.Fatal(err, r)
		}
		far.Close()
		messages := len(r.Worst[0].Messages())
		says := []string{
			"Ladders may have gaps: 7 messages could not be kept, since the generator was too busy.",
			"Calls of generator 2/2 are not among them: it was lost before it could tell them.",
			fmt.Sprintf("The ladder has a gap: %d messages of this call were not kept.", messages),
			"not valid: generator 2/2 was lost: it was not heard for 8s: 0 calls that were up when it was last heard are lost",
		}
		page := func(r *Result) string {
			var html bytes.Buffer
			if err := (Page{Report: r.Report(), Name: "gaps", Worst: r.Worst}).HTML(&html, func(all []sip.TraceRecord) string { return fmt.Sprintf("LADDER of %d", len(all)) }); err != nil {
				t.Fatal(err)
			}
			return html.String()
		}
		whole := page(r)
		lost := NoResult(p, Part{Index: 1, Of: 2})
		lost.Lose("it was not heard for 8s")
		r, err = Merge(r.KeepLadders(0), lost)
		if err != nil {
			t.Fatal(err)
		}
		r.Generators[0].Untraced = 7
		gaps := page(r)
		for _, text := range says {
			if !strings.Contains(gaps, text) {
				t.Errorf("the page does not say %q", text)
			}
			if strings.Contains(whole, text) {
				t.Errorf("a page of all says %q", text)
			}
		}
		if want := fmt.Sprintf("LADDER of %d", messages); messages < 5 || !strings.Contains(whole, want) || !strings.Contains(gaps, "LADDER of 0") {
			t.Errorf("%d messages", messages)
		}
	})
}

func TestSeries_IsBounded(t *testing.T) {
	var s Series
	start := time.Unix(0, 0)
	for i := range 5 * maxSamples {
		r := &Result{Generators: []Generator{{Began: start, At: start.Add(time.Duration(i+1) * time.Second)}}, tally: newTally()}
		r.tally.began = 10 * (i + 1)
		s.Take(r.Snapshot())
	}
	all := s.Samples()
	for i, one := range all {
		if math.Abs(one.Began-10) > 1e-6 || i > 0 && one.At <= all[i-1].At {
			t.Fatalf("sample %d: %+v", i, one)
		}
	}
	if len(all) >= maxSamples || len(all) < maxSamples/4 {
		t.Errorf("%d samples", len(all))
	}
}

func TestWorst_KeepsTheWorst(t *testing.T) {
	var w Worst
	for i := range 1000 {
		ms := float64((i * 7) % 1000)
		w.Add(CallResult{SIPCallID: string(rune('a' + i)), Outcome: CallDone, AnswerMS: &ms})
		w.Add(CallResult{SIPCallID: string(rune('a'+i)) + "f", Outcome: CallFailed, Cause: string(rune('a' + i%50))})
	}
	all := w.Calls()
	if len(all) != worstOfCause*worstCauses+worstSlow {
		t.Errorf("%d are kept", len(all))
	}
	for i, want := range []float64{999, 998, 997, 996, 995} {
		if got := *all[worstOfCause*worstCauses+i].AnswerMS; got != want {
			t.Errorf("%d: %v", i, got)
		}
	}
}
