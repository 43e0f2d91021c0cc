package dtmf

import (
	"fmt"
	"time"
)

// Method is how a digit travels.
type Method string

// The three ways.
const (
	RFC4733 Method = "rfc4733" // telephone-event packets
	INFO    Method = "info"    // SIP INFO
	Inband  Method = "inband"  // as sound
)

// ParseMethod reads a method's name.
func ParseMethod(name string) (Method, error) {
	switch m := Method(name); m {
	case RFC4733, INFO, Inband:
		return m, nil
	}
	return "", fmt.Errorf("parse dtmf method %q: use rfc4733, info or inband", name)
}

// mergeWindow is how far apart two reports of one key press may be: the length
// of a digit and a retransmission of INFO.
const mergeWindow = 1500 * time.Millisecond

// maxPending bounds what waits for its double.
const maxPending = 32

// Merge lets a digit through once though the peer sends it in two ways (RFC 4733
// packets and INFO, or either and sound). Each report by one way cancels one
// report of the same digit by another way; a key pressed twice and told twice by
// each stays two digits. The zero value is ready. Not safe for concurrent use.
type Merge struct {
	pending []report
}

type report struct {
	digit  Digit
	method Method
	at     time.Time
}

// Take says whether a digit heard by a method at now is news.
func (m *Merge) Take(d Digit, by Method, now time.Time) bool {
	kept := m.pending[:0]
	for _, p := range m.pending {
		if now.Sub(p.at) < mergeWindow {
			kept = append(kept, p)
		}
	}
	m.pending = kept
	for i, p := range m.pending {
		if p.digit == d && p.method != by {
			m.pending = append(m.pending[:i], m.pending[i+1:]...)
			return false
		}
	}
	if len(m.pending) == maxPending {
		m.pending = append(m.pending[:0], m.pending[1:]...)
	}
	m.pending = append(m.pending, report{d, by, now})
	return true
}
