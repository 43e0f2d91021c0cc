package sip

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"ringback/sip/transport"
)

// TraceRecord is one message on the wire, secrets redacted: credentials, SRTP
// keys, ICE passwords, DTMF digits.
type TraceRecord struct {
	At        time.Time
	Out       bool   // sent by us
	Transport string // UDP, TCP, TLS
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Text      string // the message; empty for a keepalive
	Keepalive bool
}

// maxTraced is how much of a message a trace shows, in bytes: to search more for
// secrets would hold up whoever reads or sends it.
const maxTraced = 16 << 10

// secretsInLines are what redact takes out, line by line. Only a text that has the
// word, in lower case, is searched.
var secretsInLines = []struct {
	word string
	find *regexp.Regexp
	put  string
}{
	{"authorization", regexp.MustCompile(`(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*\w*)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*`), "$1 " + masked},
	{"-authenticate", regexp.MustCompile(`(?im)^((?:www|proxy)-authenticate[ \t]*:.*nonce=)"[^"\r\n]*"?`), `$1"` + masked + `"`},
	{"authentication-info", regexp.MustCompile(`(?im)^(authentication-info[ \t]*:[ \t]*)[^\r\n]*`), "$1" + masked},
	{"a=crypto", regexp.MustCompile(`(?im)^(a=crypto:[ \t]*\S*[ \t]*\S*[ \t]*inline:)\S+`), "$1" + masked},
	{"k=", regexp.MustCompile(`(?im)^(k=)[^\r\n]*`), "$1" + masked},
	{"a=ice-pwd", regexp.MustCompile(`(?im)^(a=ice-pwd:)[^\r\n]*`), "$1" + masked},
	{"a=fingerprint", regexp.MustCompile(`(?im)^(a=fingerprint:)[^\r\n]*`), "$1" + masked},
	{"signal", regexp.MustCompile(`(?im)^([ \t]*signal[ \t]*=[ \t]*)\S*`), "$1" + masked},
	{"@", regexp.MustCompile(`(?i)(sips?:[^\s:@<>"]+:)[^\s@<>"]+@`), "$1" + masked + "@"},
}

// redact takes secrets out of a message's text.
func redact(text string) string {
	words := strings.ToLower(text)
	for _, s := range secretsInLines {
		if strings.Contains(words, s.word) {
			text = s.find.ReplaceAllString(text, s.put)
		}
	}
	if strings.Contains(words, "application/dtmf") {
		text = redactDigits(text)
	}
	return text
}

var bareDigits = regexp.MustCompile(`(?is)(content-type[ \t]*:[ \t]*application/dtmf[ \t]*(?:;[^\r\n]*)?\r?\n.*?\r?\n\r?\n).*`)

// redactDigits masks the body of an application/dtmf, which is the digit itself.
func redactDigits(text string) string {
	return bareDigits.ReplaceAllString(text, "${1}"+masked)
}

// traced is what a trace shows of a message: all of it, or as many whole lines as
// there is room for, so that no secret is cut in two.
func traced(raw []byte) string {
	if len(raw) <= maxTraced {
		return redact(string(raw))
	}
	shown := bytes.LastIndexByte(raw[:maxTraced], '\n') + 1
	return redact(string(raw[:shown])) + fmt.Sprintf("(%d bytes more)", len(raw)-shown)
}

// trace makes the transport's hook: it copies and redacts on the goroutine that
// reads or sends, and hands over on the loop.
func (u *UA) trace() func(transport.Direction, transport.Flow, []byte, time.Time) {
	if u.cfg.Trace == nil {
		return nil
	}
	return func(dir transport.Direction, flow transport.Flow, raw []byte, at time.Time) {
		r := TraceRecord{At: at, Out: dir == transport.Out, Transport: flow.Transport(), Local: flow.Local(), Remote: flow.Remote()}
		if len(bytes.TrimSpace(raw)) == 0 {
			r.Keepalive = true
		} else {
			r.Text = traced(raw)
		}
		u.loop.Post(func() { u.cfg.Trace(r) })
	}
}
