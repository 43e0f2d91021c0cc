package rude

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Torture is one message of RFC 4475 or RFC 5118, and the codes of the answers of a
// user agent server to it, in their order, blank between: the RFC's own where it
// prescribes one; 404 where it is for somebody else, 405 for REGISTER and methods
// that nobody knows; empty for responses and what cannot be answered.
type Torture struct {
	Name   string
	Text   string // whole: baddn, as the RFC has it, lacks the empty line
	UDP    string
	Stream string // over TCP and TLS
	Ends   bool   // a stream cannot go on behind it
}

// tortured are the answers; behind a | those over a stream, and ! where it ends.
var tortured = map[string]string{
	// RFC 4475 3.1.1, valid. wsinv is inside a dialog that nobody has. In a datagram
	// the second request of dblreq is padding; in a stream its body is five bytes longer
	// than it says, and they are no message.
	"wsinv.dat": "481", "intmeth.dat": "405", "esc01.dat": "404", "escnull.dat": "405", "esc02.dat": "405", "lwsdisp.dat": "200",
	"longreq.dat": "404", "dblreq.dat": "405|405 404!", "semiuri.dat": "200", "transports.dat": "200", "mpart01.dat": "404", "unreason.dat": "", "noreason.dat": "",
	// 3.1.2, invalid. A stream waits for what clerr promises, and closes without it.
	"badinv01.dat": "400", "clerr.dat": "400|!", "ncl.dat": "400|400!", "scalar02.dat": "400", "scalarlg.dat": "", "quotbal.dat": "400",
	"ltgtruri.dat": "400", "lwsruri.dat": "400", "lwsstart.dat": "400", "trws.dat": "400", "escruri.dat": "400", "baddate.dat": "404",
	"regbadct.dat": "400", "badaspec.dat": "400", "baddn.dat": "400", "badvers.dat": "505", "mismatch01.dat": "400", "mismatch02.dat": "400", "bigcode.dat": "",
	// 3.2 to 3.4. inv2543 has no Content-Length, which a stream cannot do without.
	"badbranch.dat": "200", "insuf.dat": "400", "unkscm.dat": "416", "novelsc.dat": "416", "unksm2.dat": "405", "bext01.dat": "420",
	"invut.dat": "415", "regaut01.dat": "405", "multi01.dat": "400", "mcl01.dat": "400|400!", "bcast.dat": "", "zeromf.dat": "200",
	"cparam01.dat": "405", "cparam02.dat": "405", "regescrt.dat": "405", "sdp01.dat": "406", "inv2543.dat": "404|400!", "test.dat": "",
	// RFC 5118.
	"ipv6-good": "405", "ipv6-bad": "400", "port-ambiguous": "405", "port-unambiguous": "405", "via-received-param-with-delim": "481",
	"via-received-param-no-delim": "200", "ipv6-in-sdp": "404", "mult-ip-in-header": "481", "mult-ip-in-sdp": "404", "ipv4-mapped-ipv6": "404",
	"ipv6-bug-abnf-3-colons": "400", "ipv6-correct-abnf-2-colons": "200",
}

var printedLength = regexp.MustCompile(`(?m)^Content-Length: *\d+\r?$`)

// Tortures reads the messages of both RFCs below a testdata folder. What the print of
// RFC 5118 lost is put back: CRLF, the empty line, and the right Content-Length.
func Tortures(testdata string) ([]Torture, error) {
	var all []Torture
	for _, pattern := range []string{"rfc4475/*.dat", "rfc5118/[a-z]*"} {
		files, err := filepath.Glob(filepath.Join(testdata, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, fmt.Errorf("read torture messages: %w", err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read torture messages: %w", err)
			}
			t := Torture{Name: filepath.Base(file), Text: string(raw)}
			switch {
			case strings.Contains(pattern, "5118"):
				t.Text = mend(t.Text)
			case t.Name == "baddn.dat":
				t.Text += "\r\n"
			}
			want, known := tortured[t.Name]
			if !known {
				return nil, fmt.Errorf("read torture messages: no answer is written down for %s", t.Name)
			}
			udp, stream, differs := strings.Cut(want, "|")
			if !differs {
				stream = udp
			}
			t.UDP = udp
			t.Stream, t.Ends = strings.CutSuffix(stream, "!")
			all = append(all, t)
		}
	}
	return all, nil
}

func mend(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	if !strings.Contains(text, "\r\n\r\n") {
		text = strings.TrimRight(text, "\r\n") + "\r\n\r\n"
	}
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	length := fmt.Sprintf("Content-Length: %d", len(body))
	if printedLength.MatchString(head) {
		head = printedLength.ReplaceAllString(head, length)
	} else {
		head += "\r\n" + length
	}
	return head + "\r\n\r\n" + body
}
