package media

import (
	"fmt"

	"ringback/media/sdp"
)

// maxForks is how many far ends of one offer are kept beside the one of now.
const maxForks = 8

// fork is a far end that answered our offer early, with a handshake that has ended, while
// another one is heard (RFC 3261 section 13.2.2.4). It does not shake hands twice, so that
// what came of it is kept for when its answer turns out to be the one that counts.
type fork struct {
	who   string
	hands *association
	keys  secrecy
}

// forkOf tells the far ends that answer one offer apart.
func forkOf(n *sdp.Negotiated) string {
	if n.ICE != nil {
		return n.ICE.Ufrag
	}
	who := n.Remote.String()
	if n.DTLS != nil {
		who = fmt.Sprint(who, n.DTLS.Fingerprints)
	}
	return who
}

// turnTo leaves the handshake of the far end before for that of the one that an answer is
// of, when it is another one. sig is held, mu is not.
func (s *Session) turnTo(n *sdp.Negotiated) {
	who, was := forkOf(n), s.fork
	s.fork = who
	if !s.early || who == was {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keepFork(was)
	if s.takeFork(who) {
		n.Unchanged = true // it knows nothing of the others
	}
}

// keepFork puts what there is of a handshake aside, when it has ended.
func (s *Session) keepFork(who string) {
	if s.hands != nil && s.secrecy.send != nil && len(s.forks) < maxForks {
		s.forks = append(s.forks, fork{who: who, hands: s.hands, keys: s.secrecy})
		s.hands = nil
	}
	s.partHands()
}

// takeFork takes up what was put aside.
func (s *Session) takeFork(who string) bool {
	for i, f := range s.forks {
		if f.who != who {
			continue
		}
		s.forks = append(s.forks[:i], s.forks[i+1:]...)
		was, sends := s.secrecy.agreed, s.secrecy.sends
		s.hands, s.secrecy = f.hands, f.keys
		s.secrecy.sends = sends
		s.tx.renumber()
		if was == nil || was.Suite != f.keys.agreed.Suite {
			s.out.add(EncryptionChanged{Suite: string(f.keys.agreed.Suite)})
		}
		return true
	}
	return false
}

// endForks forgets them: the offer is answered for good. sig is held, mu is not.
func (s *Session) endForks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partForks()
}

func (s *Session) partForks() {
	for _, f := range s.forks {
		f.hands.end()
	}
	s.forks = nil
}
