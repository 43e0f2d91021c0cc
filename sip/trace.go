package sip

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"ringback/sip/transport"
)

// TraceRecord is one message on the wire, secrets redacted: credentials, SRTP
// keys, ICE passwords, DTMF digits.
type TraceRecord struct {
	At        time.Time
	Out       bool   // sent by us
	Transport string // UDP, TCP, TLS
	Local     netip.AddrPort
	Remote    netip.AddrPort
	Text      string // the message; empty for a keepalive
	Keepalive bool
}

// maxTraced is how much of a message a trace shows, in bytes: to search more for
// secrets would hold up whoever reads or sends it.
const maxTraced = 16 << 10

// traced is what a trace shows of a message: all of it, or as many whole lines as
// there is room for, so that no secret is cut in two.
func traced(raw []byte) string {
	if len(raw) <= maxTraced {
		return redact(string(raw))
	}
	shown := bytes.LastIndexByte(raw[:maxTraced], '\n') + 1
	return redact(string(raw[:shown])) + fmt.Sprintf("(%d bytes more)", len(raw)-shown)
}

// maxTraces is how many records may wait for the loop; what comes beyond is counted, and
// missing in the trace.
const maxTraces = 1024

// trace makes the transport's hook: it copies and redacts on the goroutine that
// reads or sends, and hands over on the loop.
func (u *UA) trace() func(transport.Direction, transport.Flow, []byte, time.Time) {
	if u.cfg.Trace == nil {
		return nil
	}
	var waiting atomic.Int64
	return func(dir transport.Direction, flow transport.Flow, raw []byte, at time.Time) {
		if waiting.Load() >= maxTraces {
			u.count.add("trace.dropped")
			return
		}
		r := TraceRecord{At: at, Out: dir == transport.Out, Transport: flow.Transport(), Local: flow.Local(), Remote: flow.Remote()}
		if len(bytes.TrimSpace(raw)) == 0 {
			r.Keepalive = true
		} else {
			r.Text = traced(raw)
		}
		waiting.Add(1)
		u.loop.Post(func() {
			waiting.Add(-1)
			u.cfg.Trace(r)
		})
	}
}
