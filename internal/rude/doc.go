// Package rude is a peer that misbehaves on purpose, and the tests that hold the
// phone to its limits while it does: time, memory, the size of answers and tables,
// and no gap in the audio.
//
// Words: a Peer is one end of SIP that sends text as it is told and keeps what
// comes, without any idea of its own what a good message is; a Request is the text
// of one, with whatever is wrong about it; a stranger is a peer that is not the
// phone's PBX; junk is what no program would send.
//
// peer.go is the peer, request.go its texts, junk.go what floods are made of. The
// peer reads with a reader of its own, so that a fault in the phone's reading does
// not hide itself here. In the tests, flood_test.go is about how much, claim_test.go
// about who may what, agent_test.go about the whole agent, torture_test.go about RFC
// 4475 and 5118 in datagrams, segments and single bytes, load_test.go about ten
// thousand calls. All of that is in virtual time; loopback_linux_test.go is on the
// machine's own network, where real time counts. With the race detector the numbers
// are a tenth and times are not held to; make limits holds them.
//
// Goroutines: one reader per Peer, which Close ends and waits for. Everything may be
// called from any goroutine. Standard library only; the rooms that it is rude to are
// imported by its tests.
package rude
