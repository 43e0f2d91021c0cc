package control

import (
	"encoding/json"
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

func (s schemas) structure(t reflect.Type) schema {
	ref := schema{"$ref": "#/components/schemas/" + t.Name()}
	if _, known := s[t.Name()]; known {
		return ref
	}
	properties, required := map[string]any{}, []string{}
	s[t.Name()] = schema{"type": "object", "properties": properties}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		properties[name] = s.of(f.Type)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			required = append(required, name)
		}
	}
	s[t.Name()]["required"] = required
	return ref
}
