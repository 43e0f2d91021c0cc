// Package ladder draws SIP messages as a text ladder: a column for each party, a
// line for each message, the milliseconds since the first one in front.
//
// Words: a Message is one SIP message as it went over the wire, with the address
// of both ends; a party is a column; to normalise is to put c1, t1, b1, n1, u1 in
// place of Call-IDs, tags, branches, nonces and UUIDs, in the order in which they come,
// so that the same story gives the same text every time and can be a golden
// file (package golden). Digest responses, keys and digits never show.
//
// The renderer reads with a small reader of its own in place of the parser of
// package sip, because it must draw what no parser takes: any bytes give a
// ladder, none a panic. It has no goroutine and no state; everything is a
// function of its arguments.
package ladder
