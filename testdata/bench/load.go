package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// rss is the most memory that a child had, in MB, as wait4 tells it.
func (c *child) rss() float64 {
	if usage, ok := c.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return float64(usage.Maxrss) / 1024
	}
	return 0
}

// ourLoad runs a plan against a responder, both children, and leaves it to into what the
// report says. The plan's text has the port in the place of PORT.
func (b *bench) ourLoad(r *record, text string, limit time.Duration, into any, responder ...string) (caller *child, err error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	far, err := b.start("responder", b.ringback, append([]string{"load", "responder", "--json", "--listen", fmt.Sprintf("127.0.0.1:%d", port)}, responder...)...)
	if err != nil {
		return nil, err
	}
	if err := listening(port); err != nil {
		return nil, fmt.Errorf("%w: %s", err, far.said())
	}
	file, err := b.plan(r.What, fmt.Sprintf("account: {registrar: \"sip:127.0.0.1:%d\", bind: 127.0.0.1}\n", port)+fmt.Sprintf(text, port))
	if err != nil {
		return nil, err
	}
	r.At, r.Who, r.Before = time.Now(), "ringback", calibrate()
	if caller, err = b.start("load", b.ringback, "load", file, "--json"); err != nil {
		return nil, err
	}
	cpu, ended := caller.wait(limit + patience)
	r.CPU = map[string]float64{"caller": cpu, "far end": far.stop(syscall.SIGTERM)}
	r.After = calibrate()
	if err := readResult(caller.out, into); err != nil {
		return nil, fmt.Errorf("ringback load: %w (%v): %s", err, ended, caller.said())
	}
	return caller, nil
}

// agentsReport is what is read of a load test with agents.
type agentsReport struct {
	loadReport
	Registered int     `json:"registered"`
	Duration   float64 `json:"duration_seconds"`
	Self       struct {
		Cores float64 `json:"cores"`
	} `json:"self"`
	Agents struct {
		Done     int                              `json:"done"`
		Failures []struct{ Count int }            `json:"failures"`
		Verbs    map[string]struct{ P99 float64 } `json:"verbs_ms"`
	} `json:"agents"`
}

// agents is people at work: registered, each with a whole phone, at 50 callbacks a second.
func (b *bench) agents() error {
	for _, n := range []int{100, 1000} {
		r := &record{What: "agents", Rate: float64(n) / 20}
		var report agentsReport
		const length = time.Minute
		caller, err := b.ourLoad(r, `users: {first: 2001, count: `+strconv.Itoa(n)+`}
agents: {for: 60s, think: {mean: 2s}, talk: {mean: 5s, spread: lognormal}, wrap_up: {mean: 9s}, hold: 20%%, hold_for: {mean: 2s}, transfer: 5%%,
  transfer_to: "sip:602@127.0.0.1:%d", dispositions: [sold], codecs: [pcmu]}
`, length+time.Minute, &report, "--offers", fmt.Sprint(r.Rate), "--codecs", "pcmu", "--media", "silence")
		if err != nil {
			return err
		}
		r.Units, r.Failed = report.Agents.Done, report.Failed
		for _, f := range report.Agents.Failures {
			r.Failed += f.Count
		}
		r.Extra = map[string]float64{"agents": float64(report.Registered), "cores": report.Self.Cores, "rss_mb": caller.rss(), "late_p99_ms": report.Lateness.P99,
			"accept_p99_ms": report.Agents.Verbs["accept"].P99, "seconds": report.Duration, "load_average": loadAverage()}
		b.keep(r)
		b.row(fmt.Sprintf("%d agents at %g callbacks/s, cores", n, r.Rate), report.Self.Cores*standard/((r.Before+r.After)/2), 0,
			fmt.Sprintf("of the agents' process; %.2f as it was, calibrator %.2f, %.2f µs; %.0f MB; own lateness p99 %.1f ms; %d done, %d failed; load average %.1f",
				report.Self.Cores, r.Before, r.After, caller.rss(), report.Lateness.P99, r.Units, r.Failed, loadAverage()))
	}
	return nil
}

// loadAverage is that of the last minute: how busy the machine was with other things.
func loadAverage() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	var one float64
	_, _ = fmt.Sscan(string(text), &one)
	return one
}

// registrations is REGISTER and 200, then REGISTER with Expires 0 and 200, of as many
// users, without a challenge; of SIPp the same.
func (b *bench) registrations() error {
	const users = 4000
	ours := func() (*record, error) {
		r := &record{What: "registrations", Units: 2 * users}
		var report struct {
			Registered int `json:"registered"`
			Left       int `json:"left_registrations"`
			Lateness   struct {
				P99 float64 `json:"p99"`
			} `json:"lateness_ms"`
			Times struct {
				P99 float64 `json:"p99"`
			} `json:"registration_ms"`
		}
		_, err := b.ourLoad(r, `users: {first: 1, count: `+strconv.Itoa(users)+`}
register: true
lateness: 10s
calls: {for: 1s}
# %d
`, time.Minute, &report, "--media", "none")
		if err != nil {
			return nil, err
		}
		r.Failed = users - report.Registered + report.Left
		r.Extra = map[string]float64{"registration_p99_ms": report.Times.P99, "load_average": loadAverage()}
		return r, nil
	}
	var peer func() (*record, error)
	if b.sipp != "" {
		peer = func() (*record, error) { return b.sippRegistrations(2 * users) }
	}
	our, their, err := b.repeated(ours, peer)
	if err != nil {
		return err
	}
	b.row("registration without a challenge, both sides, µs", our.perUnit(""), their.perUnit(""),
		fmt.Sprintf("phone %.0f, registrar %.0f; SIPp %.0f + %.0f; failed %d, peer %d", our.perUnit("caller"), our.perUnit("far end"), their.perUnit("caller"), their.perUnit("far end"), our.Failed, their.Failed))
	return nil
}

const sippRegister = `<?xml version="1.0"?><scenario name="register"><send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:u[call_number]@[remote_ip]>;tag=[call_number]
To: <sip:u[call_number]@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 REGISTER
Contact: <sip:u[call_number]@[local_ip]:[local_port]>
Expires: 300
Max-Forwards: 70
Content-Length: 0

]]></send><recv response="200"/></scenario>
`

const sippRegistrar = `<?xml version="1.0"?><scenario name="registrar"><recv request="REGISTER"/><send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
[last_Contact:];expires=300
Content-Length: 0

]]></send></scenario>
`

// sippRegistrations is the same by SIPp, at the rate at which ours comes.
func (b *bench) sippRegistrations(n int) (*record, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	own, err := freePort()
	if err != nil {
		return nil, err
	}
	files := map[string]string{"register.xml": sippRegister, "registrar.xml": sippRegistrar}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(b.tmp, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	far, err := b.start("registrar", b.sipp, "-sf", filepath.Join(b.tmp, "registrar.xml"), "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin")
	if err != nil {
		return nil, err
	}
	if err := listening(port); err != nil {
		return nil, fmt.Errorf("%w: %s", err, far.said())
	}
	stats := filepath.Join(b.tmp, "register.csv")
	_ = os.Remove(stats)
	const rate = 400 // as ours
	r := &record{At: time.Now(), What: "registrations", Who: "sipp", Rate: rate, Units: n, CPU: map[string]float64{}, Before: calibrate()}
	caller, err := b.start("register", b.sipp, "-sf", filepath.Join(b.tmp, "register.xml"), "-i", "127.0.0.1", "-p", strconv.Itoa(own), "-r", strconv.Itoa(rate), "-m", strconv.Itoa(n),
		"-nostdin", "-trace_stat", "-stf", stats, "-fd", "1", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	r.CPU["caller"], _ = caller.wait(time.Duration(n/rate)*time.Second + patience)
	r.CPU["far end"] = far.stop(syscall.SIGUSR1)
	r.After = calibrate()
	return r, r.sippCounted(stats, caller)
}

// memory is what a held call costs, signalling only: the slope from 200 calls to 4,000.
func (b *bench) memory() error {
	const few, many = 200, 4000
	var most [2]float64
	for i, n := range []int{few, many} {
		r := &record{What: "held calls", Units: n}
		var report loadReport
		caller, err := b.ourLoad(r, `users: {first: 1, count: 2}
lateness: 10s
calls: {to: ["sip:echo@127.0.0.1:%d"], concurrency: `+strconv.Itoa(n)+`, ramp: 8s, for: 20s, talk: {mean: 60s}, media: none}
`, 30*time.Second, &report, "--media", "none")
		if err != nil {
			return err
		}
		most[i] = caller.rss()
		r.Failed, r.Extra = report.Failed, map[string]float64{"rss_mb": caller.rss(), "load_average": loadAverage()}
		b.keep(r)
	}
	b.row("a held call, kB of the caller", (most[1]-most[0])*1024/(many-few), 0, fmt.Sprintf("%.0f MB with %d calls, %.0f MB with %d; garbage that waits for its collection is in it", most[0], few, most[1], many))
	return nil
}
