//go:build spandsp

package codec

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ringback/internal/spandsp"
)

var update = flag.Bool("update", false, "write the goldens anew")

// TestG722_BitExactWithSpandsp: ten seconds of each signal, and a million codes that
// no encoder would make. Where the sum of both bands has more than 16 bits spandsp
// 0.0.6 lets it wrap round, which is a click of full scale, and ours stays at the
// edge; so what is compared is the sum before that.
func TestG722_BitExactWithSpandsp(t *testing.T) {
	signals := signals722(160000)
	for name, pcm := range signals {
		want, got := spandsp.Encode(pcm), encode722(t, pcm)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: encoded otherwise from byte %d of %d on", name, firstDifference(got, want), len(want))
		}
		if want, got := spandsp.Decode(want), wrapped(want); !slices.Equal(got, want) {
			t.Errorf("%s: decoded otherwise from sample %d of %d on", name, firstDifference(got, want), len(want))
		}
	}
	codes := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range codes {
		codes[i] = byte(r.Uint32())
	}
	if want, got := spandsp.Decode(codes), wrapped(codes); !slices.Equal(got, want) {
		t.Errorf("random codes: decoded otherwise from sample %d on", firstDifference(got, want))
	}
}

// TestG722_Goldens holds the goldens against spandsp, or writes them with -update.
func TestG722_Goldens(t *testing.T) {
	for name, pcm := range signals722(goldenSamples) {
		code := spandsp.Encode(pcm)
		want := slices.Concat(bytesOf(pcm), code, bytesOf(spandsp.Decode(code)))
		file := filepath.Join("testdata", "g722", name+".bin")
		if *update {
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not what spandsp makes (%v); write it anew with -update", file, err)
		}
	}
}

func bytesOf(pcm []int16) []byte {
	var out []byte
	for _, s := range pcm {
		out = binary.LittleEndian.AppendUint16(out, uint16(s))
	}
	return out
}
