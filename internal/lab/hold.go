package lab

import (
	"errors"
	"strings"
	"time"

	"ringback/media"
	"ringback/media/sdp"
	"ringback/sip"
)

// HoldForm is how a re-INVITE says hold.
type HoldForm string

// The forms of hold that phones and PBXs use.
const (
	HoldSendOnly HoldForm = "sendonly" // music is sent
	HoldInactive HoldForm = "inactive"
	HoldRecvOnly HoldForm = "recvonly" // seen from some PBXs that do not play music
	HoldZero     HoldForm = "0.0.0.0"  // RFC 2543: c=0.0.0.0
)

// direction is what the lab wants of the media.
func (f HoldForm) direction() sdp.Direction {
	switch f {
	case HoldSendOnly:
		return sdp.SendOnly
	case HoldRecvOnly:
		return sdp.RecvOnly
	case HoldInactive:
		return sdp.Inactive
	}
	return sdp.SendRecv
}

// reoffer sends the agent a re-INVITE of that form, a little later where another
// offer is open; an empty form resumes.
func (g *leg) reoffer(form HoldForm) error {
	g.form = form
	offer, err := g.media.CreateOffer(form.direction())
	if errors.Is(err, media.ErrOfferPending) {
		g.overtaken()
		return nil
	}
	if err != nil {
		return err
	}
	if form == HoldZero {
		offer = zeroAddress(offer)
	}
	if err := g.session.Reinvite(offer); err != nil {
		g.media.RollbackOffer()
		if errors.Is(err, sip.ErrOfferPending) {
			g.overtaken()
			return nil
		}
		return err
	}
	return nil
}

// againAfter is when an offer that was overtaken by the agent's is made anew.
const againAfter = 700 * time.Millisecond

// overtaken: the agent's offer came first. What the lab wants still stands and
// is offered again.
func (g *leg) overtaken() {
	g.boot.loop.After(againAfter, func() {
		if !g.over {
			g.note("offer again", g.reoffer(g.form))
		}
	})
}

// zeroAddress rewrites each c= line as RFC 2543 held.
func zeroAddress(offer []byte) []byte {
	lines := strings.Split(string(offer), "\r\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "c=IN IP4 ") {
			lines[i] = "c=IN IP4 0.0.0.0"
		}
	}
	return []byte(strings.Join(lines, "\r\n"))
}
