package spans

import (
	"context"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"ringback/agent/load"
)

// message is one of a ladder, as far as a span needs it.
type message struct {
	at      time.Time
	out     bool
	first   string // its first line, without SIP/2.0
	method  string // of the CSeq
	cseq    string // its number
	code    int    // 0: a request
	network string
	remote  string
	port    int
}

// transaction is a request with all that belongs to it.
type transaction struct {
	messages []message
}

// span makes the trace of a call.
func span(tracer trace.Tracer, r load.CallResult) {
	begin, end := r.Due, r.Ended
	all := transactions(r)
	for _, t := range all {
		if last := t.messages[len(t.messages)-1].at; last.After(end) {
			end = last
		}
	}
	ctx, root := tracer.Start(context.Background(), "call", trace.WithNewRoot(), trace.WithTimestamp(begin), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("sip.call_id", clean(r.SIPCallID)), attribute.String("ringback.from", clean(r.From)), attribute.String("ringback.to", clean(r.To)),
		attribute.String("ringback.outcome", r.Outcome), attribute.String("ringback.cause", clean(r.Cause)), attribute.Float64("ringback.late_ms", r.LateMS),
		attribute.Int("ringback.messages_missing", r.Missing())))
	if r.Generator != "" {
		root.SetAttributes(attribute.String("ringback.generator", r.Generator))
	}
	root.AddEvent("begun", trace.WithTimestamp(begin.Add(time.Duration(r.LateMS*float64(time.Millisecond)))))
	if r.AnswerMS != nil {
		root.AddEvent("answered", trace.WithTimestamp(begin.Add(time.Duration(*r.AnswerMS*float64(time.Millisecond)))))
	}
	for _, t := range all {
		t.span(ctx, tracer)
	}
	root.SetStatus(codes.Error, clean(r.Outcome+": "+r.Cause))
	root.End(trace.WithTimestamp(end))
}

// span makes that of a transaction.
func (t *transaction) span(ctx context.Context, tracer trace.Tracer) {
	first, last := t.messages[0], t.messages[len(t.messages)-1]
	kind := trace.SpanKindServer
	if first.out == (first.code == 0) { // our request, or an answer to it
		kind = trace.SpanKindClient
	}
	_, s := tracer.Start(ctx, first.method, trace.WithTimestamp(first.at), trace.WithSpanKind(kind), trace.WithAttributes(
		attribute.String("sip.method", first.method), attribute.String("sip.cseq", first.cseq),
		attribute.String("network.transport", first.network), attribute.String("network.peer.address", first.remote), attribute.Int("network.peer.port", first.port)))
	for _, m := range t.messages {
		s.AddEvent(m.first, trace.WithTimestamp(m.at))
		if m.code < 200 {
			continue
		}
		s.SetAttributes(attribute.Int("sip.status_code", m.code))
		if m.code >= 400 && m.code != 401 && m.code != 407 { // a challenge is no fault
			s.SetStatus(codes.Error, m.first)
		}
	}
	s.End(trace.WithTimestamp(last.at))
}

// transactions are those of a call's ladder, by their beginning: what has one CSeq and
// one asker belongs together, ACK to its INVITE.
func transactions(r load.CallResult) []*transaction {
	var all []*transaction
	known := map[string]*transaction{}
	for _, record := range r.Messages() {
		m, ok := read(record.Text)
		if record.Keepalive || !ok {
			continue
		}
		m.at, m.out, m.network = record.At, record.Out, strings.ToLower(record.Transport)
		m.remote, m.port = record.Remote.Addr().String(), int(record.Remote.Port())
		method := m.method
		if method == "ACK" {
			method = "INVITE"
		}
		asker := strconv.FormatBool(m.out == (m.code == 0))
		key := asker + " " + m.cseq + " " + method
		if known[key] == nil {
			m.method = method
			known[key] = &transaction{}
			all = append(all, known[key])
		}
		known[key].messages = append(known[key].messages, m)
	}
	return all
}

// read reads what a span needs; false: it is no SIP.
func read(text string) (m message, ok bool) {
	first, rest, _ := strings.Cut(text, "\r\n")
	if status, is := strings.CutPrefix(first, "SIP/2.0 "); is {
		code, _, _ := strings.Cut(status, " ")
		m.code, _ = strconv.Atoi(code)
		m.first = clean(status)
	} else {
		m.first = clean(strings.TrimSuffix(first, " SIP/2.0"))
	}
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, found := strings.Cut(line, ":")
		if line == "" {
			break
		}
		if found && strings.EqualFold(strings.TrimSpace(name), "CSeq") {
			number, method, _ := strings.Cut(strings.TrimSpace(value), " ")
			m.cseq, m.method = clean(number), clean(strings.TrimSpace(method))
		}
	}
	return m, m.method != "" && m.cseq != ""
}

// maxText bounds a text from the network, in bytes.
const maxText = 300

// clean is a text from the network as an attribute.
func clean(text string) string { return load.Printable(text, maxText) }
