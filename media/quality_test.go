package media

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// earpiece keeps what a slot hears, and when that began.
type earpiece struct {
	probe
	began time.Time
}

func (e *earpiece) push(src frame, now time.Time) {
	e.mu.Lock()
	if e.began.IsZero() {
		e.began = now
	}
	e.mu.Unlock()
	e.probe.push(src, now)
}

// taken is what was heard so far.
func (e *earpiece) taken() []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pcm
}

// ride is one way of sound over a road.
type ride struct {
	codec  string
	road   road
	length time.Duration
	pauses bool // are not sent: comfort noise, or DTX
}

// heard is what came of it.
type heard struct {
	said, got []int16 // from the same moment on, without the silence before
	rate      int
	stats     Stats
	optimum   time.Duration
	lost      float64
	sent      int           // packets
	length    time.Duration // of what was said
}

// take sends a clip from one phone to another over the road, in virtual time.
func (r ride) take(t *testing.T, play func(p *Player, rate int)) (h heard) {
	t.Helper()
	story(t, func(t *testing.T, n *simnet.Net) {
		c, ok := named(r.codec)
		if !ok || !c.Sends() {
			t.Fatalf("%s: not in this build", r.codec)
		}
		at := func(low uint16) func(*SessionConfig) {
			return func(cfg *SessionConfig) {
				cfg.Codecs, cfg.Ports = []string{r.codec}, PortRange{Min: low, Max: low + 99}
				cfg.Opus.BitRate, cfg.Opus.DTX, cfg.Comfort = 24000, r.pauses, r.pauses
				if r.length >= time.Hour { // of which only the delay is asked
					cfg.Opus.Complexity = 1
				}
			}
		}
		a, b := newPhoneAt(t, n, hereIP, c.SampleRate, at(20000)), newPhoneAt(t, n, thereIP, c.SampleRate, at(30000))
		defer a.close()
		defer b.close()
		way := newBump(t, n, r.road, a.session.LocalAddr(), b.session.LocalAddr())
		defer way.close()
		said, got := listenAt(t, a, a.player), listenAt(t, b, b.session)
		offer, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		answer, err := b.session.AcceptOffer(bytes.ReplaceAll(offer, []byte(hereIP), []byte(roadIP)), sdp.SendRecv)
		must(t, err)
		must(t, a.session.AcceptAnswer(bytes.ReplaceAll(answer, []byte(thereIP), []byte(roadIP)), false))
		pass(time.Second)
		play(a.player, c.SampleRate)
		pass(r.length)
		pass(3 * time.Second)
		h = heard{length: r.length, rate: c.SampleRate, stats: b.session.Stats(), optimum: way.optimum(), sent: way.sent, lost: float64(way.lost) / float64(max(1, way.sent))}
		h.said, h.got = said.pcm, got.pcm
		if off := int(got.began.Sub(said.began) * time.Duration(c.SampleRate) / time.Second); off > 0 {
			h.said = h.said[off:]
		} else {
			h.got = h.got[-off:]
		}
	})
	return h
}

// listenAt hears one port of a phone.
func listenAt(t *testing.T, p *phone, source Port) *earpiece {
	e := &earpiece{probe: probe{keep: true}}
	slot, err := p.bridge.Add(e)
	must(t, err)
	must(t, p.bridge.SetRoutes([]mixer.Route{{From: p.player.Slot(), To: p.session.Slot()},
		{From: p.session.Slot(), To: p.meter.Slot()}, {From: source.Slot(), To: slot}}))
	return e
}

// judgement is what is measured of a ride.
type judgement struct {
	heard
	nsim                float64
	least, median, most time.Duration // mouth to ear, the network's own delay taken off
	p95                 time.Duration
	course              []time.Duration // the median of each ten seconds; below 0: nothing was said
	breaks              quality.Breaks
	lostPercent         float64
}

const toneHz = 440

// judge takes the ride twice: with speech, and with a tone that shows what breaks.
func (r ride) judge(t *testing.T) judgement {
	t.Helper()
	v := r.judgeSpeech(t, func(rate int) []int16 { return quality.Speech(1, rate, r.length) })
	tone := r.take(t, func(p *Player, rate int) {
		p.PlayTone(audio.Sine(toneHz, -12), nil)
		time.AfterFunc(r.length, p.Stop)
	})
	v.breaks = quality.FindBreaks(tone.got, tone.rate, toneHz, -12)
	return v
}

// judgeSpeech takes the ride with what is said at the codec's rate.
func (r ride) judgeSpeech(t *testing.T, say func(rate int) []int16) judgement {
	t.Helper()
	v := judgement{heard: r.take(t, func(p *Player, rate int) {
		must(t, p.PlayClip(audio.Clip{Rate: rate, Channels: 1, Samples: say(rate)}, false, nil))
	})}
	windows := v.align(r.road)
	v.nsim = quality.NSIM(v.said, v.got, v.rate, audible(v.rate), windows)
	for i := range windows { // a frame is said before it is sent
		windows[i].Delay += audio.FrameTime - r.road.lag() - r.road.off(windows[i].At)
	}
	v.least, v.median, v.p95, v.most = quality.Delays(windows)
	v.course = quality.Course(windows, 10*time.Second)
	v.lostPercent = 100 * v.lost
	return v
}

// align finds where each window was heard: not before the network can have brought it.
func (h heard) align(r road) []quality.Window {
	windows := quality.Align(h.said, h.got[min(len(h.got), int(r.lag().Seconds()*float64(h.rate))):], h.rate, time.Second)
	for i := range windows {
		windows[i].Delay += r.lag()
	}
	return windows
}

// audible is what a codec of that rate can carry, in Hz.
func audible(rate int) float64 { return min(0.44*float64(rate), 12000) }

func (v judgement) String() string {
	ms := func(d time.Duration) int64 { return d.Milliseconds() }
	return fmt.Sprintf("nsim %.3f, delay %d/%d/%d/%d ms, optimum %d, lost %.1f %%, %d gaps to %d ms, %d clicks, concealed %d late %d",
		v.nsim, ms(v.least), ms(v.median), ms(v.p95), ms(v.most), ms(v.optimum), v.lostPercent, v.breaks.Gaps, ms(v.breaks.Longest), v.breaks.Clicks,
		v.stats.Concealed, v.stats.Late)
}

// gates are the least that stack.md asks of each codec, without impairment.
func gate(codec string) float64 {
	return map[string]float64{"PCMA": 0.98, "PCMU": 0.98, "G722": 0.96, "opus": 0.92}[codec]
}

// TestQuality_Goals is the quick part of the table in testdata/quality: for each codec
// what an agent has most days, and the goals.
func TestQuality_Goals(t *testing.T) {
	for _, c := range qualityCodecs() {
		for name, r := range map[string]road{"clean": {}, "5 % loss": {loss: 0.05}, "60 ms jitter": {jitter: 60 * time.Millisecond}} {
			v := ride{codec: c, road: r, length: 8 * time.Second}.judge(t)
			t.Logf("%s, %s: %s", c, name, v)
			switch {
			case r == road{} && (v.nsim < gate(c) || v.median > 60*time.Millisecond || v.stats.Concealed != 0):
				t.Errorf("%s, %s: want NSIM %.2f and 60 ms: %s", c, name, gate(c), v)
			case v.breaks.Longest > 20*time.Millisecond || v.breaks.Clicks > 0:
				t.Errorf("%s, %s: want no gap over 20 ms and no click: %s", c, name, v)
			case v.overOptimum(60*time.Millisecond) > 20*time.Millisecond:
				t.Errorf("%s, %s: %v above the best delay: %s", c, name, v.overOptimum(60*time.Millisecond), v)
			case r.jitter > 0 && v.stats.Concealed > 5:
				t.Errorf("%s, %s: made up %d frames: %s", c, name, v.stats.Concealed, v)
			case v.nsim < gate(c)-0.04:
				t.Errorf("%s, %s: NSIM %.3f", c, name, v.nsim)
			}
		}
	}
}

// TestQuality_WhatIsMadeUpIsCounted: the share that the phone tells is the one that is heard.
func TestQuality_WhatIsMadeUpIsCounted(t *testing.T) {
	for _, way := range []road{{}, {loss: 0.1}, {loss: 0.1, burst: 4}, {jitter: 60 * time.Millisecond}} {
		r := ride{codec: "PCMA", road: way, length: 15 * time.Second}
		h := r.take(t, func(p *Player, rate int) {
			must(t, p.PlayClip(audio.Clip{Rate: rate, Channels: 1, Samples: quality.Noise(1, rate, r.length)}, false, nil))
		})
		said := float64(h.stats.Concealed) / float64(h.stats.Expected)
		if heard := quality.MadeUp(h.said, h.got, h.rate, h.align(way)); math.Abs(said-heard) > 0.015 {
			t.Errorf("%+v: the phone made up %.1f %%, and %.1f %% were heard", way, 100*said, 100*heard)
		}
	}
}

// overOptimum is how much longer the delay is than that of a buffer that knew all
// delays before; calm is the delay without jitter.
func (v judgement) overOptimum(calm time.Duration) time.Duration { return v.median - calm - v.optimum }

// qualityCodecs are those that this build can send.
func qualityCodecs() []string {
	all := []string{"PCMA", "G722"}
	if Sends("opus") {
		all = append(all, "opus")
	}
	return all
}
