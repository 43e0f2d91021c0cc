// Package webrtc is a foreign WebRTC peer that the phone is held to in tests, beside
// Asterisk and Chromium: pion/webrtc, as a browser behind a SIP PBX would use it. No part
// of the product imports it (media/ice says why).
//
// Words: a Peer is one PeerConnection with one line of sound (RFC 8829), its SDP is passed
// to and fro by who tests; what it sends is a tone and digits, what it hears is tones,
// digits and reports.
//
// Goroutines: those of pion; per Peer one that sends every 20 ms, one that reads reports of
// what it sends, and two per stream that comes in, for its sound and its reports. Close ends
// them and waits. A Peer may be used from any goroutine. All time is the runtime's, so that
// it lives in a testing/synctest bubble over internal/simnet.
//
// peer.go is the Peer and its offers and answers, line.go what it sends (RFC 3550, RFC
// 4733), ear.go what it hears, network.go its sockets as pion wants them.
//
// Its codecs are media/codec's, which others judge (internal/spandsp); all else that is
// compared with ours is pion's or written anew here: SDP, ICE, DTLS, SRTP, RTCP, events.
//
// Outside: pion/webrtc, and pion/rtp, pion/rtcp, pion/transport and pion/logging as its
// interface has them.
package webrtc
