package message

import "strings"

// FrameLength finds the length of the body that follows head, the start line
// and headers of a message on a stream with the empty line at their end. On a
// stream Content-Length is needed, once, and must fit MaxMessage; otherwise the
// end of the message is unknown and a Reject with Unframed comes back (RFC 3261
// 18.3, 20.14).
func FrameLength(head []byte) (int, *Reject) {
	var s scanned
	s.scan(head)
	n, length := 0, uint64(0)
	var fault *Reject
	for _, l := range s.lines {
		if l.name != "Content-Length" {
			continue
		}
		var err error
		if n++; n > 1 {
			fault = refuse(400, FaultLength, "more than one Content-Length")
		} else if length, err = parseUint(l.Value(), MaxMessage); err != nil {
			fault = refuse(400, FaultLength, "Content-Length: %v", err)
		}
	}
	switch {
	case fault != nil:
	case len(head) > MaxHeaderBytes:
		fault = refuse(513, FaultSize, "headers of over %d bytes", MaxHeaderBytes)
	case n == 0:
		fault = refuse(400, FaultLength, "no Content-Length on a stream")
	case uint64(len(head))+length > MaxMessage:
		fault = refuse(513, FaultSize, "message of %d bytes, over %d", uint64(len(head))+length, MaxMessage)
	default:
		return int(length), nil
	}
	fault.Unframed = true
	first, _, _ := strings.Cut(s.start, " ")
	if isToken(first) {
		fault.Head = s.head(Method(first))
	}
	return 0, fault
}
