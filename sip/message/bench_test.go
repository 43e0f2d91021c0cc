package message

import (
	"net/netip"
	"strings"
	"testing"
)

// Budget: 30 µs for an INVITE with SDP, so that a core reads 30,000 a second.
func BenchmarkParse(b *testing.B) {
	for _, file := range []string{"rfc4475/wsinv.dat", "rfc4475/sdp01.dat", "rfc4475/longreq.dat", "rfc4475/unreason.dat"} {
		b.Run("message="+file, func(b *testing.B) {
			data := readTorture(b, file)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The messages of one call, as the load tester and its far end write them. Budget: 30 µs for all six.
func BenchmarkParseCall(b *testing.B) {
	all := callMessages()
	b.ReportAllocs()
	for b.Loop() {
		for _, data := range all {
			if _, err := Parse(data); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// callMessages are INVITE, 180, 200, ACK, BYE and 200.
func callMessages() (all [][]byte) {
	const (
		via    = "Via: SIP/2.0/UDP 127.0.0.1:53926;rport"
		known  = ";branch=z9hG4bK2vucjy3xfv3j4y5ou5oqkn6gkh"
		stamp  = "=53926" + known + ";received=127.0.0.1"
		from   = "From: <sip:1@127.0.0.1>;tag=vlmibwyaacgfgbak"
		to     = "To: <sip:echo@127.0.0.1:5091>"
		callID = "Call-ID: mgw24ypgafzh5apvzurpjbzi4z"
		can    = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE\n" +
			"Supported: 100rel, timer, replaces, norefersub, nosub"
		sdp = "Content-Type: application/sdp\nContent-Length: 118\n\nv=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\n" +
			"t=0 0\nm=audio 9 RTP/AVP 0\na=rtpmap:0 PCMU/8000\na=inactive\n"
		empty = "Content-Length: 0\n\n"
	)
	for _, lines := range [][]string{
		{"INVITE sip:echo@127.0.0.1:5091 SIP/2.0", via + known, "Max-Forwards: 70", from, to, callID, "CSeq: 1 INVITE",
			"Contact: <sip:1@127.0.0.1:53926>", can, "User-Agent: Ringback load", "Session-Expires: 1800", sdp},
		{"SIP/2.0 180 Ringing", via + stamp, from, to + ";tag=ffljs5kc2jsnd5oj", callID, "CSeq: 1 INVITE",
			"Server: Ringback responder", "Contact: <sip:127.0.0.1:5091>", can, empty},
		{"SIP/2.0 200 OK", via + stamp, from, to + ";tag=ffljs5kc2jsnd5oj", callID, "CSeq: 1 INVITE",
			"Server: Ringback responder", "Contact: <sip:127.0.0.1:5091>", can, "Session-Expires: 1800;refresher=uas", sdp},
		{"ACK sip:127.0.0.1:5091 SIP/2.0", via + known, "Max-Forwards: 70", from, to + ";tag=ffljs5kc2jsnd5oj", callID,
			"CSeq: 1 ACK", empty},
		{"BYE sip:127.0.0.1:5091 SIP/2.0", via + known, "Max-Forwards: 70", from, to + ";tag=ffljs5kc2jsnd5oj", callID,
			"CSeq: 2 BYE", "Supported: 100rel, timer, replaces, norefersub, nosub", "User-Agent: Ringback load", empty},
		{"SIP/2.0 200 OK", via + stamp, from, to + ";tag=ffljs5kc2jsnd5oj", callID, "CSeq: 2 BYE",
			"Server: Ringback responder", empty},
	} {
		all = append(all, []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "\n", "\r\n")))
	}
	return all
}

// Budget: 5 ms for the worst of 64 kB.
func BenchmarkHostile(b *testing.B) {
	for name, text := range hostileMessages() {
		b.Run("message="+name, func(b *testing.B) {
			data := []byte(text)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				treat(data)
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	m, err := Parse(readTorture(b, "rfc4475/sdp01.dat"))
	if err != nil {
		b.Fatal(err)
	}
	source := netip.MustParseAddrPort("192.0.2.99:5060")
	b.ReportAllocs()
	for b.Loop() {
		if err := StampVia(m.(*Request), source); err != nil {
			b.Fatal(err)
		}
		Bytes(NewResponse(m.(*Request), 180, "", "tag"))
	}
}
