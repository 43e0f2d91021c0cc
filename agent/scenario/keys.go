package scenario

import (
	"slices"
	"strings"

	"ringback/agent"
)

// key is a row of what an object of the file may hold.
type key struct {
	name string
	kind string // text, number, yes, duration, texts, map, steps, branches, phones, impairment
	help string
}

// fileKeys are those of the file itself.
func fileKeys() []key {
	return []key{
		{"name", "text", "of the scenario, for reports"},
		{"timeout", "duration", "for the whole: 1m when left out, 1h at most"},
		{"lab", "yes", "needs a PBX: the lab PBX is started, unless --pbx names another; its address is ${pbx}, by TCP ${pbx_tcp}"},
		{"clean", "yes", "whatever is odd about a call (its findings) fails the scenario"},
		{"vars", "map", "names and their texts, used as ${name}; --set NAME=VALUE changes one"},
		{"phones", "phones", "the phones by their names, each with the sections of a configuration"},
		{"steps", "steps", "the story, one step after the other"},
	}
}

// phoneKeys are those of a phone beside the sections of a configuration.
func phoneKeys() []key {
	return []key{
		{"password_env", "text", "the environment variable with the password, in place of RINGBACK_PASSWORD"},
		{"impair", "impairment", "how badly the network treats this phone's media"},
	}
}

// stepKeys are those of a step.
func stepKeys() []key {
	return []key{
		{"phone", "text", "whose step it is"},
		{"do", "text", "an action: " + strings.Join(actionNames(), " ")},
		{"with", "map", "the action's arguments"},
		{"until", "text", "the state to wait for after the action, as --wait"},
		{"fails", "text", "the action has to fail with this code: " + strings.Join(failCodes(), " ")},
		{"wait", "text", "an expression of ringback wait: call connected, tone 440, dtmf 12, event call.ended, ..."},
		{"expect", "texts", "what has to be so about the call, as --expect of ringback test call"},
		{"within", "duration", "so long the expectations may take to be met; at once when left out"},
		{"call", "text", "id of the call that is meant; the action's, or the newest, when left out"},
		{"capture", "map", "names, and where their values come from: result.call, event.sip_call_id, call.remote, interaction.contact.number, header.X-Case"},
		{"timeout", "duration", "for the action and the wait: 20s when left out"},
		{"pbx", "words", "what the lab PBX does: offer id=cb-1 type=immediate, press 606 12#, hangup 601, hears 606 440, ..."},
		{"pause", "duration", "let time pass: the length of a talk"},
		{"parallel", "branches", "lists of steps that go side by side"},
		{"repeat", "number", "how often the steps are taken; ${n} is the turn, from 1"},
		{"steps", "steps", "what is repeated"},
	}
}

// impairKeys are those of an impairment.
func impairKeys() []key {
	return []key{
		{"loss", "percent", "of the packets in each direction, such as 5%"},
		{"burst", "number", "packets that are lost together, 1 when left out"},
		{"jitter", "duration", "a packet is late by up to this"},
		{"reorder", "percent", "of the packets change places with the one behind"},
		{"direction", "text", "in, out or both, which it is when left out"},
	}
}

func actionNames() []string {
	var names []string
	for _, a := range agent.Actions() {
		names = append(names, a.Name)
	}
	return names
}

func failCodes() []string {
	return []string{agent.CodeInvalid, agent.CodeNotFound, agent.CodeNotAllowed, agent.CodeNotRegistered, agent.CodeUnauthorized,
		agent.CodeRejected, agent.CodeBusy, agent.CodeTimeout, agent.CodeFailed}
}

func nameKeys(keys []key) []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	return names
}

func hasKey(keys []key, name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return k.name == name })
}

func actionNamed(name string) (agent.ActionSpec, bool) {
	for _, a := range agent.Actions() {
		if a.Name == name {
			return a, true
		}
	}
	return agent.ActionSpec{}, false
}
