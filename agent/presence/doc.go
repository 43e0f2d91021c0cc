// Package presence reads what a PBX tells of a colleague: the dialogs that his
// phone is in (RFC 4235, application/dialog-info+xml), or his presence (RFC 3863,
// application/pidf+xml, with the activities of RFC 4480).
//
// Words: a State is one word for a desk: idle, ringing, busy, away, offline or
// unknown; a Presence is a State with a note; a full document tells everything, a
// partial one only what has changed since the one before.
//
// dialoginfo.go reads dialogs, pidf.go presence, xml.go both of them safely: the
// PBX is trusted with the state, not with our memory. Size, depth and number of
// elements are bounded; a document type or an entity of its own is refused.
//
// Deviations, and why: a full document is taken whatever its version, where RFC
// 4235 4.3 wants an older one to be thrown away: the NOTIFYs come in the order of
// their CSeq, and a PBX that was restarted counts from zero again in the same
// subscription. A call that rings at somebody who talks already counts as busy.
// Asterisk tells by the note "Ringing" what PIDF has no word for.
//
// Goroutines: none; a Dialogs belongs to one goroutine. Standard library only.
package presence
