package sdp

// Apply takes the answer to our offer (RFC 3264 section 7). It may be called
// again with another answer to the same offer (a 183, then a 200). An error is a
// *Refusal; it leaves local as it was.
func Apply(local *Local, offer *Offer, answer *Answer) (*Negotiated, error) {
	return nil, &Refusal{Code: 488}
}
