package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ringback/sip"
)

// Message is a SIP MESSAGE that a user sent to the lab.
type Message struct {
	From, To    string // user parts
	ContentType string
	Body        string
	Code        int // how it was answered; 0: not at all
}

// Messages are those that came, oldest first, refused ones among them.
func (l *Lab) Messages() []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.messages)
}

// Report is a report of an agent's on a callback, as it came in a MESSAGE.
type Report struct {
	ID       string `json:"id"`
	Seq      int    `json:"seq"`
	Callback string `json:"callback"`
	Type     string `json:"type"`
	Agent    string `json:"agent"`

	Code int            `json:"-"` // how it was answered; 0: not at all
	Body map[string]any `json:"-"` // all of it
}

// Reports are the reports that came about a callback, or about all where it is
// empty, oldest first. Each is there as often as it came, but those that were
// refused are left out.
func (l *Lab) Reports(callback string) []Report {
	var all []Report
	for _, m := range l.Messages() {
		r := Report{Code: m.Code}
		text := []byte(m.Body)
		if json.Unmarshal(text, &r) != nil || json.Unmarshal(text, &r.Body) != nil || r.Body["schema"] != "ringback.report/1" {
			continue
		}
		if m.Code < 300 && (callback == "" || r.Callback == callback) {
			all = append(all, r)
		}
	}
	return all
}

// code is the answer to a MESSAGE; 0 for none.
func (p MessagePolicy) code(contentType, body string) int {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	switch kind = strings.TrimSpace(kind); {
	case !strings.Contains(body, p.Only):
		return 202
	case p.Refuse > 0:
		return p.Refuse
	case p.RefuseJSON && kind == "application/json", p.RefuseText && kind == "text/plain":
		return 415
	case p.LoseAnswer:
		return 0
	}
	return 202
}

// Send sends a MESSAGE to a registered user and returns the code of the answer.
func (l *Lab) Send(ctx context.Context, user, contentType, body string) (int, error) {
	answered := make(chan sip.Reply, 1)
	err := l.do("send message", func(b *boot) error {
		at := b.registrar.newest(user)
		if at == nil {
			return fmt.Errorf("%s is not registered", user)
		}
		contact, from := at.contact.URI, sip.Address{Display: "Callback desk", URI: b.uri("callbacks")}
		b.ua.Request(nil, sip.RequestOptions{Method: "MESSAGE", To: b.uri(user), Target: &contact, Flow: at.flow,
			From: &from, ContentType: contentType, Body: []byte(body)},
			func(r sip.Reply) { answered <- r })
		return nil
	})
	if err != nil {
		return 0, err
	}
	select {
	case r := <-answered:
		if r.Err != nil {
			return 0, fmt.Errorf("send message: %w", r.Err)
		}
		l.happened(Event{Type: MessageSent, Party: user, Code: r.Code})
		return r.Code, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("send message: %w", context.Cause(ctx))
	}
}

// message takes a MESSAGE from a user.
func (b *boot) message(r *sip.IncomingRequest) {
	user, ok := b.lab.user(r.From().URI.UserText())
	if !ok {
		b.respond(r, 403)
		return
	}
	if !b.lab.callPolicy().OpenCalls {
		v := b.gate.check(user, "MESSAGE", r.Header("Authorization"), b.loop.Now())
		if v != proven {
			b.respond(r, 401, b.gate.challenge(user, v, b.loop.Now())...)
			return
		}
	}
	policy := b.lab.messagePolicy()
	m := Message{From: user.Name, To: r.To().URI.UserText(), ContentType: r.ContentType(), Body: string(r.Body()), Code: policy.code(r.ContentType(), string(r.Body()))}
	b.lab.mu.Lock()
	b.lab.messages = append(b.lab.messages, m)
	b.lab.mu.Unlock()
	var headers []sip.Header
	if policy.Refuse > 0 && policy.RetryAfter > 0 {
		headers = append(headers, sip.Header{Name: "Retry-After", Value: seconds(policy.RetryAfter)})
	}
	if m.Code > 0 {
		b.respond(r, m.Code, headers...)
	}
	b.lab.happened(Event{Type: MessageReceived, Party: m.From, Peer: m.To, Code: m.Code, Text: m.Body})
}
