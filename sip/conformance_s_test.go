package sip

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/sip/message"
)

// sips is TLS, whatever a URI or an account says (RFC 5630 3, RFC 3261 26.2.2).
func TestConformance_S13_SIPSIsNeverDowngraded(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001", func(c *Config, _ *Account) {
			c.Resolver = &zone{names: names{"pbx.test": {pbxIP}, "one.test": {pbxIP}},
				srv:   map[string][]SRV{"_sip._udp.pbx.test": {{Port: 5060, Target: "one.test"}}, "_sip._tcp.pbx.test": {{Port: 5060, Target: "one.test"}}},
				naptr: map[string][]NAPTR{"pbx.test": {{Service: "SIP+D2U", Replacement: "_sip._udp.pbx.test"}}}}
		})
		for _, to := range []string{"sips:x@pbx.test", "sips:x@pbx.test;transport=udp", "sips:x@pbx.test;transport=tcp", "sips:x@" + pbxIP,
			"sips:x@pbx.test:5060;transport=udp", "sips:x@other.test;maddr=" + pbxIP} {
			got, err := a.ask(to, "UDP")
			if err != nil || len(got) == 0 {
				t.Errorf("%s: %v, %v", to, got, err)
			}
			for _, target := range got {
				if !strings.HasPrefix(target, "TLS ") {
					t.Errorf("%s leads to %s", to, target)
				}
			}
		}
	})
}

// lines is a log that may be written from several goroutines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.buf.String()), "\n")
}

// S03: what a peer says makes no line of its own in a log, in whatever form.
func TestConformance_S03_LogInjection(t *testing.T) {
	const fake = `time=2026-01-01T00:00:00Z level=ERROR msg="forged"`
	for name, handler := range map[string]func(*lines) slog.Handler{
		"text": func(w *lines) slog.Handler {
			return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
		"json": func(w *lines) slog.Handler {
			return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(b *bed) {
				w := &lines{}
				a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Log = slog.New(handler(w)) })
				p := b.peer(pbxIP)
				p.lenient = true
				for _, evil := range []string{"x\r\n" + fake, "x\n" + fake, "\x1b[2J" + fake, "\u202e" + fake, "%0d%0a" + fake, "=?utf-8?q?x=0d=0a" + fake + "?="} {
					for _, header := range []string{"From", "Contact", "CSeq", "Max-Forwards", "Require", "Content-Length", "Via", "Accept", "X-" + evil} {
						p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
						text := string(message.Bytes(p.build("OPTIONS")))
						p.write(strings.Replace(text, "Content-Length", header+": \""+evil+"\"\r\nContent-Length", 1))
						p.write(strings.Replace(text, "OPTIONS", evil, 1))
					}
				}
				// What a challenge and a refusal say is logged too.
				a.invite("sip:peer@" + pbxIP)
				p.drain()
				b.pass(600 * time.Millisecond)
				inv := p.request("INVITE")
				a.do(func() { a.on = func(*Session, Event) { panic("x\r\n" + fake) } })
				p.write(strings.Replace(p.replyText(inv, 401, "t", `WWW-Authenticate: Digest realm="`+fake+`", nonce="`), "Unauthorized", fake, 1))
				b.pass(time.Second)
				all := w.all()
				if len(all) < 20 {
					t.Fatalf("only %d lines: is anything logged?", len(all))
				}
				for _, line := range all {
					if strings.HasPrefix(line, "time=2026-01-01") || strings.ContainsAny(line, "\r\x1b\x00") {
						t.Errorf("a forged line: %q", line)
					}
					if name == "json" && !json.Valid([]byte(line)) {
						t.Errorf("not one record: %q", line)
					}
					if name == "text" && !strings.HasPrefix(line, "time=") {
						t.Errorf("not one record: %q", line)
					}
				}
			})
		})
	}
}
