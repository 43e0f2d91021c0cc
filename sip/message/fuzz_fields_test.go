package message

import (
	"reflect"
	"strings"
	"testing"
)

// oneHeader is a request with one more header line; false when it is not admitted.
func oneHeader(name, value string) (Message, bool) {
	m, err := Parse([]byte(optionsText(name + ": " + value)))
	return m, err == nil
}

// FuzzFields reads each header that has a grammar of its own; what was read and is
// written again reads the same.
func FuzzFields(f *testing.F) {
	for _, seed := range [][2]string{
		{"CSeq", "1 INVITE"}, {"CSeq", "2147483647\tx"}, {"RAck", "776656 1 INVITE"}, {"RAck", "1 2"}, {"RSeq", "988789"},
		{"Session-Expires", "4000;refresher=uac"}, {"x", "90;refresher=\"uas\""}, {"Min-SE", "90;lr"}, {"Retry-After", "120 (I'm in a meeting)"},
		{"Retry-After", "18000;duration=3600"}, {"Expires", "4294967296"}, {"Reason", `SIP;cause=200;text="a, b", Q.850;cause=16`},
		{"Event", "refer;id=93809824"}, {"Subscription-State", "active;expires=60;reason=x"}, {"Contact", "*"},
		{"Contact", `"a, b" <sip:a@b>;expires=7, sip:c@d;q=0.5`}, {"Content-Disposition", "session;handling=optional"}, {"Refer-Sub", "false"},
		{"Supported", "100rel, timer,,replaces"}, {"Warning", `304 h "media"`}, {"Record-Route", "<sip:a;lr>, <sip:b;lr>"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		if c, err := ParseCSeq(value); err == nil {
			if again, err := ParseCSeq(c.String()); err != nil || again != c || c.Seq >= 1<<31 {
				t.Fatalf("CSeq %q: %+v then %+v, %v", value, c, again, err)
			}
		}
		if tok, err := ParseToken(value); err == nil && !paramControls(tok.Params) {
			if again, err := ParseToken(tok.String()); err != nil || again.Value != tok.Value || !sameParams(again.Params, tok.Params) {
				t.Fatalf("token %q: %+v then %+v, %v", value, tok, again, err)
			}
		}
		m, ok := oneHeader(name, value)
		if !ok {
			return
		}
		if r, err := RAckOf(m); err == nil {
			if n, ok := oneHeader("RAck", r.String()); ok {
				if again, err := RAckOf(n); err != nil || again != r {
					t.Fatalf("RAck %q: %+v then %+v, %v", value, r, again, err)
				}
			}
		}
		if s, ok := SessionExpiresOf(m); ok && s.Interval < 0 {
			t.Fatalf("Session-Expires %q: %+v", value, s)
		}
		for _, r := range Reasons(m) {
			if strings.ContainsAny(r.String(), "\r\n\x00") {
				t.Fatalf("Reason %q is written %q", value, r)
			}
		}
		for _, name := range []string{"Expires", "Min-SE", "Min-Expires"} {
			if d, ok := Seconds(m, name); ok && d < 0 {
				t.Fatalf("%s %q is %v", name, value, d)
			}
		}
		if d, ok := RetryAfter(m); ok && d < 0 {
			t.Fatalf("Retry-After %q is %v", value, d)
		}
		if list, _, err := Contacts(m); err == nil && len(list) > MaxElements*MaxHeaders {
			t.Fatalf("%d contacts", len(list))
		}
		readAll(m)
	})
}

// FuzzParts cuts a body into its parts, however it is nested.
func FuzzParts(f *testing.F) {
	f.Add("multipart/mixed;boundary=b", "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\n\r\n\r\n--b--\r\n")
	f.Add("multipart/mixed;boundary=b", "--b\r\nContent-Type: multipart/alternative;boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--")
	f.Add(`multipart/mixed;boundary="a b"`, "--a b\r\n\r\n--a b--")
	f.Add("multipart/mixed", "x")
	f.Add("text/plain;charset=\"\x00", "x")
	f.Fuzz(func(t *testing.T, kind, body string) {
		req := NewRequest(INVITE, URI{Scheme: "sip", Host: "h"})
		if CheckValue("Content-Type", kind) != nil || len(body) > MaxMessage {
			return
		}
		SetBody(req, kind, []byte(body))
		parts, err := Parts(req)
		if err != nil {
			return
		}
		if len(parts) > MaxParts {
			t.Fatalf("%d parts", len(parts))
		}
		total := 0
		for _, p := range parts {
			total += len(p.Body)
		}
		if total > len(body) {
			t.Fatalf("%d bytes in the parts of %d", total, len(body))
		}
	})
}

// FuzzService refuses or serves an admitted request; both ways the answer is admitted
// itself and small.
func FuzzService(f *testing.F) {
	for _, row := range torture {
		f.Add(readTorture(f, row.file))
	}
	sv := Service{Methods: []Method{INVITE, OPTIONS, MESSAGE, BYE}, Options: []string{"timer"}, ContentTypes: []string{"application/sdp"},
		Accept: []string{"application/sdp"}, MaxBody: 1000}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		req, ok := m.(*Request)
		if err != nil || !ok {
			return
		}
		r := sv.Check(req)
		if r == nil {
			return
		}
		res := r.Response("tag")
		if r.Code < 400 || r.Fault != FaultUnserved || req.Method == ACK || res == nil {
			t.Fatalf("refused with %+v", r)
		}
		if again, err := Parse(Bytes(res)); err == nil && !reflect.DeepEqual(Values(again, "Via"), Values(req, "Via")) {
			t.Fatalf("Via %q became %q", Values(req, "Via"), Values(again, "Via"))
		}
		if len(Bytes(res)) > 4*len(data)+1000 {
			t.Fatalf("answer of %d bytes to %d", len(Bytes(res)), len(data))
		}
	})
}
