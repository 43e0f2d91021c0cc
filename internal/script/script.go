package script

import (
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/media/audio"
)

// Holds is `holds FILE left|right HZ [RATE]`: the stereo recording that FILE (a glob) names
// holds 600 ms of a tone on that side, and with RATE it is of so many Hz; with ! it holds
// none of it.
func Holds(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: holds FILE left|right HZ [RATE]")
	}
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	if err != nil || len(found) != 1 {
		ts.Fatalf("holds: %s names %q %v", args[0], found, err)
	}
	hz, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	f, err := os.Open(found[0])
	ts.Check(err)
	defer f.Close()
	clip, err := audio.ReadWAV(f)
	ts.Check(err)
	if clip.Channels != 2 || len(args) > 3 && strconv.Itoa(clip.Rate) != args[3] {
		ts.Fatalf("holds: %s has %d channels at %d Hz", found[0], clip.Channels, clip.Rate)
	}
	side := clip.Channel(map[string]int{"left": 0, "right": 1}[args[1]])
	n := Windows(side.Samples, clip.Rate, hz)
	ts.Logf("%s: %d Hz, %d ms long, %d ms of %v Hz on the %s", filepath.Base(found[0]), clip.Rate, clip.Frames()*1000/clip.Rate, 200*n, hz, args[1])
	if neg && n > 0 || !neg && n < 3 {
		ts.Fatalf("holds: not so")
	}
}

// Windows counts the windows of 200 ms of samples of a rate (Hz) in which a tone is
// heard.
func Windows(samples []int16, rate int, hz float64) int {
	window, n := rate/5, 0
	for ; len(samples) >= window; samples = samples[window:] {
		var re, im float64
		for i := range window {
			angle := 2 * math.Pi * float64(i) / float64(window)
			v := float64(samples[i]) * (1 - math.Cos(angle))
			re, im = re+v*math.Cos(angle*hz/5), im+v*math.Sin(angle*hz/5)
		}
		if 2*math.Hypot(re, im)/float64(window) > 500 {
			n++
		}
	}
	return n
}

// Expand is `expand FILE`: the script's variables take the place of their $NAME in it.
func Expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: expand FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}
