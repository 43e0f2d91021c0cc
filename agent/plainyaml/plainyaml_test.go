package plainyaml

import (
	"testing"

	"github.com/goccy/go-yaml/parser"
)

func TestOdd(t *testing.T) {
	for text, line := range map[string]int{
		"a: 1\nb: [1, {c: '&x *x !y <<'}]\n": 0,
		"a: 1\nb: &x 1\nc: *x\n":             2,
		"a: 1\nb: 2\nc: !!str 3\n":           3,
		"a: *x\n":                            1,
		"":                                   0,
		"# nothing but a remark\n":           0,
		"a:\n  <<: {b: 1}\n":                 2,
	} {
		file, err := parser.ParseBytes([]byte(text), 0)
		if err != nil {
			t.Fatal(text, err)
		}
		switch odd := Odd(file.Docs[0]); {
		case line == 0 && odd != nil:
			t.Errorf("%q: %v is taken for odd", text, odd)
		case line > 0 && (odd == nil || odd.GetToken().Position.Line != line):
			t.Errorf("%q: %v, want line %d", text, odd, line)
		}
	}
}
