package sip

import (
	"context"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/sip/loop"
	"ringback/sip/message"
)

// A challenge that is not answered is counted by why.
func TestRefusedChallengesAreCounted(t *testing.T) {
	for cause, values := range map[string][]string{
		"password":   {`Digest realm="a", nonce="1", qop="auth"`, `Digest realm="a", nonce="2", qop="auth"`},
		"realm":      {`Digest realm="b", nonce="1", qop="auth"`},
		"algorithm":  {`Digest realm="a", nonce="1", algorithm=ROT13`},
		"stale":      {`Digest realm="a", nonce="1"`, `Digest realm="a", nonce="2", stale=true`, `Digest realm="a", nonce="3", stale=true`, `Digest realm="a", nonce="4", stale=true`},
		"unreadable": {`Digest realm="a`},
	} {
		t.Run(cause, func(t *testing.T) {
			k, a := signing(func(a *Account) { a.Realms = []string{"a"} })
			_ = k
			var err error
			for _, v := range values {
				if _, err = a.answer(www(v), signed{method: "REGISTER", uri: "sip:a"}); err != nil {
					break
				}
			}
			if got := challengeCause(err); got != "challenge."+cause {
				t.Errorf("%v is counted as %s", err, got)
			}
		})
	}
}

// The counters can be read while the loop is at work, and cost no memory once a cause
// has been seen.
func TestCountersAreReadByAnyGoroutine(t *testing.T) {
	net := simnet.New()
	defer net.Close()
	l := loop.New(nil)
	u, err := NewUA(Config{Loop: l, Network: net.Host("10.0.0.1"), Listen: []Listen{{Transport: "udp", Address: "10.0.0.1:5060"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	go l.Run(ctx)
	defer func() { _ = u.Close(ctx); stop(); <-l.Done() }()
	req := message.NewRequest(message.INVITE, URI{Scheme: "sip", Host: "x"})
	for range 100 {
		l.Post(func() { u.count.add(strangerCause(req.Method)) })
		_ = u.Counted()
	}
	if err := l.Do(ctx, func() {}); err != nil {
		t.Fatal(err)
	}
	if n := u.Counted()["sip.stranger.invite"]; n != 100 {
		t.Errorf("counted %d of 100", n)
	}
	if n := testing.AllocsPerRun(100, func() { u.count.add(strangerCause(req.Method)); u.count.add(unservedCause(405)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
