package sdp

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

var (
	pcmu = Format{PayloadType: 0, Name: "PCMU", ClockRate: 8000}
	pcma = Format{PayloadType: 8, Name: "PCMA", ClockRate: 8000}
	g722 = Format{PayloadType: 9, Name: "G722", ClockRate: 8000}
	opus = Format{PayloadType: 96, Name: "opus", ClockRate: 48000, Channels: 2, Params: "useinbandfec=1"}
)

// phone is what this side can do in most tests.
func phone(codecs ...Format) Capabilities {
	if len(codecs) == 0 {
		codecs = []Format{pcmu, pcma}
	}
	return Capabilities{
		Address: netip.MustParseAddr("192.0.2.10"), Port: 4000, Codecs: codecs,
		Events: true, Direction: SendRecv, Ptime: 20 * time.Millisecond,
	}
}

// sdp puts a session part of the usual kind in front of lines.
func sdp(lines ...string) string {
	return "v=0\r\no=peer 7 1 IN IP4 192.0.2.20\r\ns=call\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n" + strings.Join(lines, "\r\n") + "\r\n"
}

func offerOf(t testing.TB, text string) *Offer {
	t.Helper()
	o, err := ParseOffer([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func answerOf(t testing.TB, text string) *Answer {
	t.Helper()
	a, err := ParseAnswer([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// negotiate answers an offer that has to be taken.
func negotiate(t testing.TB, l *Local, text string, can Capabilities) (string, *Negotiated) {
	t.Helper()
	a, n, err := Negotiate(l, offerOf(t, text), can)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(a.Bytes()), n
}

// offer builds an offer that has to be possible.
func offer(t testing.TB, l *Local, can Capabilities) *Offer {
	t.Helper()
	o, err := BuildOffer(l, can)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func apply(t testing.TB, l *Local, o *Offer, answer string) *Negotiated {
	t.Helper()
	n, err := Apply(l, o, answerOf(t, answer))
	if err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
	return n
}

// refuse takes the error of an offer that has to be refused.
func refuse(t testing.TB, l *Local, text string, can Capabilities) *Refusal {
	t.Helper()
	o, err := ParseOffer([]byte(text))
	if err == nil {
		_, _, err = Negotiate(l, o, can)
	}
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal of\n%s", err, text)
	}
	return r
}

// has fails unless all lines stand in a description.
func has(t testing.TB, text string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(text, l+"\r\n") {
			t.Errorf("no line %q in\n%s", l, text)
		}
	}
}

func mLines(text string) (out []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "m=") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func TestDirection(t *testing.T) {
	for _, row := range []struct {
		name            string
		d, reverse      Direction
		sends, receives bool
	}{
		{"sendrecv", SendRecv, SendRecv, true, true},
		{"sendonly", SendOnly, RecvOnly, true, false},
		{"recvonly", RecvOnly, SendOnly, false, true},
		{"inactive", Inactive, Inactive, false, false},
	} {
		d, err := ParseDirection(row.name)
		if err != nil || d != row.d || d.String() != row.name || d.Reverse() != row.reverse || d.Sends() != row.sends || d.Receives() != row.receives {
			t.Errorf("%s: %v, %v", row.name, d, err)
		}
	}
	if SendRecv.Intersect(RecvOnly) != RecvOnly || SendOnly.Intersect(RecvOnly) != Inactive {
		t.Error("intersection is wrong")
	}
	if _, err := ParseDirection("both"); err == nil || !strings.Contains(err.Error(), `"both"`) {
		t.Errorf("both: %v", err)
	}
}

func TestBuildOffer(t *testing.T) {
	can := phone(opus, pcmu)
	can.MaxPtime, can.RTCPPort = 60*time.Millisecond, 4005
	want := "v=0\r\no=- 42 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" +
		"m=audio 4000 RTP/AVP 96 0 101 97\r\n" +
		"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\n" +
		"a=rtpmap:101 telephone-event/48000\r\na=fmtp:101 0-15\r\n" +
		"a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\n" +
		"a=ptime:20\r\na=maxptime:60\r\na=rtcp:4005\r\na=sendrecv\r\n"
	if got := string(offer(t, NewLocal(42), can).Bytes()); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestBuildOffer_RefusesWhatMakesNone(t *testing.T) {
	for why, spoil := range map[string]func(*Capabilities){
		"address": func(c *Capabilities) { c.Address = netip.IPv4Unspecified() },
		"port 0":  func(c *Capabilities) { c.Port = 0 },
		"codec":   func(c *Capabilities) { c.Codecs = nil },
	} {
		can := phone()
		spoil(&can)
		if _, err := BuildOffer(NewLocal(1), can); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestNewLocal_DrawsItsOwnNumber(t *testing.T) {
	a, b := NewLocal(0), NewLocal(0)
	if a.id == 0 || a.id == b.id {
		t.Errorf("numbers %d and %d", a.id, b.id)
	}
}

func TestRefusal_WarningHeader(t *testing.T) {
	r := unacceptable(warnFormat, "no %q\r\nx\\y", "a")
	if got, want := r.WarningHeader("pbx.example"), `305 pbx.example "no 'a'  x'y"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if (&Refusal{Code: 488}).WarningHeader("x") != "" {
		t.Error("a header without a code")
	}
}
