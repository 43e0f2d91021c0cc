package main

import (
	"os"
	"path/filepath"
	"testing"

	"ringback/agent/load"
)

func TestFreeMemory(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	info := file("meminfo", "MemTotal:       24683520 kB\nMemFree:        15472640 kB\nMemAvailable:   22174720 kB\n")
	const available = 22174720 << 10
	for name, c := range map[string]struct {
		meminfo, limit string
		want           int64
	}{
		"no control group":            {info, filepath.Join(dir, "none"), available},
		"a control group without one": {info, file("max", "max\n"), available},
		"a smaller limit":             {info, file("small", "1073741824\n"), 1 << 30},
		"a larger limit":              {info, file("large", "1099511627776\n"), available},
		"a system that does not tell": {filepath.Join(dir, "none"), filepath.Join(dir, "none"), 0},
		"something else":              {file("other", "MemAvailable: much\n"), filepath.Join(dir, "none"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := freeMemory(c.meminfo, c.limit); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}

func TestLoopsFor(t *testing.T) {
	plan := func(media string, rate float64) *load.Plan {
		p := load.DefaultPlan()
		p.Calls.Media, p.Calls.Rate = media, rate
		return &p
	}
	for want, p := range map[int]*load.Plan{0: plan(load.MediaTone, 4000), 1: plan(load.MediaNone, 4000), 3: plan(load.MediaNone, 12000)} {
		if got := loopsFor(p); got != want {
			t.Errorf("media %s at %.0f calls/s: %d loops, want %d", p.Calls.Media, p.Calls.Rate, got, want)
		}
	}
}
