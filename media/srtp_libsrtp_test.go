//go:build libsrtp

package media

import (
	"bytes"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"ringback/internal/libsrtp"
	"ringback/media/sdp"
)

// TestSRTP_BesideLibsrtp: each suite, both ways, RTP and RTCP, with another's implementation,
// across two turns of the sequence numbers with losses around them.
func TestSRTP_BesideLibsrtp(t *testing.T) {
	for _, suite := range sdp.Suites() {
		t.Run(string(suite), func(t *testing.T) {
			key, salt := suite.Sizes()
			ours := sdp.MasterKey{Key: bytes.Repeat([]byte{0x11}, key), Salt: bytes.Repeat([]byte{0x22}, salt)}
			theirs := sdp.MasterKey{Key: bytes.Repeat([]byte{0x33}, key), Salt: bytes.Repeat([]byte{0x44}, salt)}
			in, err := libsrtp.New(uint16(profile(suite)), false, append(bytes.Clone(ours.Key), ours.Salt...))
			must(t, err)
			defer in.Close()
			out, err := libsrtp.New(uint16(profile(suite)), true, append(bytes.Clone(theirs.Key), theirs.Salt...))
			must(t, err)
			defer out.Close()
			var s secrecy
			_, err = s.agree(&sdp.Crypto{Suite: suite, Send: ours, Receive: []sdp.MasterKey{theirs}})
			must(t, err)

			for i := 0xFFF0; i < 3<<16; i++ {
				if i%1000 < 900 && i > 0xFFF0+100 && i&0xFFFF < 0xFF00 && i&0xFFFF > 0x100 {
					continue // lost, and never more than half of the numbers at once
				}
				p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(i), Timestamp: uint32(i) * 160, SSRC: 7}, Payload: bytes.Repeat([]byte{byte(i)}, 160)}
				plain, err := p.Marshal()
				must(t, err)
				if i&0xFFFF == 0xFFFF || i&0xFFFF == 0 {
					_, err = s.seal(append(make([]byte, 0, 300), plain...), &p.Header)
					must(t, err)
					_, err = out.Protect(plain)
					must(t, err)
					continue // both lose the packets at the turn
				}
				sealed, err := s.seal(append(make([]byte, 0, 300), plain...), &p.Header)
				must(t, err)
				if got, err := in.Open(sealed); err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("libsrtp opens ours at %#x: %v", i, err)
				}
				sealed, err = out.Protect(plain)
				must(t, err)
				if got, why, ok := s.open(sealed); !ok || !bytes.Equal(got, plain) {
					t.Fatalf("we open libsrtp's at %#x: %v", i, why)
				}
			}
			report, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 7, PacketCount: 9}})
			must(t, err)
			for range 3 {
				sealed, err := s.sealControl(report)
				must(t, err)
				if got, err := in.OpenControl(sealed); err != nil || !bytes.Equal(got, report) {
					t.Fatalf("libsrtp opens our RTCP: %v", err)
				}
				sealed, err = out.ProtectControl(report)
				must(t, err)
				if got, why, ok := s.openControl(sealed); !ok || !bytes.Equal(got, report) {
					t.Fatalf("we open libsrtp's RTCP: %v", why)
				}
			}
		})
	}
}
