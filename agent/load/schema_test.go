package load

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

var update = flag.Bool("update", false, "write the published schema anew")

type object = map[string]any

// choices are the fields that take one of some words.
var choices = map[string][]string{
	"account.transport": {"udp", "tcp", "tls", "ws", "wss"},
	"calls.media":       {MediaNone, MediaSilence, MediaTone, MediaEcho, "file"},
	"agents.media":      agentMedias(),
	"agents.encryption": {"off", "sdes", "dtls"},
	"calls.encryption":  {"off", "sdes", "dtls"},
	"answer.encryption": {"off", "sdes", "dtls"},
	"calls.talk.spread": {"constant", "uniform", "exponential", "lognormal"},
}

// comments are those beside the fields of the types of this package, by type and field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, is := n.(*ast.TypeSpec)
			if !is {
				return true
			}
			if s, is := spec.Type.(*ast.StructType); is {
				for _, field := range s.Fields.List {
					for _, id := range field.Names {
						all[spec.Name.Name+"."+id.Name] = strings.TrimSpace(field.Comment.Text() + field.Doc.Text())
					}
				}
			}
			return true
		})
	}
	return all
}

// schemaOf is the schema of a type that stands at a path.
func schemaOf(of reflect.Type, path string, said map[string]string) object {
	switch of {
	case reflect.TypeFor[time.Duration]():
		return object{"type": "string", "pattern": `^([0-9.]+(ns|us|µs|ms|s|m|h))+$`}
	case reflect.TypeFor[Share]():
		return object{"type": []string{"string", "number"}, "pattern": `^[0-9.]+ ?%?$`}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return schemaOf(of.Elem(), path, said)
	case reflect.Struct:
		properties := object{}
		for i := range of.NumField() {
			f := of.Field(i)
			name := f.Tag.Get("yaml")
			if name == "" {
				continue
			}
			s := schemaOf(f.Type, strings.TrimPrefix(path+"."+name, "."), said)
			if text := said[of.Name()+"."+f.Name]; text != "" {
				s["description"] = text
			}
			properties[name] = s
		}
		return object{"type": "object", "properties": properties, "additionalProperties": false}
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(of.Elem(), path, said)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(of.Elem(), path, said)}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float64:
		return object{"type": "number", "minimum": 0}
	}
	words := choices[path]
	if strings.HasSuffix(path, ".spread") {
		words = choices["calls.talk.spread"]
	}
	if words != nil {
		return object{"type": "string", "enum": words}
	}
	return object{"type": []string{"string", "number"}}
}

func TestSchema_IsThatOfTheCode(t *testing.T) {
	root := schemaOf(reflect.TypeFor[Plan](), "", comments(t))
	root["$schema"], root["$id"], root["title"] = "https://json-schema.org/draft/2020-12/schema", "ringback.load-plan/1", "A plan of ringback load"
	root["required"] = []string{"account", "users"}
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("plan.schema.json", want.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(JSONSchema(), want.Bytes()) {
		t.Error("plan.schema.json is not what Plan says: go test ./agent/load -run TestSchema -update")
	}
}

// The words that the schema allows are those that the check takes.
func TestSchema_Choices(t *testing.T) {
	for path, words := range choices {
		plan := func(word string) string {
			parts := strings.Split(path, ".")
			line := "{" + parts[len(parts)-1] + ": " + word + "}"
			for i := len(parts) - 2; i > 0; i-- {
				line = "{" + parts[i] + ": " + line + "}"
			}
			all := map[string]string{"account": "{registrar: 'sip:p'}", "users": "{first: 1}", "calls": "", "agents": "", "answer": ""}
			if parts[0] == "account" {
				line = strings.Replace(line, "{", "{registrar: 'sip:p', ", 1)
			}
			all[parts[0]] = line
			text := "register: true\n"
			for key, value := range all {
				if value != "" {
					text += key + ": " + value + "\n"
				}
			}
			return text
		}
		for _, word := range words {
			if _, err := ParsePlan([]byte(plan(word))); err != nil && strings.Contains(err.Error(), path+": ") { // file asks for another field
				t.Errorf("%s: %s: %v", path, word, err)
			}
		}
		_, err := ParsePlan([]byte(plan("pigeon")))
		if err == nil {
			t.Fatalf("%s: pigeon is taken", path)
		}
		_, remedy, _ := strings.Cut(err.Error(), "write ")
		if got := regexp.MustCompile(`[a-z]+`).FindAllString(strings.ReplaceAll(remedy, " or ", " "), -1); len(got) < len(words) || !reflect.DeepEqual(got[:len(words)], words) || len(got) > len(words) && got[len(words)] != "signalling" {
			t.Errorf("%s: the schema has %v, the check says %q", path, words, remedy)
		}
	}
}

// The plans that are shipped keep to the schema.
func TestSchema_ShippedPlans(t *testing.T) {
	var schema object
	if err := json.Unmarshal(JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	plans, err := filepath.Glob("../../testdata/load/*plan*.yaml")
	if err != nil || len(plans) == 0 {
		t.Fatal(err, len(plans))
	}
	for _, path := range plans {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var plan object
		if err := yaml.Unmarshal(text, &plan); err != nil {
			t.Fatal(path, err)
		}
		keeps(t, path, schema, plan)
	}
}

func keeps(t *testing.T, path string, schema, value object) {
	t.Helper()
	properties, _ := schema["properties"].(map[string]any)
	for key, one := range value {
		below, known := properties[key].(map[string]any)
		if !known {
			t.Errorf("%s: the schema has no %s", path, key)
		}
		if deeper, is := one.(map[string]any); is {
			keeps(t, path+": "+key, below, deeper)
		}
	}
}
