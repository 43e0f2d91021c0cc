package message

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// torture lists all messages of RFC 4475 and 5118 with what admission says:
// 0 admits, dropped refuses without an answer. What the user agent answers to
// an admitted one is in TestTortureService.
const dropped = -1

var torture = []struct {
	file string
	want int
	why  string
}{
	{"rfc4475/wsinv.dat", 0, "3.1.1.1"},
	{"rfc4475/intmeth.dat", 0, "3.1.1.2"},
	{"rfc4475/esc01.dat", 0, "3.1.1.3"},
	{"rfc4475/escnull.dat", 0, "3.1.1.4"},
	{"rfc4475/esc02.dat", 0, "3.1.1.5"},
	{"rfc4475/lwsdisp.dat", 0, "3.1.1.6"},
	{"rfc4475/longreq.dat", 0, "3.1.1.7"},
	{"rfc4475/dblreq.dat", 0, "3.1.1.8"},
	{"rfc4475/semiuri.dat", 0, "3.1.1.9"},
	{"rfc4475/transports.dat", 0, "3.1.1.10"},
	{"rfc4475/mpart01.dat", 0, "3.1.1.11"},
	{"rfc4475/unreason.dat", 0, "3.1.1.12"},
	{"rfc4475/noreason.dat", 0, "3.1.1.13"},
	{"rfc4475/badinv01.dat", 400, "3.1.2.1 extraneous separators"},
	{"rfc4475/clerr.dat", 400, "3.1.2.2 Content-Length larger than the message"},
	{"rfc4475/ncl.dat", 400, "3.1.2.3 negative Content-Length"},
	{"rfc4475/scalar02.dat", 400, "3.1.2.4 scalars out of range"},
	{"rfc4475/scalarlg.dat", dropped, "3.1.2.5 a response with scalars out of range"},
	{"rfc4475/quotbal.dat", 400, "3.1.2.6 unclosed quote"},
	{"rfc4475/ltgtruri.dat", 400, "3.1.2.7 <> round the Request-URI"},
	{"rfc4475/lwsruri.dat", 400, "3.1.2.8 blank in the Request-URI"},
	{"rfc4475/lwsstart.dat", 400, "3.1.2.9 several blanks in the start line"},
	{"rfc4475/trws.dat", 400, "3.1.2.10 blanks behind the start line"},
	{"rfc4475/escruri.dat", 400, "3.1.2.11 headers in the Request-URI"},
	{"rfc4475/baddate.dat", 0, "3.1.2.12 a bad Date need not be looked at"},
	{"rfc4475/regbadct.dat", 400, "3.1.2.13 Contact with ? and without <>"},
	{"rfc4475/badaspec.dat", 400, "3.1.2.14 blanks inside <>"},
	{"rfc4475/baddn.dat", 400, "3.1.2.15 display name that needs quotes"},
	{"rfc4475/badvers.dat", 505, "3.1.2.16"},
	{"rfc4475/mismatch01.dat", 400, "3.1.2.17 CSeq for another method"},
	{"rfc4475/mismatch02.dat", 400, "3.1.2.18 unknown method, CSeq for another"},
	{"rfc4475/bigcode.dat", dropped, "3.1.2.19 status code out of range"},
	{"rfc4475/badbranch.dat", 0, "3.2.1 served by the rules of RFC 2543"},
	{"rfc4475/insuf.dat", 400, "3.3.1 no From, To, Call-ID"},
	{"rfc4475/unkscm.dat", 0, "3.3.2 the user agent says 416"},
	{"rfc4475/novelsc.dat", 0, "3.3.3 the user agent says 416"},
	{"rfc4475/unksm2.dat", 0, "3.3.4"},
	{"rfc4475/bext01.dat", 0, "3.3.5 the user agent says 420"},
	{"rfc4475/invut.dat", 0, "3.3.6 the user agent says 415"},
	{"rfc4475/regaut01.dat", 0, "3.3.7"},
	{"rfc4475/multi01.dat", 400, "3.3.8 single headers twice"},
	{"rfc4475/mcl01.dat", 400, "3.3.9 two Content-Length"},
	{"rfc4475/bcast.dat", 0, "3.3.10 the transaction drops it"},
	{"rfc4475/zeromf.dat", 0, "3.3.11 we are no proxy"},
	{"rfc4475/cparam01.dat", 0, "3.3.12"},
	{"rfc4475/cparam02.dat", 0, "3.3.13"},
	{"rfc4475/regescrt.dat", 0, "3.3.14"},
	{"rfc4475/sdp01.dat", 0, "3.3.15 the user agent says 406"},
	{"rfc4475/inv2543.dat", 0, "3.4.1"},
	{"rfc4475/test.dat", dropped, "no version, no Via: nowhere to answer"},
	{"rfc5118/ipv6-good", 0, "4.1"},
	{"rfc5118/ipv6-bad", 400, "4.2 IPv6 address without brackets"},
	{"rfc5118/port-ambiguous", 0, "4.3 the port is part of the address"},
	{"rfc5118/port-unambiguous", 0, "4.4"},
	{"rfc5118/via-received-param-with-delim", 0, "4.5"},
	{"rfc5118/via-received-param-no-delim", 0, "4.5"},
	{"rfc5118/ipv6-in-sdp", 0, "4.6"},
	{"rfc5118/mult-ip-in-sdp", 0, "4.7"},
	{"rfc5118/mult-ip-in-header", 0, "4.8"},
	{"rfc5118/ipv4-mapped-ipv6", 0, "4.9"},
	{"rfc5118/ipv6-bug-abnf-3-colons", 400, "4.10 three colons are no address"},
	{"rfc5118/ipv6-correct-abnf-2-colons", 0, "4.10"},
}

func readTorture(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(file, "rfc5118/") {
		return data
	}
	data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	if !bytes.Contains(data, []byte("\r\n\r\n")) {
		data = append(data, "\r\n"...)
	}
	_, body, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	length := []byte("Content-Length: " + strconv.Itoa(len(body)))
	return regexp.MustCompile(`Content-Length: \d+`).ReplaceAll(data, length)
}

func TestConformance_U13_Torture(t *testing.T) {
	for _, row := range torture {
		t.Run(row.file+" "+row.why, func(t *testing.T) {
			data := readTorture(t, row.file)
			m, err := Parse(data)
			var r *Reject
			switch {
			case row.want == 0:
				if err != nil {
					t.Fatalf("not admitted: %v", err)
				}
				if again, err := Parse(Bytes(m)); err != nil || !bytes.Equal(Bytes(again), Bytes(m)) {
					t.Fatalf("not the same after a round trip: %v\n%s", err, Bytes(m))
				}
			case !errors.As(err, &r):
				t.Fatalf("admitted")
			case row.want == dropped:
				if r.Response("x") != nil {
					t.Fatalf("answered with %d: %s", r.Code, r.Cause)
				}
			default:
				checkAnswer(t, data, r, row.want)
			}
		})
	}
}

// checkAnswer checks that the answer holds the Via and Call-ID lines of the
// request as they stood there.
func checkAnswer(t *testing.T, request []byte, r *Reject, want int) {
	t.Helper()
	res := r.Response("mytag")
	if r.Code != want || res == nil {
		t.Fatalf("%d %s, answer %v", r.Code, r.Cause, res)
	}
	if !strings.HasPrefix(res.String(), "SIP/2.0 "+strconv.Itoa(want)+" ") {
		t.Fatalf("answer begins %q", res.String()[:20])
	}
	for _, v := range Values(res, "Via") {
		if !bytes.Contains(request, []byte(v)) {
			t.Errorf("Via %q is not as it came", v)
		}
	}
	if to := Value(res, "To"); to != "" && !strings.Contains(to, "tag=") && !strings.Contains(to, `"Mr`) && r.Code != 400 {
		t.Errorf("To %q without a tag", to)
	}
}

func TestTortureListIsComplete(t *testing.T) {
	listed := map[string]bool{}
	for _, row := range torture {
		listed[row.file] = true
	}
	for dir, want := range map[string]int{"rfc4475": 50, "rfc5118": 12} {
		entries, err := os.ReadDir(filepath.Join("../../testdata", dir))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".md") || strings.HasPrefix(e.Name(), ".") {
				continue
			}
			n++
			if !listed[dir+"/"+e.Name()] {
				t.Errorf("%s/%s is not tested", dir, e.Name())
			}
		}
		if n != want {
			t.Errorf("%s has %d messages, want %d", dir, n, want)
		}
	}
}

func TestTortureService(t *testing.T) {
	sv := Service{
		Methods:      []Method{INVITE, ACK, CANCEL, BYE, OPTIONS},
		ContentTypes: []string{"application/sdp"},
		Accept:       []string{"application/sdp"},
	}
	rows := []struct {
		file   string
		want   int
		header Header
	}{
		{"rfc4475/unkscm.dat", 416, Header{}},
		{"rfc4475/novelsc.dat", 416, Header{}},
		{"rfc4475/bext01.dat", 420, Header{"Unsupported", "nothingSupportsThis, nothingSupportsThisEither"}},
		{"rfc4475/invut.dat", 415, Header{"Accept", "application/sdp"}},
		{"rfc4475/sdp01.dat", 406, Header{}},
		{"rfc4475/esc02.dat", 405, Header{"Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"}},
		{"rfc4475/intmeth.dat", 405, Header{"Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"}},
		{"rfc4475/unksm2.dat", 405, Header{"Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS"}},
		{"rfc4475/wsinv.dat", 0, Header{}},
		{"rfc4475/semiuri.dat", 0, Header{}},
		{"rfc4475/zeromf.dat", 0, Header{}},
		{"rfc4475/inv2543.dat", 0, Header{}},
	}
	for _, row := range rows {
		t.Run(row.file, func(t *testing.T) {
			m, err := Parse(readTorture(t, row.file))
			if err != nil {
				t.Fatal(err)
			}
			r := sv.Check(m.(*Request))
			if row.want == 0 {
				if r != nil {
					t.Fatalf("refused: %v", r)
				}
				return
			}
			if r == nil || r.Code != row.want {
				t.Fatalf("got %v, want %d", r, row.want)
			}
			if h := row.header; h.Name != "" && Value(r.Response("x"), h.Name) != h.Value {
				t.Errorf("%s: %q", h.Name, Value(r.Response("x"), h.Name))
			}
		})
	}
}

func mustRead(t *testing.T, file string) Message {
	t.Helper()
	m, err := Parse(readTorture(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTortureReadsValues(t *testing.T) {
	t.Run("wsinv: folds, blanks, compact forms", func(t *testing.T) {
		m := mustRead(t, "rfc4475/wsinv.dat")
		vias, err := Vias(m)
		if err != nil || len(vias) != 3 || vias[0].Branch() != "390skdjuw" || vias[1].Transport != "TCP" ||
			vias[1].Branch() != "z9hG4bK9ikj8" || vias[2].Host != "192.168.255.111" || vias[2].Branch() != "z9hG4bK30239" {
			t.Fatalf("%v %+v", err, vias)
		}
		from, err := From(m)
		if err != nil || from.Display != `J Rosenberg \"` || from.Tag() != "98asjd8" || ToTag(m) != "1918181833n" {
			t.Fatalf("%v %+v %s", err, from, ToTag(m))
		}
		cs, _, err := Contacts(m)
		if err != nil || len(cs) != 1 || cs[0].Display != `Quoted string ""` || cs[0].Params.Value("newparam") != "newvalue" ||
			!cs[0].Params.Has("secondparam") || cs[0].Params.Value("Q") != "0.33" {
			t.Fatalf("%v %+v", err, cs)
		}
		if c, err := CSeqOf(m); err != nil || c != (CSeq{9, INVITE}) {
			t.Fatalf("%v %v", c, err)
		}
	})
	t.Run("esc01: escapes", func(t *testing.T) {
		m := mustRead(t, "rfc4475/esc01.dat")
		if u := RequestURI(m.(*Request)); u.UserText() != "sips:user@example.com" || u.Host != "example.net" {
			t.Fatalf("%+v", u)
		}
		cs, _, _ := Contacts(m)
		if v := cs[0].URI.Params; !v.Has("lr") || Unescape(v.Value("name")) != "value%41" {
			t.Fatalf("%+v", v)
		}
	})
	t.Run("semiuri: semicolon in the user", func(t *testing.T) {
		u := RequestURI(mustRead(t, "rfc4475/semiuri.dat").(*Request))
		if u.UserText() != "user;par=u@example.net" || u.Host != "example.com" || len(u.Params) != 0 {
			t.Fatalf("%+v", u)
		}
	})
	t.Run("intmeth: odd method, escaped controls", func(t *testing.T) {
		m := mustRead(t, "rfc4475/intmeth.dat")
		if m.(*Request).Method != "!interesting-Method0123456789_*+`.%indeed'~" {
			t.Fatal(m.(*Request).Method)
		}
		if to, err := To(m); err != nil || to.Display != "BEL:\a NUL:\x00 DEL:\x7f" {
			t.Fatalf("%q %v", to.Display, err)
		}
	})
	t.Run("esc02: methods are not unescaped", func(t *testing.T) {
		m := mustRead(t, "rfc4475/esc02.dat")
		cs, _, err := Contacts(m)
		if m.(*Request).Method != "RE%47IST%45R" || len(cs) != 2 || err != nil {
			t.Fatal(m.(*Request).Method, cs, err)
		}
	})
	t.Run("cparam: unknown parameter outside and inside", func(t *testing.T) {
		out, _, _ := Contacts(mustRead(t, "rfc4475/cparam01.dat"))
		in, _, _ := Contacts(mustRead(t, "rfc4475/cparam02.dat"))
		if !out[0].Params.Has("unknownparam") || out[0].URI.Params != nil || !in[0].URI.Params.Has("unknownparam") || in[0].Params != nil {
			t.Fatalf("%+v %+v", out, in)
		}
	})
	t.Run("regescrt: escaped headers of a Contact", func(t *testing.T) {
		cs, _, _ := Contacts(mustRead(t, "rfc4475/regescrt.dat"))
		if cs[0].URI.Header("route") != "<sip:sip.example.com>" {
			t.Fatalf("%+v", cs)
		}
	})
	t.Run("mpart01: parts", func(t *testing.T) {
		parts, err := Parts(mustRead(t, "rfc4475/mpart01.dat"))
		if err != nil || len(parts) != 2 || string(parts[0].Body) != "Hello" || parts[1].ContentType != "application/octet-stream" {
			t.Fatalf("%v %+v", err, parts)
		}
	})
	t.Run("badbranch: nothing behind the cookie", func(t *testing.T) {
		if v, err := TopVia(mustRead(t, "rfc4475/badbranch.dat")); err != nil || v.HasMagic() {
			t.Fatalf("%+v %v", v, err)
		}
	})
	t.Run("noreason and unreason", func(t *testing.T) {
		no, un := mustRead(t, "rfc4475/noreason.dat").(*Response), mustRead(t, "rfc4475/unreason.dat").(*Response)
		if no.StatusCode != 100 || no.Reason != "" || un.StatusCode != 200 || !strings.Contains(un.Reason, "девяносто") {
			t.Fatalf("%q %q", no.Reason, un.Reason)
		}
	})
	t.Run("longreq: Via in all cases", func(t *testing.T) {
		if vias, err := Vias(mustRead(t, "rfc4475/longreq.dat")); err != nil || len(vias) != 34 {
			t.Fatal(len(vias), err)
		}
	})
	t.Run("received with and without brackets", func(t *testing.T) {
		for _, f := range []string{"rfc5118/via-received-param-with-delim", "rfc5118/via-received-param-no-delim"} {
			v, err := TopVia(mustRead(t, f))
			if err != nil || strings.Trim(v.Params.Value("received"), "[]") != "2001:db8::9:255" || !v.HasMagic() {
				t.Errorf("%s: %+v %v", f, v, err)
			}
		}
	})
	t.Run("port-ambiguous", func(t *testing.T) {
		u := RequestURI(mustRead(t, "rfc5118/port-ambiguous").(*Request))
		v := RequestURI(mustRead(t, "rfc5118/port-unambiguous").(*Request))
		if u.Host != "2001:db8::10:5070" || u.Port != 0 || v.Host != "2001:db8::10" || v.Port != 5070 {
			t.Fatalf("%+v %+v", u, v)
		}
	})
}
