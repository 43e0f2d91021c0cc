package sdp

// Format is one codec with its payload type on an m= line.
type Format struct {
	PayloadType uint8
	Name        string // as in rtpmap, compared without case
	ClockRate   int    // Hz, as in rtpmap (G722: 8000)
	Channels    int    // 0 is 1
	Params      string // fmtp, as it came or is to be sent; "" for none
}

// Events is what was agreed on for telephone-event (RFC 4733 section 2.5.1.1).
type Events struct {
	Send      uint8 // payload type to send with
	Receive   uint8 // payload type that the peer sends with
	ClockRate int   // of both
}
