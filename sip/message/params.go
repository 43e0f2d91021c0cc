package message

import (
	"fmt"
	"slices"
	"strings"
)

// Param is one parameter. Value is without quotes and escapes; Quoted says that
// it stood in quotes and is written so again.
type Param struct {
	Name   string
	Value  string
	Quoted bool
}

// textRoom is what a URI, an address or a hop takes as a rule: it is put together there,
// before it becomes a string.
const textRoom = 200

// Params are the parameters of a URI or a header in their order. Names are
// compared without regard to case.
type Params []Param

// Get returns the value of a parameter and whether it is there.
func (ps Params) Get(name string) (string, bool) {
	for _, p := range ps {
		if sameName(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// sameName also resolves escapes: in a URI %6C%72 is lr (RFC 4475 3.1.1.3).
func sameName(have, want string) bool {
	return strings.EqualFold(have, want) ||
		strings.IndexByte(have, '%') >= 0 && strings.EqualFold(Unescape(have), want)
}

// Value is the value of a parameter, or "".
func (ps Params) Value(name string) string {
	v, _ := ps.Get(name)
	return v
}

// Has reports whether a parameter is there, with or without a value.
func (ps Params) Has(name string) bool {
	_, ok := ps.Get(name)
	return ok
}

// With returns a copy in which the parameter has that value; "" writes the name
// alone. A new parameter is the last. Values that are no token are quoted.
func (ps Params) With(name, value string) Params {
	p := Param{Name: name, Value: value, Quoted: value != "" && !isPlainValue(value)}
	out := slices.Clone(ps)
	for i := range out {
		if sameName(out[i].Name, name) {
			out[i] = p
			return out
		}
	}
	return append(out, p)
}

// Without returns a copy in which the parameter is not.
func (ps Params) Without(name string) Params {
	return slices.DeleteFunc(slices.Clone(ps), func(p Param) bool { return sameName(p.Name, name) })
}

// String writes the parameters as they stand in a header or URI, each with its
// leading semicolon.
func (ps Params) String() string {
	var room [textRoom]byte
	return string(ps.appendTo(room[:0]))
}

func (ps Params) appendTo(b []byte) []byte {
	for _, p := range ps {
		b = append(append(b, ';'), p.Name...)
		switch {
		case p.Quoted:
			b = append(append(b, '='), Quote(p.Value)...)
		case p.Value != "":
			b = append(append(b, '='), p.Value...)
		}
	}
	return b
}

// isPlainValue says that a header parameter's value may stand without quotes:
// tokens, hosts, IPv6 addresses with and without brackets.
func isPlainValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isPlainChar(s[i]) {
			return false
		}
	}
	return s != ""
}

// ParseParams reads header parameters: ";a=b ; c = \"d\"". Blanks round ; and =
// are allowed, one semicolon at the very end too. More than MaxParams, an empty
// parameter or an unclosed quote is an error.
func ParseParams(s string) (Params, error) {
	i := skipBlanks(s, 0)
	if i == len(s) {
		return nil, nil
	}
	ps := make(Params, 0, min(MaxParams, strings.Count(s, ";")))
	if err := eachParam(s, func(p Param) { ps = append(ps, p) }); err != nil {
		return nil, fmt.Errorf("read parameters: %w", err)
	}
	if len(ps) == 0 {
		return nil, nil
	}
	return ps, nil
}

// checkParams says what ParseParams would, and keeps nothing.
func checkParams(s string) error {
	if err := eachParam(s, func(Param) {}); err != nil {
		return fmt.Errorf("read parameters: %w", err)
	}
	return nil
}

// eachParam reads parameter by parameter; those before an error come too.
func eachParam(s string, each func(Param)) error {
	for i, n := skipBlanks(s, 0), 0; i < len(s); n++ {
		if s[i] != ';' {
			return fmt.Errorf("unexpected %q", clip(s[i:]))
		}
		if i = skipBlanks(s, i+1); i == len(s) {
			break
		}
		if n == MaxParams {
			return fmt.Errorf("more than %d", MaxParams)
		}
		p, next, err := parseParam(s, i)
		if err != nil {
			return err
		}
		each(p)
		i = skipBlanks(s, next)
	}
	return nil
}

// paramOf is the value of one of the parameters of a text that ParseParams would read;
// "" where it would not.
func paramOf(s, name string) string {
	value, _, _ := findParam(s, name)
	return value
}

// findParam is Params.Get of a text, with the error of ParseParams.
func findParam(s, name string) (value string, found bool, err error) {
	err = eachParam(s, func(p Param) {
		if !found && sameName(p.Name, name) {
			value, found = p.Value, true
		}
	})
	if err != nil {
		return "", false, fmt.Errorf("read parameters: %w", err)
	}
	return value, found, nil
}

func parseParam(s string, i int) (Param, int, error) {
	start := i
	for i < len(s) && isTokenChar(s[i]) {
		i++
	}
	if i == start {
		return Param{}, 0, fmt.Errorf("no name at %q", clip(s[start:]))
	}
	p := Param{Name: s[start:i]}
	j := skipBlanks(s, i)
	if j == len(s) || s[j] != '=' {
		return p, j, nil
	}
	i = skipBlanks(s, j+1)
	if i < len(s) && s[i] == '"' {
		end, err := quotedEnd(s, i)
		if err != nil {
			return p, 0, err
		}
		p.Value, p.Quoted = unquote(s[i:end]), true
		return p, end, nil
	}
	start = i
	for i < len(s) && isPlainChar(s[i]) {
		i++
	}
	p.Value = s[start:i]
	return p, i, nil
}

func skipBlanks(s string, i int) int {
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	return i
}
