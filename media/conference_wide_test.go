package media

import (
	"fmt"
	"math"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/mixer"
)

const (
	roomOf = 34 // 32 parties, the contact and the agent
	// toneLevel leaves all of them together below full scale.
	toneLevel = -36.0
	enough    = 160_000 // bit/s for Opus: 33 tones at once are harder than speech
)

// TestConference_ThirtyFourWideAndNarrow: a room of telephones, G.722 and samples at 16 kHz.
func TestConference_ThirtyFourWideAndNarrow(t *testing.T) {
	confer(t, audio.Rate16k, []string{"PCMU", "G722", "PCMA", "L16/16000"})
}

// confer puts 34 parties into one room, who have the codecs in turn and say a tone each: a
// telephone one below 2 kHz, a wideband one above 4 kHz. Everybody hears all others whom the
// codec can carry, at their level, and not himself.
func confer(t *testing.T, rate int, codecs []string) {
	t.Helper()
	story(t, func(t *testing.T, n *simnet.Net) {
		host := NewEngine(EngineConfig{Network: n.Host(hereIP), Shards: 1, Rate: rate})
		go func() { _ = host.Run(t.Context()) }()
		defer func() { _ = host.Close() }()
		room := host.NewBridge()
		var parties []*guest
		var slots []mixer.Slot
		for i := range roomOf {
			g := newGuest(t, n, i, codecs[i%len(codecs)])
			defer g.close()
			leg := &phone{t: t, engine: host}
			var err error
			leg.session, err = host.NewSession(SessionConfig{LocalIP: n.Host(hereIP).Addr(), Codecs: codecs, Opus: codec.OpusConfig{BitRate: enough}})
			must(t, err)
			connect(t, g.phone, leg)
			slot, err := room.Add(leg.session)
			must(t, err)
			parties, slots = append(parties, g), append(slots, slot)
		}
		must(t, room.SetRoutes(mixer.Conference(slots...)))
		pass(20 * time.Second) // until every jitter buffer has settled: one that catches up shifts the phase of what is heard
		for _, g := range parties {
			g.ear.listen(true)
		}
		pass(1500 * time.Millisecond)
		for _, g := range parties {
			g.ear.listen(false)
		}
		for i, g := range parties {
			g.holds(i, parties)
		}
		if host.Panics() != 0 {
			t.Errorf("%d panics", host.Panics())
		}
	})
}

// guest is a party of a conference.
type guest struct {
	*phone
	ear   *probe
	codec codec.Codec
	wide  bool
	hz    float64
}

func newGuest(t *testing.T, n *simnet.Net, i int, name string) *guest {
	t.Helper()
	c, err := find([]string{name})
	must(t, err)
	// On no grid, so that what a codec adds is spread as noise, and not gathered where somebody's tone is.
	g := &guest{ear: &probe{}, codec: c[0], wide: c[0].SampleRate > audio.Rate8k, hz: float64(350 + 40*i + i*i*7%23)}
	if g.wide {
		g.hz += 4050 // to 5.8 kHz: G.722 carries 7
	}
	g.phone = newPhoneAt(t, n, fmt.Sprintf("10.0.1.%d", i+1), c[0].SampleRate, func(s *SessionConfig) { s.Codecs, s.Opus.BitRate = []string{name}, enough })
	g.player.PlayTone(audio.Sine(g.hz, toneLevel), nil)
	slot, err := g.bridge.Add(g.ear)
	must(t, err)
	must(t, g.bridge.SetRoutes(routesTo(g.phone, slot)))
	return g
}

// listen begins to keep what is heard, or stops that.
func (p *probe) listen(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keep = on
}

// at is the level of a frequency (dBFS of a sine) in the last second that was kept: the
// tones of a conference are whole numbers of Hz apart, so that none leaks into another.
func (g *guest) at(hz float64) float64 {
	g.ear.mu.Lock()
	defer g.ear.mu.Unlock()
	rate := g.codec.SampleRate
	pcm := g.ear.pcm[len(g.ear.pcm)-rate:]
	var re, im float64
	for i, s := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re, im = re+float64(s)*cos, im+float64(s)*sin
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(rate)/32768+1e-9)
}

// holds compares what the i-th party hears with what the others say.
func (g *guest) holds(i int, parties []*guest) {
	g.t.Helper()
	for k, other := range parties {
		level := g.at(min(other.hz, float64(g.codec.SampleRate)-other.hz)) // one that is too high would be heard mirrored
		switch heard := k != i && (g.wide || !other.wide); {
		case heard && math.Abs(level-toneLevel) > 2:
			g.t.Errorf("party %d (%s) hears %v Hz of party %d (%s) at %.1f dBFS, which was said at %.0f", i, g.codec.Name, other.hz, k, other.codec.Name, level, toneLevel)
		case !heard && level > toneLevel-25:
			g.t.Errorf("party %d (%s) hears %v Hz of party %d (%s) at %.1f dBFS, and must not", i, g.codec.Name, other.hz, k, other.codec.Name, level)
		}
	}
}
