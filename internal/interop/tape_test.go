//go:build interop

package interop

import (
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/media/audio"
)

// wav FILE RATE CHANNELS HZ: a file of two seconds of a tone.
func cmdWAV(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: wav FILE RATE CHANNELS HZ")
	}
	var n [3]int
	for i, text := range args[1:] {
		var err error
		n[i], err = strconv.Atoi(text)
		ts.Check(err)
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	w, err := audio.NewWAVWriter(f, n[0], n[1])
	ts.Check(err)
	mono := make([]int16, 2*n[0])
	audio.NewTone(audio.Sine(float64(n[2]), -12), n[0]).Fill(mono)
	samples := make([]int16, 0, n[1]*len(mono))
	for _, v := range mono {
		for range n[1] {
			samples = append(samples, v)
		}
	}
	ts.Check(w.Write(samples))
}
