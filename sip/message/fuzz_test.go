package message

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
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
