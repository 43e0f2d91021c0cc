package sdp

import "fmt"

// The transports that are spoken: plain RTP (RFC 3551) and SRTP (RFC 3711).
const (
	plainRTP  = "RTP/AVP"
	secureRTP = "RTP/SAVP"
)

// Encryption is what is wanted of SRTP.
type Encryption uint8

// The policies.
const (
	// EncryptionOff: plain RTP only; keys that a peer offers are passed over.
	EncryptionOff Encryption = iota
	// EncryptionOptional offers keys on a line of plain RTP, which a peer may take
	// or leave (RFC 8643), and takes whichever the peer offers.
	EncryptionOptional
	// EncryptionRequired offers SRTP only and takes nothing that is not encrypted.
	EncryptionRequired
)

// ParseEncryption reads off, optional or required.
func ParseEncryption(name string) (Encryption, error) {
	for e := EncryptionOff; e <= EncryptionRequired; e++ {
		if e.String() == name {
			return e, nil
		}
	}
	return EncryptionOff, fmt.Errorf("parse encryption %q: use off, optional or required", name)
}

func (e Encryption) String() string { return [...]string{"off", "optional", "required"}[e] }
