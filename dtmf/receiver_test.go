package dtmf

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// arrival is a packet and when it comes.
type arrival struct {
	EventPacket
	ms int
}

// ev writes a packet in short: milliseconds, sequence, timestamp, code,
// duration, flags (m marker, e end, r reserved bit).
func ev(ms int, seq uint16, ts uint32, code uint8, duration uint16, flags string) arrival {
	e := Event{Code: code, Duration: duration, Volume: 10, End: strings.Contains(flags, "e")}
	payload := e.Append(nil)
	if strings.Contains(flags, "r") {
		payload[1] |= 0x40
	}
	return arrival{EventPacket{SSRC: 1, Sequence: seq, Timestamp: ts, Marker: strings.Contains(flags, "m"), Payload: payload}, ms}
}

func from(ssrc uint32, a arrival) arrival {
	a.SSRC = ssrc
	return a
}

// key is what an honest sender sends for one key of 100 ms.
func key(ms int, seq uint16, ts uint32, code uint8) []arrival {
	var out []arrival
	for i := range 7 {
		flags, duration := "", uint16(160*(i+1))
		if i == 0 {
			flags = "m"
		}
		if i >= 4 {
			flags, duration = "e", 800
		}
		out = append(out, ev(ms+20*i, seq+uint16(i), ts, code, duration, flags))
	}
	return out
}

func pick(in []arrival, places ...int) []arrival {
	var out []arrival
	for _, i := range places {
		out = append(out, in[i])
	}
	return out
}

func join(parts ...[]arrival) []arrival {
	var out []arrival
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// hear plays arrivals to a receiver with a Tick every 20 ms and half a second of
// silence behind, and returns the digits. It fails unless each digit is pressed
// and then released.
func hear(t testing.TB, r *Receiver, in []arrival) (digits string, lengths []time.Duration) {
	t.Helper()
	var all []Heard
	tick := 0
	for _, a := range in {
		for ; tick < a.ms; tick += 20 {
			all = r.Tick(all, epoch.Add(time.Duration(tick)*time.Millisecond))
		}
		all = r.Push(all, a.EventPacket, epoch.Add(time.Duration(a.ms)*time.Millisecond))
	}
	for end := tick + 500; tick < end; tick += 20 {
		all = r.Tick(all, epoch.Add(time.Duration(tick)*time.Millisecond))
	}
	for i, h := range all {
		switch {
		case i%2 == 0 && h.Phase == Pressed:
			digits += h.Digit.String()
		case i%2 == 1 && h.Phase == Released && h.Digit == all[i-1].Digit:
			lengths = append(lengths, h.Duration)
		default:
			t.Fatalf("reports out of order: %v", all)
		}
	}
	if len(all)%2 != 0 {
		t.Fatalf("a digit is never released: %v", all)
	}
	return digits, lengths
}

func TestConformance_M17_M18_M19_Receiver(t *testing.T) {
	five := key(0, 100, 8000, 5)
	rows := []struct {
		name string
		in   []arrival
		want string
	}{
		{"M18 nothing lost", five, "5"},
		{"M18 lost start", pick(five, 2, 3, 4, 5, 6), "5"},
		{"M18 lost ends", pick(five, 0, 1, 2, 3), "5"},
		{"M18 all but the first lost", pick(five, 0), "5"},
		{"M18 all but one in the middle lost", pick(five, 2), "5"},
		{"M18 all but the last end lost", pick(five, 6), "5"},
		{"M18 reordered", pick(five, 1, 0, 4, 2, 6, 3, 5), "5"},
		{"M18 end first", pick(five, 4, 0, 1, 2, 3, 5, 6), "5"},
		{"M18 each packet thrice", join(five, five, five), "5"},
		{"M18 lost ends, then the same digit with its start lost",
			join(pick(five, 0, 1, 2), pick(key(160, 107, 9280, 5), 2, 3, 4)), "55"},
		{"M18 a late copy behind the next digit",
			join(five, key(160, 107, 9280, 6), pick(five, 3, 5)), "56"},
		{"M18 a digit overtaken by the next one",
			join(pick(key(160, 107, 9280, 6), 0, 1), pick(five, 5), pick(key(160, 107, 9280, 6), 2, 3, 4, 5)), "65"},
		{"M18 a copy that comes three seconds late",
			join(five, key(3000, 250, 32000, 6), pick(five, 4)), "56"},
		{"M19 same digit twice", join(five, key(160, 107, 9280, 5)), "55"},
		{"M19 same digit twice, no marker at all",
			[]arrival{ev(0, 1, 0, 5, 160, ""), ev(20, 2, 0, 5, 320, "e"), ev(120, 3, 800, 5, 160, ""), ev(140, 4, 800, 5, 320, "e")}, "55"},
		{"M19 same digit twice on one timestamp",
			[]arrival{ev(0, 1, 0, 5, 160, "m"), ev(20, 2, 0, 5, 320, ""), ev(40, 3, 0, 5, 480, "e"), ev(60, 4, 0, 5, 480, "e"),
				ev(200, 5, 0, 5, 160, "m"), ev(220, 6, 0, 5, 320, ""), ev(240, 7, 0, 5, 480, "e")}, "55"},
		{"M19 another digit on the same timestamp",
			[]arrival{ev(0, 1, 0, 5, 160, "m"), ev(20, 2, 0, 5, 320, "e"), ev(100, 3, 0, 6, 160, "m"), ev(120, 4, 0, 6, 320, "e"), ev(125, 2, 0, 5, 320, "e")}, "56"},
		{"M19 marker on every packet",
			[]arrival{ev(0, 1, 0, 5, 160, "m"), ev(20, 2, 0, 5, 320, "m"), ev(40, 3, 0, 5, 480, "me")}, "5"},
		{"M19 timestamp moves on within the digit",
			[]arrival{ev(0, 1, 0, 5, 160, "m"), ev(20, 2, 160, 5, 320, ""), ev(40, 3, 320, 5, 480, ""), ev(60, 4, 480, 5, 480, "e"), ev(61, 5, 480, 5, 480, "e")}, "5"},
		{"M19 timestamp moves on, packets reordered",
			[]arrival{ev(20, 2, 160, 5, 320, ""), ev(21, 1, 0, 5, 160, "m"), ev(40, 4, 480, 5, 480, ""), ev(60, 3, 320, 5, 480, ""), ev(61, 5, 480, 5, 480, "e")}, "5"},
		{"M19 duration wraps in place of a new segment",
			[]arrival{ev(0, 1, 0, 5, 65440, "m"), ev(20, 2, 0, 5, 64, ""), ev(40, 3, 0, 5, 224, "e")}, "5"},
		{"M19 end thrice with the same sequence number",
			[]arrival{ev(0, 1, 0, 5, 160, "m"), ev(20, 2, 0, 5, 320, "e"), ev(40, 2, 0, 5, 320, "e"), ev(60, 2, 0, 5, 320, "e")}, "5"},
		{"M19 first packet of zero duration",
			[]arrival{ev(0, 1, 0, 5, 0, "m"), ev(20, 2, 0, 5, 160, ""), ev(40, 3, 0, 5, 320, "e")}, "5"},
		{"M19 every packet of zero duration",
			[]arrival{ev(0, 1, 0, 5, 0, "m"), ev(20, 2, 0, 5, 0, ""), ev(40, 3, 0, 5, 0, "e")}, "5"},
		{"M17 packets lost around a new segment", []arrival{ev(0, 1, 0, 5, 40000, "m"), ev(20, 250, 0xffff, 5, 160, ""), ev(40, 251, 0xffff, 5, 320, "e")}, "5"},
		{"M19 a marker begins a new digit though no gap is left", []arrival{ev(0, 1, 0, 5, 800, "m"), ev(20, 2, 800, 5, 160, "m"), ev(40, 3, 800, 5, 320, "e")}, "55"},
		{"M19 R bit", []arrival{ev(0, 1, 0, 5, 160, "mr"), ev(20, 2, 0, 5, 320, "er")}, "5"},
		{"M19 event above 15", []arrival{ev(0, 1, 0, 16, 160, "m"), ev(20, 2, 0, 16, 320, "e"), ev(40, 3, 800, 255, 320, "e"), ev(60, 4, 1600, 5, 320, "e")}, "5"},
		{"M19 short payload", []arrival{{EventPacket{SSRC: 1, Sequence: 1, Payload: []byte{5, 0x8a, 1}}, 0}, {EventPacket{SSRC: 1, Sequence: 2}, 20}}, ""},
		{"M19 one stray packet of a foreign SSRC", join(pick(five, 0, 1), []arrival{from(9, ev(30, 7, 0, 7, 160, "m"))}, pick(five, 2, 3, 4)), "5"},
		{"M19 foreign packets between ours", join(pick(five, 0), []arrival{from(9, ev(10, 7, 0, 7, 160, ""))}, pick(five, 1), []arrival{from(9, ev(30, 8, 0, 7, 320, ""))}, pick(five, 2, 4)), "5"},
		{"M04 the source changes its SSRC between digits", join(five, []arrival{from(2, ev(200, 9, 0, 5, 160, "m")), from(2, ev(220, 10, 0, 5, 320, "")), from(2, ev(240, 11, 0, 5, 480, "e"))}), "55"},
		{"M04 the SSRC changes within a digit", join(pick(five, 0, 1), []arrival{from(2, ev(60, 9, 0, 7, 160, "m")), from(2, ev(80, 10, 0, 7, 320, "")), from(2, ev(100, 11, 0, 7, 480, "e"))}), "57"},
		{"sequence and timestamp wrap", join(key(0, 0xfffd, 0xffffff00, 5), key(160, 4, 0x400, 5)), "55"},
		{"timestamps start over at a lower place", join(key(0, 100, 900_000, 5), key(160, 107, 3, 6), key(320, 114, 1283, 7)), "567"},
		{"two events in one packet (section 2.5.2.4)",
			[]arrival{{EventPacket{SSRC: 1, Sequence: 1, Payload: []byte{1, 0x8a, 1, 64, 2, 0x0a, 1, 64}}, 0}, ev(20, 2, 320, 2, 480, "e")}, "12"},
		{"padding behind the event", []arrival{{EventPacket{SSRC: 1, Sequence: 1, Payload: []byte{1, 0x8a, 1, 64, 0, 0, 0, 0, 0}}, 0}}, "1"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if got, _ := hear(t, NewReceiver(8000), row.in); got != row.want {
				t.Errorf("heard %q, want %q", got, row.want)
			}
		})
	}
}

func TestReceiver_Durations(t *testing.T) {
	five := key(0, 100, 8000, 5)
	for name, row := range map[string]struct {
		in   []arrival
		want time.Duration
	}{
		"whole":           {five, 100 * time.Millisecond},
		"lost ends":       {pick(five, 0, 1, 2), 60 * time.Millisecond},
		"only the end":    {pick(five, 5), 100 * time.Millisecond},
		"wrapped":         {[]arrival{ev(0, 1, 0, 5, 65440, "m"), ev(20, 2, 0, 5, 64, ""), ev(40, 3, 0, 5, 224, "e")}, 65760 * time.Second / 8000},
		"a second in two": {[]arrival{ev(0, 1, 0, 5, 0xffff, ""), ev(1, 2, 0xffff, 5, 8000, "e")}, (0xffff + 8000) * time.Second / 8000},
	} {
		if _, got := hear(t, NewReceiver(8000), row.in); len(got) != 1 || got[0] != row.want {
			t.Errorf("%s: held for %v, want %v", name, got, row.want)
		}
	}
}

// RFC 4733 section 2.5.2.2: a receiver must not play an event for ever when its
// end is lost.
func TestConformance_M18_TimeoutEndsADigit(t *testing.T) {
	r := NewReceiver(8000)
	got := r.Push(nil, ev(0, 1, 0, 5, 160, "m").EventPacket, epoch)
	if got = r.Tick(got, epoch.Add(releaseAfter-1)); len(got) != 1 {
		t.Fatalf("released early: %v", got)
	}
	got = r.Tick(got, epoch.Add(releaseAfter))
	if len(got) != 2 || got[1] != (Heard{'5', Released, 20 * time.Millisecond}) {
		t.Fatalf("got %v", got)
	}
	if got = r.Push(nil, ev(300, 9, 0, 5, 2400, "").EventPacket, epoch.Add(300*time.Millisecond)); len(got) != 0 {
		t.Errorf("the same press again: %v", got)
	}
}

func TestReceiver_ResetReleasesAndForgets(t *testing.T) {
	r := NewReceiver(8000)
	p := ev(0, 1, 0, 5, 160, "m").EventPacket
	r.Push(nil, p, epoch)
	if got := r.Reset(nil); len(got) != 1 || got[0].Phase != Released {
		t.Fatalf("reset reports %v", got)
	}
	if got := r.Push(nil, p, epoch); len(got) != 1 {
		t.Errorf("after the reset the same packet reports %v, want a new digit", got)
	}
}

func TestReceiver_Stats(t *testing.T) {
	r := NewReceiver(0)
	hear(t, r, join(key(0, 1, 0, 5), []arrival{
		ev(200, 9, 5000, 40, 160, ""), {EventPacket{SSRC: 1}, 220}, from(3, ev(240, 10, 6000, 1, 160, "")),
	}))
	if got, want := r.Stats(), (ReceiverStats{Packets: 10, Digits: 1, Repeats: 2, Short: 1, Unknown: 1, Foreign: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// lossy sends a sequence and returns what is left of it: a part lost, doubled,
// or moved back by up to three places.
func lossy(t testing.TB, rng *rand.Rand, cfg SenderConfig, seq Sequence, loss, double, reorder float64) []arrival {
	s := NewSender(cfg)
	s.Send(seq)
	var out []arrival
	n := uint16(rng.Uint32())
	for i, p := range drive(t, s, rng.Uint32(), s.units(s.cfg.PacketTime)) {
		if rng.Float64() < loss {
			continue
		}
		a := arrival{EventPacket{SSRC: 7, Sequence: n + uint16(i), Timestamp: p.Timestamp, Marker: p.Marker, Payload: p.Payload[:]}, p.tick * 20}
		out = append(out, a)
		if rng.Float64() < double {
			out = append(out, a)
		}
	}
	for i := range out {
		if j := i + 1 + rng.IntN(3); rng.Float64() < reorder && j < len(out) {
			out[i], out[j] = out[j], out[i]
		}
	}
	for i := 1; i < len(out); i++ {
		out[i].ms = max(out[i].ms, out[i-1].ms)
	}
	return out
}

// The promise: at 10 % random loss none of 1,000 digits is lost, none doubled.
func TestConformance_M18_NoneOf1000DigitsLostOrDoubledAt10PercentLoss(t *testing.T) {
	for seed := range uint64(5) {
		for _, clock := range []int{8000, 48000} {
			t.Run(fmt.Sprintf("seed %d, %d Hz", seed, clock), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 10))
				seq := make(Sequence, 1000)
				for i := range seq {
					seq[i].Digit = Digit(keypad[rng.IntN(4)]) // many repeats in a row
				}
				in := lossy(t, rng, SenderConfig{ClockRate: clock, Gap: MinGap}, seq, 0.10, 0.05, 0.05)
				if got, _ := hear(t, NewReceiver(clock), in); got != seq.Digits() {
					t.Errorf("%d digits sent, %d heard", len(seq), len(got))
				}
			})
		}
	}
}

func TestConformance_M17_LongDigitsAreHeardOnceAt10PercentLoss(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 17))
		seq := Sequence{{Digit: '1', For: 20 * time.Second}, {Digit: '1', For: 3 * time.Second}, {Digit: '2', For: 9 * time.Second}}
		for _, clock := range []int{8000, 48000} {
			in := lossy(t, rng, SenderConfig{ClockRate: clock}, seq, 0.10, 0.05, 0)
			got, lengths := hear(t, NewReceiver(clock), in)
			if got != "112" {
				t.Errorf("seed %d, %d Hz: heard %q, %v", seed, clock, got, lengths)
			}
		}
	}
}

func FuzzReceiver(f *testing.F) {
	var seed []byte
	for _, a := range key(0, 1, 8000, 5) {
		seed = append(seed, 1, byte(a.Sequence), byte(a.Timestamp>>8), byte(a.Timestamp), 4)
		seed = append(seed, a.Payload...)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReceiver(8000)
		var held Digit
		check := func(all []Heard) {
			for _, h := range all {
				switch {
				case h.Phase == Pressed && held == 0 && h.Digit.Valid():
					held = h.Digit
				case h.Phase == Released && held == h.Digit && held != 0 && h.Duration >= 0:
					held = 0
				default:
					t.Fatalf("report %v while %q is held", h, held)
				}
			}
		}
		now := epoch
		for len(in) >= 5 {
			p := EventPacket{
				SSRC: uint32(in[0] & 3), Marker: in[0]&4 != 0, Sequence: uint16(in[1]),
				Timestamp: uint32(in[2])<<24 | uint32(in[2])<<8 | uint32(in[3]),
			}
			n := min(int(in[4]%12), len(in)-5)
			p.Payload = in[5 : 5+n]
			in = in[5+n:]
			check(r.Push(nil, p, now))
			now = now.Add(time.Duration(p.Sequence%64) * 5 * time.Millisecond)
			check(r.Tick(nil, now))
		}
		check(r.Tick(nil, now.Add(time.Second)))
		if held != 0 {
			t.Fatalf("%q is never released", held)
		}
	})
}

func BenchmarkReceiver(b *testing.B) {
	r := NewReceiver(8000)
	in := key(0, 0, 0, 5)
	var dst []Heard
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := in[i%7].EventPacket
		p.Timestamp = uint32(i / 7 * 1280)
		dst = r.Push(dst[:0], p, epoch)
	}
}
