package sip

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// rfc4475 are the answers that the RFC prescribes where a user agent server is
// asked; an empty list: nothing is answered (a response, an ACK, no framing).
var rfc4475 = map[string][]int{
	"badinv01.dat": {400}, "clerr.dat": {400}, "ncl.dat": {400}, "scalar02.dat": {400}, "quotbal.dat": {400},
	"ltgtruri.dat": {400}, "lwsruri.dat": {400}, "lwsstart.dat": {400}, "trws.dat": {400}, "escruri.dat": {400},
	"baddate.dat": {400, 200, 486}, "regbadct.dat": {400}, "badaspec.dat": {400}, "baddn.dat": {400}, "badvers.dat": {505},
	"mismatch01.dat": {400}, "mismatch02.dat": {400, 501, 405}, "insuf.dat": {400}, "unkscm.dat": {416, 405},
	"novelsc.dat": {416, 405}, "unksm2.dat": {400, 200, 405}, "bext01.dat": {420}, "invut.dat": {415}, "multi01.dat": {400},
	"mcl01.dat": {400}, "zeromf.dat": {200}, "cparam01.dat": {200, 405}, "cparam02.dat": {200, 405},
	"regescrt.dat": {200, 405}, "sdp01.dat": {406}, "inv2543.dat": {486}, "wsinv.dat": {481}, "intmeth.dat": {405, 501},
	"esc01.dat": {486}, "escnull.dat": {405}, "esc02.dat": {405, 501}, "lwsdisp.dat": {200}, "longreq.dat": {486},
	"dblreq.dat": {405}, "semiuri.dat": {200}, "transports.dat": {200}, "mpart01.dat": {200}, "unreason.dat": {},
	"noreason.dat": {}, "scalarlg.dat": {}, "bigcode.dat": {}, "bcast.dat": {}, "badbranch.dat": {200, 400},
	"regaut01.dat": {405, 401}, "test.dat": nil,
}

func TestConformance_U13_RFC4475MessagesToALiveAgent(t *testing.T) {
	dir := filepath.Join("..", "testdata", "rfc4475")
	files, err := filepath.Glob(filepath.Join(dir, "*.dat"))
	if err != nil || len(files) < 49 {
		t.Fatalf("%d messages in %s: %v", len(files), dir, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			want, known := rfc4475[name]
			if !known {
				t.Fatal("no answer is written down for this message")
			}
			if want == nil {
				return
			}
			story(t, func(b *bed) { torture(b, raw, want) })
		})
	}
}

// torture sends a message to a live agent by UDP from where its Via points, and
// checks the answer and that the next request is served.
func torture(b *bed, raw []byte, want []int) {
	b.Helper()
	a := b.agent(agentIP, "1001", anyone, func(c *Config, _ *Account) {
		c.Policy.LocalUsers = func(string) bool { return true }
	})
	a.invited = func(s *Session) { _ = s.Reject(486, "") }
	var got []string
	p := b.anyPeer(otherIP)
	p.write(string(raw))
	b.pass(100 * time.Millisecond)
	for len(p.texts) > 0 {
		got = append(got, strings.SplitN(<-p.texts, "\r\n", 2)[0])
	}
	ok := len(want) == 0 && len(got) == 0
	for _, code := range want {
		for _, line := range got {
			ok = ok || strings.HasPrefix(line, fmt.Sprintf("SIP/2.0 %d ", code))
		}
	}
	if !ok {
		b.Errorf("want %v, got %v", want, got)
	}
	p.write("OPTIONS sip:1001@" + agentIP + " SIP/2.0\r\nVia: SIP/2.0/UDP " + otherIP + ":5060;rport;branch=z9hG4bKnext\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:1001@y>\r\nCall-ID: next\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	b.pass(100 * time.Millisecond)
	next := ""
	for len(p.texts) > 0 {
		if text := <-p.texts; strings.Contains(text, "CSeq: 1 OPTIONS") {
			next = text
		}
	}
	if !strings.HasPrefix(next, "SIP/2.0 200") {
		b.Errorf("the next request got %q", next)
	}
}

func TestConformance_U13_RFC5118MessagesToALiveAgent(t *testing.T) {
	for name, want := range map[string][]int{
		"ipv6-good": {405}, "ipv6-bad": {400}, "port-ambiguous": {405}, "port-unambiguous": {405},
		"via-received-param-with-delim": {481}, "via-received-param-no-delim": {200}, "ipv6-in-sdp": {486},
		"mult-ip-in-header": {481}, "mult-ip-in-sdp": {486}, "ipv4-mapped-ipv6": {486},
		"ipv6-bug-abnf-3-colons": {200, 400}, "ipv6-correct-abnf-2-colons": {200},
	} {
		raw, err := os.ReadFile(filepath.Join("..", "testdata", "rfc5118", name))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { story(t, func(b *bed) { torture(b, mend(raw), want) }) })
	}
}

// mend puts back what the print of RFC 5118 lost: CRLF, the empty line, and the
// right Content-Length.
func mend(raw []byte) []byte {
	text := strings.ReplaceAll(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n", "\r\n")
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	var lines []string
	for _, l := range strings.Split(strings.TrimRight(head, "\r\n"), "\r\n") {
		if !strings.HasPrefix(l, "Content-Length") && !strings.HasPrefix(l, "l:") {
			lines = append(lines, l)
		}
	}
	return fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s", strings.Join(lines, "\r\n"), len(body), body)
}
