package scenario

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"ringback/agent"
	"ringback/agent/plainyaml"
)

var (
	nameForm     = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,39}$`)
	variableForm = regexp.MustCompile(`\$\{([^}]*)\}`)
)

// ReadFile reads a scenario. Its errors are *FileError where the text is to blame.
func ReadFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return Read(path, text)
}

// Read reads a scenario from its text; path names it in errors.
func Read(path string, text []byte) (f *File, err error) {
	if len(text) > maxFile {
		return nil, &FileError{Path: path, What: "is larger than 1 MiB", Remedy: "write several scenarios"}
	}
	r := &reader{path: path, text: text, file: &File{Path: path, Name: path, Timeout: standardTime, text: text}, known: map[string]bool{"pbx": true, "pbx_tcp": true, "n": true, "here": true, "tmp": true}}
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case *FileError:
			f, err = nil, cause
		default: // the library's own; seen with odd tags
			f, err = nil, &FileError{Path: path, What: "cannot be read as YAML", Remedy: "write it like the scenarios in the manual"}
		}
	}()
	r.whole()
	return r.file, nil
}

// reader reads one file. What is wrong leaves it by panic with a *FileError, which
// Read catches: every function here would hand it on otherwise.
type reader struct {
	path  string
	text  []byte
	file  *File
	known map[string]bool // variables
	uses  []use
}

// use is a place where a variable is used.
type use struct {
	name string
	at   ast.Node
}

func (r *reader) fail(at ast.Node, remedy, format string, args ...any) {
	e := &FileError{Path: r.path, What: fmt.Sprintf(format, args...), Remedy: remedy}
	if at != nil {
		if t := at.GetToken(); t != nil && t.Position != nil {
			e.Line, e.Column = t.Position.Line, t.Position.Column
		}
	}
	panic(e)
}

func (r *reader) whole() {
	doc, err := parser.ParseBytes(r.text, 0)
	if err != nil {
		e := &FileError{Path: r.path, What: err.Error(), Remedy: "mend the YAML there"}
		var located yaml.Error
		if errors.As(err, &located) {
			e.What = located.GetMessage()
			if t := located.GetToken(); t != nil && t.Position != nil {
				e.Line, e.Column = t.Position.Line, t.Position.Column
			}
		}
		panic(e)
	}
	if len(doc.Docs) != 1 || doc.Docs[0].Body == nil {
		r.fail(nil, "begin with: ringback test run --help", "it is one YAML document with phones and steps")
	}
	body := doc.Docs[0].Body
	if odd := plainyaml.Odd(body); odd != nil {
		r.fail(odd, plainyaml.Remedy, plainyaml.Refusal)
	}
	r.top(body)
	for _, u := range r.uses {
		if !r.known[u.name] {
			r.fail(u.at, "give it under vars, or capture it", "nothing is called ${%s}", u.name)
		}
	}
}

func (r *reader) top(body ast.Node) {
	f := r.file
	all := r.object(body, "the scenario", fileKeys(), nil)
	if n := all["name"]; n != nil {
		f.Name = r.plain(n)
	}
	if n := all["timeout"]; n != nil {
		f.Timeout = r.duration(n, maxTime)
	}
	f.Lab, f.Clean = r.yes(all["lab"]), r.yes(all["clean"])
	if n := all["vars"]; n != nil {
		for _, v := range r.pairs(n) {
			f.Vars = append(f.Vars, Var{keyOf(v), r.plain(v.Value)})
			r.known[keyOf(v)] = true
		}
	}
	if all["phones"] == nil {
		r.fail(body, "add phones: with one phone at least", "phones are missing")
	}
	for _, p := range r.pairs(all["phones"]) {
		r.phone(p)
	}
	if len(f.Phones) > maxPhones {
		r.fail(all["phones"], "ringback load is for many", "%d phones are more than %d", len(f.Phones), maxPhones)
	}
	if all["steps"] == nil {
		r.fail(body, "add steps:, such as  - {phone: "+f.Phones[0].Name+", do: dial, with: {target: \"601\"}}", "steps are missing")
	}
	r.captures(all["steps"])
	f.Steps = r.steps(all["steps"], 1)
}

// captures notes the names that are captured anywhere, before they are used.
func (r *reader) captures(n ast.Node) {
	ast.Walk(captureFinder{r}, n)
}

type captureFinder struct{ r *reader }

// Visit implements ast.Visitor.
func (c captureFinder) Visit(n ast.Node) ast.Visitor {
	if v, ok := n.(*ast.MappingValueNode); ok && keyOf(v) == "capture" {
		for _, one := range c.r.pairs(v.Value) {
			c.r.known[keyOf(one)] = true
		}
	}
	return c
}

func keyOf(entry *ast.MappingValueNode) string { return entry.Key.GetToken().Value }

// pairs are the entries of a map.
func (r *reader) pairs(n ast.Node) []*ast.MappingValueNode {
	all, isMap := plainyaml.Entries(n)
	if !isMap {
		r.fail(n, "write it like {key: value}", "is no map: %s", short(n.String()))
	}
	seen := map[string]bool{}
	for _, v := range all {
		if seen[keyOf(v)] {
			r.fail(v.Key, "keep one of them", "%s is there twice", keyOf(v))
		}
		seen[keyOf(v)] = true
	}
	return all
}

// object reads a map whose keys are known: those of keys, and of more.
func (r *reader) object(n ast.Node, what string, keys []key, more []string) map[string]ast.Node {
	all := map[string]ast.Node{}
	for _, v := range r.pairs(n) {
		name := keyOf(v)
		if !hasKey(keys, name) && !slices.Contains(more, name) {
			r.fail(v.Key, "it is one of: "+strings.Join(append(nameKeys(keys), more...), " "), "%s has no key %q", what, name)
		}
		all[name] = v.Value
	}
	return all
}

// plain is the text of a scalar, whatever YAML takes it for.
func (r *reader) plain(n ast.Node) string {
	switch n.Type() {
	case ast.MappingType, ast.MappingValueType, ast.SequenceType:
		r.fail(n, "write one value", "is one text, not a list or a map")
	case ast.NullType:
		r.fail(n, "give it a value, or leave the key out", "is empty")
	case ast.LiteralType:
		return n.(*ast.LiteralNode).Value.Value
	}
	text := strings.TrimSpace(n.GetToken().Value)
	for _, m := range variableForm.FindAllStringSubmatch(text, -1) {
		r.uses = append(r.uses, use{m[1], n})
	}
	return text
}

func short(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more || len(line) > 60 {
		line = line[:min(len(line), 60)] + "…"
	}
	return strconv.Quote(line)
}

func (r *reader) duration(n ast.Node, most time.Duration) time.Duration {
	text := r.plain(n)
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > most {
		r.fail(n, "write a time such as 500ms, 2s or 1m", "%q is no duration up to %v", text, most)
	}
	return d
}

func (r *reader) yes(n ast.Node) bool {
	if n == nil {
		return false
	}
	text := r.plain(n)
	yes, err := strconv.ParseBool(text)
	if err != nil {
		r.fail(n, "write true or false", "%q is neither true nor false", text)
	}
	return yes
}

func (r *reader) number(n ast.Node, least, most int) int {
	text := r.plain(n)
	i, err := strconv.Atoi(text)
	if err != nil || i < least || i > most {
		r.fail(n, "write a whole number", "%q is no number from %d to %d", text, least, most)
	}
	return i
}

// list are the entries of a list; one text is a list of one.
func (r *reader) list(n ast.Node) []ast.Node {
	if s, ok := n.(*ast.SequenceNode); ok {
		return s.Values
	}
	return []ast.Node{n}
}

func (r *reader) texts(n ast.Node) []string {
	var all []string
	for _, one := range r.list(n) {
		all = append(all, r.plain(one))
	}
	return all
}

// configSections are the keys of a configuration.
func configSections() []string {
	var all []string
	for _, name := range append(agent.Fields(), "team") {
		section, _, _ := strings.Cut(name, ".")
		if !slices.Contains(all, section) {
			all = append(all, section)
		}
	}
	return all
}
