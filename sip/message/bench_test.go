package message

import (
	"net/netip"
	"testing"
)

// Budget: 30 µs for an INVITE with SDP, so that a core reads 30,000 a second.
func BenchmarkParse(b *testing.B) {
	for _, file := range []string{"rfc4475/wsinv.dat", "rfc4475/sdp01.dat", "rfc4475/longreq.dat", "rfc4475/unreason.dat"} {
		b.Run("message="+file, func(b *testing.B) {
			data := readTorture(b, file)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Budget: 5 ms for the worst of 64 kB.
func BenchmarkHostile(b *testing.B) {
	for name, text := range hostileMessages() {
		b.Run("message="+name, func(b *testing.B) {
			data := []byte(text)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				treat(data)
			}
		})
	}
}

func BenchmarkAnswer(b *testing.B) {
	m, err := Parse(readTorture(b, "rfc4475/sdp01.dat"))
	if err != nil {
		b.Fatal(err)
	}
	source := netip.MustParseAddrPort("192.0.2.99:5060")
	b.ReportAllocs()
	for b.Loop() {
		if err := StampVia(m.(*Request), source); err != nil {
			b.Fatal(err)
		}
		Bytes(NewResponse(m.(*Request), 180, "", "tag"))
	}
}
