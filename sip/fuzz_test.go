package sip

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/sip/message"
)

// FuzzLiveAgent sends text to an agent with a call up: first as it is, then as the
// value of a header of a request in the dialog. Nothing may panic, and what the
// agent sends must be readable.
func FuzzLiveAgent(f *testing.F) {
	for _, seed := range []struct{ method, header, value string }{
		{"REFER", "Refer-To", "<sip:2002@10.0.0.1?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>"},
		{"REFER", "Refer-To", "sip:2002@10.0.0.1;ob?Replaces=a;to-tag=b"},
		{"NOTIFY", "Event", "refer;id=99999999999999999999"},
		{"NOTIFY", "Subscription-State", "active;expires=-1"},
		{"INVITE", "Session-Expires", "90;refresher=\"uac"},
		{"INVITE", "Replaces", "x;to-tag=1;from-tag=2;early-only=3"},
		{"INVITE", "Contact", "<sip:[::1]:5060;transport=tcp>, *"},
		{"INVITE", "Record-Route", "<sip:a;lr>,,<sip:b"},
		{"PRACK", "RAck", "1 1 INVITE"},
		{"UPDATE", "P-Asserted-Identity", "\"\\\" <sip:x>"},
		{"BYE", "Reason", "SIP;cause=;text=\""},
		{"INFO", "Content-Type", "multipart/mixed;boundary="},
	} {
		f.Add(seed.method, seed.header, seed.value)
	}
	files, _ := filepath.Glob(filepath.Join("..", "testdata", "rfc4475", "*.dat"))
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil {
			f.Add("", "", string(raw))
		}
	}
	f.Fuzz(func(t *testing.T, method, header, value string) {
		synctest.Test(t, func(t *testing.T) { fuzzOne(t, method, header, value) })
	})
}

func fuzzOne(t *testing.T, method, header, value string) {
	inBubble(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		acceptOffers(a)
		p.answered(a)
		if strings.HasPrefix(message.CanonicalName(header), "-") || len(value) > 60000 {
			return
		}
		p.lenient = true
		p.write(value)
		text := string(message.Bytes(p.build("INFO")))
		text = strings.ReplaceAll(text, "INFO", method)
		p.write(strings.Replace(text, "Content-Length", header+": "+value+"\r\nContent-Length", 1))
		b.pass(100 * time.Millisecond)
		a.do(func() {
			if n := a.UA.Counters()["sip.panics"]; n != 0 {
				t.Errorf("%d panics", n)
			}
		})
	})
}

// FuzzNotify sends NOTIFYs to an agent that has subscribed: the first of its dialog
// and one in it, with what the fuzzer makes of a header. Nothing may panic, and a
// subscription that is there keeps its bounds.
func FuzzNotify(f *testing.F) {
	for _, seed := range []struct{ header, value string }{
		{"Subscription-State", "active;expires=4294967296"},
		{"Subscription-State", "terminated;reason=giveup;retry-after=-1"},
		{"Subscription-State", "Terminated;Reason=\"deactivated\";retry-after=99999999999999999999"},
		{"Subscription-State", ";;="},
		{"Event", "dialog;id="},
		{"Event", "dialog.winfo;id=1"},
		{"Contact", "<sip:[::1]>;q=1, *"},
		{"Record-Route", "<sip:a;lr>,,<sip:b"},
		{"Content-Type", "multipart/related;boundary=x"},
		{"CSeq", "2147483647 NOTIFY"},
	} {
		f.Add(seed.header, seed.value)
	}
	f.Fuzz(func(t *testing.T, header, value string) {
		synctest.Test(t, func(t *testing.T) {
			inBubble(t, func(b *bed) { fuzzNotify(b, header, value) })
		})
	})
}

func fuzzNotify(b *bed, header, value string) {
	if strings.HasPrefix(message.CanonicalName(header), "-") || len(value) > 60000 {
		return
	}
	w, p := b.watch(func(o *SubscribeOptions) { o.Forks = true }), b.peer(pbxIP)
	p.reply(p.subscribed(), 200)
	p.lenient = true
	for _, tag := range []string{p.tag, p.tag, "fork"} {
		p.tag = tag
		text := string(message.Bytes(p.build("NOTIFY", "Event: dialog", "Subscription-State: active", "X-Type: "+dialogInfo, "", "<one/>")))
		lines := strings.Split(text, "\r\n")
		for i, line := range lines {
			if name, _, _ := strings.Cut(line, ":"); strings.EqualFold(name, header) {
				lines[i] = header + ": " + value
			}
		}
		p.write(strings.Join(lines, "\r\n"))
		b.pass(100 * time.Millisecond)
	}
	w.do(func() {
		if n := w.UA.Counters()["sip.panics"]; n != 0 {
			b.Errorf("%d panics", n)
		}
		if n := len(w.UA.subscriptions); n < 1 || n > 1+mostForks {
			b.Errorf("%d subscriptions", n)
		}
		for _, s := range w.UA.subscriptions {
			if s.pause.wait < 0 || s.pause.wait > mostRetryAfter || s.granted < 0 {
				b.Errorf("waits %v, was granted %v", s.pause.wait, s.granted)
			}
		}
	})
}

// FuzzStatusLine reads what a NOTIFY of a transfer carries.
func FuzzStatusLine(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\n"))
	f.Add([]byte("SIP/2.0 99 \n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		code, reason, ok := parseStatus(body)
		if ok && (code < 100 || code > 699 || len(reason) > 200) || !ok && code >= 100 && code < 700 && len(body) < 12 {
			t.Errorf("%d %q %v", code, reason, ok)
		}
	})
}

// FuzzRedact makes sure that no credential survives, whatever stands round it.
func FuzzRedact(f *testing.F) {
	f.Add("To: x", "Digest a=\"b\"")
	f.Fuzz(func(t *testing.T, before, within string) {
		const secret = "s3cr3t-c0ffee"
		if strings.ContainsAny(before+within, "\r\n") || strings.Contains(before+within, secret) {
			return
		}
		for _, text := range []string{
			before + "\r\nAuthorization: " + within + secret + "\r\n\r\n",
			before + "\r\nproxy-authorization\t: Digest\r\n " + within + secret + "\r\n\r\n",
			before + "\r\n\r\nk=" + within + secret + "\r\n",
			before + "\r\nWWW-Authenticate: " + within + ", nonce=\"" + secret + "\"\r\n",
			before + "\r\nX: <sip:u:" + secret + "@h>" + within + "\r\n",
		} {
			if got := redact(text); strings.Contains(got, secret) {
				t.Errorf("%q gives %q", text, got)
			}
		}
	})
}
