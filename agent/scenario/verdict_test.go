package scenario

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// told is a verdict with a value of its own in each field.
func told(t *testing.T, state string, with ...any) Verdict {
	t.Helper()
	v := Verdict{State: state}
	n := 0
	for _, part := range with {
		fill(t, reflect.ValueOf(part).Elem(), &n)
		switch part := part.(type) {
		case *Sound:
			v.Sound = part
		case *Binding:
			v.Binding = part
		case *Ability:
			v.Ability = part
		}
	}
	for _, field := range []any{&v.Target, &v.Code, &v.Reason, &v.AnswerMS, &v.Expectations, &v.Findings} {
		fill(t, reflect.ValueOf(field).Elem(), &n)
	}
	return v
}

// fill gives each field of v that JSON shows another value.
func fill(t *testing.T, v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("word%dx", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1000 + *n))
	case reflect.Uint64:
		v.SetUint(uint64(1000 + *n))
	case reflect.Float64:
		v.SetFloat(float64(1000 + *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), n)
	case reflect.Pointer:
		v.Set(reflect.ValueOf(&[]time.Time{time.Date(2026, 11, 26, 10, 20, *n%60, 0, time.Local)}[0]))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fill(t, v.Field(i), n)
			}
		}
	default:
		t.Fatalf("a verdict has a field of kind %v: teach this test", v.Kind())
	}
}

// facts are the values that JSON shows, by their path.
func facts(path string, v reflect.Value, tell func(path, text string)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("json") != "-" {
				facts(path+"."+f.Name, v.Field(i), tell)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			facts(path, v.Index(i), tell)
		}
	case reflect.Pointer:
		if at, isTime := v.Interface().(*time.Time); isTime && at != nil {
			tell(path, at.Format("15:04:05"))
		} else if !v.IsNil() {
			facts(path, v.Elem(), tell)
		}
	case reflect.Bool: // a word says it, and not a value: ok, encrypted with
	default:
		tell(path, fmt.Sprint(v.Interface()))
	}
}

// What a verdict's JSON has, its text has too: every field, also one that is added later.
func TestVerdict_TextHasEachFactOfTheJSON(t *testing.T) {
	elsewhere := map[string]bool{ // not in these words
		".Schema": true, // of JSON
		".Asked":  true, // the command that was typed
		".State":  true, // the first words say it: answered, registered, refused with
		".Cause":  true, // made of state, code and reason, which are there
	}
	for name, v := range map[string]Verdict{
		"a call":                told(t, "answered", &Sound{}),
		"a registration":        told(t, "registered", &Binding{}),
		"an answer to OPTIONS":  told(t, "answered", &Ability{}),
		"a refused call":        refused(told(t, "refused", &Sound{})),
		"a refused REGISTER":    refused(told(t, "refused", &Binding{})),
		"a refusal of OPTIONS":  refused(told(t, "refused", &Ability{})),
		"a call that came late": func() Verdict { v := told(t, "answered", &Sound{}); v.Sound.SetupMS = 0; return v }(),
	} {
		t.Run(name, func(t *testing.T) {
			text := v.Text()
			facts("", reflect.ValueOf(v), func(path, value string) {
				if !elsewhere[path] && value != "0" && !strings.Contains(text, value) {
					t.Errorf("%s, %s, is not in the text:\n%s", path, value, text)
				}
			})
		})
	}
}

// refused is the verdict of what the far end did not want: it lasts no time.
func refused(v Verdict) Verdict {
	v.Cause = fmt.Sprintf("refused with %d: %s", v.Code, words(v.Reason))
	if v.Sound != nil {
		v.Sound.Duration = 0
	}
	if v.Binding != nil {
		v.Binding.Expires = nil
	}
	return v
}
