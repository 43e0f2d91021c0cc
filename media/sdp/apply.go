package sdp

import "strings"

// Apply takes the answer to our offer (RFC 3264 section 7). It may be called
// again with another answer to the same offer (a 183, then a 200). An error is a
// *Refusal; it leaves local as it was.
//
// Send uses the answer's payload types, Receive the offer's (section 5.1: each
// side receives on the numbers that it named).
func Apply(local *Local, offer *Offer, answer *Answer) (*Negotiated, error) {
	if len(answer.streams) != len(offer.streams) {
		return nil, unacceptable(warnOther, "answer with %d m= lines to an offer of %d (RFC 3264 section 6)",
			len(answer.streams), len(offer.streams))
	}
	ours, theirs := &offer.streams[offer.audio], &answer.streams[offer.audio]
	n := &Negotiated{Unchanged: local.heard != "" && local.heard == answer.body}
	switch {
	case !theirs.audio():
		return nil, unacceptable(warnNoMedia, "answer with %q where audio was offered", short(theirs.media))
	case theirs.port == 0 && !local.agreed:
		return nil, unacceptable(warnNoMedia, "answer refuses the audio line: no media to talk with")
	case theirs.port == 0:
		n.Rejected = true
		local.agree(offer.streams, offer.audio, answer.body, n)
		return n, nil
	}
	if why := n.applyKeys(ours, theirs); why != nil {
		return nil, why
	}
	if ours.ice.Ufrag != "" && theirs.ice.Ufrag != "" && theirs.ice.Pwd != "" && !theirs.mismatch() {
		n.ICE = &theirs.ice
	}
	if why := theirs.address.usable(ours.address.ip); why != nil {
		return nil, why
	}
	if why := n.apply(ours, theirs); why != nil {
		return nil, why
	}
	if why := n.lacksPath(offer.iceOnly); why != nil {
		return nil, why
	}
	local.agree(offer.streams, offer.audio, answer.body, n)
	return n, nil
}

// apply settles the audio line of an answer.
func (n *Negotiated) apply(ours, theirs *stream) *Refusal {
	n.hear(theirs, ours.direction, ours.rtcpMux, n.ICE != nil)
	n.Receive = map[uint8]Format{}
	for _, f := range ours.codecs {
		if !f.events() && !f.comfort() {
			n.Receive[f.PayloadType] = f
		}
	}
	for _, f := range theirs.codecs {
		if !f.events() && !f.comfort() && known(f, ours.codecs) {
			n.SendAll = append(n.SendAll, f)
		}
	}
	if len(n.SendAll) == 0 {
		return unacceptable(warnFormat, "answer with no codec of the offer: %s offered, formats %s answered",
			list(ours.codecs), short(strings.Join(theirs.formats, " ")))
	}
	n.Send = n.SendAll[0]
	n.Comfort = hasComfort(ours.codecs) && hasComfort(theirs.codecs) && n.Send.ClockRate == 8000
	for _, clock := range []int{8000, n.Send.ClockRate} { // the codec's own clock is the better one
		send, theyTake := eventsAt(theirs, clock)
		receive, weTake := eventsAt(ours, clock)
		if theyTake && weTake {
			n.Events = &Events{Send: send, Receive: receive, ClockRate: clock}
		}
	}
	return nil
}

// eventsAt returns the payload type of telephone-event at a clock rate.
func eventsAt(s *stream, clock int) (uint8, bool) {
	for _, f := range s.codecs {
		if f.events() && f.ClockRate == clock {
			return f.PayloadType, true
		}
	}
	return 0, false
}
