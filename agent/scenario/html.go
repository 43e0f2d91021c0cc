package scenario

import (
	"fmt"
	"io"
	"slices"

	"ringback/agent"
	"ringback/agent/report"
)

// page is the whole report on one page.
const page = `<!DOCTYPE html>
<html lang="en"><head>{{template "head"}}
<title>{{.Name}}: {{if .OK}}ok{{else}}FAILED{{end}}</title>
</head><body>
<h1><span class="{{if .OK}}ok{{else}}bad{{end}}">{{if .OK}}ok{{else}}FAILED{{end}}</span> {{.Name}}</h1>
<p class="dim">{{.File}}, {{.Started.Format "2006-01-02 15:04:05 MST"}}, {{len .Steps}} steps, {{printf "%.1f" .Seconds}} s. Passwords, keys and digits are taken out of the messages.</p>
{{with .Failure}}<p class="bad">Line {{.Line}}: {{.Step}}: {{.Message}}</p>{{end}}
<h2>Steps</h2>
<table><tr><th class="n">at</th><th class="n">line</th><th>phone</th><th>step</th><th>outcome</th></tr>
{{range .Steps}}<tr><td class="n">{{printf "%.0f" .AtMS}} ms</td><td class="n">{{.Line}}</td><td>{{.Phone}}</td><td>{{.Step}}</td>
<td>{{if .OK}}<span class="ok">ok</span>{{else}}<span class="bad">FAILED</span>{{end}} <span class="dim">{{printf "%.0f" .TookMS}} ms</span>{{with .Message}} {{.}}{{end}}
{{range .Expectations}}<br><span class="{{if .OK}}ok{{else}}bad{{end}}">{{.Expr}}</span>: {{.Measured}}{{with .By}}, {{.}}{{end}}{{end}}</td></tr>
{{end}}</table>
{{range .Calls}}<section><h2><span class="{{if .OK}}ok{{else}}bad{{end}}">{{if .OK}}ok{{else}}FAILED{{end}}</span> {{.Phone}}: {{.Target}}</h2>
<p>{{.Cause}}. Code {{.Code}}, {{printf "%.0f" .SetupMS}} ms to the first sign, {{printf "%.0f" .AnswerMS}} ms to the answer, {{printf "%.1f" .Duration}} s long{{with .Impairment}}; its media was impaired: {{.}}{{end}}.</p>
{{if .Codec}}<table><tr><th>codec</th><th class="n">received</th><th class="n">sent</th><th class="n">lost</th><th class="n">jitter</th><th class="n">delay</th><th class="n">round trip</th><th class="n">MOS</th><th class="n">sound heard</th><th>digits</th></tr>
<tr><td>{{.Codec}}{{with .Suite}} {{.}}{{end}}</td><td class="n">{{.Quality.RXPackets}}</td><td class="n">{{.Quality.TXPackets}}</td><td class="n">{{.Quality.Lost}}</td><td class="n">{{printf "%.1f" .Quality.JitterMS}} ms</td><td class="n">{{printf "%.0f" .Quality.DelayMS}} ms</td><td class="n">{{printf "%.0f" .Quality.RTTMS}} ms</td><td class="n">{{printf "%.2f" .Quality.MOS}}</td><td class="n">{{printf "%.1f" .Audio}} s</td><td>{{.Digits}}</td></tr></table>{{end}}
{{range .Findings}}<p class="bad">{{.Name}}: {{.Text}}</p>{{end}}
{{with .Plot}}{{template "chart" .}}{{end}}
<h3>SIP</h3><pre>{{.Ladder}}</pre>
</section>{{end}}
</body></html>
`

// htmlCall is one call of the page.
type htmlCall struct {
	Verdict
	Phone, Impairment, Ladder string
	Plot                      *report.Chart
}

// HTML writes the report as one page that opens without a network. ladder draws the
// messages of a call.
func (r Report) HTML(w io.Writer, ladder func([]agent.TraceRecord) string) error {
	t, err := report.Page(page)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	view := struct {
		Report
		Calls []htmlCall
	}{Report: r}
	for _, p := range r.Phones {
		for _, v := range p.Calls {
			view.Calls = append(view.Calls, htmlCall{v, p.Name, p.Impairment, ladder(ofCall(p.Trace, v.SIPCallID)), drawLevels(v.Levels)})
		}
	}
	return t.Execute(w, view)
}

func ofCall(all []agent.TraceRecord, sipCallID string) []agent.TraceRecord {
	return slices.DeleteFunc(slices.Clone(all), func(m agent.TraceRecord) bool {
		return !slices.Contains(headersOf([]string{m.Message}, "Call-ID"), sipCallID)
	})
}

// lowest is the level at the foot of the drawing, in dBFS.
const lowest = -80

func drawLevels(all []Loudness) *report.Chart {
	var at, in, out []float64
	for _, l := range all {
		at, in, out = append(at, l.At.Seconds()), append(in, l.In), append(out, l.Out)
	}
	return report.Draw("Level in dBFS", report.Axis{Low: lowest}, at, report.Values{Name: "what came", Of: in}, report.Values{Name: "what went (dashes)", Of: out})
}
