package scenario

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringback/internal/lab"
)

// The tester is tested: each far end here is bad in one way, and the verdict has to
// say in which.

// badNetwork is the lab's network: it does to the RTP that the lab sends what a test says.
type badNetwork struct {
	lab.Network
	rtp   func(n uint64) bool // whether the lab's packet number n goes out; nil: all do
	late  time.Duration       // of all media that the lab sends
	count atomic.Uint64
}

func (n *badNetwork) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	pc, err := n.Network.ListenPacket(ctx, network, address)
	return &badConn{pc, n}, err
}

type badConn struct {
	net.PacketConn
	net *badNetwork
}

// WriteTo tells media by the version of RTP in the first byte: SIP has none.
func (c *badConn) WriteTo(p []byte, to net.Addr) (int, error) {
	if len(p) < 8 || p[0]>>6 != 2 {
		return c.PacketConn.WriteTo(p, to)
	}
	rtcp := p[1] >= 192 && p[1] <= 223
	if !rtcp && c.net.rtp != nil && !c.net.rtp(c.net.count.Add(1)) {
		return len(p), nil
	}
	if c.net.late > 0 {
		data := append([]byte(nil), p...)
		time.AfterFunc(c.net.late, func() { _, _ = c.PacketConn.WriteTo(data, to) })
		return len(p), nil
	}
	return c.PacketConn.WriteTo(p, to)
}

const callIt = `
steps:
  - {phone: a, do: dial, with: {target: TARGET}, until: connected}
  - {pause: 12s}
  - {phone: a, expect: [EXPECT]}
  - {phone: a, do: end, until: ready-to-call}
`

// named plays a call to a bad far end and looks for the finding, the expectation that
// is not met, and what was measured of it.
func named(t *testing.T, rep Report, finding, expect, measured string) {
	t.Helper()
	v := rep.Phones[0].Calls[0]
	var names []string
	for _, f := range v.Findings {
		names = append(names, f.Name)
		if f.Name == finding && f.Text == "" {
			t.Errorf("%s says nothing", f.Name)
		}
	}
	if got := strings.Join(names, " "); got != finding {
		t.Errorf("findings %q, want %q: %+v", got, finding, v.Findings)
	}
	if rep.OK || rep.Failure != nil {
		t.Errorf("the scenario went well, or broke: %+v", rep.Failure)
	}
	for _, c := range v.Expectations {
		if c.Expr == expect {
			if c.OK || !strings.Contains(c.Measured, measured) {
				t.Errorf("%s: ok %v, measured %q, want %q", expect, c.OK, c.Measured, measured)
			}
			return
		}
	}
	t.Errorf("%q was not checked: %+v", expect, v.Expectations)
}

func playCall(b *bed, target, expect string) Report {
	return b.run(context.Background(), phones("a")+strings.NewReplacer("TARGET", target, "EXPECT", expect).Replace(callIt))
}

func bad(number string, how lab.Behaviour) lab.Config {
	return lab.Config{Extensions: []lab.Extension{{Number: number, Name: "Bad", Behaviour: how}}}
}

// TestBadFarEnd_None: what the others are told from.
func TestBadFarEnd_None(t *testing.T) {
	inBed(t, bad("700", lab.Behaviour{Say: lab.Tone(1004)}), func(b *bed) {
		rep := playCall(b, "700", "clean, tone 1004, answer < 1s, first-sound < 300ms, loss < 1, delay < 200ms, both-ways")
		if !rep.OK || len(rep.Phones[0].Calls[0].Findings) != 0 {
			t.Errorf("%s", rep.Text())
		}
	})
}

func TestBadFarEnd_AnswersLate(t *testing.T) {
	inBed(t, bad("700", lab.Behaviour{Ring: 8 * time.Second, Say: lab.Tone(1004)}), func(b *bed) {
		named(t, playCall(b, "700", "answer < 1s"), "late-answer", "answer < 1s", "80")
	})
}

func TestBadFarEnd_OneWayAudio(t *testing.T) {
	inBedWith(t, bad("700", lab.Behaviour{Say: lab.Tone(1004)}), &badNetwork{rtp: func(uint64) bool { return false }}, func(b *bed) {
		named(t, playCall(b, "700", "both-ways"), "one-way-audio", "both-ways", "0 packets came")
	})
}

// TestBadFarEnd_DoesNotHearUs: our own packets do not arrive, and the far end says so by RTCP.
func TestBadFarEnd_DoesNotHearUs(t *testing.T) {
	inBed(t, bad("700", lab.Behaviour{Say: lab.Tone(1004)}), func(b *bed) {
		text := phones("a") + strings.NewReplacer("TARGET", "700", "EXPECT", "clean", "12s", "40s").Replace(callIt)
		text = strings.Replace(text, "    audio:", "    impair: {loss: 100%, direction: out}\n    audio:", 1)
		named(t, b.run(context.Background(), text), "one-way-audio", "clean", "reports that it receives nothing")
	})
}

func TestBadFarEnd_IsSilent(t *testing.T) {
	inBed(t, bad("700", lab.Behaviour{}), func(b *bed) {
		named(t, playCall(b, "700", "audio"), "silence", "audio", "0.0 s")
	})
}

// TestBadFarEnd_ClipsTheBeginning: the first two seconds after the answer are missing.
func TestBadFarEnd_ClipsTheBeginning(t *testing.T) {
	mute := &badNetwork{rtp: func(n uint64) bool { return n > 100 }}
	inBedWith(t, bad("700", lab.Behaviour{Say: lab.Tone(1004)}), mute, func(b *bed) {
		named(t, playCall(b, "700", "first-sound < 300ms"), "late-sound", "first-sound < 300ms", "2090 ms")
	})
}

func TestBadFarEnd_Distorts(t *testing.T) {
	loud := t.TempDir() + "/loud.wav"
	if err := os.WriteFile(loud, square(8000, 20), 0o600); err != nil {
		t.Fatal(err)
	}
	inBed(t, lab.Config{}, func(b *bed) {
		text := strings.Replace(phones("a", "b"), "tone:660", `"file:`+loud+`,"`, 1) + `
steps:
  - {phone: a, do: dial, with: {target: 1002}}
  - {phone: b, wait: offer}
  - {phone: b, do: accept, until: connected}
  - {pause: 12s}
  - {phone: a, expect: [clean]}
  - {phone: a, do: end, until: ready-to-call}
`
		named(t, b.run(context.Background(), text), "clipped-audio", "clean", "too loud and distorted")
	})
}

// square is a WAV file of so many seconds of a square wave at full scale, 200 Hz.
func square(rate, seconds int) []byte {
	n := rate * seconds
	out := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	out = binary.LittleEndian.AppendUint32(out, uint32(rate))
	out = binary.LittleEndian.AppendUint32(out, uint32(2*rate))
	out = append(out, 2, 0, 16, 0, 'd', 'a', 't', 'a')
	out = binary.LittleEndian.AppendUint32(out, uint32(2*n))
	for i := range n {
		v := int16(32767)
		if i/(rate/400)%2 == 1 {
			v = -32768
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(v))
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func TestBadFarEnd_Delays(t *testing.T) {
	inBedWith(t, bad("700", lab.Behaviour{Say: lab.Tone(1004)}), &badNetwork{late: 600 * time.Millisecond}, func(b *bed) {
		named(t, playCall(b, "700", "delay < 200ms"), "delay", "delay < 200ms", "ms")
	})
}

func TestBadFarEnd_WrongDigits(t *testing.T) {
	inBed(t, bad("700", lab.Behaviour{Say: lab.Tone(1004), Press: "1235#"}), func(b *bed) {
		named(t, playCall(b, "700", "dtmf 1234#"), "wrong-digits", "dtmf 1234#", "1235#")
	})
}

func TestBadFarEnd_Loses5Percent(t *testing.T) {
	inBedWith(t, bad("700", lab.Behaviour{Say: lab.Tone(1004)}), &badNetwork{rtp: func(n uint64) bool { return n%20 != 0 }}, func(b *bed) {
		rep := playCall(b, "700", "loss < 1%, loss > 4%, loss < 6%")
		named(t, rep, "loss", "loss < 1%", "")
		if unmet := rep.Unmet(); len(unmet) != 1 {
			t.Errorf("measured otherwise than 4 %% to 6 %%: %q", unmet)
		}
	})
}

// TestBadFarEnd_GhostCall: a call rings that nobody made; clean fails the scenario.
func TestBadFarEnd_GhostCall(t *testing.T) {
	inBed(t, lab.Config{}, func(b *bed) {
		rep := b.run(context.Background(), "clean: true\n"+phones("a")+`
steps:
  - {pbx: offer cb-9}
  - {pause: 3s}
  - {pbx: giveup cb-9}
  - {phone: a, wait: idle}
`)
		named(t, rep, "ghost-call", "clean", "that no step took")
	})
}
