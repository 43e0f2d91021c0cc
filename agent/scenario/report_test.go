package scenario

import (
	"bytes"
	"context"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/report"
	"ringback/internal/lab"
)

// TestReports_OfAStoryThatFails: text, JUnit and page have the same facts, and what
// comes from outside cannot break out of any of them.
func TestReports_OfAStoryThatFails(t *testing.T) {
	const evil = `</pre><script src="http://evil.example/x.js">alert(1)</script>` + "\x1b[2J\x00"
	inBed(t, bad("700", lab.Behaviour{Say: lab.Tone(1004)}), func(b *bed) {
		rep := b.run(context.Background(), phones("a")+`
steps:
  - {phone: a, do: dial, with: {target: 700}, until: connected}
  - {pause: 3s}
  - {phone: a, expect: [tone 620, tone 1004]}
  - {phone: a, do: resume}
`)
		rep.Name, rep.Phones[0].Calls[0].Target = evil, evil
		rep.Failure.Message += evil
		for i := range rep.Phones[0].Trace {
			rep.Phones[0].Trace[i].Message += evil
		}
		var junit, html bytes.Buffer
		if err := rep.JUnit(&junit); err != nil {
			t.Fatal(err)
		}
		if err := rep.HTML(&html, func(all []agent.TraceRecord) string { return all[0].Message }); err != nil {
			t.Fatal(err)
		}
		var read report.Suites
		if err := xml.Unmarshal(junit.Bytes(), &read); err != nil {
			t.Fatalf("the JUnit report is no XML: %v", err)
		}
		if s := read.Suite; s.Tests != 5 || s.Failures != 2 || s.Errors != 1 || s.Cases[2].Failure == nil || !strings.Contains(s.Cases[2].Failure.Message, "tone 620") {
			t.Errorf("JUnit %+v", read.Suite)
		}
		text := html.String()
		if found := regexp.MustCompile(`(?i)<script|<[^>]*\s(src|href|srcset|data)=|@import|url\(`).FindString(text); found != "" {
			t.Errorf("the page holds %s", found)
		}
		for _, want := range []string{"FAILED", "tone 620", "1004 Hz for", "<polyline", "INVITE", "resume is not allowed"} {
			if !strings.Contains(text, want) {
				t.Errorf("the page does not say %s", want)
			}
		}
		if !strings.Contains(text, `content="default-src 'none'`) {
			t.Error("the page has no policy against outside resources")
		}
		if strings.ContainsAny(rep.Text(), "\x1b\x00") {
			t.Error("the text plays tricks on a terminal")
		}
	})
}

// TestLevels_SayWhatCameAndWhatWent over time, within bounds.
func TestLevels_SayWhatCameAndWhatWent(t *testing.T) {
	inBed(t, bad("700", lab.Behaviour{Say: lab.Tone(1004)}), func(b *bed) {
		rep := b.run(context.Background(), phones("a")+`
steps:
  - {phone: a, do: dial, with: {target: 700}, until: connected}
  - {pause: 5s}
  - {phone: a, do: mute}
  - {pause: 5s}
  - {phone: a, do: end}
`)
		all := rep.Phones[0].Calls[0].Levels
		if len(all) < 45 || len(all) > 55 {
			t.Fatalf("%d levels of 10 s", len(all))
		}
		for _, l := range all {
			loud := l.At > time.Second && l.At < 5*time.Second
			if quiet := l.At > 8*time.Second && l.At < 10*time.Second; (loud || quiet) && (l.In < -13 || l.In > -7) || loud && l.Out < -25 || quiet && l.Out > -60 {
				t.Errorf("at %v %.0f dBFS came and %.0f went", l.At, l.In, l.Out)
			}
		}
	})
}

func TestLoudness_IsBounded(t *testing.T) {
	var l loudness
	for i := range 100 * maxLevels {
		l.add(Loudness{At: time.Duration(i) * levelEvery, In: -50, Out: -96})
	}
	l.add(Loudness{At: time.Hour, In: 0, Out: -96})
	last := l.all[len(l.all)-1]
	if len(l.all) > maxLevels || last.In != 0 {
		t.Errorf("%d are kept, the last %+v", len(l.all), last)
	}
	for i := 1; i < len(l.all); i++ {
		if l.all[i].At <= l.all[i-1].At {
			t.Fatalf("out of order at %d", i)
		}
	}
}

// TestRun_APhoneThatCannotStartSaysWhy, and the others end.
func TestRun_APhoneThatCannotStartSaysWhy(t *testing.T) {
	inBed(t, lab.Config{}, func(b *bed) {
		text := strings.Replace(phones("a", "b"), "bind: 10.0.0.11", "bind: 10.0.0.99", 1) + "steps:\n  - {pause: 1s}\n"
		rep := b.run(context.Background(), text)
		if rep.OK || rep.Failure == nil || rep.Failure.Phone != "b" || !strings.Contains(rep.Failure.Message, "10.0.0.99") {
			t.Errorf("failure %+v", rep.Failure)
		}
		if len(b.lab.Bindings("1001")) != 0 {
			t.Error("the other phone is registered still")
		}
	})
}
