package scenario

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

func (r *reader) phone(p *ast.MappingValueNode) {
	name := keyOf(p)
	if !nameForm.MatchString(name) {
		r.fail(p.Key, "write letters, digits, - and _", "%q is no name of a phone", name)
	}
	m, block := p.Value.(*ast.MappingNode)
	if !block || m.IsFlowStyle {
		r.fail(p.Key, "write its sections on lines of their own, such as account:", "phone %s has no sections", name)
	}
	all := r.object(m, "phone "+name, phoneKeys(), configSections())
	spec := PhoneSpec{Name: name, Line: p.Key.GetToken().Position.Line}
	if n := all["password_env"]; n != nil {
		spec.PasswordEnv = r.plain(n)
	}
	if n := all["impair"]; n != nil {
		spec.Impairment = r.impairment(n)
	}
	spec.config = r.sections(m)
	r.file.Phones = append(r.file.Phones, spec)
}

// sections is the whole text with everything blanked out but the phone's sections
// of a configuration, so that its errors name the places of this file.
func (r *reader) sections(m *ast.MappingNode) []byte {
	lines := strings.Split(string(r.text), "\n")
	keep := make([]string, len(lines))
	for _, entry := range m.Values {
		if hasKey(phoneKeys(), keyOf(entry)) {
			continue
		}
		at := entry.Key.GetToken().Position
		first, indent := at.Line-1, at.Column-1
		keep[first] = lines[first]
		for i := first + 1; i < len(lines) && inside(lines[i], indent); i++ {
			keep[i] = lines[i]
		}
		for _, use := range variableForm.FindAllStringSubmatch(strings.Join(keep[first:], "\n"), -1) {
			r.noteUse(use[1], entry.Key)
		}
	}
	return []byte(strings.Join(keep, "\n"))
}

func (r *reader) noteUse(name string, at ast.Node) { r.uses = append(r.uses, use{name, at}) }

// inside says whether a line belongs to a key of that indent.
func inside(line string, indent int) bool {
	text := strings.TrimLeft(line, " ")
	deep := len(line) - len(text)
	return strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") || deep > indent || deep == indent && strings.HasPrefix(text, "- ")
}

func (r *reader) impairment(n ast.Node) Impairment {
	all := r.object(n, "impair", impairKeys(), nil)
	i := Impairment{Burst: 1, In: true, Out: true}
	if n := all["loss"]; n != nil {
		i.Loss = r.percent(n)
	}
	if n := all["reorder"]; n != nil {
		i.Reorder = r.percent(n)
	}
	if n := all["burst"]; n != nil {
		i.Burst = r.number(n, 1, 100)
	}
	if n := all["jitter"]; n != nil {
		i.Jitter = r.duration(n, maxJitter)
	}
	if n := all["direction"]; n != nil {
		switch r.plain(n) {
		case "in":
			i.Out = false
		case "out":
			i.In = false
		case "both":
		default:
			r.fail(n, "write in, out or both", "%q is no direction", r.plain(n))
		}
	}
	return i
}

// percent reads 5% or 5 as 0.05.
func (r *reader) percent(n ast.Node) float64 {
	text := r.plain(n)
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "%")), 64)
	if err != nil || !(v >= 0 && v <= 100) {
		r.fail(n, "write it like 5%", "%q is no share from 0%% to 100%%", text)
	}
	return v / 100
}
