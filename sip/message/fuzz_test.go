package message

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// addTorture seeds a fuzzer with all torture messages and the hostile ones.
func addTorture(f *testing.F) {
	for _, row := range torture {
		f.Add(readTorture(f, row.file))
	}
	raw, err := filepath.Glob("../../testdata/rfc*/*")
	if err != nil || len(raw) == 0 {
		f.Fatal("no testdata", err)
	}
	for _, file := range raw {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range hostileMessages() {
		if len(text) < 8192 {
			f.Add([]byte(text))
		}
	}
	f.Add([]byte(optionsText("From: \"a\\")))
}

// What is admitted reads the same after it was written, its answer is admitted
// too, and no answer is over four times the request.
func FuzzParse(f *testing.F) {
	addTorture(f)
	source := netip.MustParseAddrPort("192.0.2.1:5060")
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := treat(data); n > 4*len(data)+64 {
			t.Fatalf("answer of %d bytes to %d", n, len(data))
		}
		m, err := Parse(data)
		if err != nil {
			var r *Reject
			if !errors.As(err, &r) || r.Code < 400 {
				t.Fatalf("no Reject: %v", err)
			}
			if r.Head != nil {
				_ = StampVia(r.Head, source)
			}
			return
		}
		wire := Bytes(m)
		again, err := Parse(wire)
		if len(wire) > MaxMessage || len(wire)-len(m.Body()) > MaxHeaderBytes {
			return // a fold or a default Content-Length may just exceed the limit
		}
		if err != nil {
			t.Fatalf("%v\n%q", err, wire)
		}
		if !bytes.Equal(Bytes(again), wire) {
			t.Fatalf("%q\n%q", wire, Bytes(again))
		}
		readAll(m)
		if req, ok := m.(*Request); ok {
			checkFuzzedRequest(t, req, source)
		}
	})
}

func checkFuzzedRequest(t *testing.T, req *Request, source netip.AddrPort) {
	hop, err := TopVia(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := StampVia(req, source); err != nil {
		t.Fatal(err)
	}
	stamped, err := TopVia(req)
	if err != nil || stamped.Branch() != hop.Branch() || stamped.Host != hop.Host {
		t.Fatalf("%q became %q: %v", hop.Raw, stamped.Raw, err)
	}
	if stamped.Params.Has("rport") && stamped.Params.Value("rport") != "5060" {
		t.Fatalf("rport in %q", stamped.Raw)
	}
	res := NewResponse(req, 200, "", "tag")
	if _, err := Parse(Bytes(res)); err != nil && len(Bytes(res)) < MaxHeaderBytes && len(Values(req, "Via")) < 60 && len(Headers(res)) < 190 {
		t.Fatalf("answer not admitted: %v\n%q", err, Bytes(res))
	}
}

// readAll runs every reader over a message.
func readAll(m Message) {
	_, _ = From(m)
	_, _ = To(m)
	_, _ = Vias(m)
	_, _, _ = Contacts(m)
	_, _ = Addresses(m, "Record-Route")
	_, _, _ = ReferTo(m)
	_, _ = ReplacesOf(m)
	_, _ = RAckOf(m)
	_, _ = Parts(m)
	Reasons(m)
	RetryAfter(m)
	SessionExpiresOf(m)
	TokenOf(m, "Subscription-State")
	for _, h := range Headers(m) {
		DecodeText(h.Value)
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{`"a \"b" <sip:a@b;lr>;tag=1`, "sip:a@b;x=1", "<sip:[::1]:5060>", `"a\`, "a<sip:b>", `<sip:a@b>;x="y;z"`,
		`"T. Watson" <tel:1>`, "*", "<>", "ä <sips:x@y?a=b>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
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
	})
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

func FuzzVia(f *testing.F) {
	for _, s := range []string{"SIP/2.0/UDP h:5060;branch=z9hG4bKa;rport", "SIP / 2.0 / TCP [::1] : 5 ; a = \"b;c\"", "SIP/2.0/UDP 1.2.3.4;;",
		"SIP/2.0/UDP h;received=2001:db8::1", "SIP/2.0/TLS h;rport=1;received=x;ttl=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
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
	})
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:a@b", "sips:a:b@[::1]:5061;x=y;lr?a=b&c=", "tel:+1;x=y", "soap.beep://h:1", "sip:%41@b", "sip:a@b;c%6C",
		"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
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
	})
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

func FuzzReferTo(f *testing.F) {
	for _, s := range []string{"<sip:a@b;ob?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>", "sip:a@b?Replaces=x;to-tag=1;from-tag=2", "<sip:a@b>",
		`"x" <sip:a@b?Replaces=>`, "<sip:a@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, r, err := ParseReferTo(s)
		if err != nil || controls(a.Display) || paramControls(a.Params) {
			return
		}
		again, r2, err := ParseReferTo(a.String())
		if err != nil || !reflect.DeepEqual(again.URI, a.URI) || !reflect.DeepEqual(r, r2) {
			t.Fatalf("%q: %+v %+v then %+v %+v, %v", s, a, r, again, r2, err)
		}
	})
}

func FuzzReplaces(f *testing.F) {
	f.Add("a@b;to-tag=1;from-tag=2;early-only")
	f.Add("a;to-tag=;from-tag=")
	f.Add(`a;to-tag="x";from-tag=2`)
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReplaces(s)
		if err != nil || !isToken(r.ToTag) || !isToken(r.FromTag) {
			return
		}
		if again, err := ParseReplaces(r.String()); err != nil || again != r {
			t.Fatalf("%q: %+v then %+v, %v", s, r, again, err)
		}
	})
}

func FuzzParams(f *testing.F) {
	for _, s := range []string{";a=b;c", ` ; a = "b\"c" ;d=[::1]`, ";;", `;a="`, ";a=b;", `;+sip.instance="<urn:uuid:1>"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
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
	})
}
