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
// that let go of the contact too early), consult, conference, disposition.
// tidy.go closes plain calls that nobody marks Done. address.go follows the machine
// into another network (RFC 3261 12.2.1.1).
// team.go has who the configuration names, watch.go their presences (RFC 6665, 4235,
// 3863). invited.go serves what comes in, run.go starts and ends. records.go
// has the actions that only look things up or edit what is kept: they run on their
// caller's goroutine, also where no phone runs; contacts.go, responses.go and
// lookups.go are those, contact.go brings what is found to the interactions. history.go
// is a reader of the events on its own goroutine that keeps them. information.go makes
// of an interaction what is shown. ids.go and retention.go keep house in the store.
//
// Outside: goccy/go-yaml reads the configuration, because it names line and
// column of what it does not know.
package agent
