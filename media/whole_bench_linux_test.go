package media

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// crowd is many calls of one engine with far ends that are sessions of the same engine,
// over loopback. A call is one end of it: session, jitter buffer, RTCP, quality.
type crowd struct {
	b      *testing.B
	engine *Engine
	clip   audio.Clip
	codecs []string
	ends   []*Session
}

// end is a session of a bridge; far: it speaks, and nobody else is there.
func (c *crowd) end(bridge *Bridge, far bool) *Session {
	c.b.Helper()
	s, err := c.engine.NewSession(SessionConfig{LocalIP: netip.MustParseAddr("127.0.0.1"), Codecs: c.codecs})
	if err != nil {
		c.b.Fatal(err)
	}
	if _, err := bridge.Add(s); err != nil {
		c.b.Fatal(err)
	}
	c.ends = append(c.ends, s)
	if !far {
		return s
	}
	player := c.engine.NewPlayer()
	if err := player.PlayClip(c.clip, true, nil); err != nil {
		c.b.Fatal(err)
	}
	slot, err := bridge.Add(player)
	if err != nil {
		c.b.Fatal(err)
	}
	if err := bridge.SetRoutes([]mixer.Route{{From: slot, To: s.Slot()}}); err != nil {
		c.b.Fatal(err)
	}
	return s
}

// call makes one between a far end and a session in the bridge.
func (c *crowd) call(in *Bridge) *Session {
	c.b.Helper()
	x, y := c.end(c.engine.NewBridge(), true), c.end(in, false)
	offer, err := x.CreateOffer(sdp.SendRecv)
	if err != nil {
		c.b.Fatal(err)
	}
	answer, err := y.AcceptOffer(offer, sdp.SendRecv)
	if err != nil {
		c.b.Fatal(err)
	}
	if err := x.AcceptAnswer(answer, false); err != nil {
		c.b.Fatal(err)
	}
	return y
}

// room puts n calls into one bridge in which each hears all others.
func (c *crowd) room(n int, levelled bool) {
	bridge := c.engine.NewBridge()
	var slots []mixer.Slot
	for range n {
		slots = append(slots, c.call(bridge).Slot())
	}
	if err := bridge.SetRoutes(mixer.Conference(slots...)); err != nil {
		c.b.Fatal(err)
	}
	if levelled {
		bridge.SetLevelled(slots...)
	}
}

// BenchmarkWhole is what a call costs the machine as a whole, the kernel's part with it:
// µs of CPU in a second of one end of a call, and memory. G.711 through a bridge of two,
// as a PBX puts two calls together; the same with other codecs; and conferences of 8 and
// 32, levelled. Budget: 400 µs with G.711, 24 of memory in kB.
func BenchmarkWhole(b *testing.B) {
	for _, k := range []struct {
		name, codec string
		rate, room  int
		calls       int
	}{
		{"through", "PCMU", audio.Rate8k, 2, 200},
		{"through", "G722", audio.Rate16k, 2, 100},
		{"through", "opus", audio.Rate48k, 2, 20},
		{"conference", "PCMU", audio.Rate8k, 8, 96},
		{"conference", "PCMU", audio.Rate8k, 32, 96},
		{"conference", "G722", audio.Rate16k, 32, 64},
		{"conference", "opus", audio.Rate48k, 8, 16},
	} {
		b.Run(fmt.Sprintf("what=%s/codec=%s/room=%d/calls=%d", k.name, k.codec, k.room, k.calls), func(b *testing.B) {
			if !slices.Contains(pathCodecs(), k.codec) && !Sends(k.codec) {
				b.Skip("this build cannot send it")
			}
			heap := heapInUse()
			e := NewEngine(EngineConfig{Rate: k.rate})
			go func() { _ = e.Run(context.Background()) }()
			defer func() { _ = e.Close() }()
			c := &crowd{b: b, engine: e, codecs: []string{k.codec},
				clip: audio.Clip{Rate: k.rate, Channels: 1, Samples: quality.Speech(1, k.rate, 10*time.Second)}}
			for range k.calls / k.room {
				c.room(k.room, k.room > 2)
			}
			<-time.After(2 * time.Second) // they are up
			memory := float64(heapInUse()-heap) / 1024 / float64(len(c.ends))
			for b.Loop() {
				cpu, from := cpuTime(b), time.Now()
				<-time.After(3 * time.Second)
				cpu, took := cpuTime(b)-cpu, time.Since(from).Seconds()
				b.ReportMetric(float64(cpu.Microseconds())/took/float64(len(c.ends)), "cpu-us/s/call")
				b.ReportMetric(memory, "kB/call")
			}
			late := uint64(0)
			for _, s := range c.ends {
				late += s.Stats().Late
			}
			b.ReportMetric(float64(late)/float64(len(c.ends)), "late/call")
		})
	}
}
