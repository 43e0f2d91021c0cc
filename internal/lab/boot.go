package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"ringback/sip"
	"ringback/sip/loop"
	"ringback/sip/message"
)

// boot is one life of the lab, from Start or Resume to Stop or Close: its loop,
// its user agent, its media and its calls. What the loop runs owns all fields.
type boot struct {
	lab       *Lab
	loop      *loop.Loop
	ua        *sip.UA
	sound     *sound
	gate      *gatekeeper
	registrar *registrar
	queue     *queue
	calls     []*call
	published []*publication
	count     int // entity-tags given out
	legs      map[*sip.Session]*leg
	watching  []*watching
	idle      func() // told when the last leg is gone; nil: nobody waits

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func newBoot(l *Lab) (*boot, error) {
	b := &boot{lab: l, loop: loop.New(l.cfg.Log), gate: newGatekeeper(l.cfg.Realm, l.registrarPolicy), legs: map[*sip.Session]*leg{}}
	b.registrar = &registrar{boot: b, bindings: map[string][]*binding{}}
	b.queue = &queue{boot: b}
	var err error
	b.ua, err = sip.NewUA(sip.Config{
		Loop: b.loop, Network: lossyNetwork{l.cfg.Network, l}, Listen: l.listen, UserAgent: "Ringback lab", Log: l.cfg.Log,
		Trace: l.cfg.Trace, TLS: l.cfg.TLS, Handler: b, Random: l.cfg.Random,
		Limits: sip.Limits{Sessions: 4096, InvitesPerSec: 4096},
		Policy: sip.Policy{AcceptFrom: sip.AcceptAnyone, LocalUsers: func(string) bool { return true },
			Methods: []string{"REGISTER", "SUBSCRIBE", "PUBLISH"}},
	})
	if err != nil {
		return nil, err
	}
	if b.sound, err = newSound(b); err != nil {
		_ = b.ua.Close(context.Background())
		return nil, fmt.Errorf("open media: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.done.Go(func() { b.loop.Run(ctx) })
	return b, nil
}

// halt ends everything at once and waits for every goroutine. It returns the
// bindings that are to survive.
func (b *boot) halt(keep bool) []keptBinding {
	var kept []keptBinding
	_ = b.loop.Do(context.Background(), func() {
		for user, all := range b.registrar.bindings {
			for _, one := range all {
				if keep {
					kept = append(kept, keptBinding{user, one.contact, one.expires})
				}
			}
		}
	})
	b.cancel()
	b.done.Wait()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = b.ua.Close(ended) // returns the context's error by design
	b.sound.close()
	return kept
}

// restore takes the bindings of the life before.
func (b *boot) restore(kept []keptBinding) {
	for _, k := range kept {
		if left := k.expires.Sub(b.loop.Now()); left > 0 {
			b.registrar.hold(k.user, &binding{contact: k.contact}, left)
		}
	}
}

// hangUpAll ends the calls as a PBX that is shut down.
func (b *boot) hangUpAll(ctx context.Context) error {
	ended := make(chan struct{})
	if err := b.loop.Do(ctx, func() {
		b.queue.close()
		for _, c := range slices.Clone(b.calls) {
			c.end(sip.Cause{Kind: sip.CauseCompleted})
		}
		for _, g := range b.legs {
			g.hangUp(sip.Cause{Kind: sip.CauseCompleted})
		}
		b.whenIdle(func() { close(ended) })
	}); err != nil {
		return fmt.Errorf("close lab: %w", err)
	}
	select {
	case <-ended:
		return b.ua.Close(ctx)
	case <-ctx.Done():
		return fmt.Errorf("close lab: %w", context.Cause(ctx))
	}
}

// whenIdle runs fn once no session is left.
func (b *boot) whenIdle(fn func()) {
	if len(b.legs) == 0 {
		fn()
		return
	}
	b.idle = fn
}

// uri is a user's or extension's address at the lab.
func (b *boot) uri(number string) sip.URI {
	at := b.ua.LocalAddr(b.lab.listen[0].Transport)
	return sip.URI{Scheme: "sip", User: message.EscapeUser(number), Host: at.Addr().String(), Port: at.Port()}
}

// addressOf is how an end is named to the one that it calls.
func (b *boot) addressOf(e end) sip.Address {
	a := sip.Address{URI: b.uri(e.party())}
	if n, ok := e.(*line); ok {
		a.Display = n.ext.Name
	}
	if u, ok := b.lab.user(e.party()); ok {
		a.Display = u.Display
	}
	return a
}

// Requested serves what comes outside of dialogs.
func (b *boot) Requested(r *sip.IncomingRequest) {
	switch r.Method() {
	case "REGISTER":
		b.registrar.serve(r)
	case "MESSAGE":
		b.message(r)
	case "SUBSCRIBE":
		b.subscribe(r)
	case "PUBLISH":
		b.publish(r)
	default:
		b.respond(r, 405)
	}
}

func (b *boot) respond(r *sip.IncomingRequest, code int, headers ...sip.Header) {
	if err := r.Respond(code, "", headers, "", nil); err != nil {
		b.lab.cfg.Log.Warn("lab cannot answer", "method", r.Method(), "code", code, "cause", err)
	}
}

// Invited takes a call from a user, once he has proven who he is.
func (b *boot) Invited(s *sip.Session) {
	user, ok := b.lab.user(s.Remote().URI.UserText())
	if !ok {
		b.refuse(s, 403)
		return
	}
	if !b.lab.callPolicy().OpenCalls {
		v := b.gate.check(user, "INVITE", s.Header("Authorization"), b.loop.Now())
		if v != proven {
			b.refuse(s, 401, b.gate.challenge(user, v, b.loop.Now())...)
			return
		}
	}
	g, err := b.newLeg(user.Name)
	if err != nil {
		b.lab.cfg.Log.Warn("lab cannot take a call", "cause", err)
		b.refuse(s, 500)
		return
	}
	g.take(s)
	callee, code := b.callee(s.Local().URI.UserText())
	if callee == nil {
		g.hangUp(sip.Cause{Kind: sip.CauseNotFound, Code: code})
		return
	}
	b.start(g, callee)
}

func (b *boot) refuse(s *sip.Session, code int, headers ...sip.Header) {
	if err := s.Reject(code, "", headers...); err != nil {
		b.lab.cfg.Log.Warn("lab cannot refuse a call", "code", code, "cause", err)
	}
}

// callee makes the end that a number leads to; nil and a code when there is none.
func (b *boot) callee(number string) (end, int) {
	if ext, ok := b.lab.extension(number); ok {
		line, err := b.newLine(ext)
		if err != nil {
			return nil, 500
		}
		return line, 0
	}
	if _, ok := b.lab.user(number); !ok {
		return nil, 404
	}
	g, err := b.newLeg(number)
	if err != nil {
		return nil, 500
	}
	if b.registrar.newest(number) == nil {
		g.close()
		return nil, 480
	}
	return g, 0
}
