package media

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/media/audio"
)

const pausesHead = `
## Pauses that are not sent

Four seconds of speech and three of the room's noise (-55 dBFS, also behind the speech), in turn, with comfort noise (RFC
3389), or DTX of Opus; the first row of each codec sends everything.

- **packets**: of 50 a second. **noise**: what is heard of it in the pauses, in dBFS: the mean, the quietest and the loudest
  400 ms of all of them (none begins within a second of the last word).
- **cut**: how much of the first 200 ms of the speech was said at over -40 dBFS, and heard 10 dB quieter: the most of all turns.
- L16 at 16 kHz has no comfort noise: that is of 8 kHz.

| codec | pauses | network | packets | delay ms: median, p95, most | made up | waited / late | NSIM | noise dBFS | cut |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
`

// How long one speaks, and then does not; and the room.
const (
	talkTime  = 4 * time.Second
	pauseTime = 3 * time.Second
	roomDBFS  = -55
)

// turns is speech with pauses in which the room is heard, in a band that every codec carries.
func turns(rate int, length time.Duration) []int16 {
	pcm := audio.NewResampler(audio.Rate8k, rate).Process(nil, room(roomDBFS, length).Samples)
	speech, talk, turn := quality.Speech(1, rate, length), samples(talkTime, rate), samples(talkTime+pauseTime, rate)
	for i := range pcm {
		if i%turn < talk {
			pcm[i] = audio.Saturate(int32(pcm[i]) + int32(speech[i/turn*talk+i%turn]))
		}
	}
	return pcm
}

func samples(d time.Duration, rate int) int { return int(d.Seconds() * float64(rate)) }

// pauseRoads are the networks that the rows of pauses go over.
func pauseRoads() []namedRoad {
	return []namedRoad{{"nothing", road{}}, {"loss 5 %", road{loss: 0.05}}, {"loss 10 %, 4 in a row", road{loss: 0.1, burst: 4}},
		{"jitter 60 ms", road{jitter: 60 * time.Millisecond}}, {"drift +500 ppm", road{drift: 500}}}
}

// measuredPauses are the rows of one codec.
func measuredPauses(t *testing.T, c string, _ *goals) string {
	if strings.HasPrefix(c, "L16") {
		return ""
	}
	var b strings.Builder
	how := "comfort noise"
	if c == "opus" {
		how = "DTX"
	}
	row := func(pauses string, way namedRoad, r ride) {
		v := r.judgeSpeech(t, func(rate int) []int16 { return turns(rate, r.length) })
		p := v.pauses(r.road)
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f %% | %s | %.1f %% | %d / %d | %.3f | %.0f (%.0f to %.0f) | %d ms |\n", c, pauses, way.name,
			100*float64(v.sent)/50/(r.length+4*time.Second).Seconds(), v.delays(), v.madeUp(), v.stats.Waited, v.stats.Late, v.nsim, p.noise, p.quietest, p.loudest, p.cut.Milliseconds())
	}
	row("sent", namedRoad{name: "nothing"}, ride{codec: c, length: tableLength})
	for _, way := range pauseRoads() {
		row(how, way, ride{codec: c, road: way.road, length: tableLength, pauses: true})
	}
	return b.String()
}

// pauseSound is what was heard of turns.
type pauseSound struct {
	noise, quietest, loudest float64 // dBFS
	cut                      time.Duration
}

// pauses measures the pauses and the begins of turns, each where the speech behind it was heard.
func (h heard) pauses(way road) (p pauseSound) {
	began := 0
	for began < len(h.said) && h.said[began] == 0 {
		began++
	}
	windows := h.align(way)
	p.quietest, p.loudest = 0, -99
	power, n := 0.0, 0
	turn, window := samples(talkTime+pauseTime, h.rate), samples(400*time.Millisecond, h.rate)
	for at := began; at+turn+window < began+samples(h.length, h.rate); at += turn {
		begin, end := at+samples(talkTime+time.Second, h.rate), at+turn // of the pause
		lag := h.lagAt(windows, end)
		for k := begin; k+window <= end-window/4; k += window {
			level := audio.LevelDBFS(h.got[k+lag : k+lag+window])
			p.quietest, p.loudest = min(p.quietest, level), max(p.loudest, level)
			power, n = power+math.Pow(10, level/10), n+1
		}
		p.cut = max(p.cut, cutOff(h.said[end:], h.got[end+lag:], h.rate))
	}
	p.noise = 10 * math.Log10(power/float64(max(1, n)))
	return p
}

// cutOff is how much of the first 200 ms that were said is missing.
func cutOff(said, heard []int16, rate int) (cut time.Duration) {
	const part = 10 * time.Millisecond
	for at := range 20 {
		from, to := at*samples(part, rate), (at+1)*samples(part, rate)
		if level := audio.LevelDBFS(said[from:to]); level > -40 && audio.LevelDBFS(heard[from:to]) < level-10 {
			cut += part
		}
	}
	return cut
}

// lagAt is the delay, in samples, of the first window behind at.
func (h heard) lagAt(windows []quality.Window, at int) int {
	for _, w := range windows {
		if samples(w.At, h.rate) >= at && w.Match > 0.8 {
			return samples(w.Delay, h.rate)
		}
	}
	return samples(windows[len(windows)-1].Delay, h.rate)
}

// TestQuality_Pauses: what is not sent is not missed, though packets are lost.
func TestQuality_Pauses(t *testing.T) {
	for _, c := range qualityCodecs() {
		for _, way := range []road{{}, {loss: 0.1, burst: 4}} {
			r := ride{codec: c, road: way, length: 22 * time.Second, pauses: true}
			h := r.take(t, func(p *Player, rate int) {
				must(t, p.PlayClip(audio.Clip{Rate: rate, Channels: 1, Samples: turns(rate, r.length)}, false, nil))
			})
			p := h.pauses(way)
			t.Logf("%s, %+v: %d packets, %+v", c, way, h.sent, p)
			if limit := 50 * 26 * 2 / 3; h.sent > limit {
				t.Errorf("%s: %d packets were sent, want %d at most", c, h.sent, limit)
			}
			if p.quietest < roomDBFS-10 || p.loudest > roomDBFS+5 || p.cut > 20*time.Millisecond && way.loss == 0 {
				t.Errorf("%s, %+v: a room of %d dBFS is heard at %.0f to %.0f, and %s of the words are missing", c, way, roomDBFS, p.quietest, p.loudest, p.cut)
			}
		}
	}
}
