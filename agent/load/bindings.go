package load

import (
	"fmt"
	"strconv"
	"time"

	"ringback/sip"
	"ringback/sip/loop"
)

// longestBinding is the most that a responder grants (RFC 3261 10.3).
const longestBinding = time.Hour

// bound is a phone that has registered with a responder.
type bound struct {
	aor     string
	to      sip.URI
	contact sip.URI
	flow    sip.Flow
	until   time.Time
	end     *loop.Timer
	gone    bool // it is not registered any more
}

// bindings are the phones that have registered, one contact each, and the line of
// those that wait for a callback: who had one goes to its end.
type bindings struct {
	byAOR map[string]*bound
	line  []*bound
}

// waits puts a phone at the end of the line.
func (b *bindings) waits(p *bound) {
	if !p.gone {
		b.line = append(b.line, p)
	}
}

// next is the phone whose turn it is; nil: each has a callback.
func (b *bindings) next() *bound {
	for len(b.line) > 0 {
		p := b.line[0]
		b.line[0] = nil
		if b.line = b.line[1:]; !p.gone {
			return p
		}
	}
	return nil
}

// register serves a REGISTER: whoever comes is taken. It is no registrar for people: it
// asks nobody for a password.
func (a *answering) register(r *sip.IncomingRequest) {
	to, contact := r.To().URI, r.Header("Contact")
	life := longestBinding
	if seconds, err := strconv.Atoi(r.Header("Expires")); err == nil {
		life = time.Duration(seconds) * time.Second
	}
	p := a.phones.byAOR[to.String()]
	switch {
	case contact == "": // it asks for what is bound
		a.tellBinding(r, p)
		return
	case contact == "*" && life == 0:
		a.unbind(p)
		a.tellBinding(r, nil)
		return
	}
	address, err := sip.ParseAddress(contact)
	if err != nil {
		_ = r.Respond(400, "", nil, "", nil)
		return
	}
	if seconds, err := strconv.Atoi(address.Params.Value("expires")); err == nil {
		life = time.Duration(seconds) * time.Second
	}
	life = min(life, longestBinding)
	if life <= 0 {
		a.unbind(p)
		a.tellBinding(r, nil)
		return
	}
	if p == nil {
		p = &bound{aor: to.String(), to: to}
		a.phones.byAOR[p.aor] = p
		a.phones.waits(p)
	} else {
		p.end.Stop()
	}
	p.contact, p.flow, p.until = address.URI, r.Flow(), a.loop.Now().Add(life)
	p.end = a.loop.After(life, func() { a.unbind(p) })
	a.tellBinding(r, p)
}

// tellBinding answers with what is bound now; nil: nothing is.
func (a *answering) tellBinding(r *sip.IncomingRequest, p *bound) {
	var headers []sip.Header
	if p != nil {
		headers = []sip.Header{{Name: "Contact", Value: fmt.Sprintf("<%s>;expires=%d", p.contact, int(p.until.Sub(a.loop.Now())/time.Second))}}
	}
	_ = r.Respond(200, "", headers, "", nil)
}

// unbind takes a phone off; nothing for nil.
func (a *answering) unbind(p *bound) {
	if p != nil {
		p.end.Stop()
		p.gone = true
		delete(a.phones.byAOR, p.aor)
	}
}
