package media

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/media/audio"
)

const hourHead = `
## An hour of drift

The delay is that of a minute: the one that begins at 10 s, at 58 min, and (its median) each ten minutes. Opus encodes with the
least complexity.

| codec | drift | delay in the first minute, least and most ms | in the last | by 10 min | made up | shorter / longer ms | NSIM in the last |
| --- | --- | --- | --- | --- | --- | --- | --- |
`

// hourOfDrift is an hour with a sender whose clock is off.
func hourOfDrift(t *testing.T, c string, all *goals) string {
	var b strings.Builder
	for _, ppm := range []float64{500, -500} {
		way := road{drift: ppm}
		h := ride{codec: c, road: way, length: time.Hour}.take(t, func(p *Player, rate int) {
			must(t, p.PlayClip(audio.Clip{Rate: rate, Channels: 1, Samples: quality.Speech(1, rate, time.Minute)}, true, nil))
		})
		first, last := h.minute(10*time.Second, way), h.minute(58*time.Minute, way)
		course := []time.Duration{first.median}
		for at := 10 * time.Minute; at < time.Hour; at += 10 * time.Minute {
			course = append(course, h.minute(at, way).median)
		}
		all.drifted(last.most - first.most)
		fmt.Fprintf(&b, "| %s | %+.0f ppm | %d to %d | %d to %d | %s | %d frames | %.0f / %.0f | %.3f |\n", c, ppm, first.least.Milliseconds(), first.most.Milliseconds(),
			last.least.Milliseconds(), last.most.Milliseconds(), inOrder(append(course, last.median)), h.stats.Concealed, h.stats.AcceleratedMS, h.stats.DeceleratedMS, last.nsim)
	}
	return b.String()
}

// minute is what is measured of the one that begins at from: delays without the network's and
// without what the sender's clock drifted, which are none of the phone's.
func (h *heard) minute(from time.Duration, way road) (v judgement) {
	const ahead = 100 * time.Millisecond // looked at before the least delay that can be
	at, minute := int(from.Seconds()*float64(h.rate)), 60*h.rate
	lag := int((way.lag() + way.off(from) - ahead).Seconds() * float64(h.rate))
	said, got := h.said[at:at+minute], h.got[at+lag:at+lag+minute]
	windows := quality.Align(said, got, h.rate, time.Second)
	v.nsim = quality.NSIM(said, got, h.rate, audible(h.rate), windows)
	for i := range windows {
		windows[i].Delay += audio.FrameTime - ahead - way.off(windows[i].At)
	}
	v.least, v.median, v.p95, v.most = quality.Delays(windows)
	return v
}
