package message

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzHeader reads a text by each grammar that a header's value may have; what was
// read and is written again reads the same. One target in place of seven: what is new
// to one grammar is tried on the others too, at hardly more than the engine's own cost.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{
		`"a \"b" <sip:a@b;lr>;tag=1`, "sip:a@b;x=1", "<sip:[::1]:5060>", `"a\`, "a<sip:b>", `<sip:a@b>;x="y;z"`, `"T. Watson" <tel:1>`, "*", "<>", "ä <sips:x@y?a=b>",
		"SIP/2.0/UDP h:5060;branch=z9hG4bKa;rport", "SIP / 2.0 / TCP [::1] : 5 ; a = \"b;c\"", "SIP/2.0/UDP 1.2.3.4;;", "SIP/2.0/UDP h;received=2001:db8::1", "SIP/2.0/TLS h;rport=1;received=x;ttl=1",
		"sip:a@b", "sips:a:b@[::1]:5061;x=y;lr?a=b&c=", "tel:+1;x=y", "soap.beep://h:1", "sip:%41@b", "sip:a@b;c%6C", "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
		"<sip:a@b;ob?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>", "sip:a@b?Replaces=x;to-tag=1;from-tag=2", "<sip:a@b>", `"x" <sip:a@b?Replaces=>`, "<sip:a@b",
		"a@b;to-tag=1;from-tag=2;early-only", "a;to-tag=;from-tag=", `a;to-tag="x";from-tag=2`,
		";a=b;c", ` ; a = "b\"c" ;d=[::1]`, ";;", `;a="`, ";a=b;", `;+sip.instance="<urn:uuid:1>"`,
		"=?utf-8?q?Andr=C3=A9?=", "=?iso-8859-1?b?4Q==?=", "=?utf-8?q?=0d=0aX:?=", "=?x?z?", "山田", "a\r\nb", "\x1b[2J\u202e",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fuzzAddress(t, s)
		fuzzVia(t, s)
		fuzzURI(t, s)
		fuzzReferTo(t, s)
		fuzzReplaces(t, s)
		fuzzParams(t, s)
		fuzzText(t, s)
	})
}

func fuzzAddress(t *testing.T, s string) {
	a, err := ParseAddress(s)
	if err != nil {
		return
	}
	again, err := ParseAddress(a.String())
	if controls(a.Display) || paramControls(a.Params) {
		return // written as blanks
	}
	if err != nil || !reflect.DeepEqual(again.URI, a.URI) || again.Display != a.Display || !sameParams(a.Params, again.Params) {
		t.Fatalf("%q: %+v then %+v, %v", s, a, again, err)
	}
	if list, err := ParseAddressList(a.String() + " , " + a.String()); err != nil || len(list) != 2 {
		t.Fatalf("%q: list of %d, %v", s, len(list), err)
	}
}

// controls finds what Quote writes as a blank.
func controls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f })
}

func paramControls(ps Params) bool {
	return slices.ContainsFunc(ps, func(p Param) bool { return controls(p.Value) })
}

func sameParams(a, b Params) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Value != b[i].Value {
			return false
		}
	}
	return true
}

func fuzzVia(t *testing.T, s string) {
	v, err := ParseVia(s)
	if err != nil {
		return
	}
	if v.String() != trimBlanks(s) {
		t.Fatalf("%q is written %q", s, v.String())
	}
	made := v
	made.Raw = ""
	if paramControls(v.Params) {
		return
	}
	again, err := ParseVia(made.String())
	if err != nil || again.Host != v.Host || again.Port != v.Port || !sameParams(again.Params, v.Params) {
		t.Fatalf("%q: %+v then %+v, %v", s, v, again, err)
	}
}

func fuzzURI(t *testing.T, s string) {
	u, err := ParseURI(s)
	if err != nil {
		return
	}
	again, err := ParseURI(u.String())
	if err != nil || !reflect.DeepEqual(normal(again), normal(u)) {
		t.Fatalf("%q: %+v then %+v, %v", s, u, again, err)
	}
	if !u.Equal(u) && !repeats(u.Params) && !repeats(u.Headers) {
		t.Fatalf("%q is not equal to itself", s)
	}
	req := NewRequest(OPTIONS, u)
	want := u
	want.Headers = nil
	want.Params = want.Params.Without("method")
	if got := RequestURI(req); !reflect.DeepEqual(normal(got), normal(want)) {
		t.Fatalf("%q as Request-URI: %+v, not %+v", s, got, want)
	}
}

// normal makes empty and missing parameters the same.
func normal(u URI) URI {
	if len(u.Params) == 0 {
		u.Params = nil
	}
	if len(u.Headers) == 0 {
		u.Headers = nil
	}
	return u
}

func repeats(ps Params) bool {
	seen := map[string]bool{}
	for _, p := range ps {
		name := strings.ToLower(Unescape(p.Name))
		if seen[name] {
			return true
		}
		seen[name] = true
	}
	return false
}

func fuzzReferTo(t *testing.T, s string) {
	a, r, err := ParseReferTo(s)
	if err != nil || controls(a.Display) || paramControls(a.Params) {
		return
	}
	again, r2, err := ParseReferTo(a.String())
	if err != nil || !reflect.DeepEqual(again.URI, a.URI) || !reflect.DeepEqual(r, r2) {
		t.Fatalf("%q: %+v %+v then %+v %+v, %v", s, a, r, again, r2, err)
	}
}

func fuzzReplaces(t *testing.T, s string) {
	r, err := ParseReplaces(s)
	if err != nil || !isToken(r.ToTag) || !isToken(r.FromTag) {
		return
	}
	if again, err := ParseReplaces(r.String()); err != nil || again != r {
		t.Fatalf("%q: %+v then %+v, %v", s, r, again, err)
	}
}

func fuzzParams(t *testing.T, s string) {
	ps, err := ParseParams(s)
	if err != nil {
		return
	}
	if len(ps) > MaxParams {
		t.Fatalf("%d parameters", len(ps))
	}
	if paramControls(ps) {
		return
	}
	again, err := ParseParams(ps.String())
	if err != nil || !sameParams(ps, again) {
		t.Fatalf("%q: %+v then %+v, %v", s, ps, again, err)
	}
}

func fuzzText(t *testing.T, s string) {
	if got := DecodeText(s); !utf8.ValidString(got) {
		t.Fatalf("%q reads %q", s, got)
	}
	wire := EncodeText(s)
	if strings.ContainsAny(wire, "\r\n\x00") {
		t.Fatalf("%q is written %q", s, wire)
	}
	if utf8.ValidString(s) && !controls(s) && !strings.Contains(s, "=?") && !strings.Contains(s, "%") {
		if got := DecodeText(wire); got != s {
			t.Fatalf("%q is written %q and reads %q", s, wire, got)
		}
	}
}
