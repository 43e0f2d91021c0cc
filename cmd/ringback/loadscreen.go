package main

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"ringback/agent/load"
)

// How the screen looks: the colours are the terminal's own.
func good(s string) string { return lipgloss.NewStyle().Foreground(lipgloss.Green).Render(s) }
func poor(s string) string {
	return lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red).Render(s)
}
func faint(s string) string { return lipgloss.NewStyle().Faint(true).Render(s) }
func bold(s string) string  { return lipgloss.NewStyle().Bold(true).Render(s) }

// word is a word in its colour.
func word(is bool, yes, no string) string {
	if is {
		return good(yes)
	}
	return poor(no)
}

const viewKeys = "+ - rate  PgUp PgDn by 1  1 the plan's  p pause  s stop  q hang up, report"

// screen is the whole view, of at most width by height cells.
func (v *loadView) screen() string {
	foot := []string{v.footNote(), faint(viewKeys)}
	lines := []string{v.headLine()}
	if v.now == nil {
		lines = append(lines, "", "nothing was counted yet")
	} else {
		lines = append(lines, v.figures()...)
	}
	room := max(0, v.height-len(foot))
	if v.now != nil && room > len(lines)+1 {
		lines = append(lines, "")
		lines = append(lines, shareOut(room-len(lines), v.lists())...)
	}
	lines = lines[:min(len(lines), room)]
	for len(lines) < room {
		lines = append(lines, "")
	}
	lines = append(lines, foot...)
	lines = lines[max(0, len(lines)-v.height):]
	cut := lipgloss.NewStyle().MaxWidth(max(1, v.width))
	for i, l := range lines {
		lines[i] = cut.Render(l)
	}
	return strings.Join(lines, "\n")
}

func (v *loadView) headLine() string {
	left := bold("ringback load ") + clean(v.name)
	right := v.phase()
	if v.now != nil && v.now.Begun && v.now.For >= 0 {
		right = fmt.Sprintf("%s  %s of %v", right, v.now.For.Round(time.Second), v.now.Of)
	}
	return left + strings.Repeat(" ", max(2, v.width-lipgloss.Width(left)-lipgloss.Width(right))) + bold(right)
}

// footNote is what the last key did, or the last line of the log.
func (v *loadView) footNote() string {
	if v.said != "" {
		return v.said
	}
	return faint(clean(v.words.last()))
}

// figures are the lines that are always there.
func (v *loadView) figures() []string {
	n := v.now
	recent := load.Sample{Began: n.Rate}
	if len(v.samples) > 0 {
		recent = v.samples[len(v.samples)-1]
	}
	lines := []string{
		fmt.Sprintf("rate      %s, %.1f/s began, %.1f answered, %s", v.wanted(), recent.Began, recent.Answered, count(recent.Failed > 0, "%.1f failed", recent.Failed)),
		"          " + v.trace(),
		fmt.Sprintf("calls     %s up, %d began, %d answered, %s, %s", bold(fmt.Sprint(n.Up)), n.Began, n.Answered, v.failed(), count(n.Dropped > 0, "%d dropped", n.Dropped)),
	}
	if n.Registered+n.NotRegister > 0 {
		lines = append(lines, fmt.Sprintf("users     %d registered, %s, %d refreshed, %s", n.Registered, count(n.NotRegister > 0, "%d not", n.NotRegister), n.Refreshed, count(n.Lapsed > 0, "%d lost", n.Lapsed)))
	}
	if in := n.Inbound; in != nil {
		lines = append(lines, fmt.Sprintf("inbound   %s up, %d came, %d answered, %d refused, %d missed, %s", bold(fmt.Sprint(in.Up)), in.Came, in.Answered, in.Refused, in.Missed, count(in.Failed > 0, "%d failed", in.Failed)))
	}
	if a := n.Agents; a != nil {
		lines = append(lines, fmt.Sprintf("agents    %d offers, %d interactions done", a.Offers, a.Done))
	}
	if n.Self.Resent > 0 {
		lines = append(lines, fmt.Sprintf("network   %d messages sent again", n.Self.Resent))
	}
	lines = append(lines, "", faint(fmt.Sprintf("%-10s%10s%12s%12s%12s%12s", "ms", "count", "p50", "p90", "p99", "most")))
	for _, row := range []struct {
		name string
		load.Times
	}{{"setup", n.Setup}, {"answer", n.Answer}, {"register", n.Registering}} {
		if row.Count > 0 || row.name == "setup" {
			lines = append(lines, fmt.Sprintf("%-10s%10d%12.1f%12.1f%12.1f%12.1f", row.name, row.Count, row.P50, row.P90, row.P99, row.Max))
		}
	}
	if n.Sounded > 0 {
		lines = append(lines, fmt.Sprintf("media     %s, loss p99 %.2f%%, jitter p99 %.1f ms, %s", mosLine(n.Report), n.Loss.P99, n.Jitter.P99, count(n.Silent > 0, "%d silent", n.Silent)))
	}
	return append(lines, v.itself())
}

// mosLine is the MOS of narrow-band calls and of wide-band ones: two scales.
func mosLine(r *load.Report) string {
	var all []string
	if r.MOS.Count > 0 || r.Wide.Count == 0 {
		all = append(all, fmt.Sprintf("MOS p5 %.2f p50 %.2f", r.MOS.P5, r.MOS.P50))
	}
	if r.Wide.Count > 0 {
		all = append(all, fmt.Sprintf("MOS p5 %.2f p50 %.2f wide-band", r.Wide.P5, r.Wide.P50))
	}
	return strings.Join(all, ", ")
}

// itself says what the generators cost, and whether they were in time.
func (v *loadView) itself() string {
	n := v.now
	cores := n.Self.Cores
	if len(v.samples) > 0 {
		cores = v.samples[len(v.samples)-1].Cores
	}
	return fmt.Sprintf("itself    %s: late p99 %.1f ms (at most %v), %.2f cores, %s", word(n.Valid, "valid", "NOT VALID"), n.Lateness.P99, n.Allowed, cores,
		count(n.Self.Dropped > 0, "%d datagrams dropped", n.Self.Dropped))
}

func (v *loadView) failed() string {
	n := v.now
	text := fmt.Sprintf("%d failed", n.Failed)
	if settled := n.Answered + n.Failed; n.Failed > 0 && settled > 0 {
		text = poor(fmt.Sprintf("%s (%.2g%%)", text, 100*float64(n.Failed)/float64(settled)))
	}
	return text
}

// count is a text, in red where it tells of something bad.
func count(bad bool, format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	if bad {
		return poor(text)
	}
	return text
}

// trace draws how many calls began and failed in each second, the newest at the right.
func (v *loadView) trace() string {
	bars := []rune("▁▂▃▄▅▆▇█")
	room := max(0, v.width-10-12)
	samples := v.samples[max(0, len(v.samples)-room):]
	most := 0.0
	for _, s := range samples {
		most = max(most, s.Began)
	}
	var b strings.Builder
	for _, s := range samples {
		bar := " "
		if most > 0 && s.Began > 0 {
			bar = string(bars[min(len(bars)-1, int(s.Began/most*float64(len(bars)-1)+0.5))])
		}
		if s.Failed > 0 {
			bar = poor(bar)
		}
		b.WriteString(bar)
	}
	if most > 0 {
		fmt.Fprintf(&b, " %.1f/s", most)
	}
	return b.String()
}

// lists are those that share what is left of the screen, the most wanted first.
func (v *loadView) lists() [][]string {
	n := v.now
	var why, lines, causes, generators []string
	for _, t := range n.Thresholds {
		state := word(t.OK, "ok      ", "not met ")
		if t.Value == nil {
			state = faint("nothing ")
		}
		lines = append(lines, fmt.Sprintf("%s  %s", state, clean(t.String())))
	}
	all := append(append([]load.Cause(nil), n.Causes...), n.Refusals...)
	if n.Agents != nil {
		all = append(all, n.Agents.Failures...)
	}
	for _, c := range all {
		causes = append(causes, fmt.Sprintf("%7d × %s", c.Count, clean(c.Text)))
	}
	for _, g := range n.Generators {
		lost := ""
		if g.Lost != "" {
			lost = poor("  lost: " + clean(g.Lost))
		}
		generators = append(generators, fmt.Sprintf("%-9s late p99 %.1f ms, %.2f cores, %s%s", g.Generator, g.Lateness.P99, g.Self.Cores, count(g.Self.Dropped > 0, "%d datagrams dropped", g.Self.Dropped), lost))
	}
	if !n.Valid {
		for _, w := range n.Why {
			if strings.HasPrefix(w, "not valid: ") {
				why = append(why, poor(clean(w)))
			}
		}
	}
	var steps []string
	for _, s := range n.Steps {
		steps = append(steps, clean(s.String()))
	}
	return [][]string{lines, causes, why, steps, generators}
}

// shareOut gives lists the lines that there are, one each in turn, and says of each
// what has no room.
func shareOut(room int, lists [][]string) []string {
	given := make([]int, len(lists))
	for left, more := room, true; more; {
		more = false
		for i, l := range lists {
			if left > 0 && given[i] < len(l) {
				given[i]++
				left--
				more = true
			}
		}
	}
	var all []string
	for i, l := range lists {
		if n := given[i]; n > 0 && n < len(l) {
			all = append(append(all, l[:n-1]...), faint(fmt.Sprintf("          and %d more", len(l)-n+1)))
		} else {
			all = append(all, l[:n]...)
		}
	}
	return all
}
