package sip

import (
	"bytes"
	"net/netip"
	"regexp"
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

// secretsInLines are what redact takes out, line by line.
var secretsInLines = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*\w*)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*`), "$1 " + masked},
	{regexp.MustCompile(`(?im)^((?:www|proxy)-authenticate[ \t]*:.*nonce=)"[^"\r\n]*"?`), `$1"` + masked + `"`},
	{regexp.MustCompile(`(?im)^(authentication-info[ \t]*:[ \t]*)[^\r\n]*`), "$1" + masked},
	{regexp.MustCompile(`(?im)^(a=crypto:[ \t]*\S*[ \t]*\S*[ \t]*inline:)\S+`), "$1" + masked},
	{regexp.MustCompile(`(?im)^(k=)[^\r\n]*`), "$1" + masked},
	{regexp.MustCompile(`(?im)^(a=(?:ice-pwd|fingerprint):)[^\r\n]*`), "$1" + masked},
	{regexp.MustCompile(`(?im)^([ \t]*signal[ \t]*=[ \t]*)\S*`), "$1" + masked},
	{regexp.MustCompile(`(?i)(sips?:[^\s:@<>"]+:)[^\s@<>"]+@`), "$1" + masked + "@"},
}

// redact takes secrets out of a message's text.
func redact(text string) string {
	for _, s := range secretsInLines {
		text = s.find.ReplaceAllString(text, s.put)
	}
	return redactDigits(text)
}

var bareDigits = regexp.MustCompile(`(?is)(content-type[ \t]*:[ \t]*application/dtmf[ \t]*(?:;[^\r\n]*)?\r?\n.*?\r?\n\r?\n).*`)

// redactDigits masks the body of an application/dtmf, which is the digit itself.
func redactDigits(text string) string {
	return bareDigits.ReplaceAllString(text, "${1}"+masked)
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
			r.Text = redact(string(raw))
		}
		u.loop.Post(func() { u.cfg.Trace(r) })
	}
}
