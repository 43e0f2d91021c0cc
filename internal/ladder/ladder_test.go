package ladder

import (
	"strings"
	"testing"
	"time"

	"ringback/internal/ladder/golden"
)

func sipText(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n\r\n") }

func story() []Message {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	ms := func(n int) time.Time { return at.Add(time.Duration(n) * time.Millisecond) }
	agent, pbx, other := "10.0.0.2:5071", "10.0.0.1:5060", "10.0.0.3:5099"
	return []Message{
		{ms(0), agent, pbx, sipText("REGISTER sip:lab.ringback SIP/2.0", "Via: SIP/2.0/UDP 10.0.0.2:5071;branch=z9hG4bKabc", "CSeq: 1 REGISTER", "i: qqq@x",
			`Contact: <sip:1001@10.0.0.2>;+sip.instance="<urn:uuid:00000000-0000-4000-8000-00000000abcd>"`)},
		{ms(3), pbx, agent, sipText("SIP/2.0 401 Unauthorized", "Call-ID: qqq@x", "CSeq: 1 REGISTER", `WWW-Authenticate: Digest realm="lab", nonce="abcdef", algorithm=MD5`)},
		{ms(5), agent, pbx, sipText("REGISTER sip:lab.ringback SIP/2.0", "CSeq: 2 REGISTER", "i: qqq@x",
			`Authorization: Digest username="1001", realm="lab", nonce="abcdef", uri="sip:lab", cnonce="zz", nc=00000001, response="00112233445566778899aabbccddeeff"`)},
		{ms(8), pbx, agent, sipText("SIP/2.0 200 OK", "Call-ID: qqq@x", "CSeq: 2 REGISTER")},
		{ms(1200), pbx, agent, append(sipText("INVITE sip:1001@10.0.0.2:5071 SIP/2.0", "Call-ID: second", "CSeq: 7 INVITE", "X-Callback-Name: =?UTF-8?B?5bGx55Sw?=",
			"Content-Type: application/sdp"), "v=0\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"...)},
		{ms(1300), pbx, other, sipText("REFER sip:2001@10.0.0.3 SIP/2.0", "Call-ID: third", "CSeq: 2 REFER",
			"Refer-To: <sip:2001@10.0.0.1:5060?Replaces=second%3Bto-tag%3Daaa%3Bfrom-tag%3Dbbb>", "To: <sip:2001@x>;tag=aaa")},
		{ms(1305), other, pbx, append(sipText("NOTIFY sip:lab SIP/2.0", "Call-ID: third", "CSeq: 9 NOTIFY", "c: message/sipfrag;version=2.0"), "SIP/2.0 180 Ringing\r\n"...)},
		{ms(1310), other, agent, []byte("\x00\x01garbage \x1b[31m")},
	}
}

func options() Options {
	return Options{
		Title:   "A ladder of its own",
		Parties: []Party{{"agent", []string{"10.0.0.2"}}, {"lab", []string{"10.0.0.1:5060"}}},
		Show:    []string{"WWW-Authenticate", "Authorization", "X-Callback-Name", "Refer-To", "To", "Contact"},
		Bodies:  true,
	}
}

func TestRender(t *testing.T) {
	golden.Ladder(t, "ladder", Render(story(), options()))
}

func TestRender_SecretsDoNotShow(t *testing.T) {
	text := Render(story(), options())
	for _, secret := range []string{"00112233", "abcdef", "qqq@x", "z9hG4bK", "0000abcd"} {
		if strings.Contains(text, secret) {
			t.Errorf("the ladder shows %q:\n%s", secret, text)
		}
	}
	info := Message{From: "a", To: "b", Raw: sipText("INFO sip:x SIP/2.0", "X-Key: inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9", "X-Sig: Signal=5")}
	text = Render([]Message{info}, Options{Show: []string{"X-Key", "X-Sig"}})
	for _, secret := range []string{"WVNf", "Signal=5"} {
		if strings.Contains(text, secret) {
			t.Errorf("the ladder shows %q:\n%s", secret, text)
		}
	}
}

func TestRender_Without(t *testing.T) {
	o := options()
	o.Without = []string{"REGISTER"}
	text := Render(story(), o)
	if strings.Contains(text, "REGISTER") || strings.Contains(text, "401") || !strings.Contains(text, "INVITE") {
		t.Errorf("REGISTER and its answers are not left out:\n%s", text)
	}
}

// TestRender_SameStorySameText changes all that is random in the story.
func TestRender_SameStorySameText(t *testing.T) {
	want := Render(story(), options())
	again := story()
	swap := strings.NewReplacer("qqq@x", "rrr@y", "abcdef", "fedcba", "z9hG4bKabc", "z9hG4bKxyz", "second", "zweiter", "aaa", "ccc", "5071", "6071", "zz\"", "yy\"")
	for i, m := range again {
		again[i].Raw = []byte(swap.Replace(string(m.Raw)))
		again[i].From, again[i].To = swap.Replace(m.From), swap.Replace(m.To)
	}
	if got := Render(again, options()); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestMerge_KeepsAMessageOnce(t *testing.T) {
	sent := story()
	var received []Message
	for _, m := range sent {
		m.At = m.At.Add(4 * time.Millisecond)
		received = append(received, m)
	}
	resent := sent[0]
	resent.At = resent.At.Add(500 * time.Millisecond)
	got := Merge(received, append(sent, resent))
	if len(got) != len(sent)+1 {
		t.Fatalf("%d messages, want %d and one retransmission", len(got), len(sent))
	}
	if !got[0].At.Equal(sent[0].At) {
		t.Error("the message is not kept as its sender saw it")
	}
}

func FuzzRender(f *testing.F) {
	for _, m := range story() {
		f.Add(m.Raw, m.From, m.To)
	}
	f.Add([]byte("SIP/2.0 \r\n \r\n:::\r\n"), "", "\n")
	f.Fuzz(func(t *testing.T, raw []byte, from, to string) {
		o := options()
		o.Show = append(o.Show, "Via", "Call-ID", "Replaces")
		text := Render([]Message{{From: from, To: to, Raw: raw}, {From: to, To: from, Raw: raw}}, o)
		for _, r := range text {
			if r != '\n' && (r < ' ' || r == 0x7f) {
				t.Fatalf("control character %q in %q", r, text)
			}
		}
	})
}
