package agent

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"ringback/sip"
)

// TraceRecord is one SIP message as it went over the wire, secrets redacted.
type TraceRecord struct {
	Time      time.Time `json:"time"`
	From      string    `json:"from"` // host:port
	To        string    `json:"to"`
	Out       bool      `json:"out"` // sent by this phone
	Transport string    `json:"transport"`
	Message   string    `json:"message"`

	callID string
}

// Bounds of what is remembered for traces.
const (
	maxTraceRecords = 4000
	maxTraceBytes   = 8 << 20
)

// tracer remembers the newest SIP messages.
type tracer struct {
	mu      sync.Mutex
	records []TraceRecord
	bytes   int
}

func newTracer() *tracer { return &tracer{} }

func (t *tracer) add(r TraceRecord) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records = append(t.records, r)
	t.bytes += len(r.Message)
	drop := 0
	for len(t.records)-drop > maxTraceRecords || t.bytes > maxTraceBytes {
		t.bytes -= len(t.records[drop].Message)
		drop++
	}
	t.records = t.records[drop:]
}

// trace takes a message from the user agent, on the loop.
func (a *Agent) trace(r sip.TraceRecord) {
	if a.deps.Trace != nil {
		a.deps.Trace(r)
	}
	if r.Keepalive {
		return
	}
	from, to := r.Remote.String(), r.Local.String()
	if r.Out {
		from, to = to, from
	}
	a.tracer.add(TraceRecord{Time: r.At, From: from, To: to, Out: r.Out, Transport: r.Transport, Message: r.Text, callID: callIDOf(r.Text)})
}

// Trace is the remembered SIP messages of an interaction's calls in their order,
// or all for the empty id. Any goroutine.
func (a *Agent) Trace(id InteractionID) []TraceRecord {
	mine := map[string]bool{}
	for _, c := range a.State().Calls {
		if c.Interaction == id {
			mine[c.SIPCallID] = true
		}
	}
	return a.tracer.of(func(callID string) bool { return id == "" || mine[callID] })
}

// of are the remembered messages of the SIP Call-IDs that are wanted.
func (t *tracer) of(wanted func(callID string) bool) []TraceRecord {
	t.mu.Lock()
	defer t.mu.Unlock()
	records := []TraceRecord{}
	for _, r := range t.records {
		if wanted(r.callID) {
			records = append(records, r)
		}
	}
	return records
}

// callIDOf finds the Call-ID of a message as text.
func callIDOf(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			if strings.TrimSpace(line) == "" {
				return ""
			}
			continue
		}
		name = strings.TrimSpace(name)
		if strings.EqualFold(name, "Call-ID") || strings.EqualFold(name, "i") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func lower(s string) string { return strings.ToLower(s) }

// codeText is a SIP code for a message; empty for 0.
func codeText(code int) string {
	if code == 0 {
		return ""
	}
	return strconv.Itoa(code)
}
