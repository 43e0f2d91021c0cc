package message

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hostile messages of up to 64 kB (robustness.md 1 and 4, S05).
func hostileMessages() map[string]string {
	many := func(n int, f func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	num := strconv.Itoa
	base := func(lines ...string) string { return optionsText(lines...) }
	via := func(params string) string {
		return strings.Replace(base(), ";rport", ";rport"+params, 1)
	}
	return map[string]string{
		"5000 quoted Via parameters": via(many(5000, func(int) string { return `;a="b"` })),
		"8000 distinct parameters":   via(many(8000, func(i int) string { return ";p" + num(i) })),
		"8000 From parameters":       strings.Replace(base(), ";tag=1", ";tag=1"+many(8000, func(i int) string { return ";p" + num(i) }), 1),
		"8000 URI parameters":        strings.Replace(base(), "us@h SIP", "us@h"+many(8000, func(i int) string { return ";p" + num(i) })+" SIP", 1),
		"1000 Via lines":             base(many(1000, func(i int) string { return "v: SIP/2.0/UDP h;branch=" + num(i) + "\r\n" }) + "X: y"),
		"1000 Via elements":          base("Via: a" + many(1000, func(int) string { return ",SIP/2.0/UDP h" })),
		"60 kB of header lines":      base(many(6000, func(i int) string { return "X" + num(i) + ": y\r\n" }) + "X: y"),
		"60 kB in one header":        base("X-A: " + strings.Repeat("y", 60000)),
		"30000 folds":                base("X-A: " + strings.Repeat("\r\n ", 20000) + "y"),
		"30000 folds of Via":         base("v: " + strings.Repeat("\r\n ", 10000) + "y"),
		"64 kB of quotes":            base("Contact: " + strings.Repeat(`"`, 30000)),
		"64 kB of backslashes":       base(`Contact: "` + strings.Repeat(`\`, 30000)),
		"64 kB of <":                 base("Contact: " + strings.Repeat("<", 30000)),
		"64 kB of commas":            base("Contact: " + strings.Repeat(",", 30000)),
		"64 kB of contacts":          base("Contact: " + strings.Repeat("<sip:a@b>,", 3000) + "<sip:a@b>"),
		"64 kB of routes":            base("Route: " + strings.Repeat("<sip:a@b;lr>,", 2400) + "<sip:a@b>"),
		"64 kB of CR":                strings.Repeat("\r", 64000),
		"64 kB of CRLF":              strings.Repeat("\r\n", 32000),
		"64 kB of blanks":            strings.Repeat(" ", 64000),
		"64 kB of colons":            base(strings.Repeat(":", 30000)),
		"64 kB Request-URI":          "OPTIONS sip:" + strings.Repeat("%41", 10000) + "@h SIP/2.0\r\n" + base(),
		"64 kB of multipart": base("Content-Type: multipart/mixed;boundary=b", "Content-Length: 60000") +
			strings.Repeat("\r\n--b\r\n\r\n", 6000) + strings.Repeat("x", 6000),
		"64 kB number": strings.Replace(base(), "CSeq: 1", "CSeq: "+strings.Repeat("1", 30000), 1),
		"64 kB body":   base("Content-Type: application/sdp", "Content-Length: 64000") + strings.Repeat("v=0\r\n", 12800),
	}
}

// treat does with a message what a transport does, and returns the answer's size.
func treat(data []byte) int {
	m, err := Parse(data)
	var r *Reject
	if errors.As(err, &r) {
		if res := r.Response("0123456789abcdef"); res != nil {
			return len(Bytes(res))
		}
		return 0
	}
	req, ok := m.(*Request)
	if !ok {
		return 0
	}
	sv := Service{Methods: []Method{OPTIONS, INVITE}, ContentTypes: []string{"application/sdp"}, MaxBody: 16384}
	if r := sv.Check(req); r != nil {
		return len(Bytes(r.Response("0123456789abcdef")))
	}
	return len(Bytes(NewResponse(req, 200, "", "0123456789abcdef")))
}

func TestConformance_S05_HostileMessagesAreCheap(t *testing.T) {
	for name, text := range hostileMessages() {
		t.Run(name, func(t *testing.T) {
			data := []byte(text)
			if len(data) > 65535 {
				t.Fatalf("%d bytes", len(data))
			}
			var before, after runtime.MemStats
			best := time.Hour
			answer := 0
			runtime.ReadMemStats(&before)
			const runs = 5
			for range runs { // the machine may be busy: the best run counts
				start := time.Now()
				answer = treat(data)
				best = min(best, time.Since(start))
			}
			runtime.ReadMemStats(&after)
			used := (after.TotalAlloc - before.TotalAlloc) / runs
			if budget := 5 * time.Millisecond * slower; best > budget {
				t.Errorf("took %s, over %s", best, budget)
			}
			if answer > 4*len(data) {
				t.Errorf("answer of %d bytes to %d", answer, len(data))
			}
			if used > 1<<20 {
				t.Errorf("allocated %d bytes", used)
			}
		})
	}
}

func TestConformance_S05_SmallRequestsAreNotAmplified(t *testing.T) {
	for _, text := range []string{optionsText(), "X sip:h SIP/2.0\r\nv: x\r\n\r\n", "X x x\r\nv: x\r\n\r\n",
		"OPTIONS sip:h SIP/9.9\r\nv:SIP/2.0/UDP h\r\n\r\n"} {
		if n := treat([]byte(text)); n > 4*len(text) {
			t.Errorf("answer of %d bytes to %d:\n%s", n, len(text), text)
		}
	}
}

func TestAdmission(t *testing.T) {
	base := optionsText()
	edit := func(old, new string) string {
		if !strings.Contains(base, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(base, old, new, 1)
	}
	rows := []struct {
		name, text string
		want       int // 0: admitted; dropped: no answer
	}{
		{"good", base, 0},
		{"bare LF", edit("Call-ID: c", "Call-ID: c\nX: y"), 400},
		{"bare CR", edit("Call-ID: c", "Call-ID: c\rX: y"), 400},
		{"NUL in a header", edit("Call-ID: c", "Call-ID: c\x00"), 400},
		{"NUL in the start line", edit("us@h SIP", "us\x00@h SIP"), dropped},
		{"escape in a display name", edit("From: ", "From: \"\x1b[2J\" "), 400},
		{"NUL in Via", edit("192.0.2.1", "192.0.2.1\x00"), dropped},
		{"tab as blank", edit("CSeq: 1 ", "CSeq:\t1\t"), 0},
		{"escaped control in quotes", edit("From: ", "From: \"\\\x07\" "), 0},
		{"escaped CR LF in quotes", edit("From: ", "From: \"\\\r\n\" "), 400},
		{"header without colon", optionsText("Foobar roobar"), 400},
		{"header with a blank in its name", optionsText("Foo bar: x"), 400},
		{"empty header name", optionsText(": x"), 400},
		{"fold before the first header", edit("Via:", " x\r\nVia:"), 400},
		{"lower-case method is another one", edit("OPTIONS sip", "options sip"), 400},
		{"lower-case method throughout", strings.ReplaceAll(base, "OPTIONS", "options"), 0},
		{"lower-case version", edit(" SIP/2.0\r\nVia", " sip/2.0\r\nVia"), 0},
		{"no version", edit(" SIP/2.0\r\nVia", "\r\nVia"), 400},
		{"version 3", edit(" SIP/2.0\r\nVia", " SIP/3.0\r\nVia"), 505},
		{"no Call-ID", edit("Call-ID: c\r\n", ""), 400},
		{"empty Call-ID", edit("Call-ID: c\r\n", "Call-ID:\r\n"), 400},
		{"no Via", edit("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;rport\r\n", ""), dropped},
		{"no From", edit("From: <sip:a@h>;tag=1\r\n", ""), 400},
		{"two To by compact form", optionsText("t: <sip:x@h>"), 400},
		{"two Refer-To", optionsText("r: <sip:x@h>", "Refer-To: <sip:x@h>"), 400},
		{"two equal Content-Length", optionsText("l: 0", "Content-Length: 0"), 400},
		{"Content-Length 2^64", optionsText("l: 18446744073709551616"), 400},
		{"Content-Length with text", optionsText("l: 0x0"), 400},
		{"CSeq 2^31", edit("CSeq: 1 ", "CSeq: 2147483648 "), 400},
		{"CSeq 2^31-1", edit("CSeq: 1 ", "CSeq: 2147483647 "), 0},
		{"Max-Forwards 256", optionsText("Max-Forwards: 256"), 400},
		{"Max-Forwards -1", optionsText("Max-Forwards: -1"), 400},
		{"Via port 99999", edit("192.0.2.1;", "192.0.2.1:99999;"), 400},
		{"unclosed Route", optionsText("Route: <sip:p;lr"), 400},
		{"unclosed Refer-To", optionsText("Refer-To: <sip:p"), 400},
		{"Refer-To with ;ob?Replaces", optionsText("Refer-To: <sip:p@h;ob?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>"), 0},
		{"64 parameters", optionsText("Contact: <sip:h>" + strings.Repeat(";a", 64)), 0},
		{"65 parameters", optionsText("Contact: <sip:h>" + strings.Repeat(";a", 65)), 400},
		{"70 Via", optionsText(strings.Repeat("v: SIP/2.0/UDP h\r\n", 68) + "v: SIP/2.0/UDP h"), 0},
		{"71 Via", optionsText(strings.Repeat("v: SIP/2.0/UDP h\r\n", 69) + "v: SIP/2.0/UDP h"), 400},
		{"200 headers", optionsText(strings.Repeat("X-A: h\r\n", 194) + "X-A: h"), 0},
		{"201 headers", optionsText(strings.Repeat("X-A: h\r\n", 195) + "X-A: h"), 400},
		{"ACK is never answered", strings.ReplaceAll(edit("CSeq: 1 OPTIONS", "CSeq: x"), "OPTIONS", "ACK"), dropped},
		{"a response is never answered", strings.Replace(base, "OPTIONS sip:us@h SIP/2.0", "SIP/2.0 99 x", 1), dropped},
		{"response of version 3", strings.Replace(base, "OPTIONS sip:us@h SIP/2.0", "SIP/3.0 200 OK", 1), dropped},
		{"headers over 32 kB", optionsText("X-A: " + strings.Repeat("y", 32<<10)), 513},
		{"no empty line", strings.TrimSuffix(base, "\r\n"), 400},
		{"empty", "", dropped},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m, err := Parse([]byte(row.text))
			var r *Reject
			switch {
			case row.want == 0 && err != nil:
				t.Fatalf("not admitted: %v", err)
			case row.want == 0 && m == nil:
				t.Fatal("nothing")
			case row.want == 0:
			case !errors.As(err, &r):
				t.Fatal("admitted")
			case row.want == dropped && r.Response("x") != nil:
				t.Fatalf("answered:\n%s", Bytes(r.Response("x")))
			case row.want == dropped:
			case r.Code != row.want || r.Response("x") == nil:
				t.Fatalf("%d %s", r.Code, r.Cause)
			default:
				if text := r.Response("x").String(); strings.ContainsAny(strings.ReplaceAll(text, "\r\n", ""), "\r\n\x00\x1b") {
					t.Fatalf("control characters echoed: %q", text)
				}
			}
		})
	}
}

// T32: what is longer than Content-Length is dropped.
func TestConformance_T32_DatagramIsCutAtContentLength(t *testing.T) {
	m, err := Parse([]byte(optionsText("Content-Type: text/plain", "l: 5") + "helloINVITE sip:x SIP/2.0\r\n"))
	if err != nil || string(m.Body()) != "hello" {
		t.Fatalf("%v %q", err, m.Body())
	}
	if m, err = Parse([]byte(optionsText("Content-Type: text/plain") + "hello")); err != nil || string(m.Body()) != "hello" {
		t.Fatalf("%v %q", err, m.Body())
	}
}

func TestFrameLength(t *testing.T) {
	for lines, want := range map[string]int{"l: 5": 5, "Content-Length :\r\n 17": 17, "X: y\r\nL:0": 0} {
		if n, r := FrameLength([]byte(optionsText(lines))); r != nil || n != want {
			t.Errorf("%q: %d %v", lines, n, r)
		}
	}
	for _, lines := range []string{"X: y", "l: -1", "l: 4294967296", "l: 18446744073709551616", "l: a", "l: 5\r\nContent-Length: 0",
		"l: 5\r\nl: 5", "l:", "l: 5, 5", "l: 65535"} {
		_, r := FrameLength([]byte(optionsText(lines)))
		if r == nil || !r.Unframed || r.Response("x") == nil {
			t.Errorf("%q: %v", lines, r)
		}
	}
}

// S02: the cause of a refusal goes to the log, and must hold no raw controls.
func TestConformance_S02_CausesAreSafeToLog(t *testing.T) {
	for _, row := range []string{"To: \x1b[2J", "To: <sip:\u202e@h>;\x00", "X\x1b: y", "CSeq: \x1b OPTIONS", "Max-Forwards: \n\x1b"} {
		_, err := Parse([]byte(optionsText(row)))
		if err == nil || strings.ContainsAny(err.Error(), "\x00\x1b\r\n") {
			t.Errorf("%q: %q", row, err)
		}
	}
}

// A multipart inside a multipart and so on, or one of thousands of parts, is refused.
func TestConformance_S05_Multiparts(t *testing.T) {
	nest := func(deep int) string {
		body := "x"
		for i := range deep {
			b := strconv.Itoa(i)
			body = "Content-Type: multipart/mixed;boundary=b" + b + "\r\n\r\n--b" + b + "\r\n" + body + "\r\n--b" + b + "--"
		}
		_, body, _ = strings.Cut(body, "\r\n\r\n")
		return body
	}
	for deep, taken := range map[int]bool{1: true, 4: true, 5: false, 500: false} {
		req := NewRequest(INVITE, URI{Scheme: "sip", Host: "h"})
		SetBody(req, "multipart/mixed;boundary=b"+strconv.Itoa(deep-1), []byte(nest(deep)))
		if _, err := Parts(req); (err == nil) != taken {
			t.Errorf("%d deep: %v", deep, err)
		}
	}
	for parts, taken := range map[int]bool{MaxParts: true, MaxParts + 1: false, 5000: false} {
		req := NewRequest(INVITE, URI{Scheme: "sip", Host: "h"})
		SetBody(req, "multipart/mixed;boundary=b", []byte(strings.Repeat("--b\r\n\r\nx\r\n", parts)+"--b--"))
		if got, err := Parts(req); (err == nil) != taken {
			t.Errorf("%d parts: %d, %v", parts, len(got), err)
		}
	}
}

func TestCountControls(t *testing.T) {
	const chars = "\x00\x08\t\n\r\x1f !~\x7f\x80\x89\xff"
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		text, want := make([]byte, random.IntN(40)), 0
		for i := range text {
			c := chars[random.IntN(len(chars))]
			if text[i] = c; c < 0x20 && c != '\t' || c == 0x7f {
				want++
			}
		}
		if got := countControls(text); got != want {
			t.Fatalf("%q has %d, told %d", text, want, got)
		}
	}
}
