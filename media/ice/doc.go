// Package ice finds the way to a peer that speaks ICE (RFC 8445), over a socket that
// somebody else reads and writes, or through a TURN server.
//
// Words: an Agent is one session's ICE, from its credentials to its end; a candidate is
// an address that a side may be reached at, written as in SDP (RFC 8839 section 5.1); a
// Server is a STUN server (RFC 8489), which says where it sees us, or a TURN server (RFC
// 8656), which relays; the pair is what was found; the controlling side decides which
// one it is.
//
// Goroutines: those of pion/ice; per Agent one that waits until the pair is there, then
// reads what a relay brings, and one that writes to it; one that watches whether the peer
// still wants to be sent to; with Servers one that asks them.
// Config's functions are called on them and may take locks, as long as none is held in a
// call of Receive. Close ends them and waits.
//
// agent.go is the Agent, consent.go the end of its pair (RFC 7675), gather.go its candidates,
// mux.go the session's socket as pion wants it, server.go a Server and what it says in words,
// sockets.go the way to it.
//
// Outside: pion/ice makes the checks, pion/turn and pion/stun speak to servers,
// pion/transport has the interface that their sockets are made by and read deadlines, pion/logging keeps
// them from writing to stderr.
//
// Not pion/webrtc, whose parts these are (read again at v4.2.26). Its PeerConnection writes
// the SDP itself, so that m= lines and payload types of a SIP session would have two owners;
// it takes a 183 for an offer, and stops its line for good at an a=inactive of the far end.
// Its ORTC objects (ICETransport, DTLSTransport) need no SDP, and SettingEngine.BufferFactory
// gives what is decrypted, by SSRC; but they begin DTLS once, where a PBX may begin anew at a
// re-INVITE while the old keys still count (a second DTLSTransport beside the first gets its
// packets by chance), do not restart ICE in their place, refuse AES_CM_128_HMAC_SHA1_32, and
// have neither ICE without DTLS nor SDES, which plain calls need: sessions would have two
// engines. And it reads and decrypts on goroutines of each connection, where one tick serves
// thousands of sessions here. As a whole it is the foreign peer that sessions are held to in
// tests: media/webrtc.
package ice
