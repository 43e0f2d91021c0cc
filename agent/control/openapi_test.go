package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
)

// TestOpenAPIDescribesTheCode holds the document against what is served: every
// path in it answers, every action and argument of the agent's table is in it,
// and real answers are of the forms that it promises.
func TestOpenAPIDescribesTheCode(t *testing.T) {
	f := newFake()
	f.happen(agent.Event{Type: agent.InteractionChanged, Change: &agent.Change{
		Interactions: []agent.InteractionState{{ID: "i1", Allowed: []string{"end"}, Case: map[string]any{"k": 1}, Calls: []agent.CallID{"c1"}, AttemptLog: []agent.Attempt{}, Past: []agent.Past{}, Info: agent.InfoState{Case: []agent.InfoRow{}, Callback: []agent.InfoRow{}}, Toast: []agent.InfoRow{}, Callback: &agent.Callback{Data: map[string]any{}}}},
		Calls:        []agent.CallState{{ID: "c1", Heard: agent.Heard{Tones: []float64{440}}}}}})
	f.happen(registered("failed", true))
	f.happen(channel("ready"))
	f.trace = []agent.TraceRecord{{Time: time.Now(), From: "127.0.0.1:1", To: "127.0.0.1:2", Transport: "UDP", Message: "OPTIONS"}}
	f.do = func(name string, _ json.RawMessage) (any, *agent.ActionError) {
		if !slices.ContainsFunc(agent.Actions(), func(a agent.ActionSpec) bool { return a.Name == name }) {
			t.Errorf("path of an unknown action %q", name)
		}
		return map[string]string{}, nil
	}
	c := serve(t, f)
	_, text := ask(t, c, "GET", "/v1/openapi.json", "")
	doc := readDoc(t, text)
	for _, a := range agent.Actions() {
		checkAction(t, doc, a)
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			if path == "/v1/events" {
				continue // TestEventsAreServerSent reads it
			}
			status, answer := ask(t, c, strings.ToUpper(method), path, `{}`)
			if status != 200 {
				t.Errorf("%s %s = %d %s", method, path, status, answer)
				continue
			}
			if specOf(strings.TrimPrefix(path, "/v1/actions/")).Result != nil {
				continue // TestOpenAPIDescribesRecords has real results
			}
			doc.check(t, method+" "+path, doc.answerOf(path, method, "application/json"), answer)
		}
	}
	_, refused := ask(t, c, "GET", "/v1/nothing", "")
	doc.check(t, "an error", schema{"$ref": "#/components/schemas/errorBody"}, refused)
	for _, e := range f.events {
		event, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		doc.check(t, "an event", doc.answerOf("/v1/events", "get", "text/event-stream"), string(event))
	}
}

// TestOpenAPIDescribesRecords holds the results of all actions on records against
// their descriptions.
func TestOpenAPIDescribesRecords(t *testing.T) {
	cfg := agent.DefaultConfig()
	cfg.Numbers.Region = "JP"
	cfg.Team = []agent.TeamEntry{{Name: "佐藤", Target: "2001"}}
	records, err := agent.OpenRecords(cfg, agent.RecordsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	f := newFake()
	f.do = func(name string, args json.RawMessage) (any, *agent.ActionError) {
		return records.Do(t.Context(), name, args)
	}
	c := serve(t, f)
	_, text := ask(t, c, "GET", "/v1/openapi.json", "")
	doc := readDoc(t, text)
	left := map[string]bool{}
	for _, a := range agent.Actions() {
		if a.Records() {
			left[a.Name] = true
		}
	}
	for _, step := range [][2]string{
		{"contacts-import", `{"text":"name,phone,mail,誕生日\n山田 太郎,03-1234-5678,y@example.com,4/1\n"}`}, {"contacts", `{}`}, {"contacts-show", `{"contact":"k1"}`},
		{"contacts-set", `{"contact":"k1","note":"","points":[{"kind":"phone","value":"03-1234-5678"}]}`}, {"contacts-export", `{"form":"vcard"}`},
		{"responses-set", `{"title":"t","text":"Hello {contact.name}"}`}, {"responses", `{}`}, {"responses-show", `{"response":"r1"}`}, {"responses-delete", `{"response":"r1"}`},
		{"favourites-add", `{"target":"03-1234-5678"}`}, {"favourites", `{}`}, {"directory", `{"query":"03-1234"}`}, {"directory", `{}`}, {"favourites-remove", `{"target":"03-1234-5678"}`},
		{"blocked-add", `{"number":"03-1234-5678"}`}, {"blocked", `{}`}, {"blocked-remove", `{"number":"03-1234-5678"}`},
		{"callbacks", `{"list":"due"}`}, {"history", `{"from":"24h"}`}, {"contacts-delete", `{"contact":"k1"}`},
	} {
		path := "/v1/actions/" + step[0]
		status, answer := ask(t, c, "POST", path, step[1])
		if status != 200 {
			t.Errorf("%s %s = %d %s", step[0], step[1], status, answer)
			continue
		}
		doc.check(t, step[0], doc.answerOf(path, "post", "application/json"), answer)
		delete(left, step[0])
	}
	for _, name := range []string{"callbacks-show", "history-show"} { // in a store without work there are none
		path := "/v1/actions/" + name
		empty, err := json.Marshal(specOf(name).Result)
		if err != nil {
			t.Fatal(err)
		}
		if s := doc.answerOf(path, "post", "application/json"); s["$ref"] == nil || !strings.Contains(string(empty), `"schema"`) {
			t.Errorf("%s is described as %v", name, s)
		}
		delete(left, name)
	}
	if len(left) > 0 {
		t.Errorf("not held: %v", slices.Sorted(maps.Keys(left)))
	}
}

func checkAction(t *testing.T, doc document, a agent.ActionSpec) {
	post, described := doc.Paths["/v1/actions/"+a.Name]["post"]
	if !described {
		t.Errorf("action %s is not described", a.Name)
		return
	}
	body := post.RequestBody.Content["application/json"].Schema
	properties, _ := body["properties"].(map[string]any)
	for _, arg := range a.Args {
		if _, described := properties[arg.Name]; !described {
			t.Errorf("argument %s of %s is not described", arg.Name, a.Name)
		}
	}
	if len(properties) != len(a.Args) {
		t.Errorf("%s: described %v, has %d arguments", a.Name, slices.Collect(maps.Keys(properties)), len(a.Args))
	}
}

// document is the part of an OpenAPI document that is checked.
type document struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]schema }
}

type operation struct {
	RequestBody struct{ Content map[string]content }
	Responses   map[string]struct{ Content map[string]content }
}

type content struct{ Schema schema }

func readDoc(t *testing.T, text string) document {
	t.Helper()
	var doc document
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func (d document) answerOf(path, method, kind string) schema {
	return d.Paths[path][method].Responses["200"].Content[kind].Schema
}

// check holds a JSON text against a schema: types, required and unknown fields.
func (d document) check(t *testing.T, what string, s schema, text string) {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Errorf("%s: %v in %s", what, err, text)
		return
	}
	if err := d.valid(s, value, "$"); err != nil {
		t.Errorf("%s: %v in %.300s", what, err, text)
	}
}

func (d document) valid(s schema, value any, at string) error {
	if ref, ok := s["$ref"].(string); ok {
		target, known := d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
		if !known {
			return fmt.Errorf("%s: %s is not there", at, ref)
		}
		return d.valid(target, value, at)
	}
	if choices, ok := s["anyOf"].([]any); ok {
		var last error
		for _, choice := range choices {
			err := d.valid(choice.(map[string]any), value, at)
			if err == nil {
				return nil
			}
			if last == nil {
				last = err
			}
		}
		return last
	}
	if s["type"] == nil {
		return nil // anything goes
	}
	switch v := value.(type) {
	case map[string]any:
		return d.validObject(s, v, at)
	case []any:
		items, ok := s["items"].(map[string]any)
		if s["type"] != "array" || !ok {
			return fmt.Errorf("%s: an array, described as %v", at, s["type"])
		}
		for i, item := range v {
			if err := d.valid(items, item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	}
	kinds := map[string][]string{"string": {"string"}, "bool": {"boolean"}, "float64": {"number", "integer"}, "<nil>": {"null"}}
	if want, typed := s["type"].(string); typed && !slices.Contains(kinds[fmt.Sprintf("%T", value)], want) {
		return fmt.Errorf("%s: %T, described as %s", at, value, want)
	}
	return nil
}

func (d document) validObject(s schema, object map[string]any, at string) error {
	if s["type"] != "object" {
		return fmt.Errorf("%s: an object, described as %v", at, s["type"])
	}
	properties, closed := s["properties"].(map[string]any)
	other, open := s["additionalProperties"].(map[string]any)
	for name, value := range object {
		described, ok := properties[name].(map[string]any)
		if !ok && open {
			described, ok = other, true
		}
		if !ok && closed {
			return fmt.Errorf("%s.%s is not described", at, name)
		}
		if err := d.valid(described, value, at+"."+name); err != nil {
			return err
		}
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, there := object[name.(string)]; !there {
			return fmt.Errorf("%s.%v is missing", at, name)
		}
	}
	return nil
}
