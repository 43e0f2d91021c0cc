// Package transport carries SIP messages over UDP, TCP, TLS and WebSockets.
//
// Words: a Flow is a way to one peer, either one UDP address seen from one
// socket or one connection, a WebSocket too; a Target is where a request is to go; to
// frame is to find where a message ends in a stream; a ping is CRLF CRLF, a pong
// CRLF (RFC 5626 4.4.1).
//
// Order: what one stream connection or one UDP socket receives reaches OnMessage
// in the order of its arrival, on the loop. A connection whose messages the loop
// has not taken yet is read no further; a socket drops beyond its backlog and
// counts it.
//
// On Linux a UDP socket that is busy is out of the runtime's poller and looked at once a
// millisecond (datagrams_linux.go, bare_linux.go): a thread that is woken for each datagram
// costs a tenth of a call.
//
// Goroutines: one reader per UDP socket, one acceptor per listener, a reader and
// a writer per connection, one for each dial, ping and farewell of a WebSocket under way. All of them are owned by
// the Layer: Close ends them and waits. Callbacks run on the loop. Everything
// exported may be called from any goroutine, and nothing but Close and Listen
// blocks.
//
// A message that is not admitted is answered here, statelessly, with the same To
// tag for each retransmission, and does not travel up; only the counters and
// OnReject tell of it.
//
// RFC sections: framing.go RFC 3261 7.5 and 18.3; udp.go 18.1.1, 18.2.1, 18.2.2
// and RFC 3581 4; pool.go 18.2.2 for streams; tls.go 26.3 and RFC 5922 7;
// keepalive.go RFC 5626 3.5.1 and 4.4.1; websocket.go RFC 7118 and 6455.
//
// The network is injected, so that the same code runs over internal/simnet in
// virtual time. sipgo's transport is not used: robustness.md 1, findings 3, 8 to
// 10, 12, 13 and 19. coder/websocket does the frames of RFC 6455: small, without
// dependencies, and it takes a connection of ours.
package transport
