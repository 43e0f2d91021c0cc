package rude

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringback/agent"
)

// Each element of an INVITE with each anomaly, as the PROTOS suite has them, then with
// each seed that our fuzzers have found, all in the PBX's name: nothing panics, each costs
// less than 50 ms of the processor, and the next request is served at once.
func TestProtos_EachCaseWithin50ms(t *testing.T) {
	seeds := seedTexts(t)
	for name, c := range map[string]struct {
		values []string
		each   int
	}{"anomalies": {Anomalies(), 2}, "seeds of the fuzzers": {seeds, 8}} {
		t.Run(name, func(t *testing.T) {
			onDesk(t, nil, func(d *desk) {
				p := &protos{desk: d, codes: map[int]int{}}
				Protos(c.values, c.each, p.try)
				t.Logf("%d cases; answers %v; ready again %d times; the dearest took %v: %s", p.cases, p.codes, p.back, p.worst, p.of)
				if n := counter(t, d, "sip.panics") + counter(t, d, "transport.panics"); n != 0 {
					t.Errorf("%d panics", n)
				}
				if p.cases < 4000 || p.codes[180] < 500/scale || p.codes[400] < 500/scale {
					t.Errorf("%d cases got %v", p.cases, p.codes)
				}
			})
		})
	}
	t.Run("seeds as messages", func(t *testing.T) {
		onDesk(t, nil, func(d *desk) {
			p := &protos{desk: d, codes: map[int]int{}}
			for i, text := range seeds {
				p.try(Case{Element: "a datagram", Value: strconv.Itoa(i), Text: text})
			}
			t.Logf("%d cases; answers %v; ready again %d times; the dearest took %v: %s", p.cases, p.codes, p.back, p.worst, p.of)
			if n := counter(t, d, "sip.panics") + counter(t, d, "transport.panics"); n != 0 {
				t.Errorf("%d panics", n)
			}
		})
	})
}

// protos sends the cases to the agent and keeps the figures.
type protos struct {
	*desk
	cases int
	codes map[int]int
	back  int // how often the agent had to make himself ready again
	worst time.Duration
	of    string
}

// ready has the agent reject what rings, and be there for the next.
func (p *protos) ready() {
	p.Helper()
	for _, in := range p.agent.State().Interactions {
		if in.State == agent.PhaseOffered {
			p.do("reject", map[string]any{"interaction": in.ID})
		}
	}
	p.do("ready", nil)
	p.settle()
}

// try sends one case, again where it took long: the least of three counts, since what the
// garbage collector does stands in the same account.
func (p *protos) try(c Case) {
	p.Helper()
	p.cases++
	if p.cases%scale != 0 || len(c.Text) > 65507 {
		return
	}
	took := p.once(c, c.Text)
	for range 2 {
		if took > 50*time.Millisecond && c.Number != "" {
			took = min(took, p.once(c, c.Again()))
		}
	}
	if took > p.worst {
		p.worst, p.of = took, c.Element+" is "+clip(c.Value)
	}
	if took > 50*time.Millisecond*busy {
		p.Errorf("%s is %s: %v", c.Element, clip(c.Value), took)
	}
}

// once sends a case and a sound request. A caller whose call rings gives up.
func (p *protos) once(c Case, text string) time.Duration {
	p.Helper()
	begin := processor(p.T)
	p.write(p.pbx, text)
	p.settle()
	next := p.pbx.New("OPTIONS")
	p.write(p.pbx, next.String())
	m, ok := p.pbx.Until(50*time.Millisecond, func(m Message) bool { return m.Header("Call-ID") == next.CallID })
	took := processor(p.T) - begin
	if !ok || m.Code() != 200 && m.Code() != 480 && m.Code() != 486 {
		p.Fatalf("%s is %s: the next request got %q", c.Element, clip(c.Value), m.Start())
	}
	if m.Code() != 200 { // a call rings that its CANCEL did not name, or rang unanswered
		p.back++
		p.ready()
	}
	return took
}

func (p *protos) settle() {
	for {
		m, ok := p.pbx.Next(25 * time.Millisecond)
		if !ok {
			return
		}
		code := m.Code()
		if code == 0 || m.Method() != "INVITE" {
			continue
		}
		p.codes[code]++
		switch {
		case code >= 300:
			p.write(p.pbx, answered(m, "ACK"))
		case code > 100 && code < 200:
			p.write(p.pbx, answered(m, "CANCEL"))
		}
	}
}

// answered is the ACK or CANCEL of the INVITE that a response answers.
func answered(m Message, method string) string {
	seq, _, _ := strings.Cut(m.Header("CSeq"), " ")
	to := m.Header("To")
	if method == "CANCEL" {
		to, _, _ = strings.Cut(to, ";tag=")
	}
	r := Request{Method: method, URI: "sip:1001@" + phoneIP + ";user=phone", Via: m.Header("Via"), From: m.Header("From"), To: to, CallID: m.Header("Call-ID"), CSeq: seq + " " + method}
	return r.String()
}

// processor is the time of the processor that this process has had: what else runs on
// the machine does not count.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func counter(t *testing.T, d *desk, name string) uint64 {
	t.Helper()
	all, err := d.agent.Counters(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return all[name]
}

func clip(s string) string {
	if len(s) > 40 {
		s = s[:40] + "... of " + strconv.Itoa(len(s)) + " bytes"
	}
	return strconv.Quote(s)
}

// seedTexts are the texts of all corpora of SIP, SDP and callbacks that are checked in, and
// the messages of RFC 4475.
func seedTexts(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, pattern := range []string{"sip/testdata/fuzz/*/*", "sip/*/testdata/fuzz/*/*", "media/sdp/testdata/fuzz/*/*", "agent/testdata/fuzz/FuzzCallbackHeaders/*"} {
		files, err := filepath.Glob(filepath.Join("../..", filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("no seeds in %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				open, end := strings.Index(line, `("`), strings.LastIndex(line, `")`)
				if open < 0 || end < open {
					continue // a number, or the first line
				}
				if value, err := strconv.Unquote(line[open+1 : end+1]); err == nil && len(value) < 30000 {
					found[value] = true
				}
			}
		}
	}
	all, err := Tortures("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		found[m.Text] = true
	}
	return slices.Sorted(maps.Keys(found))
}
