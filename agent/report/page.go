package report

import "html/template"

// style is what all pages look like, and the drawing of a Chart.
const style = `{{define "head"}}<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>
:root{--text:#1b1b1b;--dim:#5a5a5a;--back:#fff;--soft:#f4f4f4;--line:#ddd;--ok:#0a6b2d;--bad:#b00020;--in:#0b57d0;--out:#c26401;--third:#7b1fa2}
@media(prefers-color-scheme:dark){:root{--text:#e8e8e8;--dim:#a8a8a8;--back:#16181c;--soft:#20242a;--line:#3a3f47;--ok:#5fd38a;--bad:#ff7a85;--in:#7fb0ff;--out:#ffa94d;--third:#d7a0ff}}
body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:76em;padding:0 1em;color:var(--text);background:var(--back)}
.ok{color:var(--ok)}.bad{color:var(--bad);font-weight:600}.dim{color:var(--dim)}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600}th.n{text-align:right}td,th{padding:.25em .6em;border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
section{margin:2em 0;padding-top:.5em;border-top:2px solid var(--dim)}
pre{overflow-x:auto;background:var(--soft);padding:1em;font-size:12px}
summary{cursor:pointer;padding:.3em 0}
figure{margin:0}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(26em,1fr));gap:1.5em}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(11em,1fr));gap:.8em;margin:1em 0}.facts div{background:var(--soft);padding:.6em .8em}.facts b{display:block;font-size:1.5em}
svg{width:100%;height:auto;background:var(--soft);border:1px solid var(--line)}
.in,.out,.third{fill:none;stroke-width:1.5}.in{stroke:var(--in)}.out{stroke:var(--out);stroke-dasharray:5 3}.third{stroke:var(--third);stroke-dasharray:1 3;stroke-width:2}.grid{stroke:var(--line)}
.in-key{color:var(--in)}.out-key{color:var(--out)}.third-key{color:var(--third)}
svg text{font:11px system-ui,sans-serif;fill:var(--dim)}
@media print{body{max-width:none}}
</style>{{end}}
{{define "chart"}}<figure><svg viewBox="0 0 800 200" role="img" aria-label="{{.Title}}">
{{range .Grid}}<line class="grid" x1="48" x2="795" y1="{{.Y}}" y2="{{.Y}}"/><text x="2" y="{{.Y}}" dy="4">{{.Text}}</text>{{end}}
{{range .Lines}}{{$class := .Class}}{{range .Parts}}<polyline class="{{$class}}" points="{{.}}"/>{{end}}{{end}}
<text x="48" y="196">0 s</text><text x="795" y="196" text-anchor="end">{{.End}}</text></svg>
<figcaption class="dim">{{.Title}}: {{range $i, $l := .Lines}}{{if $i}}, {{end}}<span class="{{.Class}}-key">{{.Name}}</span>{{end}}</figcaption></figure>{{end}}
`

// Page is a template from body, in which {{template "head"}} is what belongs into the
// head, with the policy and the style, and {{template "chart" .}} draws a *Chart.
func Page(body string) (*template.Template, error) {
	t, err := template.New("style").Parse(style)
	if err != nil {
		return nil, err
	}
	return t.New("page").Parse(body)
}
