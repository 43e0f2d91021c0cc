// Package transaction is RFC 3261 section 17 with RFC 6026: what turns a request
// and its responses into one exchange over a network that loses, repeats and
// reorders.
//
// Words: the user is who hands requests and responses in and gets them out (the
// TU of the RFC). A Client is one request of ours and what comes back, a Server
// one request of another's and what we answer. To absorb is to answer a
// repetition without telling the user. A stray message belongs to no
// transaction.
//
// Files: client_invite.go 17.1.1, client_other.go 17.1.2, server_invite.go
// 17.2.1 and server_other.go 17.2.2, each one table {from, on, to, do} beside
// the RFC's sentences; table.go is what they are made of. client.go and
// server.go carry out what a row says; client_match.go is 17.1.3 and 18.1.2,
// server_match.go 17.2.3, 8.2.2.2 and 9.2; client_send.go 17.1.1.3, 9.1 and
// 18.1.1 (large requests go by TCP); layer.go holds the tables of what is open.
//
// The 2xx of an INVITE belongs to the user in both directions: a client hands up
// each 2xx, repetitions and other forks' too, until timer M; a server lets the
// user send its 2xx again (13.3.1.4). All other finals are repeated and
// acknowledged here. A CANCEL waits for a provisional response (9.1).
//
// A response is taken only from where the request went: over UDP the address
// that was asked (or one that Target.Peers allows), else the same connection.
// Timer C is a proxy's and does not exist here: once a 1xx came, only the user's
// patience ends an INVITE.
//
// Goroutines: none. Everything runs on the loop of the agent, so messages are
// handled in the order in which they came. Tables are bounded by Limits, and
// every state ends by a timer or by the user.
package transaction
