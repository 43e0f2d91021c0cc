package control

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"strings"
	"time"
)

// schema is a JSON schema, as OpenAPI 3.1 uses it.
type schema map[string]any

// schemas collects the schemas of Go types by their names, so that each is
// described once.
type schemas map[string]schema

// of is the schema of a type: a reference for a struct, else the schema itself.
func (s schemas) of(t reflect.Type) schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case reflect.TypeFor[json.RawMessage]():
		return schema{}
	}
	if t.Kind() != reflect.Pointer && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return schema{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schema{"anyOf": []any{s.of(t.Elem()), schema{"type": "null"}}}
	case reflect.Struct:
		return s.structure(t)
	case reflect.Slice, reflect.Array:
		return schema{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return schema{"type": "number"}
	case reflect.Interface:
		return schema{}
	default:
		return schema{"type": "integer"}
	}
}

// nameOf is a type's name in the document: those of the book have its name before
// their own, because the agent has a Contact and a Callback too.
func nameOf(t reflect.Type) string {
	if path.Base(t.PkgPath()) == "book" {
		return "book." + t.Name()
	}
	return t.Name()
}

func (s schemas) structure(t reflect.Type) schema {
	name := nameOf(t)
	ref := schema{"$ref": "#/components/schemas/" + name}
	if _, known := s[name]; known {
		return ref
	}
	properties, required := map[string]any{}, []string{}
	s[name] = schema{"type": "object", "properties": properties}
	for _, f := range reflect.VisibleFields(t) {
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || key == "-" || f.Anonymous && key == "" {
			continue
		}
		if key == "" {
			key = f.Name
		}
		properties[key] = s.of(f.Type)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			required = append(required, key)
		}
	}
	s[name]["required"] = required
	return ref
}
