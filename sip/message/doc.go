// Package message is the door to SIP messages: it admits what comes from the
// wire, reads header values by a grammar of its own, and builds what goes out.
//
// Words: a Message is a Request or a Response of github.com/emiago/sipgo/sip,
// aliased here; admission is the check of the raw bytes before anything is
// read; a Reject is a message that was not admitted, with enough of its head to
// answer it where an answer is due; a value is the unfolded text of one header
// line; an element is one of the comma-separated parts of a value.
//
// Outside dependency: sipgo for the message model and its serialisation, so
// that a later sipgo can take more over. Its parser is not called: admission
// has to find every line, fold and length by itself, and a second reading of
// the same bytes would be a second opinion on where a header ends, which is how
// requests are smuggled. Every header is kept as text, with its long name, and
// read by the functions here. Do not use sipgo's typed accessors (From, To,
// Via, Contact...) on these messages: they read quotes, parameters and lists
// wrongly (robustness.md 1, findings 1, 2, 13 to 15).
//
// RFC sections: admission.go RFC 3261 7, 8.2 and 18.3 with the limits of
// robustness.md; uri.go 19.1; address.go 20.10, 20.20 and 20.39; via.go 18.2.1,
// 20.42 and RFC 3581; fields.go RFC 3261 20, 3262 7, 3326, 3515, 3891, 4028,
// 6665; build.go 8.1.1 and 8.2.6; service.go 8.2.1 to 8.2.3; text.go RFC 2047.
//
// Goroutines: none; functions are safe for concurrent use, messages are not.
package message
