package sdp

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// The transports of DTLS-SRTP (RFC 5764 section 9); the second has feedback
// messages, which are passed over.
const (
	tlsRTP         = "UDP/TLS/RTP/SAVP"
	tlsRTPFeedback = "UDP/TLS/RTP/SAVPF"
)

// Keying is how keys for SRTP come about in our offers. Of others' either is taken.
type Keying uint8

// The ways.
const (
	KeyingSDES Keying = iota // in SDP (RFC 4568)
	KeyingDTLS               // by a handshake on the media path (RFC 5763)
)

// ParseKeying reads sdes or dtls.
func ParseKeying(name string) (Keying, error) {
	for k := KeyingSDES; k <= KeyingDTLS; k++ {
		if k.String() == name {
			return k, nil
		}
	}
	return KeyingSDES, fmt.Errorf("parse keying %q: use sdes or dtls", name)
}

func (k Keying) String() string { return [...]string{"sdes", "dtls"}[k] }

// Fingerprint is the hash of a certificate (RFC 8122 section 5). Hash is sha-256,
// sha-384 or sha-512.
type Fingerprint struct {
	Hash  string
	Value []byte
}

func (f Fingerprint) String() string {
	var octets []string
	for _, b := range f.Value {
		octets = append(octets, fmt.Sprintf("%02X", b))
	}
	return f.Hash + " " + strings.Join(octets, ":")
}

func (f Fingerprint) same(other Fingerprint) bool {
	return f.Hash == other.Hash && slices.Equal(f.Value, other.Value)
}

// DTLS is what was agreed on for a handshake.
type DTLS struct {
	Client       bool          // we begin it
	Fingerprints []Fingerprint // the peer's certificate has one of them
	Anew         bool          // the peer says that it has no association now (a=connection:new, RFC 4145 section 5)
}

// Same says that both are the same association (RFC 8842 section 5): it goes on. Nil
// is none.
func (d *DTLS) Same(other *DTLS) bool {
	if d == nil || other == nil {
		return d == other
	}
	return d.Client == other.Client && slices.EqualFunc(d.Fingerprints, other.Fingerprints, Fingerprint.same)
}

const maxFingerprints = 8

// identity is what a description says for DTLS, at one level.
type identity struct {
	fingerprints []Fingerprint // those of hashes that are strong enough
	named        int           // of all a=fingerprint
	setup        string        // a=setup (RFC 4145); empty: none
	anew         bool          // a=connection:new
}

func readIdentity(attributes []pion.Attribute) identity {
	var id identity
	for _, a := range attributes {
		switch a.Key {
		case "fingerprint":
			id.named++
			if f, ok := readFingerprint(a.Value); ok && len(id.fingerprints) < maxFingerprints {
				id.fingerprints = append(id.fingerprints, f)
			}
		case "connection":
			id.anew = strings.EqualFold(strings.TrimSpace(a.Value), "new")
		case "setup":
			id.setup = strings.ToLower(strings.TrimSpace(a.Value))
		}
	}
	return id
}

// within adds what the session level says where the line says nothing.
func (id identity) within(session identity) identity {
	if id.named == 0 {
		id.fingerprints, id.named = session.fingerprints, session.named
	}
	if id.setup == "" {
		id.setup = session.setup
	}
	return id
}

// readFingerprint reads hash and octets. MD5, MD2 and SHA-1 are none: who makes a
// certificate to fit them can be in the middle (RFC 8122 section 5).
func readFingerprint(value string) (Fingerprint, bool) {
	hash, text, _ := strings.Cut(strings.TrimSpace(value), " ")
	size := map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[strings.ToLower(hash)]
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
	if err != nil || size == 0 || len(raw) != size {
		return Fingerprint{}, false
	}
	return Fingerprint{Hash: strings.ToLower(hash), Value: raw}, true
}

func overTLS(proto string) bool {
	return strings.EqualFold(proto, tlsRTP) || strings.EqualFold(proto, tlsRTPFeedback)
}

// handshakes says that an offered line is to be secured by DTLS: it can be, and keys
// in SDP cannot, or its transport says so.
func (c *Capabilities) handshakes(s *stream) bool {
	if c.Encryption == EncryptionOff || c.Fingerprint.Hash == "" || len(s.identity.fingerprints) == 0 {
		return false
	}
	switch s.identity.setup {
	case "", "actpass", "active", "passive":
		return overTLS(s.proto) || c.pick(s) == nil
	}
	return false
}

// answerSetup is our part in the handshake: the active one where we may choose, so
// that no packet of a stranger begins it; in a session that has an association, the
// one that we have (RFC 5763 section 5). A missing setup is an active one (RFC 4145
// section 4).
func (l *Local) answerSetup(theirs string) string {
	switch {
	case theirs == "passive", theirs == "actpass" && l.setup != "passive":
		return "active"
	}
	return "passive"
}

// applyIdentity takes the DTLS part of an answer; with none a plain line stays plain.
func (n *Negotiated) applyIdentity(ours, theirs *stream) *Refusal {
	switch {
	case !strings.EqualFold(theirs.proto, ours.proto):
		return unacceptable(warnTransport, "answer with transport %q to an offer of %s", short(theirs.proto), ours.proto)
	case theirs.identity.named == 0 && strings.EqualFold(ours.proto, plainRTP):
		return nil
	case len(theirs.identity.fingerprints) == 0:
		return unacceptable(warnTransport, "answer without a fingerprint that can be trusted (sha-256 or longer): the call would not be encrypted")
	case theirs.identity.setup != "active" && theirs.identity.setup != "passive" && theirs.identity.setup != "":
		return unacceptable(warnTransport, "answer with setup %q to an offer of actpass: want active or passive", short(theirs.identity.setup))
	}
	n.DTLS = &DTLS{Client: theirs.identity.setup != "active", Fingerprints: theirs.identity.fingerprints, Anew: theirs.identity.anew}
	return nil
}
