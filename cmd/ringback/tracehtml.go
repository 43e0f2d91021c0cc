package main

import (
	"html/template"
	"io"
	"strings"

	"ringback/agent"
)

// tracePage stands alone: no script, nothing from a network. Every message is
// escaped by the template.
const tracePage = `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>SIP trace</title>
<style>body{font:14px sans-serif;margin:2em;max-width:70em}pre{overflow-x:auto}.ladder{background:#f4f4f4;padding:1em}
summary{font-family:monospace;cursor:pointer;padding:.2em 0}.ms{display:inline-block;width:6em;text-align:right;color:#666;margin-right:1em}</style>
<h1>SIP trace</h1>
<p>{{len .Records}} messages, passwords, keys and digits taken out.</p>
<pre class="ladder">{{.Ladder}}</pre>
{{range .Records}}<details><summary><span class="ms">{{.MS}} ms</span>{{.From}} → {{.To}} {{.Transport}}: {{.Line}}</summary><pre>{{.Message}}</pre></details>
{{end}}</html>
`

// traceRow is one message of the page.
type traceRow struct {
	agent.TraceRecord
	MS   int64  // since the first message
	Line string // the start line
}

func writeTraceHTML(w io.Writer, ladder string, records []agent.TraceRecord) error {
	rows := make([]traceRow, len(records))
	for i, r := range records {
		line, _, _ := strings.Cut(r.Message, "\r\n")
		rows[i] = traceRow{r, r.Time.Sub(records[0].Time).Milliseconds(), line}
	}
	page, err := template.New("trace").Parse(tracePage)
	if err != nil {
		return err
	}
	return page.Execute(w, struct {
		Ladder  string
		Records []traceRow
	}{ladder, rows})
}
