package scenario

import (
	"fmt"
	"slices"
	"strings"

	"ringback/agent/control"
)

// knownStates are the states that an expectation may name: of calls and of
// interactions.
func knownStates() []string {
	var all []string
	for _, word := range []string{"call", "interaction"} {
		for _, state := range control.StatesOf(word) {
			if !slices.Contains(all, state) {
				all = append(all, state)
			}
		}
	}
	return all
}

func expectState(words []string) (checker, error) {
	if len(words) != 1 || !slices.Contains(knownStates(), words[0]) {
		return nil, fmt.Errorf("STATE is one of %s", strings.Join(knownStates(), " "))
	}
	return func(m measured) outcome {
		all := []string{string(m.state.State)}
		for _, flag := range []struct {
			on   bool
			name string
		}{{m.state.HeldByMe, "held"}, {m.state.HeldByRemote, "held-by-remote"}, {m.state.Muted, "muted"}} {
			if flag.on {
				all = append(all, flag.name)
			}
		}
		if m.phase != "" && !slices.Contains(all, string(m.phase)) {
			all = append(all, string(m.phase))
		}
		return outcome{ok: slices.Contains(all, words[0]), found: strings.Join(all, ", ")}
	}, nil
}

func expectHeader(words []string) (checker, error) {
	name, value, compared := strings.Cut(strings.Join(words, " "), "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if name == "" || strings.ContainsAny(name, " :") {
		return nil, fmt.Errorf("NAME is missing, or is no name of a header")
	}
	return func(m measured) outcome {
		values := headersOf(m.came, name)
		if len(values) == 0 {
			return outcome{found: "no such header came"}
		}
		return outcome{ok: !compared || slices.Contains(values, value), found: strings.Join(values, ", ")}
	}, nil
}

// headersOf are the different values of a header in messages, in their order.
func headersOf(messages []string, name string) []string {
	var values []string
	for _, text := range messages {
		head, _, _ := strings.Cut(text, "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			key, value, ok := strings.Cut(line, ":")
			if ok && strings.EqualFold(strings.TrimSpace(key), name) && !slices.Contains(values, strings.TrimSpace(value)) {
				values = append(values, strings.TrimSpace(value))
			}
		}
	}
	return values
}

func expectSDP(words []string) (checker, error) {
	want := strings.Join(words, " ")
	if want == "" {
		return nil, fmt.Errorf("TEXT is missing")
	}
	return func(m measured) outcome {
		var seen []string
		for _, text := range m.came {
			_, body, _ := strings.Cut(text, "\r\n\r\n")
			for line := range strings.SplitSeq(body, "\r\n") {
				if strings.HasPrefix(body, "v=0") && strings.Contains(line, want) {
					return outcome{ok: true, found: line}
				}
			}
			if strings.HasPrefix(body, "v=0") {
				seen = append(seen, directionOf(body))
			}
		}
		if len(seen) == 0 {
			return outcome{found: "no session description came"}
		}
		return outcome{found: fmt.Sprintf("not in the %d that came (%s)", len(seen), strings.Join(seen, ", "))}
	}, nil
}

// directionOf is the direction that a session description asks for.
func directionOf(body string) string {
	for _, d := range []string{"sendonly", "recvonly", "inactive"} {
		if strings.Contains(body, "a="+d) {
			return d
		}
	}
	return "sendrecv"
}
