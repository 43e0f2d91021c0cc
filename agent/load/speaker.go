package load

import (
	"math/rand/v2"

	"ringback/media"
	"ringback/media/sdp"
)

// speaker is what an end that is called lets its callers hear. A loop owns it.
type speaker struct {
	engine *media.Engine // nil: signalling only
	says   says
	sound  *sound
	rng    *rand.Rand
}

// heard is the media of a call that came, or of one of a responder's own.
type heard struct {
	kind  string // what it says; empty: it is not drawn yet
	voice *voice // nil: signalling only
}

// body is our half of the media: the answer, or an offer where theirs is late.
func (h *heard) body(by *speaker, at *seat, offer []byte) ([]byte, error) {
	if h.kind == "" {
		h.kind = by.says.draw(by.rng)
	}
	if h.kind == MediaNone {
		return at.inactive, nil
	}
	if h.voice == nil {
		var err error
		if h.voice, err = newVoice(by.engine, at.ip, by.sound, h.kind); err != nil {
			return nil, err
		}
	}
	if offer == nil {
		return h.voice.session.CreateOffer(sdp.SendRecv)
	}
	return h.voice.session.AcceptOffer(offer, sdp.SendRecv)
}

// close frees the media.
func (h *heard) close() {
	if h.voice != nil {
		h.voice.close()
	}
}
