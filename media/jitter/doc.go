// Package jitter puts packets back into order and says when each is to be
// played.
//
// Words: the transit of a packet is its arrival minus its timestamp, both in
// timestamp units, so that only its changes mean anything; the delay target is
// how much later than the fastest packets of the last seconds audio is played;
// to play out is to hand over what is due at this tick.
//
// The rule: audio of timestamp T is due at T + least transit + target. The least
// transit is that of the last two to four seconds, so that a drifting clock moves it
// and the delay stays what it is, for ever. The target is where all but one packet in
// 150 would be in time, by the distribution of the delays above the least, in which a
// packet weighs e times less after 200 others. It goes up at once (two late packets are
// enough, one is not) and down slowly.
//
// What is played moves towards what is due by what Item.Off allows the caller to make
// the sound shorter or longer. Far away, it jumps. Packets are taken once a tick, so that
// up to a frame more may be waited than is due; where no packet is late, never more.
//
// Where no packet is, nobody knows yet whether it is late or lost: sound is made up, and
// the place stays for as long as nothing comes. A late packet is then still played
// (Waited), and the delay is taken back afterwards; one behind it says that it was lost.
// Where the next packet is here already, Item.Next has it, since it may carry the lost
// one once more. What was made up in a pause of the sender counts as nothing.
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
