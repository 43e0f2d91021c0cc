// Package jitter puts packets back into order and says when each is to be
// played.
//
// Words: the transit of a packet is its arrival minus its timestamp, both in
// timestamp units, so that only its changes mean anything; the delay target is
// how much later than the fastest packets of the last seconds audio is played;
// to play out is to hand over what is due at this tick.
//
// The rule: audio of timestamp T is due at T + least transit + target. The least
// transit and the spread above it are taken over the last two windows of two
// seconds, so that a drifting clock moves the least transit with it and the
// delay stays what it is, for ever. The target goes up at once and down slowly.
// What is played moves towards what is due by
// one frame at a time: one frame is left out (Skip: the caller blends two into
// one) or one is put in (Stretch). Far away, it jumps.
//
// A packet of another SSRC, or one whose sequence number is far off (RFC 3550
// Appendix A.1: 3,000 ahead, 100 behind), is held back until the next one in
// sequence confirms it with none of the present stream in between; then the
// buffer starts anew with both of them. So a jump costs nothing, and single
// stray packets change nothing.
//
// Everything is bounded: Config.Slots packets, their storage reused.
//
// Goroutines: none; a Buffer belongs to one goroutine at a time. Push and Next
// allocate nothing once warm. Standard library only.
package jitter
