package rude

import (
	"fmt"
	"strconv"
	"strings"
)

// protosInvite is the INVITE whose elements Protos replaces one after the other, in the
// manner of the PROTOS suite c07-sip: what stands between ⟨ and ⟩ is an element, # is the
// case's own number, which keeps the cases apart.
const protosInvite = "⟨INVITE⟩ ⟨sip⟩⟨:⟩⟨1001⟩⟨@⟩⟨10.0.0.2⟩⟨;user=phone⟩ ⟨SIP⟩/⟨2.0⟩⟨\r\n⟩" +
	"⟨Via⟩⟨:⟩ ⟨SIP/2.0⟩/⟨UDP⟩ ⟨10.0.0.1⟩⟨:⟩⟨5060⟩;rport;⟨branch⟩=⟨z9hG4bK⟩#⟨;ttl=1⟩\r\n" +
	"⟨Max-Forwards⟩: ⟨70⟩\r\n" +
	"From: ⟨\"⟩⟨Contact⟩⟨\"⟩ ⟨<⟩⟨sip:3000@10.0.0.1⟩⟨>⟩⟨;⟩⟨tag⟩=⟨f⟩#\r\n" +
	"To⟨:⟩ ⟨Agent⟩ ⟨<⟩⟨sip⟩:⟨1001⟩@⟨10.0.0.2⟩⟨>⟩⟨⟩\r\n" +
	"⟨Call-ID⟩: ⟨c⟩#⟨@⟩⟨10.0.0.1⟩\r\n" +
	"CSeq: ⟨1⟩ ⟨INVITE⟩\r\n" +
	"Contact: ⟨\"x\"⟩ ⟨<⟩⟨sip:3000@10.0.0.1:5060⟩⟨>⟩⟨;expires=⟩⟨3600⟩\r\n" +
	"Expires: ⟨180⟩\r\n" +
	"Allow: ⟨INVITE, ACK, BYE⟩\r\nSupported: ⟨timer, 100rel⟩\r\nSession-Expires: ⟨1800⟩⟨;refresher=uac⟩\r\n" +
	"P-Asserted-Identity: ⟨<tel:+81312345678>⟩\r\nCall-Info: ⟨<http://x/>;answer-after=0⟩\r\nSubject: ⟨s⟩\r\nReason: ⟨SIP;cause=200⟩\r\n" +
	"⟨Content-Type⟩: ⟨application⟩⟨/⟩⟨sdp⟩\r\n" +
	"⟨Content-Length⟩: ⟨0⟩⟨\r\n⟩⟨\r\n⟩" +
	"⟨v⟩=⟨0⟩\r\no=⟨-⟩ ⟨1⟩ ⟨1⟩ ⟨IN⟩ ⟨IP4⟩ ⟨10.0.0.1⟩\r\ns=⟨-⟩\r\nc=⟨IN⟩ ⟨IP4⟩ ⟨10.0.0.1⟩\r\nb=⟨AS⟩:⟨64⟩\r\nt=⟨0⟩ ⟨0⟩\r\n" +
	"m=⟨audio⟩ ⟨4000⟩ ⟨RTP/AVP⟩ ⟨0⟩ ⟨101⟩⟨\r\n⟩a=⟨rtpmap⟩:⟨101⟩ ⟨telephone-event⟩/⟨8000⟩\r\na=⟨fmtp⟩:⟨101⟩ ⟨0-15⟩\r\na=ptime:⟨20⟩\r\n⟨a=sendrecv⟩\r\n"

// Anomalies are what stands in the place of an element: nothing, far too much, numbers at
// and beyond the limits of their types, formats, escapes, broken UTF-8, odd addresses and
// line ends.
func Anomalies() []string {
	all := []string{"", " ", "\t", "\x00", "\x1b[2J", "\r", "\n", "\r\n", "\r\n\r\n", "\r\n ", "\n\n", "a\r\nX: y", "\"", "\"\"\"", "\\", "a\\", "\\\"",
		"<", "<<<<", ">", "<>", "@", "@@@@", ":", "::::", ";", ";;;;", ",", ",,,,", "=", "%", "%0", "%00", "%zz", "*", "?", "?a=b&c=d", "[", "[::1", "[::1]",
		"[2001:db8:::1]", "%s%s%s%s%s%s", "%n%n%n%n", "%.2147483647d", "${x}", "../../etc/passwd", "é", "\xc0\xaf", "\xed\xa0\x80", "\xf7\xbf\xbf\xbf", "\xff\xfe", "\u202e",
		"=?utf-8?q?=0d=0a?=", "0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1", "256.256.256.256", "1.2.3", "1.2.3.4.5", "localhost", "-.example",
		"sip:a@b;lr", "sips:a@b", "tel:+1", "http://x/", "SIP/2.0", "SIP/9.9", "sip/2.0", "INVITE", "ACK", "CANCEL", "\"a\" <sip:b@c>;tag=d", "a;b=c;d", "x;tag=1;tag=2"}
	for _, n := range []int64{-1 << 63, -1 << 31, -1, 0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 99999, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1} {
		all = append(all, strconv.FormatInt(n, 10))
	}
	all = append(all, "18446744073709551616", "1e99", "0x10", "1.5", "007", strings.Repeat("9", 400), "+1")
	for _, c := range []string{"a", " ", "\x00", "%s", "\"", "\\", "<", "@", ":", ";a", ",", "\xc3\xa9", "\r\n ", "1."} {
		for _, n := range []int{64, 1025, 16385} {
			all = append(all, strings.Repeat(c, n))
		}
	}
	return all
}

// Case is an INVITE with one element spoilt.
type Case struct {
	Element string // its place and its sound value
	Value   string // what stands there now
	Number  string // keeps the case apart from others, wherever it stands in Text
	Text    string
}

// Again is the case as another request.
func (c Case) Again() string { return strings.ReplaceAll(c.Text, c.Number, "r"+c.Number) }

// Protos gives each element of an INVITE every one of these values in turn, or, beginning
// with another for each element, only each so-manieth, and calls fn with each case.
func Protos(values []string, each int, fn func(Case)) {
	head, rest, _ := strings.Cut(protosInvite, "⟨")
	elements := strings.Split(rest, "⟨") // each: value⟩what follows
	n := 0
	for i, element := range elements {
		was, _, _ := strings.Cut(element, "⟩")
		for j, value := range values {
			if n++; (i+j)%each == 0 {
				number := fmt.Sprintf("n%dn", n)
				fn(Case{fmt.Sprintf("%d %q", i, was), value, number, protosText(head, elements, i, value, number)})
			}
		}
	}
}

func protosText(head string, elements []string, spoilt int, value, number string) string {
	var b strings.Builder
	b.WriteString(head)
	body, length := 0, -1
	for i, element := range elements {
		was, behind, _ := strings.Cut(element, "⟩")
		if i > 0 && strings.HasSuffix(elements[i-1], "⟩: ") && strings.HasPrefix(elements[i-1], "Content-Length") {
			length = b.Len()
			if i != spoilt {
				was = "\x01" // filled in below
			}
		}
		if was == "v" && behind == "=" {
			body = b.Len()
		}
		if i == spoilt {
			was = value
		}
		b.WriteString(was + strings.ReplaceAll(behind, "#", number))
	}
	text := b.String()
	if text[length:length+1] != "\x01" {
		return text
	}
	return text[:length] + strconv.Itoa(len(text)-body) + text[length+1:]
}
