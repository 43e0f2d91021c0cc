package sdp

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
)

// Suite is a crypto-suite by its name in a=crypto.
type Suite string

// The suites that are spoken: RFC 4568 section 6.2 and RFC 7714 section 14.2.
const (
	AEAD256 Suite = "AEAD_AES_256_GCM"
	AEAD128 Suite = "AEAD_AES_128_GCM"
	AESCM80 Suite = "AES_CM_128_HMAC_SHA1_80"
	AESCM32 Suite = "AES_CM_128_HMAC_SHA1_32"
)

// Suites are all suites, the best first: AEAD before HMAC, the long tag before the
// short one.
func Suites() []Suite { return []Suite{AEAD256, AEAD128, AESCM80, AESCM32} }

// Sizes are the octets of a suite's master key and master salt; zeros for one that
// is not spoken.
func (s Suite) Sizes() (key, salt int) {
	switch s {
	case AEAD256:
		return 32, 12
	case AEAD128:
		return 16, 12
	case AESCM80, AESCM32:
		return 16, 14
	}
	return 0, 0
}

// MasterKey is a master key with its salt (RFC 3711 section 3.2.1). However it is
// printed, it shows itself as ***.
type MasterKey struct {
	Key, Salt []byte
	MKI       []byte // what packets under this key carry; nil: nothing
}

const masked = "***"

// Format writes the mask whatever the verb.
func (MasterKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, masked) }

// LogValue logs the mask.
func (MasterKey) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText writes the mask.
func (MasterKey) MarshalText() ([]byte, error) { return []byte(masked), nil }

func (k MasterKey) same(other MasterKey) bool {
	return slices.Equal(k.Key, other.Key) && slices.Equal(k.Salt, other.Salt) && slices.Equal(k.MKI, other.MKI)
}

// Crypto is what was agreed on for SRTP. Each side encrypts with its own key.
type Crypto struct {
	Suite   Suite
	Once    bool // of a handshake: these keys never come again
	Send    MasterKey
	Receive []MasterKey // one, or several with MKIs of the same length
}

// SameSend and SameReceive say that a direction goes on under its key. A nil Crypto
// is plain RTP.
func (c *Crypto) SameSend(other *Crypto) bool {
	if c == nil || other == nil {
		return c == other
	}
	return c.Suite == other.Suite && c.Send.same(other.Send)
}

// SameReceive: see SameSend.
func (c *Crypto) SameReceive(other *Crypto) bool {
	if c == nil || other == nil {
		return c == other
	}
	return c.Suite == other.Suite && slices.EqualFunc(c.Receive, other.Receive, MasterKey.same)
}

// Limits of what is read of keys.
const (
	maxCryptos = 16 // a=crypto lines of one m= line
	maxKeys    = 4  // of one a=crypto line
	maxMKI     = 128
)

// crypto is one a=crypto line (RFC 4568 section 9.1) that can be used.
type crypto struct {
	tag   string // 1*9DIGIT
	suite Suite
	keys  []MasterKey
}

// readCrypto reads the value of an a=crypto. One that is broken, of a suite or with
// a parameter that is not spoken, or that would leave packets unprotected (section
// 6.3) is none: it is passed over like an unknown codec.
func readCrypto(value string) (crypto, bool) {
	fields := strings.Fields(value)
	if len(fields) < 3 || len(fields[0]) > 9 {
		return crypto{}, false
	}
	if _, err := strconv.ParseUint(fields[0], 10, 32); err != nil {
		return crypto{}, false
	}
	c := crypto{tag: fields[0], suite: Suite(fields[1])}
	if key, _ := c.suite.Sizes(); key == 0 {
		return crypto{}, false
	}
	for _, param := range fields[3:] {
		if param[0] != '-' && !harmless(param) {
			return crypto{}, false
		}
	}
	params := strings.Split(fields[2], ";")
	if len(params) > maxKeys {
		return crypto{}, false
	}
	for _, param := range params {
		k, ok := readKey(param, c.suite)
		if !ok || len(k.MKI) != len(c.first().MKI) && len(c.keys) > 0 || len(params) > 1 && k.MKI == nil {
			return crypto{}, false
		}
		c.keys = append(c.keys, k)
	}
	return c, true
}

// harmless are the session parameters that change nothing here: no key derivation
// rate, a window that we do not go below, the order of a FEC that is not spoken.
func harmless(param string) bool {
	if size, ok := strings.CutPrefix(param, "WSH="); ok {
		n, err := strconv.ParseUint(size, 10, 16)
		return err == nil && n >= 64
	}
	return param == "KDR=0" || strings.HasPrefix(param, "FEC_ORDER=")
}

func (c *crypto) first() MasterKey {
	if len(c.keys) == 0 {
		return MasterKey{}
	}
	return c.keys[0]
}

// readKey reads inline:KEY||SALT[|LIFETIME][|MKI:LENGTH] (section 6.1).
func readKey(param string, suite Suite) (MasterKey, bool) {
	const method = "inline:"
	if len(param) < len(method) || !strings.EqualFold(param[:len(method)], method) {
		return MasterKey{}, false
	}
	parts := strings.Split(param[len(method):], "|")
	raw, err := base64.StdEncoding.DecodeString(parts[0])
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(parts[0])
	}
	key, salt := suite.Sizes()
	if err != nil || len(raw) != key+salt {
		return MasterKey{}, false
	}
	k := MasterKey{Key: raw[:key], Salt: raw[key:]}
	for i, part := range parts[1:] {
		switch number, length, isMKI := strings.Cut(part, ":"); {
		case isMKI && i == len(parts)-2:
			var ok bool
			if k.MKI, ok = readMKI(number, length); !ok {
				return MasterKey{}, false
			}
		case i > 0 || !lifetime(part):
			return MasterKey{}, false
		}
	}
	return k, true
}

// readMKI reads a number and its length in octets. Numbers of more than 64 bits are
// not taken.
func readMKI(number, length string) ([]byte, bool) {
	n, err := strconv.ParseUint(number, 10, 64)
	size, bad := strconv.ParseUint(length, 10, 8)
	if err != nil || bad != nil || size == 0 || size > maxMKI || size < 8 && n>>(8*size) != 0 {
		return nil, false
	}
	mki := make([]byte, size)
	for i := len(mki) - 1; i >= 0 && n > 0; i-- {
		mki[i] = byte(n)
		n >>= 8
	}
	return mki, true
}

// lifetime says that a text is a number of packets, 2^N or plain, and not 0. A call
// does not reach the end of one that a peer sets with sense: 2^20 packets are six
// hours.
func lifetime(text string) bool {
	if power, ok := strings.CutPrefix(text, "2^"); ok {
		n, err := strconv.ParseUint(power, 10, 8)
		return err == nil && n <= 48
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return err == nil && n > 0 && n <= 1<<48
}

// line is the value of our a=crypto.
func (c *crypto) line() string {
	k := c.first()
	return c.tag + " " + string(c.suite) + " inline:" + base64.StdEncoding.EncodeToString(slices.Concat(k.Key, k.Salt))
}

// key is the key that this side encrypts with under a suite: one for the whole
// session, so that a description that is repeated repeats it, and packets go on as
// they were (RFC 4568 section 7.1.4).
func (l *Local) key(suite Suite) MasterKey {
	if k, ok := l.keys[suite]; ok {
		return k
	}
	key, salt := suite.Sizes()
	raw := make([]byte, key+salt)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	if l.keys == nil {
		l.keys = map[Suite]MasterKey{}
	}
	l.keys[suite] = MasterKey{Key: raw[:key], Salt: raw[key:]}
	return l.keys[suite]
}

// secured is can with the transport and the keys of an offer: the suite in use
// first, so that it stays in use.
func (l *Local) secured(can Capabilities) (Capabilities, error) {
	if can.Encryption != EncryptionOff && can.Keying == KeyingDTLS {
		return l.handshaking(can), nil
	}
	if can.Encryption == EncryptionRequired && can.KeysReadable {
		return can, fmt.Errorf("SRTP is required, and its keys would go over signalling that is not encrypted: "+
			"%s", keysRemedy)
	}
	can.proto = plainRTP
	if can.Encryption == EncryptionOff || can.KeysReadable {
		return can, nil
	}
	suites := can.suites()
	if at := slices.Index(suites, l.suite); at > 0 {
		suites = slices.Concat([]Suite{l.suite}, suites[:at], suites[at+1:])
	}
	for i, s := range suites {
		can.crypto = append(can.crypto, crypto{tag: strconv.Itoa(i + 1), suite: s, keys: []MasterKey{l.key(s)}})
	}
	if can.Encryption == EncryptionRequired || l.agreed && strings.EqualFold(l.streams[l.audio].proto, secureRTP) {
		can.proto = secureRTP
	}
	return can, nil
}

// handshaking is can with what an offer says for DTLS.
func (l *Local) handshaking(can Capabilities) Capabilities {
	can.proto, can.setup, can.RTCPMux = plainRTP, "actpass", true
	if l.agreed && l.setup != "" {
		can.proto = l.streams[l.audio].proto
	}
	switch plain := strings.EqualFold(can.proto, plainRTP); {
	case plain && can.ICE != nil:
		can.proto = tlsRTPFeedback // as a browser does; nobody speaks ICE without encryption there
	case plain && can.Encryption == EncryptionRequired:
		can.proto = tlsRTP
	}
	return can
}

const keysRemedy = "use TLS (account.transport: tls), or allow it with media.keys_in_clear"

func (c *Capabilities) suites() []Suite {
	if len(c.Suites) == 0 {
		return Suites()
	}
	return c.Suites
}

// pick is the offer's first line with keys that can be used here (RFC 4568 section
// 5.1.2); nil: none.
func (c *Capabilities) pick(s *stream) *crypto {
	if c.Encryption == EncryptionOff || c.KeysReadable {
		return nil
	}
	for i := range s.crypto {
		if slices.Contains(c.suites(), s.crypto[i].suite) {
			return &s.crypto[i]
		}
	}
	return nil
}

// transport says what keeps the transport of an offered line, and its keys, from
// being used.
func (c *Capabilities) transport(s *stream) *Refusal {
	secure := strings.EqualFold(s.proto, secureRTP)
	keys := c.pick(s) != nil || c.handshakes(s)
	switch {
	case !secure && !strings.EqualFold(s.proto, plainRTP) && (!overTLS(s.proto) || c.Encryption == EncryptionOff):
		return unacceptable(warnTransport, "transport %q: only %s is spoken here", short(s.proto), c.protos())
	case overTLS(s.proto) && !keys:
		return unacceptable(warnTransport, "transport %s without a fingerprint that can be trusted: sha-256 or longer is", short(s.proto))
	case secure && c.Encryption == EncryptionOff:
		return unacceptable(warnTransport, "transport %s: only %s is spoken here, encryption is switched off", secureRTP, plainRTP)
	case keys:
		return nil
	case (secure || c.Encryption == EncryptionRequired && s.cryptos > 0) && c.KeysReadable:
		return unacceptable(warnTransport, "SRTP keys over signalling that is not encrypted: %s", keysRemedy)
	case secure:
		return unacceptable(warnTransport, "transport %s without keys that can be used: %s are spoken here", secureRTP, c.names())
	case c.Encryption == EncryptionRequired:
		return unacceptable(warnTransport, "a call that is not encrypted: only SRTP is taken here, by a=crypto with %s, or by DTLS", c.names())
	}
	return nil
}

func (c *Capabilities) protos() string {
	switch c.Encryption {
	case EncryptionOff:
		return plainRTP
	case EncryptionRequired:
		return secureRTP + " and " + tlsRTP
	}
	return plainRTP + ", " + secureRTP + " and " + tlsRTP
}

func (c *Capabilities) names() string {
	var names []string
	for _, s := range c.suites() {
		names = append(names, string(s))
	}
	return strings.Join(names, " ")
}

// answerKeys takes the keys of an offered line that is to be used, and returns can
// with the transport and the line of the answer.
func (l *Local) answerKeys(n *Negotiated, s *stream, can Capabilities) Capabilities {
	can.proto = s.proto
	if can.handshakes(s) {
		can.setup = l.answerSetup(s.identity.setup)
		n.DTLS = &DTLS{Client: can.setup == "active", Fingerprints: s.identity.fingerprints, Anew: s.identity.anew}
		return can
	}
	if theirs := can.pick(s); theirs != nil {
		ours := crypto{tag: theirs.tag, suite: theirs.suite, keys: []MasterKey{l.key(theirs.suite)}}
		can.crypto = []crypto{ours}
		n.Crypto = &Crypto{Suite: ours.suite, Send: ours.keys[0], Receive: theirs.keys}
	}
	return can
}

// applyKeys takes the keys of an answer (RFC 4568 section 5.1.3): the line of ours
// that it chose, with the peer's own key.
func (n *Negotiated) applyKeys(ours, theirs *stream) *Refusal {
	if ours.identity.named > 0 {
		return n.applyIdentity(ours, theirs)
	}
	secure := strings.EqualFold(ours.proto, secureRTP)
	switch {
	case strings.EqualFold(theirs.proto, ours.proto):
	case len(ours.crypto) > 0 && strings.EqualFold(theirs.proto, secureRTP): // says what it does
	default:
		return unacceptable(warnTransport, "answer with transport %q to an offer of %s", short(theirs.proto), ours.proto)
	}
	if len(ours.crypto) == 0 {
		return nil
	}
	if theirs.cryptos == 0 {
		if secure || strings.EqualFold(theirs.proto, secureRTP) {
			return unacceptable(warnTransport, "answer without keys to an offer of %s: the call would not be encrypted", ours.proto)
		}
		return nil
	}
	for i := range ours.crypto {
		for k := range theirs.crypto {
			if mine, its := &ours.crypto[i], &theirs.crypto[k]; theirs.cryptos == 1 && mine.tag == its.tag && mine.suite == its.suite {
				n.Crypto = &Crypto{Suite: mine.suite, Send: mine.keys[0], Receive: its.keys}
				return nil
			}
		}
	}
	return unacceptable(warnTransport, "answer with keys that choose no suite of the offer")
}
