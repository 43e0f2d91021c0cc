package transport

import "errors"

// What Send, GetFlow and Ping report, wrapped with the value and the peer.
var (
	// ErrClosed says that the Layer was closed.
	ErrClosed = errors.New("the transport is closed")
	// ErrFlowClosed says that the connection has ended.
	ErrFlowClosed = errors.New("the connection is closed")
	// ErrBacklog says that too much waits to be written to a slow peer.
	ErrBacklog = errors.New("too many messages wait for the peer")
	// ErrNoSocket says that no listener fits the target's address family.
	ErrNoSocket = errors.New("no listening socket fits; add a listener of that transport and address family")
	// ErrNoServerName says that a TLS target names nobody to verify.
	ErrNoServerName = errors.New("no server name to verify; name the PBX by host name")
	// ErrTLSFiles says that a certificate, key or authorities file cannot be used.
	ErrTLSFiles = errors.New("TLS file")
	// ErrNoFlow says that nothing is open to be reused.
	ErrNoFlow = errors.New("no open connection")
	// ErrNoPong says that the peer did not answer a ping.
	ErrNoPong = errors.New("no answer to the keepalive")
	// ErrIdle says that the peer was silent for too long.
	ErrIdle = errors.New("silent for too long")
	// ErrSlow says that the peer began a message and did not end it in time.
	ErrSlow = errors.New("message not finished in time")
	// ErrUnframed says that the end of a message could not be found.
	ErrUnframed = errors.New("message without a usable Content-Length")
	// ErrHostile says that the peer sent nothing but messages that cannot be read.
	ErrHostile = errors.New("too many unreadable messages in a row")
)
