// Package control is the agent's front desk: everything that works a running
// agent from outside (the command line now, terminal and web workspaces later)
// comes through here and is treated alike.
//
// # Words
//
//   - A desk (Agent) is the part of agent.Agent that the desk needs: snapshot,
//     events, actions.
//   - A socket is the unix socket of one profile. Its lock file, held for the
//     agent's life, tells a live agent from what a dead one left behind.
//   - A snapshot is GET /v1/state; the stream is GET /v1/events?since=SEQ. The
//     snapshot carries the seq from which the stream goes on, so nothing is
//     skipped between the two. A reader that falls behind is told with one
//     last "fell-behind" message, and takes a new snapshot.
//   - An expression is what `ringback wait` waits for. It is judged by the
//     client over a snapshot and the events after it, never by asking again
//     after a while: an event is what makes it look again.
//
// # Files
//
// socket.go and lock_*.go find and guard the socket; server.go, events.go,
// actions.go and idempotency.go serve it; openapi.go and schema.go describe it
// from the same tables; client.go is the other end; expr.go reads expressions,
// conditions.go judges them, wait.go feeds them.
//
// web.go serves the same on a loopback address of TCP to who has the token (token.go): a
// Host that is not the listener's own, another origin's page, no token, no JSON are
// refused in that order. limit.go bounds connections, peer_*.go asks the kernel whose
// client it is, look.go says who holds a profile. All that is refused here is counted in
// agent.Refused.
//
// # Goroutines
//
// Serve runs one net/http server, one goroutine per request, and returns when
// all of them have ended. No request touches the agent's loop but through the
// methods of Agent, which are safe from any goroutine. A slow reader blocks its
// own goroutine only: it reads the agent's event list by cursor.
//
// It depends on nothing outside the standard library: HTTP, JSON and server
// sent events are all in there or are a few lines.
package control
