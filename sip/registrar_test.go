package sip

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transaction"
	"ringback/sip/transport"
)

// registrar is a tiny PBX on raw transactions: it challenges, binds and forgets.
type registrar struct {
	bed      *bed
	ip       string
	loop     *loop.Loop
	tr       *transport.Layer
	tx       *transaction.Layer
	stop     func()
	seen     []seen
	bound    map[string]time.Time // Contact URI to its end
	extra    []string             // more Contacts in each 200
	headers  []Header             // more headers in each 200
	password string               // empty: nobody is challenged
	realm    string
	algs     []string // of the challenges, in order; empty: MD5 without naming it
	qop      string   // as it stands in the challenge
	nonces   int      // made so far
	lifetime int      // uses of a nonce until it is stale; 0: for ever
	used     map[string]int
	most     time.Duration                  // longest life granted
	less     time.Duration                  // taken off each life granted, as Asterisk does
	reply    func(*transaction.Server) bool // true: answered, or left unanswered on purpose
	mute     bool                           // OPTIONS are not answered
	flows    []transport.Flow
}

// seen is a request that came to the registrar.
type seen struct {
	at   time.Time
	req  *message.Request
	flow transport.Flow
}

const testPassword = "s3cret"

func (b *bed) registrar(ip string) *registrar {
	r := &registrar{bed: b, ip: ip, realm: "pbx", qop: "auth", most: time.Hour}
	r.start()
	b.ends = append(b.ends, func() { r.stop() })
	return r
}

// start boots it with an empty table.
func (r *registrar) start() {
	r.bound, r.used = map[string]time.Time{}, map[string]int{}
	r.loop = loop.New(nil)
	tr, err := transport.New(transport.Config{Loop: r.loop, Network: r.bed.net.Host(r.ip),
		OnMessage: func(in transport.Inbound) { r.tx.Receive(in) }})
	if err != nil {
		r.bed.Fatal(err)
	}
	r.tr = tr
	r.tx = transaction.New(transaction.Config{Loop: r.loop, Transport: tr})
	r.tx.OnRequest(r.serve)
	ctx, cancel := context.WithCancel(context.Background())
	l := r.loop
	r.stop = func() {
		_ = l.Do(context.Background(), r.tx.Close)
		tr.Close()
		cancel()
		<-l.Done()
	}
	for _, kind := range []string{"UDP", "TCP"} {
		if _, err := tr.Listen(ctx, kind, r.ip+":5060"); err != nil {
			r.bed.Fatal(err)
		}
	}
	go l.Run(ctx)
}

// restart kills it, and boots it again after a while.
func (r *registrar) restart(down time.Duration) {
	r.stop()
	r.stop = func() {}
	r.bed.net.Host(r.ip).Kill()
	r.bed.pass(down)
	r.start()
}

func (r *registrar) serve(s *transaction.Server) {
	req := s.Request()
	r.seen = append(r.seen, seen{time.Now(), req, s.Flow()})
	if !slices.Contains(r.flows, s.Flow()) {
		r.flows = append(r.flows, s.Flow())
	}
	switch {
	case r.reply != nil && r.reply(s):
	case req.Method == message.OPTIONS:
		if !r.mute {
			_ = s.Respond(s.NewResponse(200, ""))
		}
	case req.Method != message.REGISTER:
		_ = s.Respond(s.NewResponse(405, ""))
	case r.proven(s):
		r.bind(s)
	}
}

// proven challenges who has not proven to know the password.
func (r *registrar) proven(s *transaction.Server) bool {
	if r.password == "" {
		return true
	}
	req := s.Request()
	cred, err := digest.ParseCredentials(message.Value(req, "Authorization"))
	stale := false
	if err == nil {
		_, known := r.used[cred.Nonce]
		r.used[cred.Nonce]++
		stale = !known || r.lifetime > 0 && r.used[cred.Nonce] > r.lifetime
		want, err := digest.Digest(&digest.Challenge{Realm: r.realm, Nonce: cred.Nonce, Algorithm: cred.Algorithm, QOP: []string{"auth"}},
			digest.Options{Method: string(req.Method), URI: req.Recipient.String(), Username: cred.Username, Password: r.password,
				Count: cred.Nc, Cnonce: cred.Cnonce})
		if err == nil && !stale && want.Response == cred.Response && cred.URI == req.Recipient.String() {
			if cred.Nc != r.used[cred.Nonce] {
				r.bed.Errorf("nonce %s: nc %d at its use %d", cred.Nonce, cred.Nc, r.used[cred.Nonce])
			}
			return true
		}
	}
	res := s.NewResponse(401, "")
	algs := r.algs
	if len(algs) == 0 {
		algs = []string{""}
	}
	r.nonces++
	nonce := fmt.Sprintf("n%d", r.nonces)
	r.used[nonce] = 0
	for _, alg := range algs {
		value := fmt.Sprintf(`Digest realm=%q, nonce=%q, qop=%q`, r.realm, nonce, r.qop)
		if alg != "" {
			value += ", algorithm=" + alg
		}
		if stale {
			value += ", stale=true"
		}
		message.Add(res, "WWW-Authenticate", value)
	}
	_ = s.Respond(res)
	return false
}

func (r *registrar) bind(s *transaction.Server) {
	req := s.Request()
	list, _, err := message.Contacts(req)
	if err != nil {
		_ = s.Respond(s.NewResponse(400, ""))
		return
	}
	for _, c := range list {
		life, _ := message.ContactExpires(c)
		if life = min(life, r.most); life == 0 {
			delete(r.bound, c.URI.String())
			continue
		}
		r.bound[c.URI.String()] = time.Now().Add(life - r.less)
	}
	res := s.NewResponse(200, "")
	for _, c := range r.extra {
		message.Add(res, "Contact", c)
	}
	for uri, end := range r.bound {
		if left := time.Until(end); left > 0 {
			message.Add(res, "Contact", fmt.Sprintf("<%s>;expires=%d", uri, int(left.Seconds())))
		}
	}
	for _, h := range r.headers {
		message.Add(res, h.Name, h.Value)
	}
	_ = s.Respond(res)
}

// look runs fn where the registrar's state may be read.
func (r *registrar) look(fn func()) {
	r.bed.Helper()
	if err := r.loop.Do(context.Background(), fn); err != nil {
		r.bed.Fatal(err)
	}
	synctest.Wait()
}

// registers are the REGISTERs that bind or unbind, fetches left out.
func (r *registrar) registers() []seen {
	var out []seen
	r.look(func() {
		for _, s := range r.seen {
			if s.req.Method == message.REGISTER && message.Has(s.req, "Contact") {
				out = append(out, s)
			}
		}
	})
	return out
}

// forget clears what was seen.
func (r *registrar) forget() { r.look(func() { r.seen = nil }) }

// holds reports whether a binding is there now.
func (r *registrar) holds() bool {
	held := false
	r.look(func() {
		for _, end := range r.bound {
			held = held || end.After(time.Now())
		}
	})
	return held
}

// line is a registration under test: an agent, its statuses and its clock.
type line struct {
	*agent
	reg    *Registration
	told   []RegistrationStatus
	offset time.Duration // of the wall clock
}

func (b *bed) line(opts ...setup) *line {
	b.Helper()
	l := &line{}
	all := append([]setup{func(c *Config, a *Account) {
		c.WallClock = func() time.Time { return time.Now().Add(l.offset) }
		a.Password, a.Expires = testPassword, 300*time.Second
	}}, opts...)
	l.agent = b.agent(agentIP, "1001", all...)
	l.do(func() {
		l.reg = l.UA.Register(l.account, func(s RegistrationStatus) { l.told = append(l.told, s) })
	})
	b.pass(time.Second)
	return l
}

// status is how it stands.
func (l *line) status() RegistrationStatus {
	l.bed.Helper()
	var s RegistrationStatus
	l.do(func() { s = l.reg.Status() })
	return s
}

// is fails unless the registration stands so.
func (l *line) is(want RegistrationState, reason string) {
	l.bed.Helper()
	s := l.status()
	if s.State != want || !strings.Contains(s.Reason, reason) {
		l.bed.Fatalf("registration is %s, code %d, %q; want %s with %q", s.State, s.Code, s.Reason, want, reason)
	}
}

// back waits until it is registered again, and fails when that takes longer.
func (l *line) back(within time.Duration) {
	l.bed.Helper()
	for begin := time.Now(); l.status().State != Registered; l.bed.pass(100 * time.Millisecond) {
		if time.Since(begin) > within {
			s := l.status()
			l.bed.Fatalf("not registered after %v: %s %q, next try %v", within, s.State, s.Reason, s.NextTry)
		}
	}
}

// lost counts how often the loss was told.
func (l *line) lost() int {
	n := 0
	l.do(func() {
		for _, s := range l.told {
			if s.Lost {
				n++
			}
		}
	})
	return n
}

// answerCalls is a registrar's reply that takes calls as well: it answers INVITEs,
// and what belongs to them.
func answerCalls(s *transaction.Server) bool {
	req := s.Request()
	switch req.Method {
	case message.INVITE:
		res := s.NewResponse(200, "")
		message.Add(res, "Contact", "<sip:peer@"+pbxIP+":5060;transport=tcp>")
		message.SetBody(res, typeSDP, []byte("answer"))
		_ = s.Respond(res)
	case message.BYE:
		_ = s.Respond(s.NewResponse(200, ""))
	default:
		return false
	}
	return true
}
