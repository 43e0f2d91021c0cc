package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/sip"
	"ringback/sip/loop"
	"ringback/sip/message"
)

// binding is one contact of an address of record (RFC 3261 10).
type binding struct {
	contact sip.Address
	flow    sip.Flow // nil after a restart: the contact's URI says where to send
	callID  string
	cseq    uint32
	expires time.Time
	end     *loop.Timer
}

// Binding is a contact as others see it.
type Binding struct {
	Contact  string // its URI
	Instance string // its +sip.instance; empty: it has none
	Expires  time.Time
	Source   netip.AddrPort // where the REGISTER came from; zero after a restart
}

// registrar keeps the bindings of the users. Loop goroutine.
type registrar struct {
	boot     *boot
	bindings map[string][]*binding // user -> contacts, newest last
}

// serve answers a REGISTER.
func (r *registrar) serve(req *sip.IncomingRequest) {
	policy := r.boot.lab.registrarPolicy()
	if policy.Silent {
		return
	}
	if policy.Refuse != 0 {
		r.refuse(req, policy)
		return
	}
	user, ok := r.boot.lab.user(req.To().URI.UserText())
	if !ok {
		user = User{Name: "", Password: sip.Secret(newToken())} // nobody can prove to be it
	}
	now := r.boot.loop.Now()
	if v := r.boot.gate.check(user, "REGISTER", req.Header("Authorization"), now); v != proven || !ok {
		r.boot.respond(req, 401, r.boot.gate.challenge(user, v, now)...)
		return
	}
	r.update(req, user.Name, policy)
}

func (r *registrar) refuse(req *sip.IncomingRequest, policy RegistrarPolicy) {
	var headers []sip.Header
	if policy.RetryAfter > 0 {
		headers = append(headers, sip.Header{Name: "Retry-After", Value: seconds(policy.RetryAfter)})
	}
	r.boot.respond(req, policy.Refuse, headers...)
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Round(time.Second) / time.Second)) }

// update does what the REGISTER's contacts ask (RFC 3261 10.3, steps 6 to 8).
func (r *registrar) update(req *sip.IncomingRequest, user string, policy RegistrarPolicy) {
	contacts, star, err := contactsOf(req)
	if err != nil {
		r.boot.respond(req, 400)
		return
	}
	wish := wishOf(req)
	if star {
		if wish != 0 || len(contacts) > 0 {
			r.boot.respond(req, 400)
			return
		}
		r.dropAll(user, "asked")
		r.answer(req, user)
		return
	}
	cseq, err := message.ParseCSeq(req.Header("CSeq"))
	if err != nil {
		r.boot.respond(req, 400)
		return
	}
	for _, c := range contacts {
		if life := lifeOf(c, wish); life > 0 && life < policy.MinExpires {
			r.boot.respond(req, 423, sip.Header{Name: "Min-Expires", Value: seconds(policy.MinExpires)})
			return
		}
	}
	for _, c := range contacts {
		r.bind(user, &binding{contact: c, flow: req.Flow(), callID: string(req.CallID()), cseq: cseq.Seq},
			min(lifeOf(c, wish), policy.MaxExpires))
	}
	r.answer(req, user)
}

// bind sets one contact's life; zero takes it away.
func (r *registrar) bind(user string, b *binding, life time.Duration) {
	old := slices.IndexFunc(r.bindings[user], func(have *binding) bool { return sameContact(have.contact, b.contact) })
	if old >= 0 {
		have := r.bindings[user][old]
		if have.callID == b.callID && b.cseq <= have.cseq {
			return // an older request that came late
		}
		have.end.Stop()
		r.bindings[user] = slices.Delete(r.bindings[user], old, old+1)
	}
	if life <= 0 {
		if old >= 0 {
			r.boot.lab.happened(Event{Type: Unregistered, Party: user, Text: "asked"})
		}
		return
	}
	r.hold(user, b, life)
	r.boot.lab.happened(Event{Type: Registered, Party: user, Text: b.contact.URI.String()})
	r.boot.queue.kick()
}

func (r *registrar) hold(user string, b *binding, life time.Duration) {
	b.expires = r.boot.loop.Now().Add(life)
	b.end = r.boot.loop.After(life, func() { r.expire(user, b) })
	r.bindings[user] = append(r.bindings[user], b)
}

func (r *registrar) expire(user string, b *binding) {
	at := slices.Index(r.bindings[user], b)
	if at < 0 {
		return
	}
	r.bindings[user] = slices.Delete(r.bindings[user], at, at+1)
	r.boot.lab.happened(Event{Type: Unregistered, Party: user, Text: "expired"})
}

func (r *registrar) dropAll(user, why string) {
	for _, b := range r.bindings[user] {
		b.end.Stop()
	}
	if len(r.bindings[user]) > 0 {
		r.boot.lab.happened(Event{Type: Unregistered, Party: user, Text: why})
	}
	delete(r.bindings, user)
}

// answer lists the bindings that there are now.
func (r *registrar) answer(req *sip.IncomingRequest, user string) {
	var headers []sip.Header
	now := r.boot.loop.Now()
	for _, b := range r.bindings[user] {
		left := strconv.Itoa(int(b.expires.Sub(now).Round(time.Second) / time.Second))
		c := sip.Address{URI: b.contact.URI, Params: b.contact.Params.Without("expires").With("expires", left)}
		headers = append(headers, sip.Header{Name: "Contact", Value: c.String()})
	}
	if keepsToFlow(req, r.bindings[user]) {
		headers = append(headers, sip.Header{Name: "Require", Value: "outbound"})
	}
	headers = append(headers, sip.Header{Name: "Date", Value: now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")})
	r.boot.respond(req, 200, headers...)
}

// keepsToFlow says whether a binding is reached by the flow that it was made over, for
// who asks for that (RFC 5626 6).
func keepsToFlow(req *sip.IncomingRequest, all []*binding) bool {
	if !strings.Contains(req.Header("Supported"), "outbound") {
		return false
	}
	return slices.ContainsFunc(all, func(b *binding) bool {
		return b.flow == req.Flow() && b.contact.Params.Value("+sip.instance") != "" && b.contact.Params.Value("reg-id") != ""
	})
}

// newest is the contact at which a user is called; nil when not registered.
func (r *registrar) newest(user string) *binding {
	all := r.bindings[user]
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

func contactsOf(req *sip.IncomingRequest) (list []sip.Address, star bool, err error) {
	for _, h := range req.Headers() {
		if !strings.EqualFold(h.Name, "Contact") && !strings.EqualFold(h.Name, "m") {
			continue
		}
		if strings.TrimSpace(h.Value) == "*" {
			star = true
			continue
		}
		some, err := message.ParseAddressList(h.Value)
		if err != nil {
			return nil, false, fmt.Errorf("read contact: %w", err)
		}
		list = append(list, some...)
	}
	return list, star, nil
}

// wishOf is the Expires header; an hour when there is none.
func wishOf(req *sip.IncomingRequest) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(req.Header("Expires")), 10, 32)
	if err != nil {
		return time.Hour
	}
	return time.Duration(n) * time.Second
}

func lifeOf(c sip.Address, wish time.Duration) time.Duration {
	if own, ok := message.ContactExpires(c); ok {
		return own
	}
	return wish
}

// sameContact compares by URI, or by the instance behind it (RFC 5626 5.1).
func sameContact(a, b sip.Address) bool {
	if id := a.Params.Value("+sip.instance"); id != "" && id == b.Params.Value("+sip.instance") {
		return a.Params.Value("reg-id") == b.Params.Value("reg-id")
	}
	return a.URI.Equal(b.URI)
}
