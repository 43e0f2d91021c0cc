package media

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/srtp/v3"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

// secured has a session speak SRTP only, or as it says.
func secured(e sdp.Encryption, suites ...sdp.Suite) func(*SessionConfig) {
	return func(c *SessionConfig) { c.Security = Security{Encryption: e, Suites: suites} }
}

// securePeer is a peer that speaks SRTP by AES_CM_128_HMAC_SHA1_80.
type securePeer struct {
	*peer
	key    []byte // with its salt
	theirs []byte // the phone's
	out    *srtp.Context
}

func newSecurePeer(t *testing.T, n *simnet.Net, p *phone, key byte, extra ...string) *securePeer {
	t.Helper()
	r := &securePeer{peer: openPeer(t, n, p, thereIP, 4000)}
	r.rekey(p, key, extra...)
	return r
}

// rekey offers SRTP with that key, and lines below.
func (r *securePeer) rekey(p *phone, key byte, extra ...string) {
	r.t.Helper()
	r.key = bytes.Repeat([]byte{key}, 30)
	answer := r.propose(p, append([]string{"a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString(r.key)}, extra...)...)
	found := regexp.MustCompile(`(?m)^m=audio \d+ RTP/SAVP[^$]*a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:(\S+)`).FindStringSubmatch(answer)
	if found == nil {
		r.t.Fatalf("the answer has no key:\n%s", answer)
	}
	r.theirs, _ = base64.StdEncoding.DecodeString(found[1])
	r.out = r.context(r.key)
}

func (r *securePeer) propose(p *phone, lines ...string) string {
	r.t.Helper()
	body := fmt.Sprintf("v=0\r\no=- 7 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0 101\r\n"+
		"a=rtpmap:101 telephone-event/8000\r\n%s\r\n", r.ts, thereIP, thereIP, strings.Join(lines, "\r\n"))
	answer, err := p.session.AcceptOffer([]byte(body), sdp.SendRecv)
	must(r.t, err)
	return string(answer)
}

func (r *securePeer) context(key []byte) *srtp.Context {
	r.t.Helper()
	c, err := srtp.CreateContext(key[:16], key[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
	must(r.t, err)
	return c
}

// sealed makes the next packet and protects it.
func (r *securePeer) sealed() []byte {
	r.t.Helper()
	b, err := r.out.EncryptRTP(nil, r.frame(), nil)
	must(r.t, err)
	return b
}

func (r *securePeer) speakSealed(n int) {
	for range n {
		r.send(r.sealed())
		pass(20 * time.Millisecond)
	}
}

// nothingPlain wants each packet encrypted: of the size that it has then, and without
// the text or the zeros of a plain one. An AEAD packet is 16 octets longer.
func nothingPlain(t *testing.T, wire [][]byte, size int) {
	t.Helper()
	for _, b := range wire {
		control := b[1] >= 192 && b[1] <= 223
		if !control && len(b) != size && (len(b) != 12+160+16 || size != 12+160) {
			t.Fatalf("a packet of %d octets", len(b))
		}
		if control && b[len(b)-1] == 0 && b[len(b)-2] == 0 && b[len(b)-3] == 0 {
			t.Fatalf("plain RTCP % x", b)
		}
	}
	if len(wire) < 100 {
		t.Fatalf("%d packets on the wire", len(wire))
	}
}
