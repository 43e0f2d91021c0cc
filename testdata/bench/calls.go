package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// calls is the basic call, INVITE 180 200 ACK BYE 200 over UDP, both sides.
func (b *bench) calls() error {
	for _, rate := range []float64{1000, 4000} {
		n := int(rate * b.length.Seconds())
		ours := func() (*record, error) { return b.ourCalls(rate, n, 0) }
		var peer func() (*record, error)
		if b.sipp != "" {
			peer = func() (*record, error) { return b.sippCalls(rate, n) }
		}
		our, their, err := b.repeated(ours, peer)
		if err != nil {
			return err
		}
		b.row(fmt.Sprintf("call at %.0f/s, both sides, µs", rate), our.perUnit(""), their.perUnit(""),
			fmt.Sprintf("caller %.0f, far end %.0f; own lateness p99 %.1f ms; failed %d, peer %d", our.perUnit("caller"), our.perUnit("far end"), our.Extra["late_p99_ms"], our.Failed, their.Failed))
	}
	return nil
}

// curve is what a call costs from 10 to 2,000 calls a second.
func (b *bench) curve() error {
	for _, rate := range []float64{10, 50, 200, 500, 1000, 2000} {
		n := int(rate * b.length.Seconds())
		our, _, err := b.repeated(func() (*record, error) { return b.ourCalls(rate, n, 0) }, nil)
		if err != nil {
			return err
		}
		b.row(fmt.Sprintf("curve: call at %.0f/s, µs", rate), our.perUnit(""), 0, "the start of two processes is in it")
	}
	return nil
}

// sustained is 5,000 and 10,000 calls a second for a minute.
func (b *bench) sustained() error {
	for _, rate := range []float64{5000, 10000} {
		r, err := b.ourCalls(rate, int(rate*60), 0)
		if err != nil {
			return err
		}
		b.keep(r)
		b.row(fmt.Sprintf("%.0f calls/s for 60 s, failed", rate), float64(r.Failed), 0, fmt.Sprintf("sent again by both sides %s; late by %.2f ms at p99 (valid up to 5), most %.1f; %.0f µs a call; calibrator %.2f, %.2f", r.resent(), r.Extra["late_p99_ms"], r.Extra["late_max_ms"], r.perUnit(""), r.Before, r.After))
	}
	return nil
}

// most looks for the rate at which calls still neither fail nor are sent again.
func (b *bench) most() error {
	for _, who := range []string{"ringback", "sipp"} {
		if who == "sipp" && b.sipp == "" {
			continue
		}
		best := 0.0
		for _, rate := range []float64{2000, 3000, 4000, 5000, 6000, 8000, 10000, 12000, 15000} {
			n := int(rate * b.length.Seconds())
			run := b.sippCalls
			if who == "ringback" {
				run = func(rate float64, n int) (*record, error) { return b.ourCalls(rate, n, 0) }
			}
			r, err := run(rate, n)
			if err != nil {
				return err
			}
			b.keep(r)
			fmt.Printf("  %-9s %6.0f/s for %v: failed %d, resent %s, %s\n", who, rate, b.length, r.Failed, r.resent(), extras(r.Extra))
			if r.Failed > 0 || r.Resent != nil && *r.Resent > 0 {
				break
			}
			best = rate
		}
		b.row("most calls/s of "+who+" for "+b.length.String(), best, 0, "without failure or retransmission")
	}
	return nil
}

// loadReport is what is read of `ringback load --json`.
type loadReport struct {
	Self                    struct{ Resent, Dropped int }
	Began, Answered, Failed int
	Lateness                struct {
		P99 float64 `json:"p99"`
		Max float64 `json:"max"`
	} `json:"lateness_ms"`
	Setup struct {
		P99 float64 `json:"p99"`
	} `json:"setup_ms"`
	MOS struct {
		P5 float64 `json:"p5"`
	} `json:"mos"`
}

// plan is the file of a load test.
func (b *bench) plan(name, text string) (string, error) {
	path := filepath.Join(b.tmp, name+".yaml")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// ourCalls runs `ringback load` against `ringback load responder`.
func (b *bench) ourCalls(rate float64, n int, talk time.Duration) (*record, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	far, err := b.start("responder", b.ringback, "load", "responder", "--media", "none", "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--json")
	if err != nil {
		return nil, err
	}
	if err := listening(port); err != nil {
		return nil, fmt.Errorf("%w: %s", err, far.said())
	}
	length := time.Duration(float64(n) / rate * float64(time.Second))
	file, err := b.plan("calls", fmt.Sprintf(`account: {registrar: "sip:127.0.0.1:%d"}
users: {first: 1, count: 2}
lateness: 10s
calls: {to: ["sip:echo@127.0.0.1:%d"], rate: %g, most: %d, for: %v, talk: {mean: %v}, media: none}
`, port, port, rate, n, length+time.Second, talk+time.Millisecond))
	if err != nil {
		return nil, err
	}
	r := &record{At: time.Now(), What: "calls", Who: "ringback", Rate: rate, Units: n, CPU: map[string]float64{}, Before: calibrate()}
	caller, err := b.start("load", b.ringback, "load", file, "--json")
	if err != nil {
		return nil, err
	}
	r.CPU["caller"], err = caller.wait(length + talk + patience)
	r.CPU["far end"] = far.stop(syscall.SIGTERM)
	r.After = calibrate()
	var report loadReport
	if readErr := readResult(caller.out, &report); readErr != nil {
		return nil, fmt.Errorf("ringback load: %w (%v): %s", readErr, err, caller.said())
	}
	var answers struct{ Resent int }
	if readErr := readResult(far.out, &answers); readErr != nil {
		return nil, fmt.Errorf("ringback load responder: %w: %s", readErr, far.said())
	}
	resent := report.Self.Resent + answers.Resent // of both sides; SIPp tells those of its caller
	r.Failed, r.Resent = report.Failed+n-report.Began, &resent
	r.Extra = map[string]float64{"late_p99_ms": report.Lateness.P99, "late_max_ms": report.Lateness.Max, "setup_p99_ms": report.Setup.P99, "dropped": float64(report.Self.Dropped)}
	return r, nil
}

// readResult reads the result of a command of ours that was given --json.
func readResult(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// sippCalls runs SIPp's built-in caller against its built-in far end.
func (b *bench) sippCalls(rate float64, n int) (*record, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	own, err := freePort()
	if err != nil {
		return nil, err
	}
	far, err := b.start("uas", b.sipp, "-sn", "uas", "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin")
	if err != nil {
		return nil, err
	}
	if err := listening(port); err != nil {
		return nil, fmt.Errorf("%w: %s", err, far.said())
	}
	stats := filepath.Join(b.tmp, "uac.csv")
	_ = os.Remove(stats)
	r := &record{At: time.Now(), What: "calls", Who: "sipp", Rate: rate, Units: n, CPU: map[string]float64{}, Before: calibrate()}
	caller, err := b.start("uac", b.sipp, "-sn", "uac", "-i", "127.0.0.1", "-p", strconv.Itoa(own), "-r", strconv.Itoa(int(rate)), "-m", strconv.Itoa(n),
		"-l", "100000", "-d", "0", "-nostdin", "-trace_stat", "-stf", stats, "-fd", "1", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	limit := time.Duration(float64(n)/rate*float64(time.Second)) + patience
	r.CPU["caller"], _ = caller.wait(limit) // 1 says that calls failed: the statistics say how many
	r.CPU["far end"] = far.stop(syscall.SIGUSR1)
	r.After = calibrate()
	return r, r.sippCounted(stats, caller)
}

// sippCounted reads what became of the units by SIPp's statistics.
func (r *record) sippCounted(stats string, caller *child) error {
	last, err := lastStatistics(stats)
	if err != nil {
		return fmt.Errorf("sipp: %w: %s", err, caller.said())
	}
	resent := last["Retransmissions(C)"]
	r.Failed, r.Resent = r.Units-last["SuccessfulCall(C)"], &resent
	return nil
}

// lastStatistics is the last line of a file that SIPp's -trace_stat wrote.
func lastStatistics(path string) (map[string]int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.Comma, in.FieldsPerRecord, in.LazyQuotes = ';', -1, true
	lines, err := in.ReadAll()
	if err != nil || len(lines) < 2 {
		return nil, fmt.Errorf("statistics in %s: %d lines, %v", path, len(lines), err)
	}
	all := map[string]int{}
	for i, name := range lines[0] {
		if i < len(lines[len(lines)-1]) {
			if v, err := strconv.Atoi(strings.TrimSpace(lines[len(lines)-1][i])); err == nil {
				all[name] = v
			}
		}
	}
	return all, nil
}
