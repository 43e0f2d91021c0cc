package media

import (
	"github.com/pion/rtp"

	"ringback/media/codec"
)

// scratch is where a session reads and writes datagrams while it works, and decodes.
// Thousands of sessions share as many as work at a moment: 3.5 kB of each call's memory
// were these, and 11 more with Opus; and what all use is in the processor's cache.
type scratch struct {
	in  [maxDatagram]byte
	out [codec.MaxPayload + 12 + srtpOverhead]byte
	pcm [6 * 960]int16 // 120 ms at 48 kHz, the most that a packet of Opus holds; or what a tick says
	own [960]int16     // what a session in no bridge hears, which is for nobody

	packet rtp.Packet // that is worked on
	sealed rtp.Header // that SRTP reads of one of ours
}

// borrow is the session's scratch until giveBack. mu is held.
func (s *Session) borrow() *scratch {
	if s.scratch == nil {
		s.scratch, _ = s.engine.scratches.Get().(*scratch)
		if s.scratch == nil {
			s.scratch = new(scratch)
		}
		s.rx.decoded = s.scratch.pcm[:0]
	}
	return s.scratch
}

// giveBack ends what has begun with the first borrow; nothing of the scratch is kept.
func (s *Session) giveBack() {
	if s.scratch != nil {
		s.scratch.packet.Payload = nil
		s.engine.scratches.Put(s.scratch)
		s.scratch, s.rx.decoded = nil, nil
	}
}
