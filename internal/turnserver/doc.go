// Package turnserver is a STUN and TURN server for tests, on a network in memory or on
// loopback.
//
// Words: a relay is a socket of the server that carries what one client sends and gets.
//
// Goroutines: those of pion/turn; Close ends them.
//
// Outside: pion/turn serves (RFC 8489, RFC 8656), pion/logging keeps it from writing.
package turnserver
