package doctor

import (
	"context"
	"net/netip"
	"time"

	"ringback/sip"
	"ringback/sip/loop"
)

// asker is a user agent that only asks.
type asker struct {
	ua      *sip.UA
	loop    *loop.Loop
	account *sip.Account
	stop    context.CancelFunc
	ended   chan struct{}
}

// newAsker opens a user agent on our address towards the PBX, with a port of its own:
// a running agent keeps the configured one.
func (e *exam) newAsker() (*asker, error) {
	local, err := e.localAddr()
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(local, 0).String()
	a := e.Config.Account
	l := loop.New(e.Log)
	life, stop := context.WithCancel(context.Background())
	q := &asker{loop: l, account: e.account, stop: stop, ended: make(chan struct{})}
	q.ua, err = sip.NewUA(sip.Config{Loop: l, Log: e.Log, UserAgent: "Ringback", Resolver: e.Resolver,
		Listen: []sip.Listen{{Transport: "udp", Address: at}, {Transport: "tcp", Address: at}},
		TLS:    sip.TLSConfig{CAFile: a.CAFile, CertFile: a.CertFile, KeyFile: a.KeyFile}})
	if err != nil {
		stop()
		return nil, err
	}
	go func() { defer close(q.ended); l.Run(life) }()
	return q, nil
}

// request sends a request and waits for its end.
func (q *asker) request(ctx context.Context, o sip.RequestOptions) sip.Reply {
	replies := make(chan sip.Reply, 1)
	q.loop.Post(func() { q.ua.Request(q.account, o, func(r sip.Reply) { replies <- r }) })
	select {
	case r := <-replies:
		return r
	case <-ctx.Done():
		return sip.Reply{Err: ctx.Err()}
	}
}

func (q *asker) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	cancel() // nothing more is waited for
	_ = q.ua.Close(ctx)
	q.stop()
	<-q.ended
}
