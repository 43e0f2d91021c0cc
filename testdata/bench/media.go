package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// media is G.711 both ways: calls against a far end that answers (SIPp, for both) and
// echoes (the meter, for both), at 100 and 1,000 at a time, and ours at 1,500 and 2,000.
func (b *bench) media() error {
	if b.sipp == "" {
		fmt.Println("  sipp is not installed: nobody answers")
		return nil
	}
	var few, many *record
	for _, n := range []int{100, 1000} {
		our, their, err := b.repeated(func() (*record, error) { return b.ourMedia(n) }, func() (*record, error) { return b.sippMedia(n) })
		if err != nil {
			return err
		}
		if few, many = many, our; n == 100 {
			few = our
		}
		b.row(fmt.Sprintf("%d calls of G.711, µs per packet of the caller", n), our.perUnit("caller"), their.perUnit("caller"),
			fmt.Sprintf("both ways, RTCP, jitter buffer and MOS; SIPp's packets are of %d ways. %.2f and %.2f as wait4 told it", b.peerWays(), our.asWas(), their.asWas()))
		for name, unit := range map[string]string{"p1": "interval_p1_ms", "p99": "interval_p99_ms", "max": "interval_max_ms"} {
			b.row(fmt.Sprintf("%d calls: interval %s, ms", n, name), our.Extra[unit], their.Extra[unit], "by the kernel's time stamps at the far end")
		}
		b.row(fmt.Sprintf("%d calls: lost or late, %%", n), our.Extra["lost_late_percent"], their.Extra["lost_late_percent"], fmt.Sprintf("heard back by ours %.3f %% less, MOS p5 %.2f, late p99 %.1f ms", our.Extra["loss_p99_percent"], our.Extra["mos_p5"], our.Extra["late_p99_ms"]))
	}
	b.row("a call with media, kB of the caller", (many.Extra["rss_mb"]-few.Extra["rss_mb"])*1024/900, 0, fmt.Sprintf("%.0f MB with 100 calls, %.0f MB with 1,000", few.Extra["rss_mb"], many.Extra["rss_mb"]))
	for _, n := range []int{10, 300, 1500, 2000, 2400} {
		r, err := b.ourMedia(n)
		if err != nil {
			return err
		}
		b.keep(r)
		b.row(fmt.Sprintf("%d calls of G.711, µs per packet of the caller", n), r.perUnit("caller"), 0, fmt.Sprintf("%.2f as wait4 told it", r.asWas()))
		b.row(fmt.Sprintf("%d calls: lost or late, %%", n), r.Extra["lost_late_percent"], 0, fmt.Sprintf("under 0.1 is the goal at 1,500; %d failed; interval p99 %.1f ms, most %.1f; heard back %.3f %% less at p99; %.2f µs per packet; %.2f cores", r.Failed, r.Extra["interval_p99_ms"], r.Extra["interval_max_ms"], r.Extra["loss_p99_percent"], r.perUnit("caller"), r.Extra["cores"]))
	}
	return nil
}

// asWas is the caller's CPU per unit as wait4 told it, in µs.
func (r *record) asWas() float64 { return r.CPU["caller"] * 1e6 / math.Max(1, float64(r.Units)) }

// steady is for how long all calls are up together.
func (b *bench) steady() time.Duration { return b.length }

const mediaRamp = 5 * time.Second

// answers is what answers all: its sound is the meter's. SIPp would bind [media_port] itself.
const answers = `<?xml version="1.0"?><scenario name="answers">
<recv request="INVITE"/>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio METER RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20

]]></send>
<recv request="ACK" optional="true"/>
<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send></scenario>
`

// farEnds are the meter and who answers.
type farEnds struct {
	meter, sip *child
	port       int
}

func (b *bench) farEnds() (*farEnds, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &farEnds{}
	rtp := 0
	for rtp == 0 || rtp%2 != 0 {
		if rtp, err = freePort(); err != nil {
			return nil, err
		}
	}
	if f.meter, err = b.start("meter", own, "-meter", strconv.Itoa(rtp)); err != nil {
		return nil, err
	}
	if err := listening(rtp); err != nil {
		return nil, fmt.Errorf("%w: %s", err, f.meter.said())
	}
	if f.port, err = freePort(); err != nil {
		return nil, err
	}
	file := filepath.Join(b.tmp, "answers.xml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(answers, "METER", strconv.Itoa(rtp))), 0o644); err != nil {
		return nil, err
	}
	if f.sip, err = b.start("answers", b.sipp, "-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(f.port), "-nostdin"); err != nil {
		return nil, err
	}
	if err := listening(f.port); err != nil {
		return nil, fmt.Errorf("%w: %s", err, f.sip.said())
	}
	return f, nil
}

// end ends both, and enters what they measured and took.
func (f *farEnds) end(r *record) (metered, error) {
	r.CPU["answers"] = f.sip.stop(syscall.SIGUSR1)
	r.CPU["meter"] = f.meter.stop(syscall.SIGTERM)
	var m metered
	text, err := os.ReadFile(f.meter.out)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, fmt.Errorf("meter: %w: %s", err, f.meter.said())
	}
	if r.Extra == nil {
		r.Extra = map[string]float64{}
	}
	for name, v := range map[string]float64{"streams": float64(m.Streams), "packets": float64(m.Packets), "lost": float64(m.Lost), "late": float64(m.Late), "repeated": float64(m.Repeated), "interval_p1_ms": m.P1, "interval_p99_ms": m.P99,
		"interval_max_ms": m.Max, "bad_streams": float64(m.Bad), "load_average": loadAverage(), "lost_late_percent": 100 * float64(m.Lost+m.Late) / math.Max(1, float64(m.Packets+m.Lost))} {
		r.Extra[name] = v
	}
	return m, nil
}

// ourMedia is so many calls at a time by `ringback load`; its packets are those of both ways.
func (b *bench) ourMedia(n int) (*record, error) {
	f, err := b.farEnds()
	if err != nil {
		return nil, err
	}
	r := &record{At: time.Now(), What: "media", Who: "ringback", Rate: float64(n), CPU: map[string]float64{}, Before: calibrate()}
	file, err := b.plan("media", fmt.Sprintf(`account: {registrar: "sip:127.0.0.1:%d", bind: 127.0.0.1}
users: {first: 1, count: 2}
lateness: 10s
calls: {to: ["sip:echo@127.0.0.1:%d"], rate: %g, most: %d, for: %v, talk: {mean: %v}, media: tone, codecs: [pcmu]}
`, f.port, f.port, float64(n)/mediaRamp.Seconds(), n, mediaRamp, mediaRamp+b.steady()))
	if err != nil {
		return nil, err
	}
	caller, err := b.start("load", b.ringback, "load", file, "--json")
	if err != nil {
		return nil, err
	}
	r.CPU["caller"], err = caller.wait(2*mediaRamp + b.steady() + patience)
	m, farErr := f.end(r)
	r.After = calibrate()
	var report struct {
		loadReport
		Loss struct{ P99 float64 } `json:"loss_percent"`
		Self struct {
			Cores   float64 `json:"cores"`
			Dropped float64 `json:"dropped"`
		} `json:"self"`
		Silent int `json:"silent"`
	}
	if readErr := readResult(caller.out, &report); readErr != nil {
		return nil, fmt.Errorf("ringback load: %w (%v): %s", readErr, err, caller.said())
	}
	if farErr != nil {
		return nil, farErr
	}
	r.Units, r.Failed = 2*m.Packets, report.Failed+n-report.Began+report.Silent
	for name, v := range map[string]float64{"late_p99_ms": report.Lateness.P99, "mos_p5": report.MOS.P5, "loss_p99_percent": report.Loss.P99, "rss_mb": caller.rss(), "cores": report.Self.Cores, "dropped": report.Self.Dropped} {
		r.Extra[name] = v
	}
	return r, nil
}

// speaks is SIPp's caller, which sends a file.
const speaks = `<?xml version="1.0"?><scenario name="speaks">
<send retrans="500"><![CDATA[
INVITE sip:echo@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:echo@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=ptime:20

]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="200" rtd="true"/>
<send><![CDATA[
ACK sip:echo@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:echo@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<nop><action><exec rtp_stream="SOUND,-1,0,PCMU/8000"/></action></nop>
<pause milliseconds="TALK"/>
<send retrans="500"><![CDATA[
BYE sip:echo@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:echo@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/></scenario>
`

// peerWays is of how many directions SIPp handles each packet: up to 3.6 rtp_stream reads none
// of what comes (seen by its system calls).
func (b *bench) peerWays() int {
	if strings.HasPrefix(b.peer, "3.6") {
		return 1
	}
	return 2
}

// sippMedia is the same by SIPp.
func (b *bench) sippMedia(n int) (*record, error) {
	f, err := b.farEnds()
	if err != nil {
		return nil, err
	}
	own, err := freePort()
	if err != nil {
		return nil, err
	}
	sound, file, stats := filepath.Join(b.tmp, "sound.pcmu"), filepath.Join(b.tmp, "speaks.xml"), filepath.Join(b.tmp, "speaks.csv")
	tone := make([]byte, 8000*10)
	for i := range tone {
		tone[i] = byte(i * 31)
	}
	if err := os.WriteFile(sound, tone, 0o644); err != nil {
		return nil, err
	}
	text := strings.NewReplacer("SOUND", sound, "TALK", strconv.Itoa(int((mediaRamp + b.steady()).Milliseconds()))).Replace(speaks)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, err
	}
	_ = os.Remove(stats)
	r := &record{At: time.Now(), What: "media", Who: "sipp", Rate: float64(n), CPU: map[string]float64{}, Before: calibrate()}
	caller, err := b.start("speaks", b.sipp, "-sf", file, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", strconv.Itoa(own), "-r", strconv.Itoa(max(1, int(float64(n)/mediaRamp.Seconds()))), "-m", strconv.Itoa(n), "-l", strconv.Itoa(2*n),
		"-nostdin", "-trace_stat", "-stf", stats, "-fd", "1", fmt.Sprintf("127.0.0.1:%d", f.port))
	if err != nil {
		return nil, err
	}
	r.CPU["caller"], _ = caller.wait(2*mediaRamp + b.steady() + patience)
	m, farErr := f.end(r)
	r.After = calibrate()
	if farErr != nil {
		return nil, farErr
	}
	last, err := lastStatistics(stats)
	if err != nil {
		return nil, fmt.Errorf("sipp: %w: %s", err, caller.said())
	}
	resent := last["Retransmissions(C)"]
	r.Units, r.Failed, r.Resent = m.Packets*b.peerWays(), n-last["SuccessfulCall(C)"], &resent
	r.Extra["rss_mb"] = caller.rss()
	return r, nil
}
