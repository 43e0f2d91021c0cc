// Package story tells what an agent at a desk lives through, in virtual time: the
// real agent over a network in memory, at the lab PBX, or at a scripted one where
// the PBX must misbehave exactly.
//
// Words: a desk is one agent with its PBX inside a testing/synctest bubble; a beat
// is the next whole second of the story, on which the agent acts, so that the
// ladder does not depend on when exactly a tone was heard. Each story is told
// three times: by the agent's events and state, by what the two sides heard, and
// by its SIP ladder with milliseconds in testdata/ladder/story (written anew with
// go test -update).
//
// desk_test.go is the desk, pbx_test.go the scripted PBX, cast_test.go who plays at
// the lab; the stories are in the files named after what they tell of:
// registration, callback, order, call, hold, transfer (RFC 3515, 5589), consult (with
// conferences), digits, outbox, queuecode, publish (RFC 3903), goodbye. In fault*_test.go
// something breaks in each state of a call and a registration; their ladders do not count.
//
// Goroutines: the agent's Run, one, and what the lab starts; the bubble fails the
// test when one is left. Tests only; standard library and the rooms.
package story
