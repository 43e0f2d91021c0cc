package media

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/media/audio"
)

var writeTable = flag.Bool("quality-table", false, "measure the table of testdata/quality/README.md and write it")

// roads are the rows of the table.
func roads() []struct {
	name string
	road road
} {
	const ms = time.Millisecond
	return []struct {
		name string
		road road
	}{
		{"nothing", road{}},
		{"loss 1 %", road{loss: 0.01}},
		{"loss 5 %", road{loss: 0.05}},
		{"loss 10 %", road{loss: 0.1}},
		{"loss 20 %", road{loss: 0.2}},
		{"loss 5 %, 3 in a row", road{loss: 0.05, burst: 3}},
		{"loss 10 %, 4 in a row", road{loss: 0.1, burst: 4}},
		{"jitter 10 ms", road{jitter: 10 * ms}},
		{"jitter 40 ms", road{jitter: 40 * ms}},
		{"jitter 100 ms", road{jitter: 100 * ms}},
		{"jitter 200 ms", road{jitter: 200 * ms}},
		{"jitter 60 ms, reordered, 5 % twice", road{jitter: 60 * ms, reorder: true, duplicate: 0.05}},
		{"a stall of 300 ms every 8 s", road{stall: 300 * ms}},
		{"loss 5 %, jitter 60 ms", road{loss: 0.05, jitter: 60 * ms}},
		{"drift +500 ppm", road{drift: 500}},
		{"drift -500 ppm", road{drift: -500}},
	}
}

// TestQuality_Table measures every codec on every road; make quality runs it.
func TestQuality_Table(t *testing.T) {
	if !*writeTable {
		return // TestQuality_Goals is its quick part
	}
	const length = 40 * time.Second
	var b strings.Builder
	var all goals
	for _, c := range append([]string{"PCMU", "L16/16000"}, qualityCodecs()...) {
		calm := time.Duration(0)
		fmt.Fprintf(&b, "\n## %s\n\n%s", c, tableColumns)
		for i, row := range roads() {
			v := ride{c, row.road, length}.judge(t)
			if i == 0 {
				calm = v.median
			}
			b.WriteString(v.row(row.name, calm))
			all.take(c, row.name, row.road, v, calm)
		}
	}
	b.WriteString(hourOfDrift(t, &all))
	text := tableHead + all.table(t) + b.String()
	if err := os.MkdirAll("../testdata/quality", 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("../testdata/quality", "README.md"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// goals are those of the project for what is heard, and the worst that was measured of
// each.
type goals struct {
	delay, over, gap, drift time.Duration
	delayAt, overAt, gapAt  string
	nsim                    []string
	nsimFails               bool
	burst                   time.Duration
	burstAt                 string
}

func (g *goals) take(c, name string, r road, v judgement, calm time.Duration) {
	worst := func(most *time.Duration, at *string, got time.Duration) {
		if *at == "" || got > *most {
			*most, *at = got, c+", "+name
		}
	}
	switch {
	case r == road{}:
		worst(&g.delay, &g.delayAt, v.median)
		if least := gate(c); least > 0 {
			g.nsim = append(g.nsim, fmt.Sprintf("%s %.3f (%.2f)", c, v.nsim, least))
			g.nsimFails = g.nsimFails || v.nsim < least
		}
	case r.jitter > 0:
		worst(&g.over, &g.overAt, v.overOptimum(calm))
	case r.burst > 0:
		if c != "opus" { // which makes up what is missing by itself
			worst(&g.burst, &g.burstAt, v.breaks.Longest)
		}
	case r.loss == 0.05:
		worst(&g.gap, &g.gapAt, v.breaks.Longest)
	}
}

// table says of each goal what was measured, and whether it holds.
func (g *goals) table(t *testing.T) string {
	var b strings.Builder
	b.WriteString("\n## Goals\n\n| goal | the worst that was measured | |\n| --- | --- | --- |\n")
	row := func(goal, got string, holds bool) {
		word := "holds"
		if !holds {
			word = "**fails**"
			t.Errorf("%s: %s", goal, got)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", goal, got, word)
	}
	ms := func(d time.Duration, at string) string { return fmt.Sprintf("%d ms (%s)", d.Milliseconds(), at) }
	row("mouth to ear, added by the phone: under 60 ms at no jitter with packets of 20 ms", ms(g.delay, g.delayAt), g.delay < 60*time.Millisecond)
	row("the buffer at most 20 ms longer than the best for the jitter", ms(g.over, g.overAt), g.over <= 20*time.Millisecond)
	row("no gap over 20 ms at 5 % random loss", ms(g.gap, g.gapAt), g.gap <= 20*time.Millisecond)
	row("no gap over 60 ms by our own concealment (G.711, G.722, L16) with 3 or 4 lost in a row, on average", ms(g.burst, g.burstAt), g.burst <= 60*time.Millisecond)
	row("the delay is bounded for ever: at most 10 ms more in the last minute of an hour of drift than in the first", fmt.Sprintf("%d ms more", g.drift.Milliseconds()), g.drift <= 10*time.Millisecond)
	row("NSIM without impairment, and the least of each", strings.Join(g.nsim, ", "), !g.nsimFails)
	return b.String()
}

const tableHead = `# What is heard of a call over a bad network

` + "`make quality`" + ` measures this anew and writes it: speech-like sound and a tone of 440 Hz go 40 s from one media session to
another, over a network in memory and in virtual time, on null devices; both sides at the codec's own rate, packets of
20 ms, Opus at 24 kbit/s with in-band FEC, at most 400 ms in the jitter buffer. The same seed gives the same table.

- **delay**: mouth to ear without the network's own 47 ms: the median and the most of windows of 400 ms. 20 ms of it is the
  frame that is spoken, up to 20 ms the tick of the receiver.
- **over best**: how much longer the median is than with a buffer that knew all delays before and gave up one packet in a
  hundred. Goal: 20 ms at most. Below 0 where the buffer's least delay already covers some of the jitter.
- **made up**: frames of 20 ms that were concealed, of all. **waited**: packets that came late and were played all the
  same; **late**: that came too late for it. **shorter / longer**: ms by which sound was changed to follow the network.
- **NSIM**: neurogram similarity of what was heard and what was said, 1 for the same, in 32 bands up to 3.5 kHz (G.711), 7
  kHz (G.722, L16) and 12 kHz (Opus). Without impairment the least is 0.98, 0.96 and 0.92.
- **gaps**: of the tone, over 5 ms and 20 dB; **clicks**: what a sine cannot do. Bursts have their mean length, so that of "3
  in a row" there are 8 too. In a gap there is not nothing, but the noise of the far end's room (the tone has none).
`

const tableColumns = "| network | lost | delay ms | over best ms | made up | waited / late | shorter / longer ms | NSIM | gaps (longest) | clicks |\n" +
	"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"

func (v judgement) row(name string, calm time.Duration) string {
	frames := float64(v.stats.Expected)
	return fmt.Sprintf("| %s | %.1f %% | %d, %d | %d | %.1f %% | %d / %d | %.0f / %.0f | %.3f | %d (%d ms) | %d |\n", name, v.lostPercent,
		v.median.Milliseconds(), v.most.Milliseconds(), v.overOptimum(calm).Milliseconds(), 100*float64(v.stats.Concealed)/math.Max(1, frames),
		v.stats.Waited, v.stats.Late, v.stats.AcceleratedMS, v.stats.DeceleratedMS, v.nsim, v.breaks.Gaps, v.breaks.Longest.Milliseconds(), v.breaks.Clicks)
}

// hourOfDrift is an hour with a sender whose clock is off, with each kind of codec.
func hourOfDrift(t *testing.T, all *goals) string {
	var b strings.Builder
	b.WriteString("\n## An hour of drift\n\n| codec | drift | delay in the first minute, least and most ms | in the last | made up | shorter / longer ms | NSIM in the last |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, c := range qualityCodecs() {
		for _, ppm := range []float64{500, -500} {
			h := ride{c, road{drift: ppm}, time.Hour}.take(t, func(p *Player, rate int) {
				must(t, p.PlayClip(audio.Clip{Rate: rate, Channels: 1, Samples: quality.Speech(1, rate, time.Minute)}, true, nil))
			})
			first, firstMost, _ := h.minute(10*time.Second, ppm)
			last, lastMost, nsim := h.minute(58*time.Minute, ppm)
			all.drift = max(all.drift, lastMost-firstMost)
			fmt.Fprintf(&b, "| %s | %+.0f ppm | %d to %d | %d to %d | %d frames | %.0f / %.0f | %.3f |\n", c, ppm, first.Milliseconds(), firstMost.Milliseconds(),
				last.Milliseconds(), lastMost.Milliseconds(), h.stats.Concealed, h.stats.AcceleratedMS, h.stats.DeceleratedMS, nsim)
		}
	}
	return b.String()
}

// minute is what is measured of the one that begins at from, where the sender's clock is off
// by ppm: delays without the network's and without what the clock drifted within the minute,
// which are none of the phone's.
func (h *heard) minute(from time.Duration, ppm float64) (least, most time.Duration, nsim float64) {
	const ahead = 100 * time.Millisecond // looked at before the least delay that can be
	network := roadLag
	if ppm < 0 {
		network += 2 * time.Second
	}
	off := func(at time.Duration) time.Duration { return time.Duration(ppm * 1e-6 * float64(at)) }
	at, minute := int(from.Seconds()*float64(h.rate)), 60*h.rate
	lag := int((network + off(from) - ahead).Seconds() * float64(h.rate))
	said, got := h.said[at:at+minute], h.got[at+lag:at+lag+minute]
	windows := quality.Align(said, got, h.rate, time.Second)
	nsim = quality.NSIM(said, got, h.rate, audible(h.rate), windows)
	for i := range windows {
		windows[i].Delay += audio.FrameTime - ahead - off(windows[i].At)
	}
	least, _, _, most = quality.Delays(windows)
	return least, most, nsim
}
