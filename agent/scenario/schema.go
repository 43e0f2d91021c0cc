package scenario

import (
	"bytes"
	_ "embed"
	"encoding/json"

	"ringback/agent"
	"ringback/agent/control"
)

//go:embed scenario.schema.json
var publishedSchema []byte

// JSONSchema is the published JSON schema of a scenario's file.
func JSONSchema() []byte { return bytes.Clone(publishedSchema) }

type object = map[string]any

// schemaOf makes the schema from the tables by which files are read; a test holds
// the published file against it.
func schemaOf() ([]byte, error) {
	defs := object{
		"step":       stepSchema(),
		"phone":      phoneSchema(),
		"impairment": closed(impairKeys()),
	}
	root := closed(fileKeys())
	root["$schema"], root["$id"] = "https://json-schema.org/draft/2020-12/schema", "ringback.scenario-file/1"
	root["title"], root["$defs"], root["required"] = "A scenario of ringback test run", defs, []string{"phones", "steps"}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(root)
	return out.Bytes(), err
}

// closed is an object with these keys and no others.
func closed(keys []key) object {
	properties := object{}
	for _, k := range keys {
		p := kindSchema(k.kind)
		p["description"] = k.help
		properties[k.name] = p
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// kindSchema is the schema of a value by the kind of its key.
func kindSchema(kind string) object {
	text := object{"type": []string{"string", "number", "boolean"}}
	steps := object{"type": "array", "minItems": 1, "items": object{"$ref": "#/$defs/step"}}
	switch kind {
	case "yes":
		return object{"type": "boolean"}
	case "number":
		return object{"type": "integer", "minimum": 1}
	case "duration":
		return object{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`}
	case "percent":
		return object{"type": []string{"string", "number"}, "pattern": `^[0-9.]+ ?%?$`}
	case "texts", "words":
		return object{"oneOf": []object{text, {"type": "array", "items": text}}}
	case "map":
		return object{"type": "object"}
	case "phones":
		return object{"type": "object", "minProperties": 1, "maxProperties": maxPhones,
			"propertyNames": object{"pattern": nameForm.String()}, "additionalProperties": object{"$ref": "#/$defs/phone"}}
	case "impairment":
		return object{"$ref": "#/$defs/impairment"}
	case "steps":
		return steps
	case "branches":
		return object{"type": "array", "minItems": 1, "items": steps}
	}
	return text
}

// phoneSchema lists the sections of a configuration; what stands in each is checked
// where configurations are.
func phoneSchema() object {
	p := closed(phoneKeys())
	for _, section := range configSections() {
		p["properties"].(object)[section] = object{"description": "a section of a configuration"}
	}
	return p
}

// stepSchema knows the actions with their arguments and the states to wait for.
func stepSchema() object {
	s := closed(stepKeys())
	properties := s["properties"].(object)
	properties["do"].(object)["enum"] = actionNames()
	properties["fails"].(object)["enum"] = failCodes()
	properties["until"].(object)["enum"] = append(control.UntilStates(false), control.UntilStates(true)...)
	var kinds, actions []object
	for _, kind := range kindsOfStep() {
		kinds = append(kinds, object{"required": kind[:1]})
	}
	for _, a := range agent.Actions() {
		with := object{}
		var required []string
		for _, arg := range a.Args {
			with[arg.Name] = object{}
			if arg.Required {
				required = append(required, arg.Name)
			}
		}
		then := object{"properties": object{"with": object{"properties": with, "additionalProperties": false, "required": append([]string{}, required...)}}}
		if len(required) > 0 {
			then["required"] = []string{"with"}
		}
		actions = append(actions, object{"if": object{"properties": object{"do": object{"const": a.Name}}, "required": []string{"do"}}, "then": then})
	}
	s["oneOf"], s["allOf"] = kinds, actions
	return s
}
