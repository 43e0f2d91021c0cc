// Package archtest holds the house to its plan: one table says which room may
// know which, one says through which door each outside library comes in. A new
// package or a new library fails the test until it is written there, so the
// tables in rooms_test.go are the architecture page.
//
// Words: a room is a package of this module; an arrow is an import of one room
// by another and only points downwards; a door is the set of rooms that may
// import an outside library.
//
// All files are read whatever their build tags, systems and tests. There is
// nothing here but tests, and they need nothing but the go command. proof_test.go
// holds that the tests and files that testdata/load/PROOF.md names are there.
package archtest
