// Package agent is the heart of the softphone: what an agent at a desk does with
// calls and callbacks, on plain SIP.
//
// # Words
//
//   - An Interaction is one piece of work, from offer to Done. A hang-up never
//     ends it.
//   - A Call (a leg, in the code) is one SIP session with its media session. An
//     interaction has one with the contact (main), and may have a consultation
//     and the parties of a conference.
//   - An offer is an interaction put to the agent, with a deadline.
//   - A channel is a readiness state: voice, webcallback.
//   - A phase is an interaction's state as a person sees it. It is computed from
//     the offer and the calls, never stored.
//   - A report is one thing that the agent did to a callback, for the PBX; the
//     outbox keeps it until the PBX has it.
//   - An action is what is asked (Do), an Event is what happened, State is a fold
//     of the events.
//
// # Who runs which goroutine
//
// One loop (sip/loop) runs everything: actions, SIP up-calls, media up-calls and
// timers, each as one input. So an accept that crosses a CANCEL is decided by
// their order. After each input (Agent.settle) the channel follows the calls, the
// audio matrix and the tones follow the state, waiting actions look whether their
// outcome is there, and what changed is published. Run starts the loop and the
// media engine and returns when both, and everything else it started, have ended.
// State, Events, Trace and Do may be called from any goroutine.
//
// # Where things are
//
// actions.go has the one table of actions; interaction_table.go the table of
// states and actions (callbacks.md 5); channel_table.go that of channels; offer.go
// that of offers (order.go: of those that come without a call, errand.go: of those
// that ask this phone to dial); leg.go that of calls; audio.go the
// pure function from state to routes, sound.go what carries it out. request.go does
// an action; event.go, eventlog.go, state.go, publish.go tell; config*.go read the
// configuration; callback.go and uui.go read what a PBX says of a callback (RFC
// 7433, 2047); queuecode*.go tell the PBX's queue of the voice channel,
// publication.go publishes it (RFC 3903, 3863); report.go is the contract with who
// takes reports, outbox*.go send them (RFC 3428). A verb has the file of its name:
// dial, hold (RFC 3264 8.4), digits (RFC 4733, INFO), transfer (RFC 3515, 5589, 3891; transfer_ring.go for PBXs
// that let go of the contact too early), consult, conference, disposition, play, recording
// (recording_file.go names and reads its files, recording_mend.go ends those of a phone that
// died, recording_forget.go removes the old).
// tidy.go closes plain calls that nobody marks Done. path_search.go looks for
// another way of a call's media (RFC 7675, 8445). address.go follows the machine
// into another network (RFC 3261 12.2.1.1).
// team.go has who the configuration names, watch.go their presences (RFC 6665, 4235,
// 3863). invited.go serves what comes in, run.go starts and ends. records.go
// has the actions that only look things up or edit what is kept: they run on their
// caller's goroutine, also where no phone runs; contacts.go, responses.go and
// lookups.go are those, contact.go brings what is found to the interactions. history.go
// is a reader of the events on its own goroutine that keeps them. information.go makes
// of an interaction what is shown. ids.go and retention.go keep house in the store.
// What is wrong is said in the words of agent/verdict. refused.go has the one list of what is refused and counted, in all rooms below.
//
// # What is recorded
//
// A recording is of one call with a contact, and of nothing else: left is all that the
// contact hears, right is the contact, as far as anybody hears it (routes in audio.go
// decides both with the same rows). So the parties of a conference are on the left, with
// the agent; the contact goes on to be recorded while the agent is out of a conference,
// because the others talk with it; and on hold and in a consultation, with whomever, both
// channels are silent. A pause is silence and no gap: the file's time stays the call's.
// Digits of ours are events or made behind the mixer, and those of the contact come as
// events: none is in the file, unless the contact's telephone sends it as sound, which a
// pause silences.
//
// The file is made first, empty and under a name that nothing has; then its row is
// committed; only then it gets sound. So no sound is ever on a disk that the store does
// not know of, and no row ever names a file of somebody else's. The file has the row's id
// in it: what has not is never removed. Files are opened, read, closed and removed beside
// the loop.
//
// Outside: goccy/go-yaml reads the configuration, because it names line and
// column of what it does not know; google/uuid makes the phone's instance id (RFC 9562).
package agent
