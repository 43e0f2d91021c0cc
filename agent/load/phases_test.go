package load

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
)

// A run that is interrupted, or that a line of abort_on ends, leaves no call and no
// registration behind, in whatever phase that happens.
func TestPhases_NothingIsLeft(t *testing.T) {
	const calls = users + "register: true\nchurn: {rate: 2, away: {mean: 1s}}\ncalls: {to: ['sip:601@192.0.2.20'], rate: 20, ramp: 10s, for: 20s, talk: {mean: 5s}, media: tone, codecs: [pcmu]}\n"
	const desks = "users: {first: 3001, count: 6}\nagents: {for: 20s, think: {mean: 300ms}, talk: {mean: 5s}, hold: 50%, consult: 50%, consult_to: 'sip:601@192.0.2.20', transfer: 30%, transfer_to: 'sip:602@192.0.2.20', codecs: [pcmu]}\n"
	for _, row := range []struct {
		name  string
		plan  string
		after time.Duration // Ctrl-C; 0: abort_on
	}{
		{"calls, registering", calls, 20 * time.Millisecond},
		{"calls, ramp", calls, 4 * time.Second},
		{"calls, steady", calls, 14 * time.Second},
		{"calls, drain", calls, 21 * time.Second},
		{"calls, abort", calls + "abort_on: ['answered > 30']\n", 0},
		{"agents, registering", desks, 15 * time.Millisecond},
		{"agents, shift", desks, 9 * time.Second},
		{"agents, abort", desks + "abort_on: ['completed > 5']\n", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				far := respond(t, n, ResponderPlan{Media: MediaEcho, Codecs: []string{"pcmu"}, Ring: time.Second, Offers: 2})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if row.after > 0 {
					ctx, cancel = context.WithTimeout(ctx, row.after)
					defer cancel()
				}
				began := time.Now()
				r := run(ctx, t, n, plan(t, row.plan), nil)
				if row.after == 0 && (r.OK || time.Since(began) > 22*time.Second) {
					t.Errorf("it was not aborted: %+v", r)
				}
				if late := time.Since(began) - row.after; row.after > 0 && late > 7*time.Second {
					t.Errorf("it ended %v after its interruption", late)
				}
				time.Sleep(movedTime + time.Second) // what agents have transferred is nobody's
				synctest.Wait()
				if got := far.Answers(); r.LeftCalls+r.LeftRegistrations+got.Active+got.Registered != 0 {
					t.Errorf("left: %+v; the far end: %+v", r, got)
				}
				far.Close()
				if d, l, c := n.Host(generatorIP).Sockets(); d+l+c != 0 {
					t.Errorf("%d sockets are open", d+l+c)
				}
			})
		})
	}
}
