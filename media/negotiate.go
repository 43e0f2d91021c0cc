package media

import (
	"fmt"
	"time"

	"ringback/media/codec"
	"ringback/media/sdp"
)

// capabilities is what this session can do when it wants dir.
func (s *Session) capabilities(dir sdp.Direction) (sdp.Capabilities, error) {
	path, at, err := s.ourPath()
	if err != nil {
		return sdp.Capabilities{}, err
	}
	codecs := s.codecs
	if dir != sdp.RecvOnly {
		codecs = sendable(codecs)
	}
	return sdp.Capabilities{
		Address: at.Addr(), Port: at.Port(), RTCPPort: at.Port() + 1,
		Events: s.cfg.DTMF, Comfort: s.cfg.Comfort, Direction: dir, Ptime: s.cfg.Ptime, MaxPtime: maxPtime, Codecs: formats(codecs, s.cfg.Opus),
		Encryption: s.cfg.Security.Encryption, Suites: s.cfg.Security.Suites, KeysReadable: s.cfg.Security.KeysReadable,
		Keying: s.cfg.Security.Keying, Fingerprint: s.cfg.Security.Fingerprint(), ICE: path, ICEOnly: s.cfg.Ways.RelayOnly && path != nil,
	}, nil
}

// CreateOffer returns an SDP offer that asks for dir (RFC 3264 sections 5 and
// 8); it changes nothing until AcceptAnswer. ErrOfferPending while an offer of
// ours is open, ErrClosed.
func (s *Session) CreateOffer(dir sdp.Direction) ([]byte, error) {
	s.sig.Lock()
	defer s.sig.Unlock()
	if s.isClosed() {
		return nil, fmt.Errorf("create offer: %w", ErrClosed)
	}
	if s.offer != nil {
		return nil, fmt.Errorf("create offer: %w", ErrOfferPending)
	}
	can, err := s.capabilities(dir)
	if err != nil {
		return nil, fmt.Errorf("create offer: %w", err)
	}
	offer, err := sdp.BuildOffer(s.local, can)
	if err != nil {
		return nil, fmt.Errorf("create offer: %w", err)
	}
	s.offer, s.offered, s.early = offer, dir, false
	return offer.Bytes(), nil
}

// AcceptOffer answers an offer of the peer and starts or changes the media.
// dir is what we want. The error of an offer that cannot be taken is a
// *sdp.Refusal with the response to send; then nothing has changed.
// ErrOfferPending while an offer of ours is open (RFC 3264 section 4), ErrClosed.
// An offer of ours with a provisional answer is closed by it: the peer may only
// offer once it has answered (RFC 3311 section 5.1).
func (s *Session) AcceptOffer(remote []byte, dir sdp.Direction) ([]byte, error) {
	s.sig.Lock()
	defer s.sig.Unlock()
	if s.isClosed() {
		return nil, fmt.Errorf("accept offer: %w", ErrClosed)
	}
	if s.offer != nil && !s.early {
		return nil, fmt.Errorf("accept offer: %w", ErrOfferPending)
	}
	offer, err := sdp.ParseOffer(remote)
	if err != nil {
		return nil, err
	}
	settle, err := s.restartPath(offer)
	if err != nil {
		return nil, fmt.Errorf("accept offer: %w", err)
	}
	answer, agreed, err := s.answer(offer, dir)
	settle(err == nil)
	if err != nil {
		return nil, err
	}
	s.offer = nil
	s.endForks()
	s.agree(agreed, dir, false)
	return answer.Bytes(), nil
}

func (s *Session) answer(offer *sdp.Offer, dir sdp.Direction) (*sdp.Answer, *sdp.Negotiated, error) {
	can, err := s.capabilities(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("accept offer: %w", err)
	}
	return sdp.Negotiate(s.local, offer, can)
}

// AcceptAnswer takes the answer to our offer. A provisional one (of a 183: another
// fork may answer the call) starts the media and may be followed by others until
// a final one or RollbackOffer; the same one again changes nothing. The error of an answer that cannot be taken is
// a *sdp.Refusal. ErrNoOffer, ErrClosed.
func (s *Session) AcceptAnswer(remote []byte, provisional bool) error {
	s.sig.Lock()
	defer s.sig.Unlock()
	if s.isClosed() {
		return fmt.Errorf("accept answer: %w", ErrClosed)
	}
	if s.offer == nil {
		return fmt.Errorf("accept answer: %w", ErrNoOffer)
	}
	answer, err := sdp.ParseAnswer(remote)
	if err != nil {
		return err
	}
	agreed, err := sdp.Apply(s.local, s.offer, answer)
	if err != nil {
		return err
	}
	if err := s.restartFor(agreed); err != nil {
		return fmt.Errorf("accept answer: %w", err)
	}
	s.turnTo(agreed)
	if s.early = provisional; !provisional {
		s.offer = nil
		s.endForks()
	}
	s.agree(agreed, s.offered, true)
	return nil
}

// RollbackOffer forgets an offer of ours that was refused; what was agreed on
// before stands (RFC 3261 section 14.1).
func (s *Session) RollbackOffer() {
	s.sig.Lock()
	s.offer = nil
	s.endForks()
	s.sig.Unlock()
}

func (s *Session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// commit makes what was agreed on what the tick works by.
func (s *Session) commit(n *sdp.Negotiated, wanted sdp.Direction, offered bool) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.link
	could := l.active.Receives()
	l.wanted, l.remote, l.held, l.mux = wanted, n.RemoteDirection, n.HeldByRemote(), n.RTCPMux
	l.active = n.Direction
	if n.Rejected {
		l.active = sdp.Inactive
	}
	l.source.expect(plain(s.walk(n, offered)), s.cfg.NAT && n.ICE == nil, now)
	if n.RTCPMux || n.ICE == nil {
		s.closeControl() // that port is not used any more, or not looked for
	}
	if l.rtcpTo = plain(n.RemoteRTCP); s.path.control.pair.IsValid() {
		l.rtcpTo = s.path.control.pair
	}
	l.ready = true
	s.secure(n)
	s.rx.receive(s.codecs, n, s.cfg.MaxDelay, s.out.tell != nil)
	s.tx.send(s.codecs, n, &s.cfg, &s.out)
	if !l.active.Sends() {
		s.tx.pause(&s.out)
	}
	if !could && l.active.Receives() {
		s.alive.restart(now)
	}
	s.control.start(now)
}

// agree is commit, and does what must not be done under its lock.
func (s *Session) agree(n *sdp.Negotiated, wanted sdp.Direction, offered bool) {
	s.leavePath(n)
	s.commit(n, wanted, offered)
	s.openControl(n)
}

// match finds our codec of an SDP format.
func match(codecs []codec.Codec, f sdp.Format) (codec.Codec, bool) {
	for _, c := range codecs {
		if g, ok := codec.Find(f.Name, f.ClockRate); ok && g.Name == c.Name && g.ClockRate == c.ClockRate {
			return c, true
		}
	}
	return codec.Codec{}, false
}
