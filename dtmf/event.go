package dtmf

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// EventSize is the length of one RFC 4733 event in octets.
const EventSize = 4

// ErrShortEvent is what a payload below EventSize octets gets.
var ErrShortEvent = errors.New("payload of under 4 octets")

// Event is one telephone-event payload (RFC 4733 section 2.3).
type Event struct {
	Code     uint8  // 0-15 are digits (section 3.2), others are other signals
	End      bool   // the key was released
	Volume   uint8  // 0-63, power below 0 dBm0 in dB
	Duration uint16 // so far, in timestamp units
}

// Append writes the event's four octets behind b, the reserved bit 0.
func (e Event) Append(b []byte) []byte {
	second := e.Volume & 0x3f
	if e.End {
		second |= 0x80
	}
	b = append(b, e.Code, second)
	return binary.BigEndian.AppendUint16(b, e.Duration)
}

// ParseEvent reads the first event of a payload. The reserved bit is ignored
// (section 2.3.3), octets behind the fourth are left to the caller.
func ParseEvent(payload []byte) (Event, error) {
	if len(payload) < EventSize {
		return Event{}, fmt.Errorf("read telephone-event: %d octets: %w", len(payload), ErrShortEvent)
	}
	return Event{
		Code:     payload[0],
		End:      payload[1]&0x80 != 0,
		Volume:   payload[1] & 0x3f,
		Duration: binary.BigEndian.Uint16(payload[2:]),
	}, nil
}
