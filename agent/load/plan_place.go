package load

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"ringback/agent/plainyaml"
)

// fieldError is what is wrong about a field of a plan.
type fieldError struct {
	field string // as calls.rate, or thresholds[1]
	value string
	text  string
}

// Error implements error.
func (e *fieldError) Error() string { return e.text }

// wrong is an error about a field.
func wrong(field string, value any, remedy string) error {
	return &fieldError{field, fmt.Sprint(value), fmt.Sprintf("%s: %v: %s", field, value, remedy)}
}

// placed says where in its file a wrong field stands, or else the nearest one above that
// is there: [line:column], from 1.
func placed(err error, file *ast.File) error {
	var f *fieldError
	if !errors.As(err, &f) || len(file.Docs) == 0 {
		return err
	}
	line, column := 1, 1
	if n := find(file.Docs[0].Body, f.field, f.value); n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			line, column = t.Position.Line, t.Position.Column
		}
	}
	return fmt.Errorf("[%d:%d] %w", line, column, err)
}

// find is the node to which the place of a field's error points: its value, the value
// among several, its key where that is a map, or the nearest key above. nil: there is
// none.
func find(n ast.Node, field, value string) (at ast.Node) {
	for name := range strings.SplitSeq(field, ".") {
		name, index, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		entry := entryOf(n, name)
		if entry == nil {
			return at
		}
		at, n = entry.Key, entry.Value
		list, isList := n.(*ast.SequenceNode)
		if i, err := strconv.Atoi(index); err == nil && isList && i < len(list.Values) {
			n = list.Values[i]
			if entries, _ := plainyaml.Entries(n); len(entries) > 0 {
				at = entries[0].Key
			}
		}
	}
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, nil:
		return at
	case *ast.SequenceNode:
		for _, one := range n.Values {
			if t := one.GetToken(); t != nil && t.Value == value {
				return one
			}
		}
		return at
	}
	return n
}

// misread is the first duration or share of a plan that is none: the library's errors
// about these do not say where. nil: there is none.
func misread(file *ast.File, plan reflect.Type) error {
	if len(file.Docs) == 0 {
		return nil
	}
	return misreadBelow(file.Docs[0].Body, "", plan)
}

func misreadBelow(n ast.Node, path string, of reflect.Type) error {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if list, is := n.(*ast.SequenceNode); is && of.Kind() == reflect.Slice {
		for i, one := range list.Values {
			if err := misreadBelow(one, fmt.Sprintf("%s[%d]", path, i), of.Elem()); err != nil {
				return err
			}
		}
		return nil
	}
	if of.Kind() != reflect.Struct {
		return misreadValue(n, path, of)
	}
	for i := range of.NumField() {
		name := of.Field(i).Tag.Get("yaml")
		entry := entryOf(n, name)
		if name == "" || entry == nil {
			continue
		}
		if err := misreadBelow(entry.Value, strings.TrimPrefix(path+"."+name, "."), of.Field(i).Type); err != nil {
			return err
		}
	}
	return nil
}

func misreadValue(n ast.Node, path string, of reflect.Type) error {
	value := n.String()
	if t := n.GetToken(); t != nil && n.Type() != ast.MappingType && n.Type() != ast.MappingValueType && n.Type() != ast.SequenceType {
		value = t.Value
	}
	switch of {
	case reflect.TypeFor[time.Duration]():
		if _, err := time.ParseDuration(value); err != nil {
			return wrong(path, value, "write a duration, as 500ms, 2s or 1m30s")
		}
	case reflect.TypeFor[Share]():
		if err := new(Share).UnmarshalYAML([]byte(value)); err != nil {
			return wrong(path, value, "write a share, 0% to 100%, or 0 to 1")
		}
	}
	return nil
}

// entryOf is the entry of a map by its name; nil: it has none, or is no map.
func entryOf(n ast.Node, name string) *ast.MappingValueNode {
	all, _ := plainyaml.Entries(n)
	for _, v := range all {
		if t := v.Key.GetToken(); t != nil && t.Value == name {
			return v
		}
	}
	return nil
}
