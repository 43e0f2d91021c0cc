// Package verdict has, in one table, what the phone says when something is wrong with
// its surroundings: in words what is wrong, with the values, and what to do.
//
// Words: a Verdict is a row of the table; an ID names it, room.what; a Finding is a
// verdict with the values of one case. What `ringback doctor` prints, what a
// registration's reason says, and what an action answers when the disk fails are the
// same texts, so that one fault has one sentence wherever it is met.
//
// table.go is the table; of.go finds the verdict of an error (DNS, network, TLS,
// digest, store) and of a SIP answer, call.go that of a call that a fault ended, so that whoever has either need not know the
// table.
//
// To add a fault:
//
//  1. Add an ID to the constants and a row to the table, both in table.go. Wrong is a
//     sentence in the present tense without a capital or a full stop, with the
//     values as {name}; Do is an imperative. No value of a secret ever stands in
//     either; values that come from outside are cleaned by Say.
//  2. Where the fault is met, say it: verdict.HalfOpen.Say("addr", addr). The Finding
//     is an error, too. If it is met as an error value of a lower room, teach OfError.
//  3. Show it in a test that really provokes the fault. agent/doctor's
//     TestEveryVerdictIsShown fails for a row that no test shows: add a provocation
//     there, or, when it is shown in another room, a line in its shownElsewhere that
//     names that test.
//
// It runs no goroutine and depends on the rooms whose errors it knows.
package verdict
