// Package lab is a PBX in the process, for the demo and for tests: a registrar
// with digest, extensions that it answers itself, a callback queue, transfers,
// music on hold and messages. It stands on the rooms sip and media, over the
// machine's own network or over internal/simnet, and has no way into an agent but
// SIP and RTP.
//
// Words: a user is who may register; a member is a user to whom the queue offers
// callbacks; an extension is a number that the lab answers itself; a party is
// either of them, by its user part or number; a contact is an extension that
// plays the customer. A call has two ends: a leg is a SIP session with a
// registered agent and its media, a line is what the lab plays: it says a Sound
// and measures what it hears. A request is a callback in the queue. A boot is one
// life of the lab between Start or Resume and Stop or Close.
//
// The lab is a back-to-back user agent: the two ends of a call never talk to each
// other past it, so what is heard is measured in the middle. An offer is answered
// by the lab, a hold is played as music to the other end, digits come in by RFC
// 4733 or INFO and are pressed again at the other end.
//
// Who runs which goroutine: each boot has one loop (sip/loop) on which its user
// agent, registrar, queue, calls and transfers live without locks, and the
// goroutines of its media engine; Stop and Close wait for all of them. Methods of
// Lab may be called from anywhere and post to the loop. Events of the media
// engine are posted to the loop too. The Log and what was heard are under locks
// of their own, so that tests read them at any time.
//
// Where things are: lab.go and boot.go the lives; registrar.go RFC 3261 section
// 10.3 and RFC 5626 6, digest.go RFC 7616 and RFC 8760 from the server's side; extension.go the
// default numbers; call.go, leg.go, legevent.go, hold.go and line.go calls and who
// hears whom; transfer.go RFC 3515, RFC 3891 and RFC 5589 from the PBX's side; queue.go
// and callback.go the callback queue; message.go RFC 3428 and the reports that
// agents send; presence.go RFC 6665, 4235 and 3863 as the notifier; publish.go RFC
// 3903; commands.go what tests let parties do; sound.go and heard.go what is said and
// heard; loss.go datagrams that are lost on purpose; event.go the log.
//
// Outside: none but the rooms below.
package lab
