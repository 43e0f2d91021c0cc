package sdp

import (
	"math/rand/v2"
	"net/netip"

	pion "github.com/pion/sdp/v3"
)

// Local is what this side has said in one session: the o= line with its version
// that rises by one only with a change (RFC 3264 section 8), the m= lines whose
// number never falls, and which codec each of its payload types has meant
// (section 8.3.2). One for each media session, from its first offer or answer to
// its end.
type Local struct {
	id      uint64
	version uint64
	address netip.Addr // of the o= line: stays though the media's address changes
	said    string     // the last description without its o= line
	heard   string     // the peer's last one that was taken, likewise

	streams []stream // m= lines of the session as last agreed
	audio   int      // the one in use
	agreed  bool     // there was an offer and an answer

	keys  map[Suite]MasterKey // ours, of the suites that were offered or answered
	suite Suite               // in use; empty: none
	muxed bool                // RTCP goes with RTP
	setup string              // our part in the association in use: active, passive; empty: none

	meaning map[uint8]string // codec of each of our payload types; nil: none has one yet
}

// NewLocal returns the state of a session that has said nothing yet. id goes
// into the o= line; 0 draws one.
func NewLocal(id uint64) *Local {
	for id == 0 {
		id = rand.Uint64() >> 2 // fits the signed numbers of some peers
	}
	return &Local{id: id}
}

// stamp gives a description its o= line and returns its text.
func (l *Local) stamp(d *pion.SessionDescription, address netip.Addr) ([]byte, error) {
	if !l.address.IsValid() {
		l.address = address
	}
	d.Origin = pion.Origin{
		Username: "-", SessionID: l.id, SessionVersion: l.version,
		NetworkType: "IN", AddressType: family(l.address), UnicastAddress: l.address.String(),
	}
	text, err := d.Marshal()
	if err != nil {
		return nil, err
	}
	body := withoutOrigin(text)
	if body == l.said {
		return text, nil
	}
	l.said = body
	l.version++
	d.Origin.SessionVersion = l.version
	return d.Marshal()
}

// agree keeps what an exchange settled.
func (l *Local) agree(streams []stream, audio int, peer string, n *Negotiated) {
	l.streams, l.audio, l.agreed, l.heard, l.suite, l.muxed = streams, audio, true, peer, "", n.RTCPMux
	l.setup = ""
	switch {
	case n.Crypto != nil:
		l.suite = n.Crypto.Suite
	case n.DTLS != nil && n.DTLS.Client:
		l.setup = "active"
	case n.DTLS != nil:
		l.setup = "passive"
	}
}

// mean says that one of our payload types means a codec from now on.
func (l *Local) mean(f Format) {
	if l.meaning == nil {
		l.meaning = map[uint8]string{}
	}
	l.meaning[f.PayloadType] = f.key()
}

// number returns the payload type for a codec in our offer: the one that has
// meant it before, else the wished one, else one that has meant nothing yet.
func (l *Local) number(f Format, taken *[lastDynamic + 1]bool) (uint8, bool) {
	if s, ok := static(f.PayloadType); ok && s.Same(f) {
		return f.PayloadType, !taken[f.PayloadType]
	}
	key := f.key()
	for pt := uint8(lastDynamic); pt >= firstDynamic; pt-- {
		if l.meaning[pt] == key && !taken[pt] {
			return pt, true
		}
	}
	free := func(pt uint8) bool {
		return pt >= firstDynamic && pt <= lastDynamic && l.meaning[pt] == "" && !taken[pt]
	}
	if free(f.PayloadType) {
		return f.PayloadType, true
	}
	for pt := uint8(firstDynamic); pt <= lastDynamic; pt++ {
		if free(pt) {
			return pt, true
		}
	}
	return 0, false
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IP4"
	}
	return "IP6"
}
