package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// publishing is an agent that publishes, and what it was told.
type publishing struct {
	*agent
	pub  *Publication
	told []string
}

// publish makes an agent that publishes a state, and waits for its PUBLISH.
func (b *bed) publish(state string) (*publishing, *peer, *message.Request) {
	b.Helper()
	w, p := &publishing{agent: b.agent(agentIP, "1001")}, b.peer(pbxIP)
	o := PublishOptions{Account: w.account, Event: "presence", ContentType: "application/pidf+xml", Expires: time.Minute}
	w.must(func() (err error) {
		w.pub, err = w.UA.Publish(o, func(s PublicationStatus) {
			w.told = append(w.told, strings.TrimSpace(fmt.Sprint(s.Published, " ", s.Current, " ", s.Code, " ", s.Reason)))
		})
		w.pub.Set([]byte(state))
		return err
	})
	return w, p, p.request("PUBLISH")
}

func (w *publishing) set(state string) { w.do(func() { w.pub.Set([]byte(state)) }) }

// saw fails unless the publication told this since the last call.
func (w *publishing) saw(want ...string) {
	w.bed.Helper()
	w.bed.pass(20 * time.Millisecond)
	var got []string
	w.do(func() { got, w.told = w.told, nil })
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		w.bed.Fatalf("told:\n got  %s\n want %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

func (w *publishing) gone() {
	w.bed.Helper()
	w.empty()
	w.do(func() {
		if n := len(w.UA.publications); n != 0 {
			w.bed.Errorf("%d publications are left", n)
		}
	})
}

// matches fails unless a PUBLISH has this SIP-If-Match and body.
func matches(t *testing.T, req *message.Request, etag, body, expires string) {
	t.Helper()
	if message.Value(req, "SIP-If-Match") != etag || string(req.Body()) != body || message.Value(req, "Expires") != expires || message.Value(req, "Event") != "presence" {
		t.Errorf("want SIP-If-Match %q, body %q, Expires %s:\n%s", etag, body, expires, req)
	}
}

func TestRFC3903_4_PublishedChangedRefreshedRemoved(t *testing.T) {
	story(t, func(b *bed) {
		w, p, first := b.publish("ready")
		matches(t, first, "", "ready", "60")
		if u := message.RequestURI(first); u.String() != "sip:1001@"+pbxIP || message.Value(first, "Content-Type") != "application/pidf+xml" {
			t.Errorf("%s", first)
		}
		p.reply(first, 200, "SIP-ETag: a1", "Expires: 60")
		w.saw("true true 0")
		w.set("ready") // what the server has is not sent again
		begin := time.Now()
		refresh := p.request("PUBLISH")
		if took := time.Since(begin); took < 29*time.Second || took > 54*time.Second {
			t.Errorf("refreshed after %v", took)
		}
		matches(t, refresh, "a1", "", "60") // 4.3: no body
		if message.CallID(refresh) != message.CallID(first) || seqOf(refresh) <= seqOf(first) || message.Value(refresh, "Content-Type") != "" {
			t.Errorf("%s", refresh)
		}
		w.set("not ready") // while it is out
		w.set("at lunch")
		begin = time.Now()
		p.reply(refresh, 200, "SIP-ETag: a2", "Expires: 60")
		change := p.request("PUBLISH")
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("changed after %v", took)
		}
		matches(t, change, "a2", "at lunch", "60")
		w.saw("true false 0")
		p.reply(change, 200, "SIP-ETag: a3", "Expires: 60")
		w.saw("true true 0")
		over := false
		w.do(func() { w.pub.Remove(func() { over = true }) })
		bye := p.request("PUBLISH")
		matches(t, bye, "a3", "", "0")
		p.reply(bye, 200, "SIP-ETag: a3") // some do not say that it is gone
		w.saw("false false 0")
		if !over {
			t.Error("the end was not told")
		}
		w.gone()
	})
}

func TestRFC3903_5_412BeginsAnew(t *testing.T) {
	story(t, func(b *bed) {
		w, p, first := b.publish("ready")
		p.reply(first, 200, "SIP-ETag: a1", "Expires: 60")
		w.saw("true true 0")
		w.set("not ready")
		change := p.request("PUBLISH")
		matches(t, change, "a1", "not ready", "60")
		p.reply(change, 412)
		again := p.request("PUBLISH")
		matches(t, again, "", "not ready", "60")
		w.saw("false false 412 412 Conditional Request Failed")
		p.reply(again, 200, "SIP-ETag: b1", "Expires: 60")
		w.saw("true true 0")
	})
}

func TestRFC3903_423RaisesTheLife(t *testing.T) {
	story(t, func(b *bed) {
		w, p, first := b.publish("ready")
		p.reply(first, 423, "Min-Expires: 1800")
		again := p.request("PUBLISH")
		matches(t, again, "", "ready", "1800")
		p.reply(again, 200, "SIP-ETag: a1", "Expires: 1800")
		w.saw("true true 0")
	})
}

// What fails for a while is tried again soon, what the server does not serve slowly,
// and what holds there until then holds.
func TestPublish_Failures(t *testing.T) {
	for code, c := range map[int]struct {
		least, most time.Duration
	}{503: {400 * time.Millisecond, 2 * time.Second}, 489: {time.Minute, 15 * time.Minute}} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			story(t, func(b *bed) {
				w, p, first := b.publish("ready")
				p.reply(first, code)
				b.pass(20 * time.Millisecond)
				w.do(func() {
					if len(w.told) != 1 || !strings.HasPrefix(w.told[0], fmt.Sprintf("false false %d", code)) {
						t.Errorf("%v", w.told)
					}
				})
				begin := time.Now()
				again := p.request("PUBLISH")
				if took := time.Since(begin); took < c.least || took > c.most {
					t.Errorf("again after %v", took)
				}
				p.reply(again, 200, "SIP-ETag: a1", "Expires: 3600")
			})
		})
	}
	t.Run("a change fails and the old state holds", func(t *testing.T) {
		story(t, func(b *bed) {
			w, p, first := b.publish("ready")
			p.reply(first, 200, "SIP-ETag: a1", "Expires: 3600")
			w.saw("true true 0")
			w.set("not ready")
			p.reply(p.request("PUBLISH"), 503)
			w.saw("true false 503 503 Service Unavailable")
			again := p.request("PUBLISH")
			matches(t, again, "a1", "not ready", "60")
			p.reply(again, 200, "SIP-ETag: a2", "Expires: 3600")
			w.saw("true true 0")
		})
	})
}

// A publication that is removed before its answer came is taken back after it.
func TestPublish_RemovedBeforeTheAnswer(t *testing.T) {
	story(t, func(b *bed) {
		w, p, first := b.publish("ready")
		over := time.Time{}
		begin := time.Now()
		w.do(func() { w.pub.Remove(func() { over = time.Now() }) })
		p.reply(first, 200, "SIP-ETag: a1", "Expires: 60")
		bye := p.request("PUBLISH")
		matches(t, bye, "a1", "", "0")
		p.reply(bye, 204)
		b.pass(3 * time.Second)
		if over.IsZero() || over.Sub(begin) > time.Second {
			t.Errorf("over after %v", over.Sub(begin))
		}
		w.gone()
	})
	t.Run("no answer", func(t *testing.T) {
		story(t, func(b *bed) {
			w, _, _ := b.publish("ready")
			over := time.Time{}
			begin := time.Now()
			w.do(func() { w.pub.Remove(func() { over = time.Now() }) })
			b.pass(3 * time.Second)
			if over.IsZero() || over.Sub(begin) > 2*time.Second {
				t.Errorf("over after %v", over.Sub(begin))
			}
			b.pass(time.Minute)
			w.gone()
		})
	})
}

func TestPublish_IsAuthenticatedAndNotWithAWrongPasswordForEver(t *testing.T) {
	story(t, func(b *bed) {
		w, p, first := b.publish("ready")
		p.reply(first, 401, challengeLine)
		second := p.request("PUBLISH")
		if message.CallID(second) != message.CallID(first) || seqOf(second) <= seqOf(first) || message.Value(second, "Authorization") == "" {
			t.Errorf("second:\n%s", second)
		}
		p.reply(second, 401, challengeLine)
		b.pass(time.Hour)
		w.do(func() {
			if s := w.pub.Status(); s.Published || s.Code != 401 || !s.NextTry.IsZero() {
				t.Errorf("%+v", s)
			}
		})
	})
}
