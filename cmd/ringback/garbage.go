package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	"ringback/agent/load"
)

// roomy lets garbage grow to a share of what is in use before it is collected, as long
// as the whole stays under half of the memory that there is: a load test and its far end
// make the same short-lived things for each call, and keep each call's transactions for
// half a minute, which a collection looks through. GOGC and GOMEMLIMIT in the environment
// go before, and a system that does not tell its memory keeps the runtime's own pace.
func roomy(percent int) {
	if most := roomFor(1); most > 0 {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(most)
	}
}

// How much garbage there may be, in percent of what is in use: agents have more in use, and
// make less; and calls that are held for long make so little that it may be collected when it
// is half of them, and a quarter where they have sound, of which there is more and which makes none.
const (
	roomyPercent  = 400
	agentsPercent = 170
	heldPercent   = 50
	soundPercent  = 25
)

// percentFor is that of a plan.
func percentFor(p *load.Plan) int {
	switch {
	case p.Agents != nil:
		return agentsPercent
	case holds(p) && p.Calls.Media != load.MediaNone:
		return soundPercent
	case holds(p):
		return heldPercent
	}
	return roomyPercent
}

// holds says that a plan begins few calls, and few users go and come: what is in use is that
// of calls that are up, with sound or without, and sound makes no garbage. One whose calls
// are all refused at once begins more than it says.
func holds(p *load.Plan) bool {
	const few = 200 // a second
	c := p.Calls
	rate := c.PeakRate()
	if each := (c.Talk.Mean + c.Think.Mean).Seconds(); c.PeakConcurrency() > 0 && each > 0 {
		rate = float64(c.PeakConcurrency()) / each
	}
	return rate > 0 && rate+p.Churn.Rate <= few
}

// roomyEach is roomy for each of several processes, as their environment says it: half
// of the memory is for all of them together.
func roomyEach(processes, percent int) []string {
	most := roomFor(processes)
	if most <= 0 {
		return nil
	}
	return []string{fmt.Sprintf("GOGC=%d", percent), fmt.Sprintf("GOMEMLIMIT=%d", most)}
}

// roomFor is the most memory of one of several processes, in bytes; zero: the runtime's
// own pace stays.
func roomFor(processes int) int64 {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return 0
	}
	return freeMemory("/proc/meminfo", "/sys/fs/cgroup/memory.max") / 2 / int64(processes)
}

// freeMemory is what the system has to give, in bytes, or what its control group may
// have in all, if that is less; zero where it does not tell.
func freeMemory(meminfo, limit string) int64 {
	var free int64
	text, _ := os.ReadFile(meminfo)
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) == 3 && string(fields[0]) == "MemAvailable:" && string(fields[2]) == "kB" {
			free, _ = strconv.ParseInt(string(fields[1]), 10, 53)
			free <<= 10
		}
	}
	text, _ = os.ReadFile(limit)
	if most, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && most < free {
		return most
	}
	return free
}

// fewProcessors leaves a program that only signals as many processors as it has loops:
// its readers and loops work in turn, and to wake a thread of another processor for each
// of them costs more than they do. GOMAXPROCS in the environment goes before.
func fewProcessors(loops int) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(max(1, loops), runtime.GOMAXPROCS(0)))
	}
}

// loopsFor is how many loops the signalling of a plan needs; 0: as many as there are cores.
func loopsFor(p *load.Plan) int {
	const perLoop = 5000 // calls a second
	rate := p.Calls.PeakRate()
	onlyRegisters := rate == 0 && p.Calls.PeakConcurrency() == 0
	if p.Agents != nil || p.Answer.Sounds() || !onlyRegisters && (p.Calls.Media != load.MediaNone || rate == 0) {
		return 0
	}
	return 1 + int(rate/perLoop)
}
