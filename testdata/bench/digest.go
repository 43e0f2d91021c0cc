package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// digest is a registration that is challenged (MD5, qop=auth): REGISTER and
// 401, REGISTER with the answer and 200, and its end with the same nonce, REGISTER and 200.
// The far end is SIPp's for both, and not counted.
func (b *bench) digest() error {
	if b.sipp == "" {
		fmt.Println("  sipp is not installed: nothing challenges")
		return nil
	}
	const users = 2000
	our, their, err := b.repeated(func() (*record, error) { return b.ourDigest(users) }, func() (*record, error) { return b.sippDigest(users) })
	if err != nil {
		return err
	}
	b.row("a user with a digest, registered and let go, µs of the phone", our.perUnit("caller"), their.perUnit("caller"),
		fmt.Sprintf("three REGISTERs each, MD5; the registrar is SIPp's for both; failed %d, peer %d; sent again %s, peer %s", our.Failed, their.Failed, our.resent(), their.resent()))
	return nil
}

const challenged = `<?xml version="1.0"?><scenario name="registrar">
<recv request="REGISTER"><action><ereg regexp="response" search_in="hdr" header="Authorization:" assign_to="1"/></action></recv>
<nop next="1" test="1"/>
<send><![CDATA[
SIP/2.0 401 Unauthorized
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
WWW-Authenticate: Digest realm="bench", nonce="47ebe028cda119c35d4877b383027d28", algorithm=MD5, qop="auth"
Content-Length: 0

]]></send>
<recv request="REGISTER"/>
<label id="1"/>
<send><![CDATA[
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

// challengedRegister is one REGISTER of sippDigest's caller.
func challengedRegister(seq, expires int, authorization string) string {
	return fmt.Sprintf(`<send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:u[call_number]@[remote_ip]>;tag=[call_number]
To: <sip:u[call_number]@[remote_ip]>
Call-ID: [call_id]
CSeq: %d REGISTER
Contact: <sip:u[call_number]@[local_ip]:[local_port]>
Expires: %d
Max-Forwards: 70
%sContent-Length: 0

]]></send>`, seq, expires, authorization)
}

// challengedPhone is a user that comes and goes.
func challengedPhone() string {
	const authorization = "[authentication username=u password=bench-secret]\n"
	return `<?xml version="1.0"?><scenario name="phone">` + challengedRegister(1, 300, "") + `<recv response="401" auth="true"/>` +
		challengedRegister(2, 300, authorization) + `<recv response="200"/>` + challengedRegister(3, 0, authorization) + `<recv response="200"/></scenario>`
}

// challenger starts a registrar.
func (b *bench) challenger(scenario string) (far *child, port int, err error) {
	if port, err = freePort(); err != nil {
		return nil, 0, err
	}
	file := filepath.Join(b.tmp, "challenged.xml")
	if err = os.WriteFile(file, []byte(scenario), 0o644); err != nil {
		return nil, 0, err
	}
	if far, err = b.start("registrar", b.sipp, "-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin", "-deadcall_wait", "0"); err != nil {
		return nil, 0, err
	}
	if err = listening(port); err != nil {
		err = fmt.Errorf("%w: %s", err, far.said())
	}
	return far, port, err
}

func (b *bench) ourDigest(users int) (*record, error) {
	r, _, err := b.ourUsers("digest", challenged, users, 300, time.Second, "127.0.0.1", "")
	return r, err
}

// ourUsers registers users of an address at SIPp's registrar, holds them, and lets them go;
// the plan says more.
func (b *bench) ourUsers(what, registrar string, users, expires int, held time.Duration, at, more string) (r *record, refreshed int, err error) {
	far, port, err := b.challenger(registrar)
	if err != nil {
		return nil, 0, err
	}
	secret := filepath.Join(b.tmp, "secret")
	if err := os.WriteFile(secret, []byte("bench-secret\n"), 0o600); err != nil {
		return nil, 0, err
	}
	file, err := b.plan(what, fmt.Sprintf(`account: {registrar: "sip:127.0.0.1:%d", bind: "%s", expires: %ds}
users: {first: 1, count: %d, password_file: %s}
register: true
lateness: 10s
calls: {for: %v}
%s`, port, at, expires, users, secret, held, more))
	if err != nil {
		return nil, 0, err
	}
	r = &record{At: time.Now(), What: what, Who: "ringback", Units: users, CPU: map[string]float64{}, Before: calibrate()}
	caller, err := b.start("load", b.ringback, "load", file, "--json")
	if err != nil {
		return nil, 0, err
	}
	r.CPU["caller"], err = caller.wait(time.Minute + patience)
	r.CPU["far end"] = far.stop(syscall.SIGUSR1)
	r.After = calibrate()
	var report struct {
		Registered int                   `json:"registered"`
		Refreshed  int                   `json:"refreshed"`
		Left       int                   `json:"left_registrations"`
		Self       struct{ Resent int }  `json:"self"`
		Times      struct{ P99 float64 } `json:"registration_ms"`
	}
	if readErr := readResult(caller.out, &report); readErr != nil {
		return nil, 0, fmt.Errorf("ringback load: %w (%v): %s", readErr, err, caller.said())
	}
	r.Failed, r.Resent = users-report.Registered+report.Left, &report.Self.Resent
	r.Extra = map[string]float64{"registration_p99_ms": report.Times.P99, "refreshed": float64(report.Refreshed), "load_average": loadAverage()}
	return r, report.Refreshed, nil
}

func (b *bench) sippDigest(users int) (*record, error) {
	return b.sippUsers("digest", challenged, challengedPhone(), users)
}

// sippUsers is the same by SIPp's phone; its units are users.
func (b *bench) sippUsers(what, registrar, phone string, users int) (*record, error) {
	far, port, err := b.challenger(registrar)
	if err != nil {
		return nil, err
	}
	own, err := freePort()
	if err != nil {
		return nil, err
	}
	file, stats := filepath.Join(b.tmp, "phone.xml"), filepath.Join(b.tmp, "digest.csv")
	if err := os.WriteFile(file, []byte(phone), 0o644); err != nil {
		return nil, err
	}
	_ = os.Remove(stats)
	const rate = 400 // as ours
	r := &record{At: time.Now(), What: what, Who: "sipp", Rate: rate, Units: users, CPU: map[string]float64{}, Before: calibrate()}
	caller, err := b.start("phone", b.sipp, "-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(own), "-r", strconv.Itoa(rate), "-m", strconv.Itoa(users),
		"-nostdin", "-trace_stat", "-stf", stats, "-fd", "1", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, err
	}
	r.CPU["caller"], _ = caller.wait(time.Duration(users/rate)*time.Second + held + patience)
	r.CPU["far end"] = far.stop(syscall.SIGUSR1)
	r.After = calibrate()
	return r, r.sippCounted(stats, caller)
}
