package dtmf

import (
	"bytes"
	"errors"
	"testing"
)

// RFC 4733 section 2.3: event, E R volume, duration.
func TestRFC4733_2_3_Payload(t *testing.T) {
	e := Event{Code: 11, End: true, Volume: 10, Duration: 0x0320}
	wire := []byte{11, 0x8a, 0x03, 0x20}
	if got := e.Append(nil); !bytes.Equal(got, wire) {
		t.Errorf("written % x, want % x", got, wire)
	}
	got, err := ParseEvent(wire)
	if err != nil || got != e {
		t.Errorf("read %+v, %v, want %+v", got, err, e)
	}
}

// RFC 4733 section 2.3.3: senders set the reserved bit to 0, receivers ignore it.
func TestConformance_M19_ReservedBitIsIgnored(t *testing.T) {
	got, err := ParseEvent([]byte{5, 0x4a, 0, 160})
	if want := (Event{Code: 5, Volume: 10, Duration: 160}); err != nil || got != want {
		t.Errorf("read %+v, %v, want %+v", got, err, want)
	}
	if b := (Event{Volume: 0xff}).Append(nil); b[1] != 0x3f {
		t.Errorf("volume 255 spills into the flags: %02x", b[1])
	}
}

func TestConformance_M19_ShortPayloadIsAnError(t *testing.T) {
	for n := range EventSize {
		if _, err := ParseEvent(make([]byte, n)); !errors.Is(err, ErrShortEvent) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte{5, 0x80, 3, 32})
	f.Add([]byte{255, 0xff, 255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvent(b)
		if err != nil {
			return
		}
		out := e.Append(nil)
		if out[0] != b[0] || out[1] != b[1]&^0x40 || out[2] != b[2] || out[3] != b[3] {
			t.Fatalf("% x became % x", b[:4], out)
		}
	})
}
