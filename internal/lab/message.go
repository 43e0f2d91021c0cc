package lab

import (
	"context"
	"fmt"
	"slices"

	"ringback/sip"
)

// Message is a SIP MESSAGE that a user sent to the lab.
type Message struct {
	From, To    string // user parts
	ContentType string
	Body        string
	Code        int // how it was answered
}

// Messages are those that came, oldest first, refused ones among them.
func (l *Lab) Messages() []Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.messages)
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
	m := Message{From: user.Name, To: r.To().URI.UserText(), ContentType: r.ContentType(), Body: string(r.Body()), Code: 202}
	if b.lab.cfg.RefuseJSON && m.ContentType == "application/json" {
		m.Code = 415
	}
	b.lab.mu.Lock()
	b.lab.messages = append(b.lab.messages, m)
	b.lab.mu.Unlock()
	b.respond(r, m.Code)
	b.lab.happened(Event{Type: MessageReceived, Party: m.From, Peer: m.To, Code: m.Code, Text: m.Body})
}
