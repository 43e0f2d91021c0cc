package transport

import "sync/atomic"

// cause is what is counted.
type cause int

const (
	countReceived cause = iota
	countSent
	countBytesIn
	countBytesOut
	countRejected
	countAnswered
	countUnanswered
	countKeepalives
	countDropBacklog
	countDropUnanswerable
	countSendError
	countWriteBacklog
	countAcceptLimit
	countAcceptIPLimit
	countHandshake
	countDialError
	countTCPFallback
	countClosedIdle
	countClosedSlow
	countClosedUnframed
	countClosedHostile
	countClosedNoPong
	countPanics
	causes
)

// String is the name in Counters.
func (c cause) String() string {
	return [causes]string{
		countReceived:         "received",
		countSent:             "sent",
		countBytesIn:          "bytes_in",
		countBytesOut:         "bytes_out",
		countRejected:         "rejected",
		countAnswered:         "rejected_answered",
		countUnanswered:       "rejected_unanswered",
		countKeepalives:       "keepalives",
		countDropBacklog:      "drop_backlog",
		countDropUnanswerable: "drop_unanswerable",
		countSendError:        "send_error",
		countWriteBacklog:     "write_backlog",
		countAcceptLimit:      "accept_limit",
		countAcceptIPLimit:    "accept_ip_limit",
		countHandshake:        "tls_handshake_failed",
		countDialError:        "dial_error",
		countTCPFallback:      "tcp_fallback_to_udp",
		countClosedIdle:       "closed_idle",
		countClosedSlow:       "closed_slow",
		countClosedUnframed:   "closed_unframed",
		countClosedHostile:    "closed_hostile",
		countClosedNoPong:     "closed_no_pong",
		countPanics:           "panics",
	}[c]
}

type counters [causes]atomic.Uint64

func (c *counters) add(what cause, n int) { c[what].Add(uint64(n)) }

func (c *counters) snapshot() map[string]uint64 {
	m := make(map[string]uint64, causes)
	for i := range c {
		m[cause(i).String()] = c[i].Load()
	}
	return m
}
