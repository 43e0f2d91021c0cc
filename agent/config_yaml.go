package agent

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// checkTypes finds the first value of a document that is of another kind than its
// field, and names its place, field and remedy: the library tells a duration
// without its place, and a number with the names of our types.
func (c *Config) checkTypes(source string, doc *ast.DocumentNode) error {
	known := map[string]field{}
	for _, f := range c.fields() {
		known[f.name] = f
	}
	for _, section := range entries(doc.Body) {
		if list, have := c.lists()[keyOf(section)]; have {
			if err := checkEntries(source, keyOf(section), list, section.Value); err != nil {
				return err
			}
			continue
		}
		if f, have := known[keyOf(section)]; have {
			if err := f.check(source, section.Value); err != nil {
				return err
			}
		}
		for _, entry := range entries(section.Value) {
			name := keyOf(section) + "." + keyOf(entry)
			if list, have := c.lists()[name]; have {
				if err := checkEntries(source, name, list, entry.Value); err != nil {
					return err
				}
			}
			f, have := known[name]
			if !have {
				continue // the decoder names it
			}
			if err := f.check(source, entry.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// lists are the lists of entries by their names, each with the form of an entry.
func (c *Config) lists() map[string]reflect.Type {
	field := reflect.TypeFor[InfoField]()
	return map[string]reflect.Type{"team": reflect.TypeFor[TeamEntry](),
		"information.case": field, "information.callback": field, "information.toast": field}
}

// checkEntries does the same for the entries of a list.
func checkEntries(source, list string, entry reflect.Type, n ast.Node) error {
	if err := (field{list, reflect.MakeSlice(reflect.SliceOf(entry), 0, 0)}).check(source, n); err != nil {
		return err
	}
	items, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil
	}
	for i, item := range items.Values {
		name := fmt.Sprintf("%s[%d]", list, i+1)
		if err := (field{name, reflect.ValueOf(map[string]string{})}).check(source, item); err != nil {
			return err
		}
		known := map[string]field{}
		for _, f := range fieldsOf(name, reflect.New(entry).Elem()) {
			known[f.name] = f
		}
		for _, value := range entries(item) {
			if f, have := known[name+"."+keyOf(value)]; have {
				if err := f.check(source, value.Value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func entries(n ast.Node) []*ast.MappingValueNode {
	if m, ok := n.(*ast.MappingNode); ok {
		return m.Values
	}
	return nil
}

func keyOf(entry *ast.MappingValueNode) string { return entry.Key.GetToken().Value }

// check compares one value with what its field takes.
func (f field) check(source string, n ast.Node) error {
	if n == nil || n.Type() == ast.NullType {
		return nil
	}
	wrong := &ConfigError{Source: source, Field: f.name}
	if at := n.GetToken().Position; at != nil {
		wrong.Line, wrong.Column = at.Line, at.Column
	}
	_, isList := n.(*ast.SequenceNode)
	_, isMap := n.(*ast.MappingNode)
	switch f.value.Kind() {
	case reflect.Slice:
		if !isList {
			wrong.Value, wrong.Why, wrong.Remedy = n.String(), "is no list", "write it like [one, two]"
			return wrong
		}
		return nil
	case reflect.Map:
		if !isMap {
			wrong.Value, wrong.Why, wrong.Remedy = n.String(), "is no map", "write it like {key: value}"
			return wrong
		}
		return nil
	}
	if isList || isMap {
		wrong.Why, wrong.Remedy = "is one value, not a list or a map", "write "+f.form()
		return wrong
	}
	switch f.value.Interface().(type) {
	case int, bool, time.Duration:
		trial := field{f.name, reflect.New(f.value.Type()).Elem()}
		wrong.Value = strings.TrimSpace(n.GetToken().Value)
		if trial.set(source, wrong.Value) != nil {
			wrong.Why, wrong.Remedy = "cannot be read", "write "+f.form()
			return wrong
		}
	}
	return nil
}
