// Package codec turns frames of samples into payloads and back.
//
// Words: a Codec is what a format is called and how it is counted in RTP; an
// Encoder and a Decoder are one direction of one stream and may keep state; a
// Concealer makes up what was lost.
//
// Where things are: codec.go the interfaces and the list of what is built in, opus.go
// what RFC 7587 says of Opus, opus_libopus.go and opus_pure.go the two ways to do it,
// l16.go samples as they are, comfort.go comfort noise (RFC 3389; coefficients with the
// sign that makes the first one negative for noise that is mostly low, as others have it),
// g711.go the two laws (ITU-T G.711) as tables, g722.go ITU-T G.722 at 64 kbit/s
// (block by block as its text has them, the tables in g722_tables.go), conceal.go
// loss concealment (in the manner of G.711 Appendix I: the last pitch periods go on and
// fade).
//
// G.722 is written from the ITU's text and held to the bit against spandsp: by
// goldens in testdata/g722, and with the tag spandsp by the library itself.
//
// Clock rate and sample rate are two numbers, because RTP counts G.722 at 8000
// though it samples at 16000 (RFC 3551 section 4.5.2); frames may be of any rate
// from 8 to 48 kHz, and payloads of any length up to MaxPayload.
//
// Opus is libopus' through github.com/hraban/opus with the tags opus and nolibopusfile,
// because nobody else encodes it; any other build decodes it by github.com/pion/opus,
// which is pure Go, and Codec.Sends says that it cannot be sent.
//
// # The E-model's constants (MOSImpair is Ie, MOSLoss is Bpl)
//
//   - G.711: Ie 0 and Bpl 25.1, with concealment: ITU-T G.113 (11/2007) Appendix I.
//     L16 at 16 kHz is the clean wide-band channel, Ie,wb 0.
//   - G.722 at 64 kbit/s: Ie,wb 13: G.113 Amendment 1 (03/2009), Appendix IV, which has 20
//     for 56 and 31 for 48 kbit/s, and 13 for AMR-WB at 12.65. We could not read the table
//     itself here: others' transcriptions of its AMR-WB rows agree with ours, of the G.722
//     rows none was found. Its Bpl,wb are of AMR-WB only (4.3 to 4.9), whose concealment
//     is not ours. So 10 is measured: with G.722 the NSIM of testdata/quality falls 1.5
//     times as far as with G.711 (0.020, 0.050 and 0.114 against 0.013, 0.033 and 0.079 at
//     losses of 5, 10 and 20 %), and with 10 so does Ie,eff (1.5 times at 10 %).
//   - Opus: G.113 has nothing. Ie,wb 0, for from 20 kbit/s it is as a clean wide-band
//     channel; Bpl of G.711 is the careful side: NSIM falls by 0.014, 0.009 and 0.024.
//
// Goroutines: none; an Encoder, Decoder or Concealer belongs to one goroutine at
// a time. Nothing allocates when dst has room (pure-Go Opus does).
package codec
