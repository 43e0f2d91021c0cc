package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
	"ringback/sip/loop"
	"ringback/sip/message"
)

// bed is a network with user agents and scripted peers, in virtual time.
type bed struct {
	*testing.T
	net    *simnet.Net
	laptop *simnet.Host // the agent's machine, once it has moved
	ends   []func()
}

// story runs fn on a bed of its own inside a bubble; a goroutine left behind
// fails the test.
func story(t *testing.T, fn func(b *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { inBubble(t, fn) })
}

// inBubble is story inside a bubble that is there already.
func inBubble(t *testing.T, fn func(b *bed)) {
	b := &bed{T: t, net: simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond}))}
	defer func() {
		for i := len(b.ends) - 1; i >= 0; i-- {
			b.ends[i]()
		}
		b.net.Close()
	}()
	fn(b)
}

// pass lets virtual time go by.
func (b *bed) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// agent is a user agent with a handler that remembers, and can be told what to do.
type agent struct {
	*UA
	bed      *bed
	loop     *loop.Loop
	account  *Account
	invited  func(*Session)
	asked    func(*IncomingRequest)
	on       func(*Session, Event)
	sessions []*Session
	events   []string
	last     []Event
}

const (
	pbxIP   = "10.0.0.1"
	agentIP = "10.0.0.2"
	otherIP = "10.0.0.3"
)

type setup func(*Config, *Account)

// agent makes a user agent on a host, with an account at the PBX's address.
func (b *bed) agent(ip, user string, opts ...setup) *agent {
	b.Helper()
	a := &agent{bed: b, loop: loop.New(nil)}
	ctx, cancel := context.WithCancel(context.Background())
	a.account = &Account{AOR: uri("sip:" + user + "@" + pbxIP), Registrar: uri("sip:" + pbxIP + ":5060"), Password: "secret"}
	cfg := Config{Loop: a.loop, Network: b.net.Host(ip), Handler: a,
		Listen: []Listen{{"udp", ip + ":5060"}, {"tcp", ip + ":5060"}}}
	for _, o := range opts {
		o(&cfg, a.account)
	}
	var err error
	if a.UA, err = NewUA(cfg); err != nil {
		b.Fatal(err)
	}
	a.UA.peers.learn(a.account, hostAddr(uri("sip:"+pbxIP)))
	go a.loop.Run(ctx)
	b.ends = append(b.ends, func() {
		short, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = a.UA.Close(short)
		cancel()
		<-a.loop.Done()
	})
	return a
}

// do runs fn on the agent's loop.
func (a *agent) do(fn func()) {
	a.bed.Helper()
	if err := a.loop.Do(context.Background(), fn); err != nil {
		a.bed.Fatal(err)
	}
	synctest.Wait()
}

// must runs fn on the agent's loop; an error ends the test.
func (a *agent) must(fn func() error) {
	a.bed.Helper()
	var err error
	a.do(func() { err = fn() })
	if err != nil {
		a.bed.Fatal(err)
	}
}

// Invited implements Handler.
func (a *agent) Invited(s *Session) {
	a.sessions = append(a.sessions, s)
	s.Handle(a)
	a.note("invited")
	if a.invited != nil {
		a.invited(s)
	}
}

// Requested implements Handler.
func (a *agent) Requested(r *IncomingRequest) {
	a.note("requested " + r.Method())
	if a.asked != nil {
		a.asked(r)
		return
	}
	_ = r.Respond(200, "", nil, "", nil)
}

// SessionEvent implements SessionHandler.
func (a *agent) SessionEvent(s *Session, e Event) {
	a.last = append(a.last, e)
	a.note(describe(e))
	if a.on != nil {
		a.on(s, e)
	}
}

func (a *agent) note(s string) { a.events = append(a.events, s) }

// describe is an event in a few words.
func describe(e Event) string {
	switch e := e.(type) {
	case Progressed:
		return strings.TrimSpace(fmt.Sprintf("progressed %d %s", e.Code, e.SDP))
	case Answered:
		return strings.TrimSpace(fmt.Sprintf("answered %s", e.SDP))
	case Confirmed:
		return strings.TrimSpace(fmt.Sprintf("confirmed %s", e.SDP))
	case OfferReceived:
		return strings.TrimSpace(fmt.Sprintf("offer %s %s", e.Method, e.SDP))
	case AnswerReceived:
		return fmt.Sprintf("answer %s", e.SDP)
	case OfferRefused:
		return fmt.Sprintf("refused %d", e.Code)
	case IdentityChanged:
		return "identity " + e.Identity.Display
	case ReferReceived:
		return "refer " + e.Refer.To().String()
	case ReplacedBy:
		return "replaced"
	case TransferProgressed:
		return fmt.Sprintf("transfer %d", e.Code)
	case TransferEnded:
		return fmt.Sprintf("transfer ended ok=%v %d timeout=%v", e.OK, e.Code, e.TimedOut)
	case InfoReceived:
		return fmt.Sprintf("info %s", e.Body)
	case MessageReceived:
		return fmt.Sprintf("message %s", e.Body)
	case Redirected:
		return fmt.Sprintf("redirected %d", len(e.Contacts))
	case Ended:
		return fmt.Sprintf("ended %s %d", e.Cause.Kind, e.Cause.Code)
	}
	return fmt.Sprintf("%T", e)
}

// saw fails unless the agent's events since the last call are these.
func (a *agent) saw(want ...string) {
	a.bed.Helper()
	var got []string
	a.do(func() { got = a.events; a.events = nil })
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		a.bed.Fatalf("events:\n got  %s\n want %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// session is the last session that came.
func (a *agent) session() *Session {
	a.bed.Helper()
	var s *Session
	a.do(func() {
		if len(a.sessions) > 0 {
			s = a.sessions[len(a.sessions)-1]
		}
	})
	if s == nil {
		a.bed.Fatal("no session came")
	}
	return s
}

// invite calls out.
func (a *agent) invite(to string, edit ...func(*InviteOptions)) *Session {
	a.bed.Helper()
	o := InviteOptions{Account: a.account, To: uri(to), Offer: []byte("offer")}
	for _, e := range edit {
		e(&o)
	}
	var s *Session
	a.must(func() (err error) { s, err = a.Invite(o, a); return err })
	return s
}

// empty fails when the agent still holds sessions or dialogs.
func (a *agent) empty() {
	a.bed.Helper()
	a.do(func() {
		if len(a.UA.sessions) != 0 || len(a.UA.dialogs) != 0 || a.UA.open != 0 {
			a.bed.Errorf("left behind: %d sessions, %d dialogs, %d requests", len(a.UA.sessions), len(a.UA.dialogs), a.UA.open)
		}
	})
}

func uri(s string) URI {
	u, err := message.ParseURI(s)
	if err != nil {
		panic(err)
	}
	return u
}
