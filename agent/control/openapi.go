package control

import (
	"net/http"
	"reflect"
	"strings"

	"ringback/agent"
)

// getOpenAPI serves GET /v1/openapi.json.
func (s *Server) getOpenAPI(w http.ResponseWriter, _ *http.Request) {
	s.reply(w, http.StatusOK, OpenAPI(s.version))
}

// OpenAPI is the description of this API, made from the table of routes, from
// agent.Actions and from the types that go over the wire: there is nothing in
// it that could be forgotten when one of them changes.
func OpenAPI(version string) map[string]any {
	types := schemas{}
	paths := map[string]any{}
	for _, r := range routes() {
		if r.path == "/v1/actions/{name}" {
			for _, a := range agent.Actions() {
				paths["/v1/actions/"+a.Name] = map[string]any{"post": actionOperation(types, a)}
			}
			continue
		}
		paths[r.path] = map[string]any{strings.ToLower(r.method): otherOperation(types, r)}
	}
	return map[string]any{
		"openapi":    "3.1.0",
		"info":       map[string]any{"title": "Ringback control API", "version": version, "description": "One agent's control desk, on a unix socket."},
		"paths":      paths,
		"components": map[string]any{"schemas": types},
	}
}

func otherOperation(types schemas, r route) map[string]any {
	content := map[string]any{}
	parameters := []any{}
	switch r.path {
	case "/v1/state":
		content["application/json"] = map[string]any{"schema": types.of(reflect.TypeFor[agent.State]())}
	case "/v1/events":
		content["text/event-stream"] = map[string]any{"schema": types.of(reflect.TypeFor[agent.Event]())}
		parameters = append(parameters, parameter("since", "seq of the last event that the client knows; without it the stream begins now", schema{"type": "integer", "minimum": 0}))
	case "/v1/trace":
		content["application/json"] = map[string]any{"schema": types.of(reflect.TypeFor[Trace]())}
		parameters = append(parameters, parameter("interaction", "an interaction's id; without it everything that is remembered", schema{"type": "string"}))
	case "/v1/mark":
		content["application/json"] = map[string]any{"schema": types.of(reflect.TypeFor[markBody]())}
	default:
		content["application/json"] = map[string]any{"schema": schema{"type": "object"}}
	}
	operation := map[string]any{
		"operationId": strings.Trim(strings.ReplaceAll(strings.TrimPrefix(r.path, "/v1/"), ".", "-"), "/"),
		"summary":     r.summary,
		"parameters":  parameters,
		"responses":   responses(types, content),
	}
	if r.method == http.MethodPost {
		operation["requestBody"] = map[string]any{"required": true, "content": content}
	}
	return operation
}

func parameter(name, help string, s schema) map[string]any {
	return map[string]any{"name": name, "in": "query", "required": false, "description": help, "schema": s}
}

func actionOperation(types schemas, a agent.ActionSpec) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, arg := range a.Args {
		s := argSchema(arg.Type)
		s["description"] = arg.Help
		properties[arg.Name] = s
		if arg.Required {
			required = append(required, arg.Name)
		}
	}
	body := schema{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	return map[string]any{
		"operationId": a.Name,
		"summary":     a.Help,
		"description": "Acts on: " + string(a.Targets) + ". For example: `" + a.Example + "`",
		"parameters": []any{map[string]any{
			"name": "Idempotency-Key", "in": "header", "required": false, "schema": schema{"type": "string", "maxLength": maxRepeatKey},
			"description": "a repeat with the same key gets the first answer and does nothing",
		}},
		"requestBody": map[string]any{"required": len(required) > 0, "content": map[string]any{"application/json": map[string]any{"schema": body}}},
		"responses":   responses(types, map[string]any{"application/json": map[string]any{"schema": resultSchema(types, a)}}),
	}
}

// resultSchema is the form of an action's result; any object where the table says
// nothing about it.
func resultSchema(types schemas, a agent.ActionSpec) schema {
	if a.Result == nil {
		return schema{"type": "object"}
	}
	return types.of(reflect.TypeOf(a.Result))
}

func responses(types schemas, content map[string]any) map[string]any {
	failed := map[string]any{"application/json": map[string]any{"schema": types.of(reflect.TypeFor[errorBody]())}}
	return map[string]any{
		"200":     map[string]any{"description": "done", "content": content},
		"default": map[string]any{"description": "refused: nothing has changed", "content": failed},
	}
}

// argSchema is the schema of an argument's type in agent.Actions.
func argSchema(kind string) schema {
	switch kind {
	case "bool":
		return schema{"type": "boolean"}
	case "integer":
		return schema{"type": "integer"}
	case "decibels":
		return schema{"type": "integer", "minimum": -agent.MaxDecibels, "maximum": agent.MaxDecibels}
	case "points":
		return schema{"type": "array", "items": schema{"type": "object",
			"properties": map[string]any{"kind": schema{"type": "string", "enum": []string{"phone", "mail", "sip", "address"}}, "label": schema{"type": "string"}, "value": schema{"type": "string"}},
			"required":   []string{"kind"}}}
	case "duration":
		return schema{"type": "string", "description": "a Go duration", "example": "200ms"}
	case "object":
		return schema{"type": "object", "additionalProperties": schema{"type": "string"}}
	case "list":
		return schema{"type": "array", "items": schema{"type": "object",
			"properties": map[string]any{"name": schema{"type": "string"}, "value": schema{"type": "string"}},
			"required":   []string{"name", "value"}}}
	}
	return schema{"type": "string"}
}
