// Package sdp is offer and answer (RFC 3264): what this side offers, how it
// answers, and what both sides agreed on, in terms that a media session can act
// on.
//
// Words: an Offer and an Answer are two types, so that none is taken for the
// other; Local is what this side has said so far in one session (its o= line,
// its m= lines, the meaning of its payload types); Capabilities is what it can
// and wants to do now; Negotiated is what both agreed on; a Refusal is why they
// did not, with the SIP code and the Warning to answer (RFC 3261 section 20.43).
//
// Where to look:
//
//	direction.go    RFC 3264 sections 5.1, 6.1 and 8.4: sendrecv and its kin
//	description.go  reading: limits, lines, addresses, RFC 3605 rtcp
//	format.go       payload types, RFC 3551 static ones, rtpmap, fmtp
//	local.go        RFC 3264 section 8: o= version, m= lines, payload types kept
//	offer.go        RFC 3264 sections 5 and 8: building an offer
//	negotiate.go    RFC 3264 section 6: answering an offer
//	apply.go        RFC 3264 section 7: taking an answer
//	encryption.go   whether SRTP is spoken at all
//	crypto.go       RFC 4568: SRTP keys in SDP; RFC 8643: taken or left
//	dtls.go         RFC 5763: fingerprints and who begins the handshake
//	ice.go          RFC 8839: ICE; RFC 9143: one line is a bundle
//	refusal.go      what is refused, and how
//
// No goroutine, clock or socket. Values are not safe for concurrent use, but
// Offer, Answer and Negotiated do not change once they were returned.
//
// github.com/pion/sdp/v3 reads and writes the text: it is fuzzed and stands
// behind WebRTC as well. What it refuses though a
// phone may send it (T.38 lines, unknown bandwidth types, lines out of order) is
// put aside before it reads.
package sdp
