// Package mixer says who hears whom: one matrix of slots against slots.
//
// Words: a Slot is the place of one party, device, tone or recorder, which can
// speak into it (In) and listen at it (Out); a Route is one cell of the matrix
// with its gain. Nobody hears himself unless a route says so (echo), so that a
// conference of N is N times the sum of the N-1 others.
//
// A new set of routes takes effect as a whole at the next frame, and each gain
// moves to its new value in a straight line over that frame: no click. Sums are
// 32 bit and saturate.
//
// Goroutines: none. A Matrix belongs to whoever ticks it; package media guards
// it with the bridge's lock. Mix allocates nothing. Standard library only.
package mixer
