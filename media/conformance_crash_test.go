package media

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"ringback/internal/simnet"
)

// rtcpPart is one part of a compound RTCP packet: what its header claims need not
// be so.
func rtcpPart(count, kind byte, words uint16, body ...byte) []byte {
	b := []byte{0x80 | count, kind, 0, 0}
	binary.BigEndian.PutUint16(b[2:], words)
	return append(b, body...)
}

// crashers are packets that took other stacks down, made from the advisories'
// words: the captures themselves are not public everywhere.
func crashers(ssrc uint32) map[string][]byte {
	rr := receiverReport(ssrc)
	block := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3)
	sr := append(binary.BigEndian.AppendUint32(nil, ssrc), make([]byte, 20)...)
	return map[string][]byte{
		// AST-2017-012: more than one report in a compound packet.
		"two reports, 31 blocks each": append(rtcpPart(31, 201, 1+31*6, append(rr[4:8:8], bytes.Repeat(block, 31)...)...),
			rtcpPart(31, 200, 6+31*6, append(sr, bytes.Repeat(block, 31)...)...)...),
		"31 blocks promised, one there": rtcpPart(31, 201, 7, append(rr[4:8:8], block...)...),
		"31 blocks promised, none":      rtcpPart(31, 200, 6, sr...),
		// AST-2016-003, AST-2014-007 and T.38: UDPTL on an audio port.
		"UDPTL":                       {0, 1, 0xFF, 0x80, 0, 0, 0, 0},
		"UDPTL with a huge recovery":  append([]byte{0, 2, 1, 6, 0xC0, 0x01, 0xFF}, bytes.Repeat([]byte{0xFF}, 40)...),
		"UDPTL with zero-length IFPs": append([]byte{0, 3, 0, 0, 0x3F}, make([]byte, 63)...),
		// CVE-2021-43804: the reason of a BYE longer than its packet.
		"BYE with a reason of 255 bytes": append(rr[:8:8], rtcpPart(1, 203, 2, append(rr[4:8:8], 255, 'x', 'y', 'z')...)...),
		"BYE of 31 sources":              append(rr[:8:8], rtcpPart(31, 203, 1, rr[4:8]...)...),
		// CVE-2022-21722: packets shorter than what they claim to be.
		"one byte": {0x80}, "RTP header of 11 bytes": bytes.Repeat([]byte{0x80}, 11), "RTCP header alone": {0x80, 201, 0, 0},
		"15 CSRCs promised":            {0x8F, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1},
		"extension of 65535 words":     {0x90, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE, 0xDE, 0xFF, 0xFF},
		"extension at the very end":    {0x90, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE},
		"one-byte extension overruns":  {0x90, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 0x1F, 1, 2, 3},
		"padding of 255 in 4 bytes":    {0xA0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 255},
		"padding of 0":                 {0xA0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 0},
		"padding only":                 {0xA0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 4, 4, 4, 4},
		"RTCP length of 65535":         rtcpPart(0, 200, 0xFFFF, sr...),
		"SDES item past its end":       append(rr[:8:8], rtcpPart(1, 202, 2, append(rr[4:8:8], 1, 255, 'a', 'b')...)...),
		"SDES without an end":          append(rr[:8:8], rtcpPart(1, 202, 2, append(rr[4:8:8], 1, 2, 'a', 'b')...)...),
		"APP without a name":           append(rr[:8:8], rtcpPart(0, 204, 1, rr[4:8]...)...),
		"NACK, PLI, REMB and XR bogus": append(append(rtcpPart(1, 205, 2, sr[:8]...), rtcpPart(15, 206, 3, append(sr[:8:8], "REMB"...)...)...), rtcpPart(0, 207, 2, append(rr[4:8:8], 4, 0, 0xFF, 0xFF)...)...),
		// CVE-2021-37706, CVE-2022-23537: STUN attributes that end behind the packet.
		"STUN error code overruns": {1, 0x11, 0, 8, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0xFF, 0xFF, 0, 0, 4, 1},
		"STUN unknown attributes":  {1, 0x11, 0, 4, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0xFF, 0xFE},
		// RFC 4733: events that end before they begin.
		"telephone-event of 0 bytes": {0x80, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1},
		"telephone-event of 3 bytes": {0x80, 101, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 0x8A, 0},
	}
}

// M10: whatever crashed others leaves a call of ours as it was, from the peer and
// from a stranger.
func TestConformance_M10_PacketsThatCrashedOthers(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(50)
		stream := uint32(0x10000)
		quiet := quietest(p, func() {
			for range 20 {
				for _, packet := range crashers(r.ssrc) {
					if len(packet) >= 12 && packet[0]>>6 == 2 && packet[1] < 192 {
						stream++ // two in sequence would be a change of stream, which is honest (M04)
						binary.BigEndian.PutUint32(packet[8:], stream)
					}
					r.send(packet)
					r.rtcpTo(r.rtcp, p, packet)
				}
				r.speak(1)
			}
			r.speak(30)
		})
		st := p.session.Stats()
		if quiet > 0 || !p.hears(440) || p.engine.Panics() != 0 || count[Failed](p) != 0 {
			t.Errorf("gap %v, hears the peer %v, panics %d", quiet, p.hears(440), p.engine.Panics())
		}
		if st.Dropped["malformed"] < 200 {
			t.Errorf("dropped %v", st.Dropped)
		}
		before := p.session.Stats().TxPackets
		pass(time.Second)
		if got := p.session.Stats().TxPackets - before; got < 49 {
			t.Errorf("%d packets sent in the second after", got)
		}
	})
}
