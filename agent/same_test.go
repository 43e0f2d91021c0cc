package agent

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// TestSame changes each field of what is published, whatever lies how deep: none may be
// overlooked, also none that comes to be later.
func TestSame(t *testing.T) {
	walkSame(t, func(a, b *RegistrationState) bool { return a.same(b) })
	walkSame(t, func(a, b *ChannelState) bool { return a.same(b) })
	walkSame(t, func(a, b *OutboxState) bool { return a.same(b) })
	walkSame(t, func(a, b *TeamState) bool { return a.same(b) })
	walkSame(t, func(a, b *CallState) bool { return a.same(b) })
	walkSame(t, func(a, b *InteractionState) bool { return a.same(b) })
}

func walkSame[T any](t *testing.T, same func(a, b *T) bool) {
	t.Run(reflect.TypeFor[T]().Name(), func(t *testing.T) {
		full := func() *T {
			v := new(T)
			fillAll(reflect.ValueOf(v).Elem())
			return v
		}
		if !same(new(T), new(T)) || !same(full(), full()) {
			t.Fatal("equal values are not the same")
		}
		if same(full(), new(T)) {
			t.Fatal("a full value is the same as none")
		}
		for i := range reflect.TypeFor[T]().NumField() { // JSON tells none from an empty list
			other := new(T)
			switch v := reflect.ValueOf(other).Elem().Field(i); v.Kind() {
			case reflect.Slice:
				v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			case reflect.Map:
				v.Set(reflect.MakeMap(v.Type()))
			default:
				continue
			}
			if same(new(T), other) || same(other, new(T)) {
				t.Errorf("%s: none is the same as an empty one", reflect.TypeFor[T]().Field(i).Name)
			}
		}
		places := 0
		for ; ; places++ {
			other := full()
			at, n := "", places
			if !changeNth(reflect.ValueOf(other).Elem(), &n, "", &at) {
				break
			}
			if reflect.DeepEqual(full(), other) {
				t.Errorf("%s was not changed by the test", at)
			}
			if same(full(), other) || same(other, full()) {
				t.Errorf("a change of %s is overlooked", at)
			}
		}
		if places < reflect.TypeFor[T]().NumField() {
			t.Errorf("only %d changes", places)
		}
	})
}

// fillAll gives each field a value, each list and map one element.
func fillAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			fillAll(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillAll(v.Index(0))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]any{"k": "v"}))
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	default:
		panic(fmt.Sprintf("what is a change of %v?", v.Type()))
	}
}

// changeNth changes one place of a full value and says where that was; false: it has no
// more places.
func changeNth(v reflect.Value, n *int, path string, at *string) bool {
	here := func(change func()) bool {
		if *n--; *n >= 0 {
			return false
		}
		*at = path
		change()
		return true
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return here(func() { v.Set(reflect.ValueOf(time.Unix(2, 0).UTC())) }) ||
				here(func() { v.Set(reflect.ValueOf(time.Unix(1, 0).In(time.FixedZone("here", 3600)))) })
		}
		for i := range v.NumField() {
			if changeNth(v.Field(i), n, path+"."+v.Type().Field(i).Name, at) {
				return true
			}
		}
		return false
	case reflect.Pointer:
		return here(func() { v.SetZero() }) || changeNth(v.Elem(), n, path, at)
	case reflect.Slice:
		return here(func() { v.SetZero() }) || here(func() { v.Set(reflect.MakeSlice(v.Type(), 0, 0)) }) ||
			here(func() { v.Set(reflect.AppendSlice(v, v)) }) || changeNth(v.Index(0), n, path+"[0]", at)
	case reflect.Map:
		return here(func() { v.SetZero() }) || here(func() { v.Set(reflect.ValueOf(map[string]any{})) }) ||
			here(func() { v.Set(reflect.ValueOf(map[string]any{"k": "other"})) })
	case reflect.String:
		return here(func() { v.SetString("other") })
	case reflect.Bool:
		return here(func() { v.SetBool(false) })
	default:
		return here(v.SetZero)
	}
}
