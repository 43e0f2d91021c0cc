package load

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"ringback/agent/report"
	"ringback/sip"
)

// page is a load test's report.
const page = `<!DOCTYPE html>
<html lang="en"><head>{{template "head"}}
<title>{{.Name}}: {{.Word}}</title></head><body>
<h1><span class="{{if .OK}}ok{{else}}bad{{end}}">{{.Word}}</span> {{.Name}}</h1>
<p class="dim">{{.Started.Format "2006-01-02 15:04:05 MST"}}, {{printf "%.1f" .Duration}} s. {{.Basis}} Percentiles are those of HDR histograms with three digits.</p>
{{range .Why}}<p class="bad">{{.}}</p>{{end}}
{{range .Steered}}<p>Changed by hand while it ran: {{.}}.</p>{{end}}
<div class="facts"><div><b>{{.Began}}</b>calls began, {{printf "%.1f" .Rate}} a second</div><div><b>{{.Answered}}</b>answered</div>
<div><b{{if .Failed}} class="bad"{{end}}>{{.Failed}}</b>failed</div><div><b{{if .Dropped}} class="bad"{{end}}>{{.Dropped}}</b>dropped by the far end</div>
{{if .HasUsers}}<div><b>{{.Registered}}</b>users registered, {{.NotRegister}} not</div>{{end}}
{{with .Inbound}}<div><b>{{.Came}}</b>calls came to users, {{.Answered}} answered, {{.Refused}} refused, {{.Missed}} missed, <span{{if .Failed}} class="bad"{{end}}>{{.Failed}} failed</span></div>{{end}}
{{if .MOS.Count}}<div><b>{{printf "%.2f" .MOS.P5}}</b>MOS at p5</div>{{end}}{{if .Wide.Count}}<div><b>{{printf "%.2f" .Wide.P5}}</b>MOS of wide-band calls at p5</div>{{end}}</div>
<h2>The generator itself: <span class="{{if .Valid}}ok{{else}}bad{{end}}">{{if .Valid}}valid{{else}}NOT VALID{{end}}</span></h2>
<p>Late by {{printf "%.2f" .Lateness.P99}} ms at p99 and {{printf "%.2f" .Lateness.Max}} ms at most (up to {{.Allowed}} at p99 a run is valid), {{printf "%.1f" .Self.CPU}} s of CPU ({{printf "%.2f" .Self.Cores}} cores), {{.Self.Dropped}} datagrams dropped by its own signalling sockets, {{.Self.Resent}} messages sent again.</p>
{{if .Generators}}<table><tr><th>generator</th><th>began</th><th class="n">late p99</th><th class="n">most</th><th class="n">CPU</th><th class="n">cores</th><th class="n">dropped</th><th></th></tr>
{{range .Generators}}<tr><td>{{.Generator}}</td><td>{{if not .Start.IsZero}}{{.Start.Format "15:04:05.000"}}{{end}}</td><td class="n">{{printf "%.2f" .Lateness.P99}} ms</td><td class="n">{{printf "%.2f" .Lateness.Max}} ms</td><td class="n">{{printf "%.1f" .Self.CPU}} s</td><td class="n">{{printf "%.2f" .Self.Cores}}</td><td class="n">{{.Self.Dropped}}</td><td class="bad">{{with .Lost}}lost: {{.}}{{end}}</td></tr>
{{end}}</table>{{end}}
{{if .Thresholds}}<h2>Thresholds</h2><table><tr><th>line</th><th>outcome</th><th class="n">measured</th></tr>
{{range .Thresholds}}<tr><td>{{.Threshold}}</td><td class="{{if .OK}}ok{{else}}bad{{end}}">{{if .OK}}ok{{else}}not met{{end}}</td><td class="n">{{.Text}}</td></tr>
{{end}}</table>{{end}}
{{if .Steps}}<h2>Steps</h2><p class="dim">Each of the calls that were due in it, whenever they ended. Percentiles with two digits.</p>
<table><tr><th>step</th><th class="n">from</th><th>wanted</th><th class="n">began</th><th class="n">a second</th><th class="n">answered</th><th class="n">failed</th><th class="n">dropped</th><th class="n">setup p50</th><th class="n">p99</th><th class="n">answer p50</th><th class="n">p99</th>{{if .Sounded}}<th class="n">MOS p5</th><th class="n">silent</th>{{end}}<th class="n">late p99</th><th class="n">cores</th><th></th></tr>
{{range .Steps}}<tr><td>{{.Step}}</td><td class="n">{{printf "%.0f" .At}} s</td><td>{{.Level}}</td><td class="n">{{.Began}}</td><td class="n">{{printf "%.1f" .Rate}}</td><td class="n">{{.Answered}}</td><td class="n{{if .Failed}} bad{{end}}">{{.Failed}}</td><td class="n{{if .Dropped}} bad{{end}}">{{.Dropped}}</td><td class="n">{{if .Setup.Count}}{{printf "%.1f" .Setup.P50}} ms{{end}}</td><td class="n">{{if .Setup.Count}}{{printf "%.1f" .Setup.P99}} ms{{end}}</td><td class="n">{{if .Answer.Count}}{{printf "%.1f" .Answer.P50}} ms{{end}}</td><td class="n">{{if .Answer.Count}}{{printf "%.1f" .Answer.P99}} ms{{end}}</td>{{if $.Sounded}}<td class="n">{{.Score}}</td><td class="n{{if .Silent}} bad{{end}}">{{.Silent}}</td>{{end}}<td class="n{{if .Late}} bad{{end}}">{{if .Lateness.Count}}{{printf "%.2f" .Lateness.P99}} ms{{end}}</td><td class="n">{{printf "%.2f" .Cores}}</td><td class="{{if .OK}}ok{{else}}bad{{end}}">{{if not .OK}}not met{{end}}</td></tr>
{{with .Causes}}<tr><td></td><td colspan="15" class="dim">{{range .}}{{.Count}} × {{.Text}}; {{end}}</td></tr>{{end}}
{{end}}</table>{{end}}
{{if .Charts}}<h2>Over time</h2><div class="charts">{{range .Charts}}{{template "chart" .}}{{end}}</div>{{end}}
<h2>Percentiles</h2><table><tr><th></th><th class="n">count</th><th class="n">p50</th><th class="n">p90</th><th class="n">p95</th><th class="n">p99</th><th class="n">most</th></tr>
{{range .Times}}<tr><td>{{.Name}}</td><td class="n">{{.Count}}</td><td class="n">{{printf "%.2f" .P50}} ms</td><td class="n">{{printf "%.2f" .P90}} ms</td><td class="n">{{printf "%.2f" .P95}} ms</td><td class="n">{{printf "%.2f" .P99}} ms</td><td class="n">{{printf "%.2f" .Max}} ms</td></tr>
{{end}}</table>
{{if .Sounded}}<h2>Quality</h2><p>{{.Sounded}} calls with media, {{.Silent}} of them heard nothing.</p>
<table><tr><th></th><th class="n">p1</th><th class="n">p5</th><th class="n">p50</th><th class="n">p95</th><th class="n">p99</th></tr>
{{if .MOS.Count}}<tr><td>MOS, {{.MOS.Count}} calls</td><td class="n">{{printf "%.2f" .MOS.P1}}</td><td class="n">{{printf "%.2f" .MOS.P5}}</td><td class="n">{{printf "%.2f" .MOS.P50}}</td><td class="n">{{printf "%.2f" .MOS.P95}}</td><td class="n">{{printf "%.2f" .MOS.P99}}</td></tr>
{{end}}{{if .Wide.Count}}<tr><td>MOS on the scale of wide-band calls, {{.Wide.Count}} calls</td><td class="n">{{printf "%.2f" .Wide.P1}}</td><td class="n">{{printf "%.2f" .Wide.P5}}</td><td class="n">{{printf "%.2f" .Wide.P50}}</td><td class="n">{{printf "%.2f" .Wide.P95}}</td><td class="n">{{printf "%.2f" .Wide.P99}}</td></tr>
{{end}}<tr><td>loss</td><td class="n">{{printf "%.2f" .Loss.P1}} %</td><td class="n">{{printf "%.2f" .Loss.P5}} %</td><td class="n">{{printf "%.2f" .Loss.P50}} %</td><td class="n">{{printf "%.2f" .Loss.P95}} %</td><td class="n">{{printf "%.2f" .Loss.P99}} %</td></tr></table>{{end}}
{{if .AllCauses}}<h2>Causes</h2><table><tr><th class="n" style="width:6em">times</th><th>cause</th></tr>{{range .AllCauses}}<tr><td class="n">{{.Count}}</td><td>{{.Text}}</td></tr>{{end}}</table>{{end}}
<h2>The worst calls</h2>
{{if .Bad}}<p class="dim">The first of each cause, the slowest answers, and those heard worst. Passwords, keys and digits are taken out of the messages.</p>{{else}}<p class="dim">No call ended badly, slowly or at all.</p>{{end}}
{{range .Gaps}}<p class="bad">{{.}}</p>{{end}}
{{range .Bad}}<details><summary><b>{{.Why}}</b> {{with .Generator}}generator {{.}}: {{end}}{{.From}} to {{.To}}{{with .Role}} ({{.}}){{end}}{{if .Inbound}} (inbound){{end}}, {{.Answered}}{{with .Media}}, {{.Codec}}, MOS {{printf "%.2f" .MOS}} {{.MOSScale}}, {{.Lost}} lost, jitter {{printf "%.1f" .JitterMS}} ms{{end}}</summary>
<p class="dim">Due {{.Due.Format "15:04:05.000"}}, begun {{printf "%.2f" .LateMS}} ms late, {{printf "%.1f" .Talk}} s of talk, {{.Outcome}}{{with .Cause}} ({{.}}){{end}}. Call-ID {{.SIPCallID}}{{with .Interaction}}, callback {{.}}{{end}}{{range .Verbs}}; {{.Verb}} {{printf "%.1f" .MS}} ms{{with .Error}}: {{.}}{{end}}{{end}}</p>
<pre>{{.Ladder}}</pre>{{with .Missing}}<p class="bad">The ladder has a gap: {{.}} messages of this call were not kept.</p>{{end}}</details>
{{end}}
</body></html>
`

// Page is all that a run's page is made of.
type Page struct {
	*Report
	Name    string // of the plan
	Allowed time.Duration
	Series  []Sample
	Worst   []BadCall
}

// gaps says what is missing among the worst calls and in their ladders.
func (p Page) gaps() []string {
	var all []string
	if p.Untraced > 0 {
		all = append(all, fmt.Sprintf("Ladders may have gaps: %d messages could not be kept, since the generator was too busy.", p.Untraced))
	}
	for _, g := range p.Generators {
		if g.Lost != "" {
			all = append(all, fmt.Sprintf("Calls of generator %s are not among them: it was lost before it could tell them.", g.Generator))
		}
	}
	return all
}

// pageCall is one of the worst calls.
type pageCall struct {
	BadCall
	Ladder string
}

// Answered is when the call was, in words.
func (c pageCall) Answered() string {
	if c.AnswerMS == nil {
		return "not answered"
	}
	return fmt.Sprintf("answered after %.1f ms", *c.AnswerMS)
}

type namedTimes struct {
	Name string
	Times
}

// HTML writes the page, which opens without a network. ladder draws a call's messages.
func (p Page) HTML(w io.Writer, ladder func([]sip.TraceRecord) string) error {
	t, err := report.Page(page)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	view := struct {
		Page
		Word      string
		HasUsers  bool
		Charts    []*report.Chart
		Times     []namedTimes
		AllCauses []Cause
		Bad       []pageCall
		Gaps      []string
	}{Page: p, Gaps: p.gaps(), Word: "ok", HasUsers: p.Registered+p.NotRegister > 0, Charts: charts(p.Series), AllCauses: append(append([]Cause(nil), p.Causes...), p.Refusals...)}
	if !p.OK {
		view.Word = "FAILED"
	}
	if in := p.Inbound; in != nil {
		view.AllCauses = append(view.AllCauses, in.Causes...)
	}
	times := []namedTimes{{"from due to the first sign of the far end", p.Setup}, {"from due to the answer", p.Answer}, {"jitter of what was heard", p.Jitter}, {"lateness of the generator", p.Lateness}}
	if a := p.Agents; a != nil {
		view.AllCauses = append(view.AllCauses, a.Failures...)
		for _, verb := range slices.Sorted(maps.Keys(a.Verbs)) {
			times = append(times, namedTimes{"agents: " + verb, a.Verbs[verb]})
		}
	}
	for _, n := range times {
		if n.Count > 0 {
			view.Times = append(view.Times, n)
		}
	}
	for _, b := range p.Worst {
		view.Bad = append(view.Bad, pageCall{b, ladder(b.Messages())})
	}
	return t.Execute(w, view)
}

// charts are the series drawn.
func charts(all []Sample) []*report.Chart {
	line := func(name string, of func(Sample) float64) report.Values {
		v := report.Values{Name: name}
		for _, s := range all {
			v.Of = append(v.Of, of(s))
		}
		return v
	}
	var at []float64
	failed := false
	for _, s := range all {
		at = append(at, s.At)
		failed = failed || s.Failed > 0
	}
	rates := []report.Values{line("began", func(s Sample) float64 { return s.Began }), line("answered (dashes)", func(s Sample) float64 { return s.Answered })}
	if failed {
		rates = append(rates, line("failed (dots)", func(s Sample) float64 { return s.Failed }))
	}
	drawn := []*report.Chart{
		report.Draw("Calls a second", report.Axis{}, at, rates...),
		report.Draw("Calls that are up", report.Axis{}, at, line("at a time", func(s Sample) float64 { return float64(s.Up) })),
		report.Draw("Setup in ms", report.Axis{}, at, line("p50", func(s Sample) float64 { return s.SetupP50 }), line("p99 (dashes)", func(s Sample) float64 { return s.SetupP99 })),
		report.Draw("The generator itself, lateness in ms", report.Axis{}, at, line("p99", func(s Sample) float64 { return s.LateP99 })),
		report.Draw("The generator itself, CPU in cores", report.Axis{}, at, line("used", func(s Sample) float64 { return math.Max(0, s.Cores) })),
	}
	if drawn[0] == nil {
		return nil
	}
	return drawn
}

// JUnit writes the report for build servers: a case for each threshold, and one each
// for whether the run is valid and has left nothing behind, with the generator's own
// lateness and cost.
func (r *Report) JUnit(w io.Writer, name string) error {
	suite := report.Suite{Name: name, Time: fmt.Sprintf("%.3f", r.Duration), Timestamp: r.Started.UTC().Format(time.RFC3339)}
	told := map[string]bool{}
	for _, v := range r.Thresholds {
		c := report.Case{Class: "thresholds", Name: v.Threshold, Time: "0"}
		if !v.OK {
			why := v.String()
			c.Failure, told[why] = &report.Failure{Message: why}, true
		}
		suite.Cases = append(suite.Cases, c)
	}
	last := report.Case{Class: "run", Name: "valid, and nothing left behind", Time: fmt.Sprintf("%.3f", r.Duration), Out: r.own()}
	for _, why := range r.Why {
		if told[why] {
			continue
		}
		if last.Error == nil {
			last.Error = &report.Failure{Message: why}
		}
		last.Error.Text += why + "\n"
	}
	suite.Cases = append(suite.Cases, last)
	return suite.Write(w)
}

// own is what the generators themselves cost and missed, so that a slow one is not taken
// for a slow PBX, and from when times count: a line each.
func (r *Report) own() string {
	line := func(who string, late Times, self Self) string {
		return fmt.Sprintf("%s: late p99 %.2f ms, most %.2f ms; %v\n", who, late.P99, late.Max, self)
	}
	text := line("the generator itself", r.Lateness, r.Self)
	for _, g := range r.Generators {
		text += line("generator "+g.Generator, g.Lateness, g.Self)
	}
	for _, s := range r.Steps {
		text += s.String() + "\n"
	}
	if r.Inbound != nil {
		text += "inbound: " + r.Inbound.String() + "\n"
	}
	return text + r.Basis() + "\n"
}
