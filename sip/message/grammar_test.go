package message

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestURI(t *testing.T) {
	rows := []struct {
		in   string
		want URI
	}{
		{"sip:alice@example.com", URI{Scheme: "sip", User: "alice", Host: "example.com"}},
		{"SIP:alice:pw@[2001:db8::1]:5061;transport=tls;LR", URI{Scheme: "sip", User: "alice", Password: "pw",
			Host: "2001:db8::1", Port: 5061, Params: Params{{Name: "transport", Value: "tls"}, {Name: "LR"}}}},
		{"sips:h?Subject=a%20b&x=", URI{Scheme: "sips", Host: "h",
			Headers: Params{{Name: "Subject", Value: "a%20b"}, {Name: "x"}}}},
		{"sip:*72#@pbx", URI{Scheme: "sip", User: "*72#", Host: "pbx"}},
		{"tel:+49-30-1;phone-context=x", URI{Scheme: "tel", Opaque: "+49-30-1;phone-context=x"}},
		{"sip:a@b;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", URI{Scheme: "sip", User: "a", Host: "b",
			Params: Params{{Name: "gr", Value: "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}}}},
	}
	for _, row := range rows {
		got, err := ParseURI(row.in)
		if err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %+v, %v", row.in, got, err)
		}
	}
	for _, bad := range []string{"", "sip", "sip:", ":x", "sip:@h", "sip:a b@h", "sip:h:99999", "sip:h:0", "sip:h:x", "sip:h:",
		"sip:[::1", "sip:[1.2.3.4]", "sip:a%4@h", "sip:a%zz@h", "sip:<h>", "sip:h;;x", "sip:h;=x", "sip:h?=x", "*", "sip:a@b@c",
		"sip:h;" + strings.Repeat("a;", MaxParams) + "b", "1sip:h", "sip:h\x00"} {
		if u, err := ParseURI(bad); err == nil {
			t.Errorf("%q: read as %+v", bad, u)
		}
	}
}

func TestURIEqual(t *testing.T) {
	rows := []struct {
		a, b string
		want bool
	}{
		// RFC 3261 19.1.4
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5", true},
		{"sip:a@b?to=x&from=y", "sip:a@b?from=y&to=x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next", false},
		{"sip:alice@h", "sips:alice@h", false},
	}
	for _, row := range rows {
		a, _ := ParseURI(row.a)
		b, _ := ParseURI(row.b)
		if a.Equal(b) != row.want || b.Equal(a) != row.want {
			t.Errorf("%s = %s: want %v", row.a, row.b, row.want)
		}
	}
}

func TestAddress(t *testing.T) {
	rows := []struct{ in, display, uri, params string }{
		{`"A \"B\" \\C" <sip:a@b;x=1>;tag=t`, `A "B" \C`, "sip:a@b;x=1", ";tag=t"},
		{`sip:a@b;tag=t`, "", "sip:a@b", ";tag=t"},
		{`Bob Smith<sip:a@b>`, "Bob Smith", "sip:a@b", ""},
		{`<sip:a@b> ; TAG = t ; +sip.instance = "<urn:uuid:1>"`, "", "sip:a@b", `;TAG=t;+sip.instance="<urn:uuid:1>"`},
		{`"x, y; z <q>" <sip:a@b>`, "x, y; z <q>", "sip:a@b", ""},
		{`Müller <sip:a@b>;`, "Müller", "sip:a@b", ""},
		{`"" <sip:a@b>`, "", "sip:a@b", ""},
		{`sip:a@b ;tag=1`, "", "sip:a@b", ";tag=1"},
		{`<sip:a@b>;reg-id=1;pub-gruu="sip:a@b;gr=u"`, "", "sip:a@b", `;reg-id=1;pub-gruu="sip:a@b;gr=u"`},
	}
	for _, row := range rows {
		a, err := ParseAddress(row.in)
		if err != nil || a.Display != row.display || a.URI.String() != row.uri || a.Params.String() != row.params {
			t.Errorf("%s: got %q %s %s, %v", row.in, a.Display, a.URI, a.Params, err)
			continue
		}
		if again, err := ParseAddress(a.String()); err != nil || !reflect.DeepEqual(again, a) {
			t.Errorf("%s: %s read as %+v, %v", row.in, a, again, err)
		}
	}
	for _, bad := range []string{"", "<sip:a@b", `"a <sip:a@b>`, `"a\" <sip:a@b>`, "a, b <sip:a@b>", "<sip:a@b> x", "<sip:a@b>;;",
		"< sip:a@b >", "sip:a@b?x=y", "<>", `"a" sip:a@b`, `<sip:a@b>;tag="x`, "sip:a@b,sip:c@d"} {
		if a, err := ParseAddress(bad); err == nil {
			t.Errorf("%q: read as %+v", bad, a)
		}
	}
}

func TestContactsAreAllRead(t *testing.T) {
	m := request(t, "Contact: <sip:1@h>;expires=60, \"a,b\" <sip:2@h>", "m: <sip:3@h>;expires=9999999999")
	list, star, err := Contacts(m)
	if err != nil || star || len(list) != 3 || list[1].Display != "a,b" {
		t.Fatalf("%+v %v", list, err)
	}
	if d, ok := ContactExpires(list[0]); !ok || d != time.Minute {
		t.Error(d, ok)
	}
	if d, ok := ContactExpires(list[2]); !ok || d != (1<<32-1)*time.Second {
		t.Error(d, ok)
	}
	if _, star, _ := Contacts(request(t, "Contact: *")); !star {
		t.Error("star not seen")
	}
}

// request makes a good OPTIONS with more header lines.
func request(t *testing.T, lines ...string) *Request {
	t.Helper()
	m, err := Parse([]byte(optionsText(lines...)))
	if err != nil {
		t.Fatal(err)
	}
	return m.(*Request)
}

func optionsText(lines ...string) string {
	all := append([]string{"OPTIONS sip:us@h SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;rport",
		"From: <sip:a@h>;tag=1", "To: <sip:us@h>", "Call-ID: c", "CSeq: 1 OPTIONS"}, lines...)
	return strings.Join(all, "\r\n") + "\r\n\r\n"
}

func TestCompactForms(t *testing.T) {
	m := request(t, "r: <sip:x@y>", "b: <sip:by@y>", "x: 1800;Refresher=UAS", "k: 100rel, timer", "o: refer", "e: identity",
		"u: refer", "s: hello")
	for name, want := range map[string]string{"Refer-To": "<sip:x@y>", "Referred-By": "<sip:by@y>", "Event": "refer",
		"Content-Encoding": "identity", "Allow-Events": "refer", "Subject": "hello"} {
		if Value(m, name) != want || !Has(m, strings.ToLower(name)) {
			t.Errorf("%s: %q", name, Value(m, name))
		}
	}
	if se, ok := SessionExpiresOf(m); !ok || se != (SessionExpires{30 * time.Minute, "uas"}) {
		t.Errorf("%+v %v", se, ok)
	}
	if !HasToken(m, "Supported", "TIMER") || HasToken(m, "Supported", "rel") {
		t.Error("Supported")
	}
}

func TestReferTo(t *testing.T) {
	const callID = "abc@1.2.3.4"
	want := Replaces{CallID: callID, ToTag: "t1", FromTag: "f1"}
	for _, in := range []string{
		"<sip:a@b;ob?Replaces=abc%401.2.3.4%3Bto-tag%3Dt1%3Bfrom-tag%3Df1>",
		"<sip:a@b?Replaces=abc%401.2.3.4;to-tag=t1;from-tag=f1>",
		"sip:a@b?replaces=abc%401.2.3.4%3bfrom-tag%3Df1%3bto-tag%3Dt1",
		`"x" <sip:a@b:5060;transport=udp?Replaces=abc%401.2.3.4%3Bto-tag%3Dt1%3Bfrom-tag%3Df1&Require=replaces>`,
	} {
		a, r, err := ParseReferTo(in)
		if err != nil || r == nil || *r != want || a.URI.User != "a" || a.URI.Host != "b" {
			t.Errorf("%s: %+v %+v %v", in, a, r, err)
		}
	}
	a, _, _ := ParseReferTo("<sip:a@b;ob?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>")
	if !a.URI.Params.Has("ob") || a.String() != "<sip:a@b;ob?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>" {
		t.Errorf("%+v", a)
	}
	for _, bad := range []string{"", "<sip:a@b", "<sip:a@b?Replaces=x>", "sip:", "<>"} {
		if a, _, err := ParseReferTo(bad); err == nil {
			t.Errorf("%q: read as %+v", bad, a)
		}
	}
	r := Replaces{CallID: "a@b", ToTag: "1", FromTag: "2", EarlyOnly: true}
	u := URI{Scheme: "sip", User: "x", Host: "y", Headers: Params{{Name: "Replaces", Value: EscapeHeader(r.String())}}}
	if _, got, err := ParseReferTo(Address{URI: u}.String()); err != nil || *got != r {
		t.Errorf("%s: %+v %v", u, got, err)
	}
}

func TestViaStamp(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("198.51.100.7:4444"), netip.MustParseAddrPort("[2001:db8::7]:4444")
	rows := []struct {
		via    string
		source netip.AddrPort
		want   string
	}{
		{"SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKa", v4, "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKa"},
		{"SIP/2.0/UDP host;branch=z9hG4bKa", v4, "SIP/2.0/UDP host;branch=z9hG4bKa;received=198.51.100.7"},
		{"SIP/2.0/UDP 198.51.100.7;rport;branch=b", v4, "SIP/2.0/UDP 198.51.100.7;rport=4444;branch=b;received=198.51.100.7"},
		{"SIP/2.0/UDP h;RPORT ; branch=b", v4, "SIP/2.0/UDP h;rport=4444; branch=b;received=198.51.100.7"},
		{"SIP/2.0/UDP h;rport=1;received=6.6.6.6;x=\"a;b,c\\\"\"", v4, "SIP/2.0/UDP h;rport=4444;x=\"a;b,c\\\"\";received=198.51.100.7"},
		{"SIP/2.0/UDP [2001:DB8::7];branch=b", v6, "SIP/2.0/UDP [2001:DB8::7];branch=b"},
		{"SIP/2.0/UDP h;branch=b, SIP/2.0/UDP i;rport", v6, "SIP/2.0/UDP h;branch=b;received=2001:db8::7, SIP/2.0/UDP i;rport"},
		{"SIP/2.0/UDP 198.51.100.7;received=6.6.6.6;branch=b", v4, "SIP/2.0/UDP 198.51.100.7;branch=b"},
	}
	for _, row := range rows {
		req := NewRequest(OPTIONS, URI{Scheme: "sip", Host: "h"})
		Add(req, "Via", row.via)
		Add(req, "Via", "SIP/2.0/UDP second;rport")
		if err := StampVia(req, row.source); err != nil || Value(req, "Via") != row.want {
			t.Errorf("%s: %s, %v", row.via, Value(req, "Via"), err)
		}
		if Values(req, "Via")[1] != "SIP/2.0/UDP second;rport" {
			t.Error("the second Via was touched")
		}
	}
}

func TestResponseCopiesViaUnaltered(t *testing.T) {
	const via = `SIP/2.0/UDP  h ; branch = z9hG4bKa ; x="a;b, \"c" ;y, SIP/2.0/TCP  i;Branch=B`
	m, err := Parse([]byte("INVITE sip:us@h SIP/2.0\r\nVia: " + via + "\r\nRecord-Route: <sip:p;lr>;x=y\r\nFrom: \"\\\"\" <sip:a@h>;tag=1\r\n" +
		"To: <sip:us@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nTimestamp: 54\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	res := NewResponse(m.(*Request), 180, "", "mine")
	want := "SIP/2.0 180 Ringing\r\nVia: " + via + "\r\nRecord-Route: <sip:p;lr>;x=y\r\nFrom: \"\\\"\" <sip:a@h>;tag=1\r\n" +
		"To: <sip:us@h>;tag=mine\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
	if string(Bytes(res)) != want {
		t.Errorf("got\n%s\nwant\n%s", Bytes(res), want)
	}
	trying := NewResponse(m.(*Request), 100, "", "mine")
	if ToTag(trying) != "" || Value(trying, "Timestamp") != "54" || Has(trying, "Record-Route") {
		t.Errorf("100: %s", Bytes(trying))
	}
	if busy := NewResponse(m.(*Request), 486, "", "mine"); Has(busy, "Record-Route") || busy.Reason != "Busy Here" {
		t.Errorf("486: %s", Bytes(busy))
	}
}

func TestHeaderEditing(t *testing.T) {
	m := request(t, "X-A: 1", "x-a: 2", "X-B: 3", "X-A: 4")
	Set(m, "X-a", "9")
	if got := Values(m, "X-A"); !reflect.DeepEqual(got, []string{"9"}) || Value(m, "X-B") != "3" {
		t.Fatal(Headers(m))
	}
	Prepend(m, "v", "SIP/2.0/UDP new;branch=z9hG4bKn")
	if v, _ := TopVia(m); v.Host != "new" || Headers(m)[0].Name != "Via" {
		t.Fatal(Headers(m))
	}
	if !Remove(m, "via") || Has(m, "v") || Remove(m, "via") {
		t.Fatal(Headers(m))
	}
	SetBody(m, "text/plain", []byte("hello"))
	SetBody(m, "text/html", []byte("hello!"))
	if Value(m, "Content-Length") != "6" || Value(m, "l") != "6" || Value(m, "Content-Type") != "text/html" {
		t.Fatal(string(Bytes(m)))
	}
	SetBody(m, "", nil)
	if got, err := Parse([]byte(strings.Replace(string(Bytes(m)), "From", "Via: SIP/2.0/UDP h;branch=b\r\nFrom", 1))); err != nil || len(got.Body()) != 0 {
		t.Fatal(err, string(Bytes(m)))
	}
	c := Clone(m)
	Set(c, "Call-ID", "other")
	if CallID(m) != "c" || CallID(c) != "other" {
		t.Fatal("the clone shares its headers")
	}
}

func TestFields(t *testing.T) {
	m := request(t, "RAck: 776656 1 INVITE", "RSeq: 988789", "Retry-After: 18 (in a meeting);duration=5", "Expires: 99999999999999999999",
		`Reason: SIP;cause=200;text="Call completed elsewhere", Q.850;cause=16`, "Subscription-State: terminated;reason=noresource",
		"Replaces: a@b;to-tag=1;from-tag=2;early-only", "Min-SE: 90")
	if r, err := RAckOf(m); err != nil || r != (RAck{776656, CSeq{1, INVITE}}) || r.String() != "776656 1 INVITE" {
		t.Error(r, err)
	}
	if n, ok := RSeqOf(m); !ok || n != 988789 {
		t.Error(n, ok)
	}
	if d, ok := RetryAfter(m); !ok || d != 18*time.Second {
		t.Error(d, ok)
	}
	if d, ok := Seconds(m, "Expires"); !ok || d != (1<<32-1)*time.Second {
		t.Error(d, ok)
	}
	if d, ok := Seconds(m, "Min-SE"); !ok || d != 90*time.Second {
		t.Error(d, ok)
	}
	rs := Reasons(m)
	if len(rs) != 2 || rs[0] != (Reason{"SIP", 200, "Call completed elsewhere"}) || rs[1].Cause != 16 {
		t.Error(rs)
	}
	if rs[0].String() != `SIP;cause=200;text="Call completed elsewhere"` {
		t.Error(rs[0])
	}
	if s := TokenOf(m, "Subscription-State"); s.Value != "terminated" || s.Params.Value("Reason") != "noresource" {
		t.Error(s)
	}
	if r, err := ReplacesOf(m); err != nil || *r != (Replaces{"a@b", "1", "2", true}) {
		t.Error(r, err)
	}
}

func TestDecodeText(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "=?UTF-8?B?R3LDvG4=?=": "Grün", "=?iso-8859-1?q?Gr=FCn?= =?UTF-8?Q?_=C3=BC?=": "Grün ü",
		"M%C3%BCller%20GmbH": "Müller GmbH", "100% sure": "100% sure", "50%FF": "50%FF", "M\xfcller": "Müller", "Grün": "Grün",
	} {
		if got := DecodeText(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := DecodeText(EncodeText("Grün\r\nX: y")); got != "Grün\r\nX: y" {
		t.Errorf("%q", got)
	}
	if CheckValue("Subject", EncodeText("a\r\nX: y")) != nil {
		t.Error("an encoded value cannot be sent")
	}
}

// S01: nothing that a person gives can end its line.
func TestConformance_S01_OutboundValues(t *testing.T) {
	for _, bad := range []string{"a\r\nX: y", "a\nb", "a\rb", "a\x00b", "\x1b[2J"} {
		if CheckValue("Subject", bad) == nil {
			t.Errorf("%q passed", bad)
		}
		a := Address{Display: bad + `\`, URI: URI{Scheme: "sip", User: EscapeUser(bad), Host: "h"}}
		if strings.ContainsAny(a.String(), "\r\n\x00\x1b") {
			t.Errorf("%q written raw", a)
		}
		if _, err := ParseAddress(a.String()); err != nil {
			t.Errorf("%q: %v", a, err)
		}
	}
	if CheckValue("X Y", "a") == nil || CheckValue("X:", "a") == nil || CheckValue("Subject", "ü \t%0d%0a \"") != nil {
		t.Error("names or good values")
	}
}
