// Package codec turns frames of samples into payloads and back.
//
// Words: a Codec is what a format is called and how it is counted in RTP; an
// Encoder and a Decoder are one direction of one stream and may keep state; a
// Concealer makes up what was lost.
//
// Where things are: codec.go the interfaces and the list of what is built in,
// g711.go the two laws (ITU-T G.711) as tables, g722.go ITU-T G.722 at 64 kbit/s
// (block by block as its text has them, the tables in g722_tables.go), conceal.go
// loss concealment (after the idea of G.711 Appendix I: the last pitch period goes
// on and fades).
//
// G.722 is written from the ITU's text and held to the bit against spandsp: by
// goldens in testdata/g722, and with the tag spandsp by the library itself.
//
// Clock rate and sample rate are two numbers, because RTP counts G.722 at 8000
// though it samples at 16000 (RFC 3551 section 4.5.2); frames may be of any rate
// from 8 to 48 kHz, and payloads of any length up to MaxPayload.
//
// Goroutines: none; an Encoder, Decoder or Concealer belongs to one goroutine at
// a time. Nothing allocates when dst has room. Standard library only.
package codec
