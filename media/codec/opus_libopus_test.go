//go:build opus && cgo

package codec

import (
	"encoding/binary"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"ringback/media/audio"
)

var updateOpus = flag.Bool("update-opus", false, "write the goldens of Opus anew")

// sine is n samples at 48 kHz and -12 dBFS.
func sine(hz float64, n int) audio.Frame {
	pcm := make(audio.Frame, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(32767 * audio.Linear(-12) * math.Sin(2*math.Pi*hz*float64(i)/48000)))
	}
	return pcm
}

// encodeOpus makes packets of 20 ms.
func encodeOpus(t *testing.T, e Encoder, pcm audio.Frame) [][]byte {
	t.Helper()
	var packets [][]byte
	for len(pcm) >= 960 {
		b, err := e.Encode(nil, pcm[:960])
		if err != nil {
			t.Fatal(err)
		}
		packets, pcm = append(packets, b), pcm[960:]
	}
	return packets
}

func bytesIn(packets [][]byte) int {
	n := 0
	for _, p := range packets {
		n += len(p)
	}
	return n
}

// TestOpus_Goldens: what libopus makes of a second of 1004 Hz is in its three modes,
// and stands in testdata for the build that has no encoder.
func TestOpus_Goldens(t *testing.T) {
	for mode, row := range map[string]struct {
		rate  int
		first byte // of the configuration numbers, RFC 6716 section 3.1
		last  byte
	}{"silk": {12000, 0, 11}, "hybrid": {44000, 12, 15}, "celt": {64000, 16, 31}} {
		e := opus().NewEncoder()
		if err := e.(Tuner).Tune(OpusConfig{BitRate: row.rate}, "useinbandfec=1"); err != nil {
			t.Fatal(err)
		}
		if mode == "hybrid" { // without FEC to make, a tone is music to it
			_ = e.(Tuner).Losing(0.1)
		}
		packets := encodeOpus(t, e, sine(1004, 48000))
		if config := packets[25][0] >> 3; config < row.first || config > row.last {
			t.Errorf("%s: configuration %d", mode, config)
		}
		if *updateOpus {
			var b []byte
			for _, p := range packets {
				b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
			}
			if err := os.WriteFile(filepath.Join("testdata", "opus", mode+".bin"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOpus_BitRateAndBandFollowThePeer(t *testing.T) {
	pcm := sine(1004, 2*48000)
	size := func(cfg OpusConfig, fmtp string) (bytes, toc int) {
		e := opus().NewEncoder()
		if err := e.(Tuner).Tune(cfg, fmtp); err != nil {
			t.Fatal(err)
		}
		packets := encodeOpus(t, e, pcm)
		return bytesIn(packets), int(packets[50][0] >> 3)
	}
	most, _ := size(OpusConfig{BitRate: 64000}, "")
	less, _ := size(OpusConfig{BitRate: 64000}, "maxaveragebitrate=16000")
	if less*8/2 > 20000 || most < 2*less {
		t.Errorf("%d bit/s within 16,000, %d within 64,000", less*8/2, most*8/2)
	}
	if cbr, _ := size(OpusConfig{BitRate: 24000, CBR: true}, ""); cbr != 100*60 {
		t.Errorf("constant 24,000 bit/s has %d bytes in 2 s", cbr)
	}
	if _, toc := size(OpusConfig{}, "maxplaybackrate=8000"); toc > 3 && (toc < 16 || toc > 19) {
		t.Errorf("configuration %d for a peer that plays 8 kHz", toc)
	}
}

// TestOpus_FECBringsBackWhatWasLost: with losses reported, the packet behind a lost one
// has it again, nearer to the truth than what is made up without.
func TestOpus_FECBringsBackWhatWasLost(t *testing.T) {
	pcm := make(audio.Frame, 2*48000) // a chirp: what was is no guide to what comes
	phase := 0.0
	for i := range pcm {
		phase += 2 * math.Pi * (300 + 900*float64(i%24000)/24000) / 48000
		pcm[i] = int16(8000 * math.Sin(phase))
	}
	off := func(fmtp string) (sum float64) {
		e := opus().NewEncoder()
		tuner := e.(Tuner)
		if err := tuner.Tune(OpusConfig{BitRate: 24000}, fmtp); err != nil {
			t.Fatal(err)
		}
		if err := tuner.Losing(0.15); err != nil {
			t.Fatal(err)
		}
		packets := encodeOpus(t, e, pcm)
		whole, lossy := opus().NewDecoder(), opus().NewDecoder().(interface {
			Decoder
			Hider
		})
		for i, p := range packets {
			want, _ := whole.Decode(nil, p)
			if i%5 != 3 || i+1 == len(packets) {
				if _, err := lossy.Decode(nil, p); err != nil {
					t.Fatal(err)
				}
				continue
			}
			got, err := lossy.Hide(nil, 960, packets[i+1])
			if err != nil || len(got) != 960 {
				t.Fatalf("hide: %v, %d samples", err, len(got))
			}
			for k := range got {
				d := float64(got[k]) - float64(want[k])
				sum += d * d
			}
		}
		return sum
	}
	if with, without := off("useinbandfec=1"), off(""); with > without/2 {
		t.Errorf("error with FEC %.3g, without %.3g", with, without)
	}
}

func TestOpus_PausesAreNotSent(t *testing.T) {
	e := opus().NewEncoder()
	if err := e.(Tuner).Tune(OpusConfig{DTX: true}, "usedtx=1"); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, p := range encodeOpus(t, e, make(audio.Frame, 3*48000)) {
		if len(p) > 0 {
			sent++
		}
	}
	if sent < 5 || sent > 40 {
		t.Errorf("%d packets of 150 in a pause", sent)
	}
}

func TestOpus_HidesInItsSteps(t *testing.T) {
	d := opus().NewDecoder().(Hider)
	for samples, ok := range map[int]bool{960: true, 120: true, 0: false, 100: false, 6000: false} {
		if out, err := d.Hide(nil, samples, nil); (err == nil) != ok || (ok && len(out) != samples) {
			t.Errorf("%d samples: %d, %v", samples, len(out), err)
		}
	}
}

func TestOpus_DoesNotAllocate(t *testing.T) {
	e, d := opus().NewEncoder(), opus().NewDecoder()
	pcm, code, out := sine(440, 960), make([]byte, 0, 2*mostOpusBytes), make(audio.Frame, 0, mostOpusSamples)
	if n := testing.AllocsPerRun(100, func() {
		code, _ = e.Encode(code[:0], pcm)
		out, _ = d.Decode(out[:0], code)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
