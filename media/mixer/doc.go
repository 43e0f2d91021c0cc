// Package mixer says who hears whom: one matrix of slots against slots.
//
// Words: a Slot is the place of one party, device, tone or recorder, which can
// speak into it (In) and listen at it (Out); a Route is one cell of the matrix
// with its gain. Nobody hears himself unless a route says so (echo), so that a
// conference of N is N times the sum of the N-1 others. Those who hear almost the
// same share a sum, which is made once, and take out of it what they do not hear
// (plan.go): exactly what the routes say, at a cost that grows with N and not with its
// square.
//
// A slot may be levelled (leveller.go has the rule and its times): a voice comes to
// -20 dBFS (-23 dBov) within 3 dB, in some seconds, at most 20 dB down or 6 dB up in
// one of them and never in a pause; noise is shut out 400 ms after the last word, in
// 200 ms, and a word opens in 5 ms. The detector is written here because the library
// that package headset has for this is one voice's and cgo.
//
// A new set of routes takes effect as a whole at the next frame, and each gain
// moves to its new value in a straight line over that frame: no click. Sums are
// 32 bit; one that is beyond 16 is turned down by a limiter without delay (limiter.go),
// and all else passes to the bit.
//
// Goroutines: none. A Matrix belongs to whoever ticks it; package media guards
// it with the bridge's lock. Mix allocates nothing. Standard library only.
package mixer
