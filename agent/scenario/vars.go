package scenario

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"ringback/agent"
)

// variables are the texts that a run knows by name. Any goroutine.
type variables struct {
	mu     sync.Mutex
	values map[string]string
}

func newVariables(f *File, given map[string]string, pbx, pbxTCP string) (*variables, error) {
	v := &variables{values: map[string]string{}}
	for _, one := range f.Vars {
		v.values[one.Name] = one.Value
	}
	for name, value := range given {
		if _, known := v.values[name]; !known {
			known := strings.Join(slices.Sorted(maps.Keys(v.values)), " ")
			return nil, fmt.Errorf("%s names no variable of the scenario: there are %s", name, cmp.Or(known, "none"))
		}
		v.values[name] = value
	}
	if pbx != "" {
		v.values["pbx"], v.values["pbx_tcp"] = pbx, pbxTCP
	}
	return v, nil
}

func (v *variables) set(name, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values[name] = value
}

// scope is what a step sees: the run's variables, and the turn of its loop.
type scope struct {
	vars *variables
	turn int // 0: in no loop
}

// fill puts values in the places of ${name}.
func (s scope) fill(text string) (string, error) {
	var missing error
	filled := variableForm.ReplaceAllStringFunc(text, func(use string) string {
		name := use[2 : len(use)-1]
		if name == "n" && s.turn > 0 {
			return strconv.Itoa(s.turn)
		}
		s.vars.mu.Lock()
		defer s.vars.mu.Unlock()
		value, known := s.vars.values[name]
		if !known && missing == nil {
			missing = fmt.Errorf("${%s} has no value yet", name)
			if strings.HasPrefix(name, "pbx") {
				missing = fmt.Errorf("${%s} has no value: say lab: true, or give --pbx ADDRESS:PORT", name)
			}
		}
		return value
	})
	return filled, missing
}

// fillAll does it in all texts of the arguments of an action.
func (s scope) fillAll(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return s.fill(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			var err error
			if list[i], err = s.fillAll(v[i]); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := map[string]any{}
		for name := range v {
			var err error
			if object[name], err = s.fillAll(v[name]); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return v, nil
}

// sources are where captured values come from.
func sources() []string { return []string{"result", "event", "call", "interaction", "header"} }

// finds is what a step has at its end, to capture from.
type finds struct {
	result      json.RawMessage
	event       *agent.Event
	call        agent.CallState
	interaction agent.InteractionState
	came        []string
}

// capture finds the value of a source such as result.call.
func (f finds) capture(source string) (string, error) {
	kind, path, _ := strings.Cut(source, ".")
	var from any
	switch kind {
	case "header":
		values := headersOf(f.came, path)
		if len(values) == 0 {
			return "", fmt.Errorf("capture %s: no such header came in the call", source)
		}
		return values[0], nil
	case "result":
		from = f.result
	case "event":
		if f.event == nil {
			return "", fmt.Errorf("capture %s: no event met the wait, it was so already", source)
		}
		from = f.event
	case "call":
		from = f.call
	case "interaction":
		from = f.interaction
	}
	text, err := json.Marshal(from)
	if err != nil {
		return "", fmt.Errorf("capture %s: %w", source, err)
	}
	return fieldOf(text, path, source)
}

// fieldOf is the value at a path of a JSON text, as a text.
func fieldOf(text json.RawMessage, path, source string) (string, error) {
	for name := range strings.SplitSeq(path, ".") {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(text, &object); err != nil || object[name] == nil {
			return "", fmt.Errorf("capture %s: there is no %s; there are %s", source, name, strings.Join(slices.Sorted(maps.Keys(object)), " "))
		}
		text = object[name]
	}
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		return plain, nil
	}
	return string(text), nil
}
