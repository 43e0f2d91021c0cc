package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringback/sip"
	"ringback/sip/message"
)

// Lab is a PBX in the process. Make one with Start. All its methods may be
// called from any goroutine.
type Lab struct {
	cfg    Config
	log    *Log
	listen []sip.Listen // with the ports that the first start was given
	loss   atomic.Pointer[Loss]

	mu        sync.Mutex // guards what follows; held shortly, never while waiting
	registrar RegistrarPolicy
	queue     QueuePolicy
	calls     CallPolicy
	messaging MessagePolicy
	presence  PresencePolicy
	publish   PublishPolicy
	boot      *boot // nil while stopped
	kept      []keptBinding
	heard     map[string]*hearing
	messages  []Message
}

// keptBinding is a binding that outlives a restart.
type keptBinding struct {
	user    string
	contact sip.Address
	expires time.Time
}

// Start makes a lab and opens its ports. ctx bounds the start only; end the lab
// with Close.
func Start(ctx context.Context, cfg Config) (*Lab, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	l := &Lab{cfg: cfg, log: newLog(), listen: slices.Clone(cfg.Listen), registrar: cfg.Registrar,
		queue: cfg.Queue, calls: cfg.Calls, messaging: cfg.Messages, presence: cfg.Presence, publish: cfg.Publish, heard: map[string]*hearing{}}
	if err := l.Resume(ctx); err != nil {
		return nil, err
	}
	for i, want := range l.listen {
		bound := l.Addr(want.Transport)
		if at, err := netip.ParseAddrPort(want.Address); err == nil && at.Port() == 0 {
			l.listen[i].Address = netip.AddrPortFrom(at.Addr(), bound.Port()).String()
		}
	}
	return l, nil
}

// Stop lets the lab fall dead, as a PBX whose process is killed: calls are not
// hung up, connections break, nonces are gone. With keep the bindings survive.
// Resume brings it back on the same ports. A stopped lab is not stopped again.
func (l *Lab) Stop(keep bool) {
	l.mu.Lock()
	b := l.boot
	l.boot = nil
	l.kept = nil
	l.mu.Unlock()
	if b == nil {
		return
	}
	kept := b.halt(keep)
	l.mu.Lock()
	l.kept = kept
	l.mu.Unlock()
}

// Resume starts a stopped lab again; the error says which address could not be
// opened.
func (l *Lab) Resume(ctx context.Context) error {
	l.mu.Lock()
	running, kept := l.boot != nil, l.kept
	l.mu.Unlock()
	if running {
		return nil
	}
	b, err := newBoot(l)
	if err != nil {
		return fmt.Errorf("start lab: %w", err)
	}
	l.mu.Lock()
	l.boot = b
	l.mu.Unlock()
	return b.loop.Do(ctx, func() { b.restore(kept) })
}

// Close hangs up every call with BYE or CANCEL, waits for the answers until ctx
// is done, and ends the lab for good.
func (l *Lab) Close(ctx context.Context) error {
	b := l.current()
	var err error
	if b != nil {
		err = b.hangUpAll(ctx)
	}
	l.Stop(false)
	l.log.end()
	return err
}

func (l *Lab) current() *boot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.boot
}

// do runs fn on the loop of the running lab and waits for it.
func (l *Lab) do(what string, fn func(b *boot) error) error {
	b := l.current()
	if b == nil {
		return fmt.Errorf("%s: the lab is stopped; Resume it first", what)
	}
	var err error
	if ended := b.loop.Do(context.Background(), func() { err = fn(b) }); ended != nil {
		return fmt.Errorf("%s: %w", what, ended)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Addr is where the lab listens for a transport (udp, tcp, tls); the zero value
// while it is stopped or where there is no such listener.
func (l *Lab) Addr(transport string) netip.AddrPort {
	if b := l.current(); b != nil {
		return b.ua.LocalAddr(transport)
	}
	return netip.AddrPort{}
}

// URI is the address of a user or extension at the lab, over its first listener.
func (l *Lab) URI(number string) string {
	listen := l.listen[0]
	at := l.Addr(listen.Transport)
	u := sip.URI{Scheme: "sip", User: message.EscapeUser(number), Host: at.Addr().String(), Port: at.Port()}
	if listen.Transport != "udp" {
		u.Params = u.Params.With("transport", listen.Transport)
	}
	return u.String()
}

// Log is what happened, for tests that wait for it.
func (l *Lab) Log() *Log { return l.log }

// Users are the users that may register, with their passwords.
func (l *Lab) Users() []User { return slices.Clone(l.cfg.Users) }

// Extensions are the numbers that the lab answers itself.
func (l *Lab) Extensions() []Extension { return slices.Clone(l.cfg.Extensions) }

// SetRegistrar changes how the registrar behaves from now on.
func (l *Lab) SetRegistrar(p RegistrarPolicy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.registrar = p.withDefaults()
}

// SetCalls changes how calls are treated from now on.
func (l *Lab) SetCalls(p CallPolicy) {
	if p.TransferRingTime == 0 {
		p.TransferRingTime = l.cfg.Calls.TransferRingTime
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = p
}

// SetMessages changes how a MESSAGE is answered from now on.
func (l *Lab) SetMessages(p MessagePolicy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messaging = p
}

// SetQueue changes how the queue behaves from the next offer on.
func (l *Lab) SetQueue(p QueuePolicy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = p.withDefaults()
}

// ForgetNonces makes every nonce that was given out stale.
func (l *Lab) ForgetNonces() error {
	return l.do("forget nonces", func(b *boot) error {
		clear(b.gate.nonces)
		b.gate.order = nil
		return nil
	})
}

// Bindings are the contacts of a user, oldest first.
func (l *Lab) Bindings(user string) []Binding {
	var list []Binding
	_ = l.do("list bindings", func(b *boot) error {
		for _, have := range b.registrar.bindings[user] {
			one := Binding{Contact: have.contact.URI.String(), Instance: have.contact.Params.Value("+sip.instance"), Expires: have.expires}
			if have.flow != nil {
				one.Source = have.flow.Remote()
			}
			list = append(list, one)
		}
		return nil
	})
	return list
}

// Counters are those of the lab's user agent; nil while it is stopped.
func (l *Lab) Counters() map[string]uint64 {
	var all map[string]uint64
	_ = l.do("count", func(b *boot) error {
		all = b.ua.Counters()
		return nil
	})
	return all
}

func (l *Lab) registrarPolicy() RegistrarPolicy {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.registrar
}

func (l *Lab) messagePolicy() MessagePolicy {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.messaging
}

func (l *Lab) queuePolicy() QueuePolicy {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue
}

func (l *Lab) callPolicy() CallPolicy {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

func (l *Lab) user(name string) (User, bool) {
	for _, u := range l.cfg.Users {
		if u.Name == name {
			return u, true
		}
	}
	return User{}, false
}

func (l *Lab) extension(number string) (Extension, bool) {
	for _, e := range l.cfg.Extensions {
		if e.Number == number {
			return e, true
		}
	}
	return Extension{}, false
}

func (l *Lab) happened(e Event) {
	l.cfg.Log.Debug("lab", "event", e.String())
	l.log.add(e)
	if b := l.current(); b != nil {
		b.loop.Post(b.lookAround) // whatever happens may change what somebody watches
	}
}
