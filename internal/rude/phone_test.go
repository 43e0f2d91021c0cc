package rude

import (
	"context"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
	"ringback/sip"
	"ringback/sip/loop"
)

const (
	pbxIP   = "10.0.0.1"
	phoneIP = "10.0.0.2"
	otherIP = "10.0.0.3"
	at      = phoneIP + ":5060"
)

// phone is a user agent that is registered at a polite peer, in virtual time.
type phone struct {
	*testing.T
	net     *simnet.Net
	loop    *loop.Loop
	ua      *sip.UA
	account *sip.Account
	pbx     *Peer
	invited func(*sip.Session)
	on      func(*sip.Session, sip.Event)
	calls   []*sip.Session
	events  []sip.Event
	stops   []func()
}

// onPhone gives fn a phone inside a bubble; a goroutine left behind fails the test.
func onPhone(t *testing.T, edit func(*sip.Config, *sip.Account), fn func(p *phone)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &phone{T: t, net: simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond})), loop: loop.New(nil)}
		p.invited = func(s *sip.Session) { _ = s.Answer([]byte(SDP(phoneIP, 5000))) }
		defer p.end()
		p.start(edit)
		fn(p)
	})
}

func (p *phone) start(edit func(*sip.Config, *sip.Account)) {
	p.Helper()
	p.pbx = p.peer(pbxIP)
	p.pbx.BePolite(true)
	p.account = &sip.Account{AOR: p.uri("sip:1001@" + pbxIP), Registrar: p.uri("sip:" + pbxIP), Password: "s3cr3t", Keepalive: -1, Expires: time.Hour}
	cfg := sip.Config{Loop: p.loop, Network: p.net.Host(phoneIP), Handler: p, Listen: []sip.Listen{{Transport: "udp", Address: at}, {Transport: "tcp", Address: at}}}
	if edit != nil {
		edit(&cfg, p.account)
	}
	var err error
	if p.ua, err = sip.NewUA(cfg); err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go p.loop.Run(ctx)
	p.stops = append(p.stops, func() {
		short, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = p.ua.Close(short)
		cancel()
		<-p.loop.Done()
	})
	p.do(func() { p.ua.Register(p.account, func(sip.RegistrationStatus) {}) })
	p.pass(time.Second)
}

func (p *phone) end() {
	for i := len(p.stops) - 1; i >= 0; i-- {
		p.stops[i]()
	}
	p.net.Close()
}

// peer opens a UDP peer at port 5060 of a host.
func (p *phone) peer(ip string) *Peer {
	p.Helper()
	q, err := Listen(p.net.Host(ip), ip+":5060", at)
	if err != nil {
		p.Fatal(err)
	}
	p.stops = append(p.stops, q.Close)
	return q
}

// stream opens a TCP peer.
func (p *phone) stream(ip string) *Peer {
	p.Helper()
	q, err := Dial(p.net.Host(ip), at, nil)
	if err != nil {
		p.Fatal(err)
	}
	p.stops = append(p.stops, q.Close)
	return q
}

// Invited implements sip.Handler.
func (p *phone) Invited(s *sip.Session) {
	p.calls = append(p.calls, s)
	s.Handle(p)
	p.invited(s)
}

// Requested implements sip.Handler.
func (p *phone) Requested(r *sip.IncomingRequest) { _ = r.Respond(200, "", nil, "", nil) }

// SessionEvent implements sip.SessionHandler.
func (p *phone) SessionEvent(s *sip.Session, e sip.Event) {
	p.events = append(p.events, e)
	if p.on != nil {
		p.on(s, e)
	} else if _, ok := e.(sip.OfferReceived); ok {
		_ = s.AnswerOffer([]byte(SDP(phoneIP, 5000)))
	}
}

func (p *phone) uri(text string) sip.URI {
	p.Helper()
	u, err := sip.ParseURI(text)
	if err != nil {
		p.Fatal(err)
	}
	return u
}

// do runs fn on the phone's loop.
func (p *phone) do(fn func()) {
	p.Helper()
	if err := p.loop.Do(context.Background(), fn); err != nil {
		p.Fatal(err)
	}
	synctest.Wait()
}

func (p *phone) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// counters are the phone's.
func (p *phone) counters() map[string]uint64 {
	var c map[string]uint64
	p.do(func() { c = p.ua.Counters() })
	return c
}

// call is one that the PBX has with the phone.
type call struct {
	phone *phone
	peer  *Peer
	first Request
	to    string
	seq   int
}

// rings lets a peer call the phone, which answers.
func (p *phone) rings(q *Peer) *call {
	p.Helper()
	inv := q.New("INVITE")
	inv.Type, inv.Body = "application/sdp", SDP(pbxIP, 4000)
	p.write(q, inv.String())
	m, ok := q.Until(time.Second, func(m Message) bool { return m.Code() >= 200 && m.Header("Call-ID") == inv.CallID })
	if !ok || m.Code() != 200 {
		p.Fatalf("the call got %q; counters %v", m.Start(), p.counters())
	}
	c := &call{phone: p, peer: q, first: inv, to: m.Header("To"), seq: 1}
	p.write(q, c.request("ACK").String())
	p.pass(20 * time.Millisecond)
	return c
}

// request is one in the call's dialog.
func (c *call) request(method string) Request {
	r := c.peer.New(method)
	r.From, r.To, r.CallID = c.first.From, c.to, c.first.CallID
	if method != "ACK" {
		c.seq++
	}
	r.CSeq = strings.Join([]string{text(c.seq), method}, " ")
	return r
}

// works fails unless the call answers within 20 ms.
func (c *call) works() {
	c.phone.Helper()
	info := c.request("INFO")
	info.Type, info.Body = "application/dtmf-relay", "Signal=5\r\nDuration=100\r\n"
	begin := time.Now()
	c.phone.write(c.peer, info.String())
	m, ok := c.peer.Until(time.Second, func(m Message) bool { return m.Header("CSeq") == info.CSeq })
	if d := time.Since(begin); !ok || m.Code() != 200 || d > 20*time.Millisecond {
		c.phone.Errorf("INFO in the call got %q after %v", m.Start(), d)
	}
}

func (p *phone) write(q *Peer, text string) {
	p.Helper()
	if err := q.Write(text); err != nil {
		p.Fatal(err)
	}
}

// spoof sends a datagram to the phone from wherever.
func (p *phone) spoof(from netip.AddrPort, text string) {
	p.net.Spoof(from, netip.MustParseAddrPort(at), []byte(text))
}

// heap is what is live after a collection, in bytes.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
