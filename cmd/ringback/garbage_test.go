package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

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
	plan := func(media string, rate float64, concurrency int) *load.Plan {
		p := load.DefaultPlan()
		p.Calls.Media, p.Calls.Rate, p.Calls.Concurrency = media, rate, concurrency
		return &p
	}
	agents := plan(load.MediaNone, 0, 0)
	agents.Agents = &load.AgentsPlan{}
	for _, c := range []struct {
		what string
		plan *load.Plan
		want int
	}{
		{"calls with media", plan(load.MediaTone, 4000, 0), 0},
		{"signalling", plan(load.MediaNone, 4000, 0), 1},
		{"much signalling", plan(load.MediaNone, 12000, 0), 3},
		{"a number of calls", plan(load.MediaNone, 0, 10), 0},
		{"registrations only", plan(load.MediaTone, 0, 0), 1},
		{"agents", agents, 0},
	} {
		if got := loopsFor(c.plan); got != c.want {
			t.Errorf("%s: %d loops, want %d", c.what, got, c.want)
		}
	}
}

func TestPercentFor(t *testing.T) {
	plan := func(media string, rate float64, concurrency int, talk, think time.Duration) *load.Plan {
		p := load.DefaultPlan()
		p.Calls.Media, p.Calls.Rate, p.Calls.Concurrency, p.Calls.Talk.Mean, p.Calls.Think.Mean = media, rate, concurrency, talk, think
		return &p
	}
	agents := plan(load.MediaNone, 0, 10, time.Minute, 0)
	agents.Agents = &load.AgentsPlan{}
	for _, c := range []struct {
		what string
		plan *load.Plan
		want int
	}{
		{"agents", agents, agentsPercent},
		{"4,000 calls at a time of a minute", plan(load.MediaNone, 0, 4000, time.Minute, 0), heldPercent},
		{"4,000 of 5 s, and 15 s between them", plan(load.MediaNone, 0, 4000, 5*time.Second, 15*time.Second), heldPercent},
		{"4,000 of 15 s", plan(load.MediaNone, 0, 4000, 15*time.Second, 0), roomyPercent},
		{"10 at a time that hang up at once", plan(load.MediaNone, 0, 10, 0, 0), roomyPercent},
		{"200 a second", plan(load.MediaNone, 200, 0, 0, 0), heldPercent},
		{"1,000 a second", plan(load.MediaNone, 1000, 0, time.Minute, 0), roomyPercent},
		{"registrations only", plan(load.MediaNone, 0, 0, 0, 0), roomyPercent},
		{"calls with media", plan(load.MediaTone, 0, 100, time.Minute, 0), soundPercent},
		{"1,000 a second with media", plan(load.MediaTone, 1000, 0, time.Second, 0), roomyPercent},
	} {
		if got := percentFor(c.plan); got != c.want {
			t.Errorf("%s: %d percent, want %d", c.what, got, c.want)
		}
	}
}
