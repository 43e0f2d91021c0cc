package codec

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// TestMeasure_IsWhatDecodingGives, of any payload; and what cannot be decoded is not measured.
func TestMeasure_IsWhatDecodingGives(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, name := range []string{"PCMU", "PCMA", "L16"} {
		c, _ := Find(name, 8000)
		d := c.NewDecoder()
		sizes := []int{0, 2, 160, 320, MaxPayload}
		if name != "L16" {
			sizes = append(sizes, 1, 161)
		}
		for _, size := range sizes {
			payload := make([]byte, size)
			for i := range payload {
				payload[i] = byte(rng.Uint32())
			}
			pcm, err := d.Decode(nil, payload)
			if err != nil {
				t.Fatal(err)
			}
			var sum, most int64
			for _, s := range pcm {
				sum += int64(s) * int64(s)
				most = max(most, int64(s)*int64(s))
			}
			n, gotSum, gotMost, err := d.(Measurer).Measure(payload)
			if n != len(pcm) || gotSum != sum || gotMost != most || err != nil {
				t.Errorf("%s, %d bytes: %d samples, %d and %d, %v; want %d, %d and %d", name, size, n, gotSum, gotMost, err, len(pcm), sum, most)
			}
		}
		if _, _, _, err := d.(Measurer).Measure(make([]byte, MaxPayload+2)); !errors.Is(err, ErrPayload) {
			t.Errorf("%s: %d bytes were measured: %v", name, MaxPayload+2, err)
		}
	}
}

// TestMemoryless_IsSoByTheSample: encoded in pieces it is as encoded at once, by another encoder.
func TestMemoryless_IsSoByTheSample(t *testing.T) {
	pcm := make([]int16, 1600)
	for i := range pcm {
		pcm[i] = int16(i * 37)
	}
	for _, c := range All() {
		if !c.Memoryless || !c.Sends() {
			continue
		}
		whole, _ := c.NewEncoder().Encode(nil, pcm)
		e := c.NewEncoder()
		_, _ = e.Encode(nil, pcm[320:480])
		piece, _ := e.Encode(nil, pcm[160:320])
		if width := len(whole) / len(pcm); string(piece) != string(whole[160*width:320*width]) {
			t.Errorf("%s remembers", c)
		}
	}
}
