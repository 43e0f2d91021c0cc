package media

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"ringback/media/sdp"
)

const (
	srtpOverhead = 16  // octets that protection adds to a packet at most: the tag of AEAD
	replayWindow = 64  // packets (RFC 3711 section 3.3.2)
	maxSSRC      = 128 // streams of a peer under one key; each costs some 200 octets
	maxGuesses   = 64  // packets of one key whose roll-over counter is searched for
)

var errNoKeys = errors.New("no keys for it")

// Security is what a session wants of SRTP.
type Security struct {
	Encryption   sdp.Encryption
	Suites       []sdp.Suite  // by preference; nil: all
	KeysReadable bool         // the signalling is not encrypted: no keys are offered or taken
	Keying       sdp.Keying   // of our offers
	ICE          bool         // find the way by ICE, with DTLS only
	Certificate  *Certificate // for DTLS; nil: none is spoken
}

func (c *Security) handshakes() bool {
	return c.Encryption != sdp.EncryptionOff && c.Certificate != nil
}

// Fingerprint is of the certificate; zero where DTLS is not spoken.
func (c *Security) Fingerprint() sdp.Fingerprint {
	if !c.handshakes() {
		return sdp.Fingerprint{}
	}
	return c.Certificate.print
}

// profiles are the suites as DTLS offers them.
func (c *Security) profiles() []dtls.SRTPProtectionProfile {
	var list []dtls.SRTPProtectionProfile
	suites := c.Suites
	if len(suites) == 0 {
		suites = sdp.Suites()
	}
	for _, s := range suites {
		list = append(list, dtls.SRTPProtectionProfile(profile(s)))
	}
	return list
}

// Suite names how both directions are encrypted; empty when they are not.
func (s *Session) Suite() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.secrecy.agreed; c != nil {
		return string(c.Suite)
	}
	return ""
}

// Keying names how the keys came about, sdes or dtls; empty when nothing is encrypted.
func (s *Session) Keying() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c := s.secrecy.agreed; {
	case c == nil:
		return ""
	case c.Once:
		return sdp.KeyingDTLS.String()
	}
	return sdp.KeyingSDES.String()
}

// secure takes the keys that were agreed on. A line that was refused has none, and
// keeps those that it had for when it comes back.
func (s *Session) secure(n *sdp.Negotiated) {
	switch {
	case n.Rejected:
		return
	case n.DTLS != nil:
		s.shakeHands(n.DTLS, !n.Unchanged)
		return
	}
	s.partHands()
	if err := s.useKeys(n.Crypto); err != nil {
		s.out.add(EncryptionFailed{Err: err})
	}
}

// useKeys encrypts with these from now on, nil: not any more, and tells it.
func (s *Session) useKeys(is *sdp.Crypto) error {
	was := s.secrecy.agreed
	renumber, err := s.secrecy.agree(is)
	if renumber && s.tx.packets > 0 {
		s.tx.renumber()
	}
	if (was == nil) != (is == nil) || was != nil && was.Suite != is.Suite {
		e := EncryptionChanged{}
		if is != nil {
			e.Suite = string(is.Suite)
		}
		s.out.add(e)
	}
	return err
}

// secrecy is the SRTP of a session. Where it is on, nothing leaves or comes in that
// is not protected, whatever goes wrong with the keys.
type secrecy struct {
	on     bool        // nothing plain is sent or heard
	agreed *sdp.Crypto // nil: plain RTP, or keys are to come
	send   *srtp.Context
	recv   *unsealer
	before *unsealer // of the keys before, until the peer uses the new ones

	// sends are our contexts by suite, each of one key (see sdp.Local): a context
	// made anew would count from 0 again and use key stream twice.
	sends map[sdp.Suite]*srtp.Context
}

// unsealer is the receiving side of one master key, or of several with MKIs.
type unsealer struct {
	crypto  *sdp.Crypto
	context *srtp.Context
	seen    []uint32 // SSRCs that were authenticated: RTP and RTCP
	rocs    []uint32 // roll-over counters that a stream may have at its first packet
	guesses int
	header  rtp.Header
	plain   [maxDatagram]byte
}

// profile is pion's number of a suite.
func profile(s sdp.Suite) srtp.ProtectionProfile {
	return map[sdp.Suite]srtp.ProtectionProfile{
		sdp.AEAD256: srtp.ProtectionProfileAeadAes256Gcm,
		sdp.AEAD128: srtp.ProtectionProfileAeadAes128Gcm,
		sdp.AESCM80: srtp.ProtectionProfileAes128CmHmacSha1_80,
		sdp.AESCM32: srtp.ProtectionProfileAes128CmHmacSha1_32,
	}[s]
}

// agree sets the keys from now on. renumber says that our packets go on under
// another key and must begin another stream: with an SSRC that the key has not
// seen, and a number below 2^15, the far end's roll-over counter is 0 whichever way
// it reads RFC 3711 section 3.3.1. An error leaves secrecy on and without keys.
func (s *secrecy) agree(c *sdp.Crypto) (renumber bool, err error) {
	old := s.agreed
	s.agreed, s.on = c, c != nil
	if !old.SameSend(c) {
		s.send, err = s.sender(c)
		renumber = c != nil
	}
	if !old.SameReceive(c) {
		next := s.before
		if next == nil || !next.crypto.SameReceive(c) {
			var failed error
			next, failed = newUnsealer(c, s.recv)
			err = errors.Join(err, failed)
		}
		s.recv, s.before = next, s.recv
	}
	return renumber, err
}

// await turns secrecy on for keys that are to come.
func (s *secrecy) await() {
	s.on, s.agreed, s.send, s.recv, s.before = true, nil, nil, nil, nil
}

// ready says that packets may be sent.
func (s *secrecy) ready() bool { return !s.on || s.send != nil }

// sender is our context for a suite; nil for plain RTP.
func (s *secrecy) sender(c *sdp.Crypto) (*srtp.Context, error) {
	if c == nil {
		return nil, nil
	}
	if known := s.sends[c.Suite]; known != nil && !c.Once {
		return known, nil
	}
	made, err := srtp.CreateContext(c.Send.Key, c.Send.Salt, profile(c.Suite))
	if err != nil {
		return nil, fmt.Errorf("set up encryption with %s: %w", c.Suite, err)
	}
	if c.Once {
		return made, nil
	}
	if s.sends == nil {
		s.sends = map[sdp.Suite]*srtp.Context{}
	}
	s.sends[c.Suite] = made
	return made, nil
}

// newUnsealer makes the receiving side of keys; nil for plain RTP. A peer that
// rekeys may keep its roll-over counters (RFC 3711 section 3.3.1), which before has.
func newUnsealer(c *sdp.Crypto, before *unsealer) (*unsealer, error) {
	if c == nil {
		return nil, nil
	}
	u := &unsealer{crypto: c, rocs: []uint32{1}}
	var err error
	if u.context, err = contextOf(c); err != nil {
		return nil, err
	}
	if before != nil {
		for _, ssrc := range before.seen {
			if roc, ok := before.context.ROC(ssrc); ok && roc > 0 && len(u.rocs) < 4 {
				u.rocs = append(u.rocs, roc, roc+1)
			}
		}
	}
	return u, nil
}

func contextOf(c *sdp.Crypto) (*srtp.Context, error) {
	fail := func(err error) (*srtp.Context, error) {
		return nil, fmt.Errorf("set up decryption with %s: %w", c.Suite, err)
	}
	first := c.Receive[0]
	made, err := srtp.CreateContext(first.Key, first.Salt, profile(c.Suite), srtp.MasterKeyIndicator(first.MKI),
		srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return fail(err)
	}
	for _, k := range c.Receive[1:] {
		if err := made.AddCipherForMKI(k.MKI, k.Key, k.Salt); err != nil {
			return fail(err)
		}
	}
	return made, nil
}

// seal protects an RTP packet in its own array, which has srtpOverhead octets to spare.
func (s *secrecy) seal(b []byte, header *rtp.Header) ([]byte, error) {
	switch {
	case !s.on:
		return b, nil
	case s.send == nil:
		return nil, errNoKeys
	}
	return s.send.EncryptRTP(b, b, header)
}

// sealControl protects a compound RTCP packet.
func (s *secrecy) sealControl(b []byte) ([]byte, error) {
	switch {
	case !s.on:
		return b, nil
	case s.send == nil:
		return nil, errNoKeys
	}
	return s.send.EncryptRTCP(nil, b, nil)
}

// open is the plain packet of one that came. Without keys that is the packet. What
// cannot be authenticated, was there before, or is of a stream too many gives the
// cause, and has changed nothing.
func (s *secrecy) open(b []byte) ([]byte, drop, bool) {
	return s.with(b, (*unsealer).open)
}

// openControl is open for RTCP.
func (s *secrecy) openControl(b []byte) ([]byte, drop, bool) {
	return s.with(b, (*unsealer).openControl)
}

// with opens by the keys of now, or by those before: what is on the way when keys
// change may be under either, until one came under the new ones.
func (s *secrecy) with(b []byte, open func(*unsealer, []byte) ([]byte, drop, bool)) ([]byte, drop, bool) {
	var plain []byte
	cause, ok := dropUnauthentic, false
	if s.on && s.recv == nil {
		cause = dropEarly
	}
	if s.recv != nil {
		plain, cause, ok = open(s.recv, b)
	}
	if ok {
		s.before = nil
		return plain, 0, true
	}
	if s.before != nil && cause == dropUnauthentic {
		if plain, _, ok = open(s.before, b); ok {
			return plain, 0, true
		}
	}
	if !s.on {
		s.before = nil
		return b, 0, true
	}
	return nil, cause, false
}

func (u *unsealer) open(b []byte) ([]byte, drop, bool) {
	if len(b) < plausible {
		return nil, dropUnauthentic, false
	}
	ssrc := binary.BigEndian.Uint32(b[8:])
	known := u.knows(ssrc)
	if !known && len(u.seen) == maxSSRC {
		return nil, dropStreams, false
	}
	plain, err := u.context.DecryptRTP(u.plain[:0], b, &u.header)
	if err != nil && !known && errors.Is(err, srtp.ErrFailedToVerifyAuthTag) {
		plain, err = u.guess(b, ssrc)
	}
	return u.judge(plain, err, ssrc, known)
}

func (u *unsealer) openControl(b []byte) ([]byte, drop, bool) {
	if len(b) < 8 {
		return nil, dropUnauthentic, false
	}
	ssrc := binary.BigEndian.Uint32(b[4:])
	known := u.knows(ssrc)
	if !known && len(u.seen) == maxSSRC {
		return nil, dropStreams, false
	}
	plain, err := u.context.DecryptRTCP(u.plain[:0], b, nil)
	return u.judge(plain, err, ssrc, known)
}

func (u *unsealer) judge(plain []byte, err error, ssrc uint32, known bool) ([]byte, drop, bool) {
	switch {
	case err == nil:
		if !known {
			u.seen = append(u.seen, ssrc)
		}
		return plain, 0, true
	case errors.Is(err, srtp.ErrFailedToVerifyAuthTag), errors.Is(err, srtp.ErrMKINotFound):
		return nil, dropUnauthentic, false
	case known:
		return nil, dropReplay, false
	}
	return nil, dropUnauthentic, false // too short, or no header
}

func (u *unsealer) knows(ssrc uint32) bool {
	for _, s := range u.seen {
		if s == ssrc {
			return true
		}
	}
	return false
}

// guess tries the roll-over counters that the first packet that we see of a stream
// may have: the sender is past its first 2^16, or kept its counter over a rekeying.
// What fits is authenticated, so that a wrong guess does no harm; the search is
// bounded, so that junk does not get it for long.
func (u *unsealer) guess(b []byte, ssrc uint32) ([]byte, error) {
	if u.guesses == maxGuesses {
		return nil, srtp.ErrFailedToVerifyAuthTag
	}
	u.guesses++
	for _, roc := range u.rocs {
		trial, err := contextOf(u.crypto)
		if err != nil {
			return nil, err
		}
		trial.SetROC(ssrc, roc)
		if _, err = trial.DecryptRTP(u.plain[:0], b, &u.header); err == nil {
			u.context.SetROC(ssrc, roc)
			return u.context.DecryptRTP(u.plain[:0], b, &u.header)
		}
	}
	return nil, srtp.ErrFailedToVerifyAuthTag
}
