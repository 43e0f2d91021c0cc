// Package loop is the one goroutine on which an agent and its SIP user agent
// live: functions posted from anywhere run on it one after the other.
//
// Words: to post is to hand over a function and go on; to do is to hand one
// over and wait until it ran; a timer posts its function when its time has come.
//
// Because transport input, transactions, dialogs, registrations, offers and
// commands all run here, things that cross on the wire (an accept and a CANCEL,
// two holds) are decided by their order on the loop, without locks.
//
// Goroutines: Run is called once, on a goroutine of the caller's, and returns
// when its context ends. Post, Do and Panics may be called from anywhere; After,
// Around, Behind and Timer.Stop only on the loop. A function that panics is recovered, counted
// and logged; the loop goes on, so that one call never takes down another.
//
// Timers keep the exact time; those that are not due soon lie in slots of time without
// an order, so that what a timer costs does not depend on how many there are. Those of Around
// and Behind are not exact: they run together, so that thousands of them wake the process less often.
//
// The time is the runtime's, so that a loop inside a testing/synctest bubble
// runs in virtual time. Standard library only.
package loop
