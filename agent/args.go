package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// check holds the arguments of an action against its row of the table, and gives
// them as a JSON object.
func (s ActionSpec) check(raw json.RawMessage) (json.RawMessage, *ActionError) {
	if text := bytes.TrimSpace(raw); len(text) == 0 || string(text) == "null" {
		raw = json.RawMessage("{}")
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil || given == nil {
		return nil, refuse(CodeInvalid, "%s: the arguments are no JSON object", s.Name).hint("such as %s", s.Example)
	}
	for key, value := range given {
		if !slices.ContainsFunc(s.Args, func(a ArgSpec) bool { return a.Name == key }) {
			return nil, refuse(CodeInvalid, "%s: there is no argument %q", s.Name, key).hint("%s", s.takes())
		}
		if string(value) == "null" {
			delete(given, key)
		}
	}
	for _, arg := range s.Args {
		value, there := given[arg.Name]
		empty := there && string(value) == `""` && !arg.MayBeEmpty
		if arg.Required && (!there || empty) {
			return nil, refuse(CodeInvalid, "%s: the argument %s is missing", s.Name, arg.Name).hint("%s", arg.Help)
		}
		if empty {
			return nil, refuse(CodeInvalid, "%s: the argument %s is empty", s.Name, arg.Name).hint("leave it out, or give it a value")
		}
	}
	return raw, nil
}

func (s ActionSpec) takes() string {
	if len(s.Args) == 0 {
		return "it takes none"
	}
	names := []string{}
	for _, arg := range s.Args {
		names = append(names, arg.Name)
	}
	return "it takes " + strings.Join(names, ", ")
}

// wrongType names the argument that is of another kind than it should be.
func wrongType(err error, spec ActionSpec) string {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return "the arguments cannot be read"
	}
	name, _, _ := strings.Cut(mismatch.Field, ".")
	for _, arg := range spec.Args {
		if arg.Name == name {
			return fmt.Sprintf("the argument %s is a %s, not a %s", name, kindOf(arg.Type), mismatch.Value)
		}
	}
	return "an argument is of the wrong kind: " + mismatch.Value
}

// kindOf is how the type of an argument stands in JSON.
func kindOf(argType string) string {
	switch argType {
	case "duration":
		return "string such as 2s"
	case "integer", "decibels":
		return "whole number"
	case "points":
		return "list"
	}
	return argType
}
