// Package spandsp is the judge of the G.722 codec: the one of the library spandsp,
// of which ours must not differ in a bit. It is built with the tag spandsp and
// needs libspandsp-dev (LGPL, for tests only: nothing of it is in the phone).
//
// Goroutines: none; an Encoder or Decoder belongs to one. Outside: libspandsp by cgo.
package spandsp
