package agent

import (
	"context"
	"encoding/json"
	"sync"

	"ringback/agent/schedule"
)

// Target is what an action acts on.
type Target string

// The targets of actions.
const (
	OnInteraction Target = "interaction" // takes the argument interaction; without it the only one that can be meant
	OnChannel     Target = "channel"
	OnAgent       Target = "agent"
	OnRecords     Target = "records" // what the store knows; needs no running phone, see Records
)

// ArgSpec is one argument of an action, as it stands in its JSON object.
type ArgSpec struct {
	Name       string
	Type       string // string, integer, decibels (a whole number of -30 to 30), bool, duration, object, list (of name and value) or points (of a contact)
	Required   bool
	MayBeEmpty bool // an empty text is a value
	Help       string
}

// ActionSpec is one action: the same in the CLI, the control API and scripts.
type ActionSpec struct {
	Name    string
	Targets Target
	Args    []ArgSpec
	Help    string
	Example string // of its JSON arguments
	Edits   bool   // of an action on records: it changes them
	Result  any    // the zero value of what an action on records returns
	Large   bool   // its arguments may be as large as a file

	do  func(*Agent, *request)                                        // on the loop
	ask func(context.Context, *Records, json.RawMessage) (any, error) // of an action on records, on the caller's goroutine
}

// Records reports whether the action needs no running phone: Records.Do does it too.
func (s ActionSpec) Records() bool { return s.ask != nil }

// Actions is the one table of everything that can be asked of an agent. The
// caller may change the slice.
func Actions() []ActionSpec {
	var all []ActionSpec
	for _, group := range [][]ActionSpec{channelActions(), offerActions(), listActions(), callActions(), consultActions(),
		conferenceActions(), recordingActions(), headsetActions(), recordActions(), outboxActions(),
		contactActions(), responseActions(), lookUpActions()} {
		all = append(all, group...)
	}
	return all
}

// actionsByName is the table by name, made once for all agents, which change nothing in it.
var actionsByName = sync.OnceValue(func() map[string]ActionSpec {
	all := map[string]ActionSpec{}
	for _, spec := range Actions() {
		all[spec.Name] = spec
	}
	return all
})

func interactionArg() ArgSpec {
	return ArgSpec{Name: "interaction", Type: "string", Help: "id such as i7; the only one that can be meant when left out"}
}

func targetArg(required bool) ArgSpec {
	return ArgSpec{Name: "target", Type: "string", Required: required, Help: "extension, E.164 number or SIP URI"}
}

func partyArg() ArgSpec {
	return ArgSpec{Name: "party", Type: "string", Required: true, Help: "id of the party's call such as c13, or its number"}
}

func channelActions() []ActionSpec {
	channel := ArgSpec{Name: "channel", Type: "string", Help: "voice (default), webcallback or all"}
	return []ActionSpec{
		{Name: "ready", Targets: OnChannel, Args: []ArgSpec{channel},
			Help: "take offers on a channel", Example: `{"channel":"voice"}`, do: (*Agent).actReady},
		{Name: "not-ready", Targets: OnChannel,
			Args: []ArgSpec{channel, {Name: "reason", Type: "string", Help: "one of the configured reasons"}},
			Help: "take no offers on a channel", Example: `{"reason":"lunch"}`, do: (*Agent).actNotReady},
		{Name: "dnd", Targets: OnChannel,
			Args: []ArgSpec{channel, {Name: "on", Type: "bool", Required: true, Help: "true or false"}},
			Help: "do not disturb: refuse every call", Example: `{"on":true}`, do: (*Agent).actDND},
		{Name: "logout", Targets: OnChannel, Args: []ArgSpec{channel},
			Help: "leave a channel, after the call; ready and not-ready log in again", Example: `{"channel":"all"}`, do: (*Agent).actLogout},
	}
}

func offerActions() []ActionSpec {
	return []ActionSpec{
		{Name: "accept", Targets: OnInteraction, Args: []ArgSpec{interactionArg()},
			Help:    "take an offer: answers the call, dials the contact, or opens the preview, as accept_means says",
			Example: `{"interaction":"i7"}`, do: (*Agent).actAccept},
		{Name: "order", Targets: OnAgent,
			Args: []ArgSpec{{Name: "order", Type: "object", Required: true,
				Help: "a callback without a call: id, number, name, type, desired_time, timezone, reason, instructions, origin, data, channel"}},
			Help: "have a web callback offered, as a SIP MESSAGE from the PBX does", Example: `{"order":{"id":"cb-9","number":"+81312345678","name":"山田 太郎"}}`,
			do: (*Agent).actOrder},
		{Name: "reject", Targets: OnInteraction,
			Args: []ArgSpec{interactionArg(),
				{Name: "reason", Type: "string", Help: "why, told to the PBX"},
				{Name: "not_ready", Type: "bool", Help: "make the channel not ready as well"}},
			Help: "refuse an offer; it goes to someone else", Example: `{"interaction":"i7","reason":"wrong language"}`,
			do: (*Agent).actReject},
	}
}

func callbackArg() ArgSpec {
	return ArgSpec{Name: "callback", Type: "string", Required: true, Help: "id of a callback, as the list has it"}
}

// listActions take a callback that no interaction works on.
func listActions() []ActionSpec {
	return []ActionSpec{
		{Name: "reschedule-presets", Targets: OnAgent, Args: []ArgSpec{interactionArg()},
			Help: "what the configured times mean now, on the contact's clock, and which can be taken", Example: `{"interaction":"i7"}`, do: (*Agent).actPresets},
		{Name: "callbacks-claim", Targets: OnAgent, Args: []ArgSpec{callbackArg()},
			Help: "make a callback of the team yours: it comes to you at its time", Example: `{"callback":"cb-9"}`, do: (*Agent).actClaim},
		{Name: "callbacks-call", Targets: OnAgent, Args: []ArgSpec{callbackArg()},
			Help: "take a callback of the list and call its contact now", Example: `{"callback":"cb-9"}`, do: (*Agent).actCallNow},
	}
}

func callActions() []ActionSpec {
	headers := ArgSpec{Name: "headers", Type: "list", Help: `SIP headers of the INVITE: [{"name":"X-Case","value":"4711"}]`}
	uui := ArgSpec{Name: "uui", Type: "string", Help: "User-to-User data (RFC 7433)"}
	return []ActionSpec{
		{Name: "dial", Targets: OnAgent,
			Args: []ArgSpec{targetArg(true), headers, uui,
				{Name: "auto_hangup", Type: "duration", Help: "end the call so long after it was answered"}},
			Help: "call a target: an interaction of its own", Example: `{"target":"601"}`, do: (*Agent).actDial},
		{Name: "call", Targets: OnInteraction,
			Args: []ArgSpec{interactionArg(), {Name: "number", Type: "string", Help: "another number of the contact"}},
			Help: "call the contact of a preview, or again", Example: `{"interaction":"i7"}`, do: (*Agent).actCall},
		{Name: "end", Targets: OnInteraction, Args: []ArgSpec{interactionArg()},
			Help: "end the call; the interaction stays open", Example: `{"interaction":"i7"}`, do: (*Agent).actEnd},
		{Name: "hold", Targets: OnInteraction, Args: []ArgSpec{interactionArg()},
			Help: "put the call on hold: neither side hears the other", Example: `{"interaction":"i7"}`, do: (*Agent).actHold},
		{Name: "resume", Targets: OnInteraction, Args: []ArgSpec{interactionArg()},
			Help: "take the call off hold", Example: `{"interaction":"i7"}`, do: (*Agent).actResume},
		{Name: "mute", Targets: OnInteraction, Args: []ArgSpec{interactionArg()},
			Help: "the others do not hear the agent", Example: `{"interaction":"i7"}`, do: (*Agent).actMute},
		{Name: "unmute", Targets: OnInteraction, Args: []ArgSpec{interactionArg()},
			Help: "the others hear the agent again", Example: `{"interaction":"i7"}`, do: (*Agent).actUnmute},
		{Name: "dtmf", Targets: OnInteraction,
			Args: []ArgSpec{interactionArg(),
				{Name: "digits", Type: "string", Required: true, Help: "0-9 * # A-D; w is a pause of 0.5 s, W of 1 s, comma of 2 s"},
				{Name: "method", Type: "string", Help: "rfc4733, info or inband"},
				{Name: "duration", Type: "duration", Help: "of each digit"},
				{Name: "gap", Type: "duration", Help: "between two digits"},
				{Name: "party", Type: "string", Help: "in a conference: to this call only"}},
			Help: "send digits; returns when the last is out", Example: `{"digits":"1234#"}`, do: (*Agent).actDTMF},
		{Name: "transfer", Targets: OnInteraction, Args: []ArgSpec{interactionArg(), targetArg(false)},
			Help:    "send the contact to a target; returns with the outcome, and the contact is here, on hold, if it fails. Without a target it completes the consultation",
			Example: `{"interaction":"i7","target":"2001"}`, do: (*Agent).actTransfer},
	}
}

func consultActions() []ActionSpec {
	step := func(name, help string, do func(*Agent, *request)) ActionSpec {
		return ActionSpec{Name: name, Targets: OnInteraction, Args: []ArgSpec{interactionArg()}, Help: help,
			Example: `{"interaction":"i7"}`, do: do}
	}
	return []ActionSpec{
		{Name: "consult", Targets: OnInteraction, Args: []ArgSpec{interactionArg(), targetArg(true)},
			Help: "hold the contact and call a target", Example: `{"target":"2001"}`, do: (*Agent).actConsult},
		step("consult-swap", "talk to the other one of contact and target", (*Agent).actConsultSwap),
		step("consult-transfer", "give the contact to the target; returns with the outcome", (*Agent).actConsultTransfer),
		step("consult-conference", "join contact, target and agent", (*Agent).actConsultConference),
		step("consult-end", "end the consultation; the contact stays on hold", (*Agent).actConsultEnd),
	}
}

func conferenceActions() []ActionSpec {
	party := func(name, help string, do func(*Agent, *request)) ActionSpec {
		return ActionSpec{Name: name, Targets: OnInteraction, Args: []ArgSpec{interactionArg(), partyArg()}, Help: help,
			Example: `{"party":"c13"}`, do: do}
	}
	return []ActionSpec{
		{Name: "conference", Targets: OnInteraction, Args: []ArgSpec{interactionArg(), targetArg(false)},
			Help:    "call a target and join it to the call. Without a target it joins the consultation",
			Example: `{"target":"2001"}`, do: (*Agent).actConference},
		party("conference-drop", "let a party go; the others stay", (*Agent).actConferenceDrop),
		party("conference-mute", "nobody hears the party", (*Agent).actConferenceMute),
		party("conference-unmute", "the party is heard again", (*Agent).actConferenceUnmute),
		party("conference-suspend", "hold the party out of the conference", (*Agent).actConferenceSuspend),
		party("conference-reinstate", "take the party in again", (*Agent).actConferenceReinstate),
	}
}

func recordingActions() []ActionSpec {
	of := func(name, help string, do func(*Agent, *request), more ...ArgSpec) ActionSpec {
		return ActionSpec{Name: name, Targets: OnInteraction, Args: append([]ArgSpec{interactionArg()}, more...), Help: help,
			Example: `{"interaction":"i7"}`, do: do}
	}
	play := of("play", "play a WAV file into the call, to all who hear the agent; returns when it is heard", (*Agent).actPlay,
		ArgSpec{Name: "file", Type: "string", Required: true, Help: "whole path of a WAV file of any rate"})
	play.Example = `{"file":"/usr/share/sounds/welcome.wav"}`
	return []ActionSpec{
		of("record-start", "record the call with the contact, or go on with a recording that is paused", (*Agent).actRecordStart,
			ArgSpec{Name: "file", Type: "string", Help: "name of the file in the folder of recordings; time and ids when left out"}),
		of("record-pause", "write silence, as for card numbers; record-start goes on", (*Agent).actRecordPause),
		of("record-stop", "end the recording; returns when the file is whole", (*Agent).actRecordStop),
		play,
		of("play-stop", "end what is played", (*Agent).actPlayStop),
	}
}

func outboxActions() []ActionSpec {
	return []ActionSpec{
		{Name: "outbox", Targets: OnAgent, Help: "list the reports that the PBX does not have yet, and why", Example: `{}`, do: (*Agent).actOutbox},
		{Name: "outbox-retry", Targets: OnAgent,
			Args: []ArgSpec{{Name: "report", Type: "string", Help: "id of a report; those before it about the same callback go with it. Without it all"}},
			Help: "send what waits or has failed now", Example: `{"report":"r-1f40fc92da241694750979ee"}`, do: (*Agent).actOutboxRetry},
	}
}

func recordActions() []ActionSpec {
	return []ActionSpec{
		{Name: "dispose", Targets: OnInteraction,
			Args: []ArgSpec{interactionArg(), {Name: "code", Type: "string", Required: true, Help: "one of the configured codes"}},
			Help: "set the disposition code", Example: `{"code":"sold"}`, do: (*Agent).actDispose},
		{Name: "note", Targets: OnInteraction,
			Args: []ArgSpec{interactionArg(), {Name: "text", Type: "string", Required: true, MayBeEmpty: true, Help: "free text; replaces the note"}},
			Help: "write the note", Example: `{"text":"call before noon"}`, do: (*Agent).actNote},
		{Name: "case", Targets: OnInteraction,
			Args: []ArgSpec{interactionArg(), {Name: "values", Type: "object", Required: true, Help: "fields and their texts; an empty text removes the field"}},
			Help: "set fields of the case data", Example: `{"values":{"product":"fibre"}}`, do: (*Agent).actCase},
		{Name: "result", Targets: OnInteraction,
			Args: []ArgSpec{interactionArg(), {Name: "result", Type: "string", Required: true,
				Help: "answered, no answer, busy, machine, fax, wrong number, do-not-call or failed"}},
			Help: "correct the result of the last call; do-not-call puts the number on that list", Example: `{"result":"machine"}`, do: (*Agent).actResult},
		{Name: "reschedule", Targets: OnInteraction,
			Args: []ArgSpec{interactionArg(),
				{Name: "at", Type: "string", Help: "when: " + schedule.Forms},
				{Name: "zone", Type: "string", Help: "whose clock is meant, an IANA name; the contact's when left out"},
				{Name: "number", Type: "string", Help: "another number of the contact"},
				{Name: "reason", Type: "string", Help: "one of the configured reasons"},
				{Name: "personal", Type: "bool", Help: "comes back to this agent; otherwise the team gets it"},
				{Name: "drop", Type: "bool", Help: "forget what is armed"}},
			Help: "call the contact again at another time; takes effect on done", Example: `{"at":"tomorrow 09:00","reason":"busy","personal":true}`,
			do: (*Agent).actReschedule},
		{Name: "done", Targets: OnInteraction, Args: []ArgSpec{interactionArg()},
			Help: "close the interaction", Example: `{"interaction":"i7"}`, do: (*Agent).actDone},
	}
}
