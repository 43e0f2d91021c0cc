package media

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const tableLength = 40 * time.Second

var writeTable = flag.Bool("quality-table", false, "measure the table of testdata/quality/README.md and write it")

type namedRoad struct {
	name string
	road road
}

// roads are the rows of the table.
func roads() []namedRoad {
	const ms = time.Millisecond
	return []namedRoad{
		{"nothing", road{}},
		{"loss 1 %", road{loss: 0.01}},
		{"loss 5 %", road{loss: 0.05}},
		{"loss 10 %", road{loss: 0.1}},
		{"loss 20 %", road{loss: 0.2}},
		{"loss 5 %, 3 in a row", road{loss: 0.05, burst: 3}},
		{"loss 10 %, 4 in a row", road{loss: 0.1, burst: 4}},
		{"loss 15 %, 4 in a row", road{loss: 0.15, burst: 4}},
		{"loss 20 %, 5 in a row", road{loss: 0.2, burst: 5}},
		{"jitter 10 ms", road{jitter: 10 * ms}},
		{"jitter 40 ms", road{jitter: 40 * ms}},
		{"jitter 100 ms", road{jitter: 100 * ms}},
		{"jitter 200 ms", road{jitter: 200 * ms}},
		{"10 % overtaken", road{overtaken: 0.1, reorder: true}},
		{"10 % twice", road{duplicate: 0.1}},
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
	codecs := append([]string{"PCMU", "L16/16000"}, qualityCodecs()...)
	sections, all := make([]string, 4*len(codecs)), &goals{}
	t.Run("measured", func(t *testing.T) { // two cores measure twice as fast as one
		for i, c := range codecs {
			for k, section := range []func(*testing.T, string, *goals) string{measuredRoads, mouthToEar, measuredPauses, hourOfDrift} {
				t.Run(fmt.Sprint(c, k), func(t *testing.T) {
					t.Parallel()
					sections[k*len(codecs)+i] = section(t, c, all)
				})
			}
		}
	})
	n := len(codecs)
	text := fmt.Sprintf(tableHead, time.Now().Format("2 January 2006"), runtime.Version()) + all.table(t, codecs) + strings.Join(sections[:n], "") +
		mouthHead + strings.Join(sections[n:2*n], "") + pausesHead + strings.Join(sections[2*n:3*n], "") + hourHead + strings.Join(sections[3*n:], "")
	must(t, os.MkdirAll("../testdata/quality", 0o750))
	must(t, os.WriteFile(filepath.Join("../testdata/quality", "README.md"), []byte(text), 0o600))
}

// measuredRoads is the table of one codec.
func measuredRoads(t *testing.T, c string, all *goals) string {
	var b strings.Builder
	calm := time.Duration(0)
	fmt.Fprintf(&b, "\n## %s\n\n%s", c, tableColumns)
	for i, row := range roads() {
		v := ride{codec: c, road: row.road, length: tableLength}.judge(t)
		if i == 0 {
			calm = v.median
		}
		b.WriteString(v.row(row.name, calm))
		all.take(c, row.name, row.road, v, calm)
	}
	return b.String()
}

// goals are those of the project for what is heard, and the worst that was measured of
// each.
type goals struct {
	sync.Mutex
	delay, over, gap, drift time.Duration
	delayAt, overAt, gapAt  string
	mouth                   time.Duration // with the headsets
	mouthAt                 string
	nsim                    map[string]float64 // without impairment
	burst                   time.Duration
	burstAt                 string
}

func (g *goals) take(c, name string, r road, v judgement, calm time.Duration) {
	g.Lock()
	defer g.Unlock()
	worst := func(most *time.Duration, at *string, got time.Duration) {
		if where := c + ", " + name; *at == "" || got > *most || got == *most && where < *at {
			*most, *at = got, where
		}
	}
	switch {
	case r == road{}:
		worst(&g.delay, &g.delayAt, v.median)
		if g.nsim == nil {
			g.nsim = map[string]float64{}
		}
		g.nsim[c] = v.nsim
	case r.jitter > 0:
		worst(&g.over, &g.overAt, v.overOptimum(calm))
	case r.burst > 0 && r.loss <= 0.1:
		if c != "opus" { // which makes up what is missing by itself
			worst(&g.burst, &g.burstAt, v.breaks.Longest)
		}
	case r.loss == 0.05 && r.burst == 0:
		worst(&g.gap, &g.gapAt, v.breaks.Longest)
	}
}

// drifted takes by how much the delay grew in an hour.
func (g *goals) drifted(more time.Duration) {
	g.Lock()
	defer g.Unlock()
	g.drift = max(g.drift, more)
}

// table says of each goal what was measured, and whether it holds.
func (g *goals) table(t *testing.T, codecs []string) string {
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
	row("the same from mouth to ear, with a headset at either end: on average over the moments of the receiver's tick at which a packet may come", ms(g.mouth, g.mouthAt), g.mouth < mouthGoal)
	row("the buffer at most 20 ms longer than the best for the jitter", ms(g.over, g.overAt), g.over <= 20*time.Millisecond)
	row("no gap over 20 ms at 5 % random loss", ms(g.gap, g.gapAt), g.gap <= 20*time.Millisecond)
	row("no gap over 60 ms by our own concealment (G.711, G.722, L16) with at most 10 % lost, 3 or 4 in a row on average", ms(g.burst, g.burstAt), g.burst <= 60*time.Millisecond)
	row("the delay is bounded for ever: at most 10 ms more in the last minute of an hour of drift than in the first", fmt.Sprintf("%d ms more", g.drift.Milliseconds()), g.drift <= 10*time.Millisecond)
	var nsim []string
	holds := true
	for _, c := range codecs {
		if least := gate(c); least > 0 {
			nsim = append(nsim, fmt.Sprintf("%s %.3f (%.2f)", c, g.nsim[c], least))
			holds = holds && g.nsim[c] >= least
		}
	}
	row("NSIM without impairment, and the least of each", strings.Join(nsim, ", "), holds)
	return b.String()
}

const tableHead = `# What is heard of a call over a bad network

` + "`make quality`" + ` measures this anew and writes it (last on %s, with %s): speech-like sound and a tone of 440 Hz go 40 s from
one media session to another, over a network in memory and in virtual time, with no devices but where it says so; both sides at the codec's own
rate, packets of 20 ms, Opus at 24 kbit/s with in-band FEC, at most 400 ms in the jitter buffer. The same seed gives the
same table. Beside baresip: [baresip.md](baresip.md).

- **delay**: mouth to ear without the network's own 47 ms, and without what the sender's clock drifted: the median, the 95th
  percentile and the most of windows of 400 ms. 20 ms of it is the frame that is spoken, up to 20 ms the tick of the
  receiver. Where sound is made up it is like another syllable as much as like its own, so that the windows' delays are
  found together, as the likeliest way through all of them.
- **by 10 s**: the median of each ten seconds of the ride, from its begin.
- **over best**: how much longer the median is than with a buffer that knew all delays before and gave up one packet in a
  hundred. Goal: 20 ms at most. Below 0 where the buffer's least delay already covers some of the jitter.
- **made up**: frames of 20 ms that were concealed, of all. **waited**: packets that came late and were played all the
  same; **late**: that came too late for it. **shorter / longer**: ms by which sound was changed to follow the network.
- **NSIM**: neurogram similarity of what was heard and what was said, 1 for the same, in 32 bands up to 3.5 kHz (G.711), 7
  kHz (G.722, L16) and 12 kHz (Opus). Without impairment the least is 0.98, 0.96 and 0.92.
- **gaps**: of the tone, over 5 ms and 20 dB; **clicks**: what a sine cannot do. Bursts have their mean length, so that of "3
  in a row" there are 8 too. In a gap there is not nothing, but the noise of the far end's room (the tone has none).
- **overtaken**: a packet comes 30 ms later than the others, behind the next one. **twice**: it comes again within 30 ms.
`

const tableColumns = "| network | lost | delay ms: median, p95, most | by 10 s | over best ms | made up | waited / late | shorter / longer ms | NSIM | gaps (longest) | clicks |\n" +
	"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"

func (v judgement) row(name string, calm time.Duration) string {
	return fmt.Sprintf("| %s | %.1f %% | %s | %s | %d | %.1f %% | %d / %d | %.0f / %.0f | %.3f | %d (%d ms) | %d |\n", name, v.lostPercent,
		v.delays(), inOrder(v.course), v.overOptimum(calm).Milliseconds(), v.madeUp(),
		v.stats.Waited, v.stats.Late, v.stats.AcceleratedMS, v.stats.DeceleratedMS, v.nsim, v.breaks.Gaps, v.breaks.Longest.Milliseconds(), v.breaks.Clicks)
}

func (v judgement) delays() string {
	return fmt.Sprintf("%d, %d, %d", v.median.Milliseconds(), v.p95.Milliseconds(), v.most.Milliseconds())
}

// madeUp is the share of frames in percent.
func (v judgement) madeUp() float64 {
	return 100 * float64(v.stats.Concealed) / math.Max(1, float64(v.stats.Expected))
}

// inOrder is a course of delays in ms.
func inOrder(course []time.Duration) string {
	words := make([]string, len(course))
	for i, d := range course {
		words[i] = "–"
		if d >= 0 {
			words[i] = fmt.Sprint(d.Milliseconds())
		}
	}
	return strings.Join(words, " ")
}
