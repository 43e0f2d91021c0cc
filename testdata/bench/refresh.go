package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// refresh is a registration with a digest that is refreshed: by itself, and with calls that
// come to the users in between. The registrar is SIPp's for both, and so is who calls.
func (b *bench) refresh() error {
	if b.sipp == "" {
		fmt.Println("  sipp is not installed: nothing challenges")
		return nil
	}
	const users = 2000
	our, their, err := b.repeated(func() (*record, error) { return b.ourRefresh(users, false) }, func() (*record, error) { return b.sippRefresh(users, false) })
	if err != nil {
		return err
	}
	b.row("a REGISTER of a user with a digest that is refreshed, µs of the phone", our.perUnit("caller"), their.perUnit("caller"),
		fmt.Sprintf("a life of %d s, held for %v; %.1f and %.1f REGISTERs a user; failed %d, peer %d; sent again %s, peer %s", life, held, float64(our.Units)/users, float64(their.Units)/users, our.Failed, their.Failed, our.resent(), their.resent()))
	our, their, err = b.repeated(func() (*record, error) { return b.ourRefresh(users, true) }, func() (*record, error) { return b.sippRefresh(users, true) })
	if err != nil {
		return err
	}
	b.row("the same, with calls that are answered in between, µs of the phone for a REGISTER or a call", our.perUnit("caller"), their.perUnit("caller"),
		fmt.Sprintf("%.0f and %.0f calls of a second at %d a second; failed %d, peer %d; sent again %s, peer %s", our.Extra["answered"], their.Extra["answered"], callsBetween, our.Failed, their.Failed, our.resent(), their.resent()))
	return nil
}

// What the registrar of a refresh grants, in seconds, and for how long users are held.
// SIPp's refresh after the mean of what ours do: at 50 to 90 % of the life. Calls come from
// when all have registered, one to each user.
const (
	life         = 10
	held         = 30 * time.Second
	refreshes    = 4
	apart        = 7 * time.Second
	callsBetween = 80 // a second
	callsAfter   = 6 * time.Second
)

// What SIPp's scenarios say in every response, and of the sound of a call that has none.
const (
	respondsTo = `
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
`
	soundless = `Content-Type: application/sdp
Content-Length: [len]

v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 9 RTP/AVP 0
a=rtpmap:0 PCMU/8000
a=inactive
]]></send>`
)

// refreshed is a registrar that challenges the first REGISTER, and grants what is asked until
// one takes the binding back.
func refreshed() string {
	text := `<?xml version="1.0"?><scenario name="registrar"><recv request="REGISTER"/><send><![CDATA[
SIP/2.0 401 Unauthorized` + respondsTo + `WWW-Authenticate: Digest realm="bench", nonce="47ebe028cda119c35d4877b383027d28", algorithm=MD5, qop="auth"
Content-Length: 0

]]></send>`
	for range 3 * refreshes { // one after the other: SIPp is slow to jump back
		text += `<recv request="REGISTER"><action><ereg regexp="^ *0" search_in="hdr" header="Expires:" assign_to="1"/></action></recv>
<send next="2" test="1"><![CDATA[
SIP/2.0 200 OK` + respondsTo + `[last_Contact:]
Expires: 10
Content-Length: 0

]]></send>`
	}
	return text + `<label id="2"/><pause milliseconds="1"/></scenario>`
}

// refreshingPhone is a user who stays.
func refreshingPhone() string {
	const authorization = "[authentication username=u password=bench-secret]\n"
	text := `<?xml version="1.0"?><scenario name="phone">` + challengedRegister(1, life, "") + `<recv response="401" auth="true"/>` + challengedRegister(2, life, authorization) + `<recv response="200"/>`
	for i := range refreshes {
		text += fmt.Sprintf(`<pause milliseconds="%d"/>`, apart.Milliseconds()) + challengedRegister(3+i, life, authorization) + `<recv response="200"/>`
	}
	return text + challengedRegister(3+refreshes, 0, authorization) + `<recv response="200"/></scenario>`
}

// betweenCaller calls one user after the other, once all have registered, for a second each.
func betweenCaller() string {
	const head = `
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:caller@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[call_number]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
Contact: <sip:caller@[local_ip]:[local_port]>
Max-Forwards: 70
`
	return fmt.Sprintf(`<?xml version="1.0"?><scenario name="caller"><pause milliseconds="%d"/>
<send retrans="500"><![CDATA[
INVITE sip:[call_number]@[remote_ip]:[remote_port] SIP/2.0`, callsAfter.Milliseconds()) + head + `CSeq: 1 INVITE
` + soundless + `
<recv response="100" optional="true"/><recv response="180" optional="true"/><recv response="200"/>
<send><![CDATA[
ACK sip:[call_number]@[remote_ip]:[remote_port] SIP/2.0` + head + `CSeq: 1 ACK
Content-Length: 0

]]></send>
<pause milliseconds="1000"/>
<send retrans="500"><![CDATA[
BYE sip:[call_number]@[remote_ip]:[remote_port] SIP/2.0` + head + `CSeq: 2 BYE
Content-Length: 0

]]></send>
<recv response="200"/></scenario>`
}

// calledPhone answers such a call.
func calledPhone() string {
	const head = respondsTo + "Contact: <sip:u@[local_ip]:[local_port]>\n"
	return `<?xml version="1.0"?><scenario name="called"><recv request="INVITE"/>
<send><![CDATA[
SIP/2.0 180 Ringing` + head + `Content-Length: 0

]]></send><send retrans="500"><![CDATA[
SIP/2.0 200 OK` + head + soundless + `<recv request="ACK"/><recv request="BYE"/><send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send></scenario>`
}

// between calls each of the users at a port.
func (b *bench) between(users, port int) (*child, error) {
	file := filepath.Join(b.tmp, "between.xml")
	if err := os.WriteFile(file, []byte(betweenCaller()), 0o644); err != nil {
		return nil, err
	}
	own, err := freePort()
	if err != nil {
		return nil, err
	}
	stats := filepath.Join(b.tmp, "between.csv")
	_ = os.Remove(stats)
	return b.start("between", b.sipp, "-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(own), "-r", strconv.Itoa(callsBetween), "-m", strconv.Itoa(users), "-l", strconv.Itoa(users),
		"-nostdin", "-trace_stat", "-stf", stats, "-fd", "1", fmt.Sprintf("127.0.0.1:%d", port))
}

// answered is how many of the calls in between came up, as their caller tells it.
func (b *bench) answered(c *child) (int, error) {
	_, _ = c.wait(held + patience) // how it ended is no matter: what it counted is
	last, err := lastStatistics(filepath.Join(b.tmp, "between.csv"))
	if err != nil {
		return 0, fmt.Errorf("sipp: %w: %s", err, c.said())
	}
	return last["SuccessfulCall(C)"], nil
}

func (b *bench) ourRefresh(users int, calls bool) (*record, error) {
	what, answer, at, port := "refresh", "", "127.0.0.1", 0
	var callers *child
	var err error
	if calls {
		if port, err = freePort(); err != nil {
			return nil, err
		}
		what, answer, at = "refresh and calls", "answer: {}\n", fmt.Sprintf("127.0.0.1:%d", port)
		if callers, err = b.between(users, port); err != nil {
			return nil, err
		}
	}
	r, again, err := b.ourUsers(what, refreshed(), users, life, held, at, answer)
	if err != nil {
		return nil, err
	}
	r.Units = 3*users + again
	return r, b.addCalls(r, users, callers)
}

// addCalls counts the calls in between.
func (b *bench) addCalls(r *record, users int, callers *child) error {
	if callers == nil {
		return nil
	}
	n, err := b.answered(callers)
	if r.Extra == nil {
		r.Extra = map[string]float64{}
	}
	r.Extra["answered"] = float64(n)
	r.Units += n
	r.Failed += users - n
	return err
}

func (b *bench) sippRefresh(users int, calls bool) (*record, error) {
	what := "refresh"
	var callers, called *child
	if calls {
		what = "refresh and calls"
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		file := filepath.Join(b.tmp, "called.xml")
		if err := os.WriteFile(file, []byte(calledPhone()), 0o644); err != nil {
			return nil, err
		}
		if called, err = b.start("called", b.sipp, "-sf", file, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin"); err != nil {
			return nil, err
		}
		if err := listening(port); err != nil {
			return nil, fmt.Errorf("%w: %s", err, called.said())
		}
		if callers, err = b.between(users, port); err != nil {
			return nil, err
		}
	}
	r, err := b.sippUsers(what, refreshed(), refreshingPhone(), users)
	if err != nil {
		return nil, err
	}
	r.Units *= 3 + refreshes
	if called == nil {
		return r, nil
	}
	err = b.addCalls(r, users, callers)
	r.CPU["caller"] += called.stop(syscall.SIGUSR1)
	return r, err
}
