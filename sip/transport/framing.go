package transport

import (
	"bytes"

	"ringback/sip/message"
)

// framer cuts a stream into messages and keepalives. It holds at most one
// message and what came behind it; it searches each byte once.
type framer struct {
	buf     []byte
	scanned int // bytes of buf in which no end of headers begins
	total   int // length of the message at the front; 0 while not known
}

type frameKind int

const (
	frameNone    frameKind = iota // more bytes are needed
	frameMessage                  // data is one whole message
	frameCRLF                     // one CRLF between messages
	frameFault                    // the end of the message is unknown; the stream cannot go on
)

// frame is what was cut off; data is valid until the next push.
type frame struct {
	kind   frameKind
	data   []byte
	reject *message.Reject
}

func (f *framer) push(p []byte) { f.buf = append(f.buf, p...) }

// partial says that a message has begun and not ended.
func (f *framer) partial() bool { return len(f.buf) > 0 }

// next cuts off the next frame.
func (f *framer) next() frame {
	if f.total == 0 {
		if cut, ok := f.cutCRLF(); ok {
			return cut
		}
		if reject, ok := f.findEnd(); !ok {
			return frame{kind: frameNone}
		} else if reject != nil {
			return frame{kind: frameFault, data: f.buf, reject: reject}
		}
	}
	if len(f.buf) < f.total {
		return frame{kind: frameNone}
	}
	data := f.buf[:f.total:f.total]
	f.advance(f.total)
	return frame{kind: frameMessage, data: data}
}

// cutCRLF cuts one CRLF that stands before a message (RFC 3261 7.5).
func (f *framer) cutCRLF() (frame, bool) {
	if f.scanned > 0 || len(f.buf) == 0 || f.buf[0] != '\r' {
		return frame{}, false
	}
	if len(f.buf) == 1 {
		return frame{kind: frameNone}, true
	}
	if f.buf[1] != '\n' {
		return frame{}, false
	}
	f.advance(2)
	return frame{kind: frameCRLF}, true
}

// findEnd looks for the empty line and reads the length behind it; false while
// it has not come.
func (f *framer) findEnd() (*message.Reject, bool) {
	end := bytes.Index(f.buf[f.scanned:], []byte("\r\n\r\n"))
	if end < 0 {
		f.scanned = max(0, len(f.buf)-3)
		if len(f.buf) <= message.MaxHeaderBytes {
			return nil, false
		}
		_, reject := message.FrameLength(f.buf)
		return reject, true
	}
	head := f.scanned + end + 4
	length, reject := message.FrameLength(f.buf[:head])
	if reject != nil {
		return reject, true
	}
	f.total = head + length
	return nil, true
}

// advance drops the first n bytes. The array is kept, so that a frame's data
// stays valid until the next push; an emptied large one is let go.
func (f *framer) advance(n int) {
	f.buf = f.buf[n:]
	f.scanned, f.total = 0, 0
	if len(f.buf) == 0 {
		f.buf = nil
	}
}
