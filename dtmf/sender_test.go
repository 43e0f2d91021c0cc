package dtmf

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sent is a packet with the packet time it left in.
type sent struct {
	tick int
	Packet
	Event
}

// drive sends a sequence from a timestamp on until the sender is idle.
func drive(t testing.TB, s *Sender, from uint32, step uint32) []sent {
	t.Helper()
	var out []sent
	for tick := 0; !s.Idle(); tick++ {
		if tick > 100_000 {
			t.Fatal("the sender never becomes idle")
		}
		b := s.Next(from + uint32(tick)*step)
		for _, p := range b.Packets[:b.N] {
			e, err := ParseEvent(p.Payload[:])
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, sent{tick, p, e})
		}
	}
	return out
}

func must(t testing.TB, digits string) Sequence {
	t.Helper()
	seq, err := ParseDigits(digits)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// The whole of two digits as a person would read it in a capture.
func TestConformance_M16_Sender(t *testing.T) {
	s := NewSender(SenderConfig{Duration: 100 * time.Millisecond, Gap: 50 * time.Millisecond})
	s.Send(must(t, "1#"))
	var b strings.Builder
	for _, p := range drive(t, s, 1000, 160) {
		fmt.Fprintf(&b, "%d: m=%v ts=%d code=%d e=%v vol=%d dur=%d\n",
			p.tick, p.Marker, p.Timestamp, p.Code, p.End, p.Volume, p.Duration)
	}
	want := `0: m=true ts=1000 code=1 e=false vol=10 dur=160
1: m=false ts=1000 code=1 e=false vol=10 dur=320
2: m=false ts=1000 code=1 e=false vol=10 dur=480
3: m=false ts=1000 code=1 e=false vol=10 dur=640
4: m=false ts=1000 code=1 e=true vol=10 dur=800
5: m=false ts=1000 code=1 e=true vol=10 dur=800
6: m=false ts=1000 code=1 e=true vol=10 dur=800
8: m=true ts=2280 code=11 e=false vol=10 dur=160
9: m=false ts=2280 code=11 e=false vol=10 dur=320
10: m=false ts=2280 code=11 e=false vol=10 dur=480
11: m=false ts=2280 code=11 e=false vol=10 dur=640
12: m=false ts=2280 code=11 e=true vol=10 dur=800
13: m=false ts=2280 code=11 e=true vol=10 dur=800
14: m=false ts=2280 code=11 e=true vol=10 dur=800
`
	if b.String() != want {
		t.Errorf("sent\n%swant\n%s", b.String(), want)
	}
}

// checkEvents holds the rules of RFC 4733 section 2.5.1 over any run of packets.
func checkEvents(t *testing.T, out []sent, clock uint32, gap time.Duration) (digits string) {
	t.Helper()
	var prev sent
	var end uint32 // timestamp at which the last digit ended
	ends := 0
	for i, p := range out {
		switch {
		case p.Marker:
			if i > 0 && ends != 3 {
				t.Errorf("packet %d: new digit after %d end packets", i, ends)
			}
			least := uint32(gap * time.Duration(clock) / time.Second)
			if i > 0 && p.Timestamp-end < least {
				t.Errorf("packet %d: gap of %d units, want %d", i, p.Timestamp-end, least)
			}
			digits += string(keypad[p.Code])
			ends = 0
		case p.Timestamp != prev.Timestamp:
			if prev.Duration != 0xffff || prev.End || p.Timestamp != prev.Timestamp+0xffff {
				t.Errorf("packet %d: segment at %d behind %+v", i, p.Timestamp, prev)
			}
		case !prev.End && p.Duration <= prev.Duration:
			t.Errorf("packet %d: duration %d after %d", i, p.Duration, prev.Duration)
		case prev.End && (!p.End || p.Duration != prev.Duration):
			t.Errorf("packet %d: %+v after the end %+v", i, p, prev)
		}
		if p.End {
			ends++
			end = p.Timestamp + uint32(p.Duration)
		}
		prev = p
	}
	if len(out) > 0 && ends != 3 {
		t.Errorf("the last digit has %d end packets", ends)
	}
	return digits
}

func TestConformance_M16_Sender_AnySettingsKeepTheRules(t *testing.T) {
	for _, cfg := range []SenderConfig{
		{},
		{Duration: time.Millisecond, Gap: time.Millisecond},
		{Duration: 70 * time.Millisecond, Gap: 75 * time.Millisecond},
		{ClockRate: 48000, Duration: 250 * time.Millisecond},
		{ClockRate: 16000, PacketTime: 30 * time.Millisecond},
		{PacketTime: 10 * time.Millisecond, Gap: 90 * time.Millisecond, Volume: 200},
		{Duration: time.Hour},
	} {
		s := NewSender(cfg)
		s.Send(must(t, "0123456789*#ABCD11"))
		step := s.units(s.cfg.PacketTime)
		out := drive(t, s, 0xFFFFFF00, step) // the timestamp wraps
		if got := checkEvents(t, out, uint32(s.cfg.ClockRate), s.cfg.Gap); got != "0123456789*#ABCD11" {
			t.Errorf("%+v: sent %q", cfg, got)
		}
		if s.cfg.Gap < 50*time.Millisecond || s.cfg.Duration < 40*time.Millisecond {
			t.Errorf("%+v became %+v", cfg, s.cfg)
		}
	}
}

func TestConformance_M17_Sender_LongDigits(t *testing.T) {
	for _, c := range []struct {
		clock    int
		held     time.Duration
		segments uint32
	}{
		{8000, 20 * time.Second, 3},
		{48000, 3 * time.Second, 3},
		{48000, 20 * time.Second, 15},
	} {
		s := NewSender(SenderConfig{ClockRate: c.clock})
		s.Send(Sequence{{Digit: '5', For: c.held}, {Digit: '6'}})
		out := drive(t, s, 77, uint32(c.clock/50))
		if got := checkEvents(t, out, uint32(c.clock), 60*time.Millisecond); got != "56" {
			t.Errorf("%d Hz: sent %q", c.clock, got)
		}
		var last sent
		for _, p := range out {
			if p.Code == 5 {
				last = p
			}
		}
		total := last.Timestamp - 77 + uint32(last.Duration)
		if want := uint32(c.held * time.Duration(c.clock) / time.Second); total != want {
			t.Errorf("%d Hz: held for %d units, want %d", c.clock, total, want)
		}
		if n := (last.Timestamp-77)/0xffff + 1; n != c.segments {
			t.Errorf("%d Hz: %d segments, want %d", c.clock, n, c.segments)
		}
	}
}

func TestSender_PausesAreKept(t *testing.T) {
	s := NewSender(SenderConfig{})
	s.Send(must(t, "1w2"))
	out := drive(t, s, 0, 160)
	end := out[4].Timestamp + uint32(out[4].Duration)
	var second uint32
	for _, p := range out {
		if p.Code == 2 {
			second = p.Timestamp
			break
		}
	}
	if pause := second - end; pause < 4000 || pause > 4000+480+160 {
		t.Errorf("pause of %d units between the digits, want 500 ms and the gap", pause)
	}
}

func TestSender_ReportsBeginEndAndMute(t *testing.T) {
	s := NewSender(SenderConfig{Duration: 40 * time.Millisecond})
	if !s.Idle() || s.Next(0).N != 0 {
		t.Fatal("a new sender is not idle")
	}
	s.Send(must(t, "7"))
	var log []string
	for tick := uint32(0); !s.Idle(); tick++ {
		b := s.Next(tick * 160)
		log = append(log, fmt.Sprintf("%d%v%s%s", b.N, b.Mute, b.Began, b.Sent))
	}
	if got, want := strings.Join(log, " "), "1true7 1true 1true 1true7 0false 0false"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSender_ClearReleasesTheDigit(t *testing.T) {
	s := NewSender(SenderConfig{Duration: 10 * time.Second})
	s.Send(must(t, "12"))
	var out []sent
	for tick := uint32(0); !s.Idle(); tick++ {
		if tick == 10 {
			s.Clear()
		}
		b := s.Next(tick * 160)
		for _, p := range b.Packets[:b.N] {
			e, _ := ParseEvent(p.Payload[:])
			out = append(out, sent{int(tick), p, e})
		}
	}
	if got := checkEvents(t, out, 8000, 0); got != "1" || len(out) != 13 || out[12].Duration != 11*160 {
		t.Errorf("sent %q in %d packets, the last %+v", got, len(out), out[len(out)-1])
	}
}

// A stream whose timestamps jump (a new clock, a paused one) still ends its digit
// and sends the next.
func TestSender_TimestampJump(t *testing.T) {
	for _, jump := range []uint32{1 << 20, 1 << 31, 0xFFFF0000} {
		s := NewSender(SenderConfig{})
		s.Send(must(t, "12"))
		digits, ts := "", uint32(0)
		for tick := range 200 {
			if tick == 3 || tick == 9 {
				ts += jump
			}
			b := s.Next(ts)
			digits += b.Sent.String()
			ts += 160
		}
		if digits != "12" || !s.Idle() {
			t.Errorf("jump of %d: sent %q, idle %v", jump, digits, s.Idle())
		}
	}
}

// A stream that begins anew, with other timestamps, within a digit or between two: what is
// left of that digit is not sent, the next one is sent whole with the new timestamps.
func TestSender_Renew(t *testing.T) {
	for _, by := range []uint32{1<<31 - 100_000, 1<<31 + 100_000, 100, 0xFFFF0000} {
		for at := 1; at < 9; at++ { // at 8 the second digit begins
			s := NewSender(SenderConfig{})
			s.Send(must(t, "12"))
			sent, packets := "", map[byte]int{}
			ts := uint32(3_000_000_000)
			for tick := 0; !s.Idle(); tick++ {
				if tick == at {
					s.Renew(by)
					ts += by
				}
				b := s.Next(ts)
				for _, p := range b.Packets[:b.N] {
					e, _ := ParseEvent(p.Payload[:])
					packets[e.Code]++
					if tick >= at && (e.Code != 2 || ts-p.Timestamp > 7*160) {
						t.Fatalf("by %d at %d: in tick %d %+v at %d, where it is %d", by, at, tick, e, p.Timestamp, ts)
					}
				}
				sent += b.Sent.String()
				ts += 160
			}
			if sent != "12" || packets[1] != min(at, 7) || packets[2] != 7 {
				t.Errorf("by %d at %d: sent %q, packets %v", by, at, sent, packets)
			}
		}
	}
}

func BenchmarkSender(b *testing.B) {
	s := NewSender(SenderConfig{})
	seq := Sequence{{Digit: '1'}}
	ts := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		if s.Idle() {
			s.queue = append(s.queue[:0], seq...)
		}
		s.Next(ts)
		ts += 160
	}
}
