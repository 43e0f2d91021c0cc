// Package dtmf is the keypad: digits and how they travel, as pure state
// machines without clock, socket or goroutine.
//
// Words: a Digit is one key; a Sequence is what a person typed, digits and
// pauses; an Event is the four octets of RFC 4733 that say how long a key has
// been held; a Sender turns a Sequence into event packets, one call per packet
// time; a Receiver turns event packets that were lost, doubled and reordered
// back into each digit exactly once; a Detector hears digits in samples.
//
// Where to look:
//
//	digit.go     digits, sequences, what may be typed
//	event.go     RFC 4733 section 2.3, the payload
//	sender.go    RFC 4733 section 2.5.1, sending
//	receiver.go  RFC 4733 section 2.5.2, receiving
//	info.go      digits as bodies of SIP INFO (RFC 6086)
//	merge.go     one key press told in two ways
//	tone.go      ITU-T Q.23 frequencies, digits as sound
//	detect.go    ITU-T Q.24, digits heard in sound
//
// Nothing here starts a goroutine or reads a clock: time comes in as RTP
// timestamps, sample counts or an argument. No type is safe for concurrent use;
// each belongs to whoever drives it. Standard library only.
package dtmf
