package ladder

import "ringback/sip"

// FromTrace takes what a user agent traced, keepalives left out. Records of
// several agents can be joined with Merge.
func FromTrace(records []sip.TraceRecord) []Message {
	msgs := make([]Message, 0, len(records))
	for _, r := range records {
		if r.Keepalive {
			continue
		}
		m := Message{At: r.At, From: r.Local.String(), To: r.Remote.String(), Raw: []byte(r.Text)}
		if !r.Out {
			m.From, m.To = m.To, m.From
		}
		msgs = append(msgs, m)
	}
	return msgs
}
