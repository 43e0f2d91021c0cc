package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringback/agent/verdict"
)

// A far end whose every third packet is lost.
func TestVerdict_MediaLoss(t *testing.T) {
	media := listenUDP(t)
	sip := listenUDP(t)
	go lossy(t, sip, media)
	o := options(t, addrOf(sip.LocalAddr()))
	o.Echo = "600"
	r := Run(t.Context(), o)
	for _, c := range r.Checks {
		if c.Verdict == verdict.MediaLoss && c.State == Warning {
			t.Log(c.Text, c.Do)
			return
		}
	}
	t.Errorf("%+v", r.Checks)
}

// lossy answers every request; to an INVITE it gives a description, and sends a sound
// with holes.
func lossy(t *testing.T, sip, media net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := sip.ReadFrom(buf)
		if err != nil {
			return
		}
		head, body, _ := strings.Cut(string(buf[:n]), "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		method, _, _ := strings.Cut(lines[0], " ")
		out, sdp := []string{"SIP/2.0 200 OK"}, ""
		for _, line := range lines[1:] {
			switch name, _, _ := strings.Cut(line, ":"); name {
			case "Via", "From", "Call-ID", "CSeq":
				out = append(out, line)
			case "To":
				if !strings.Contains(line, "tag=") {
					line += ";tag=t"
				}
				out = append(out, line)
			}
		}
		switch method {
		case "ACK":
			continue
		case "INVITE":
			sdp = fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", addrOf(media.LocalAddr()).Port())
			out = append(out, fmt.Sprintf("Contact: <sip:x@%s>", sip.LocalAddr()), "Content-Type: application/sdp")
			go holes(t, media, body)
		}
		out = append(out, "Content-Length: "+strconv.Itoa(len(sdp)), "", sdp)
		_, _ = sip.WriteTo([]byte(strings.Join(out, "\r\n")), from)
	}
}

// holes sends a tone at the pace of a phone to where an offer wants it, without every
// third packet.
func holes(t *testing.T, media net.PacketConn, offer string) {
	_, rest, _ := strings.Cut(offer, "m=audio ")
	port, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.Atoi(port)
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(n)))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for seq := 0; ; seq++ {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			return
		}
		if seq%3 == 2 {
			continue
		}
		packet := []byte{0x80, 0, byte(seq >> 8), byte(seq), 0, byte(seq * 160 >> 16), byte(seq * 160 >> 8), byte(seq * 160), 0, 0, 0, 7}
		for i := range 160 {
			packet = append(packet, []byte{0x80, 0x80, 0x80, 0x80, 0, 0, 0, 0}[i%8])
		}
		if _, err := media.WriteTo(packet, to); err != nil {
			return
		}
	}
}
