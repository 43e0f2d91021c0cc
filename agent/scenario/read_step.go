package scenario

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"ringback/agent"
	"ringback/agent/control"
)

// steps reads a list of steps.
func (r *reader) steps(n ast.Node, depth int) []Step {
	list, ok := n.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		r.fail(n, "write each step with - before it", "is no list of steps")
	}
	if depth > maxDepth {
		r.fail(n, "write it flatter", "steps in steps are deeper than %d", maxDepth)
	}
	var all []Step
	for _, one := range list.Values {
		all = append(all, r.step(one, depth))
	}
	return all
}

func (r *reader) step(n ast.Node, depth int) Step {
	all := r.object(n, "a step", stepKeys(), nil)
	s := Step{}
	first := r.pairs(n)[0]
	if at := first.Key.GetToken().Position; at != nil {
		s.Line, s.Column = at.Line, at.Column
	}
	r.oneKind(n, all)
	switch {
	case all["phone"] != nil:
		r.phoneStep(&s, n, all)
	case all["pbx"] != nil:
		for _, text := range r.texts(all["pbx"]) {
			if _, list := all["pbx"].(*ast.SequenceNode); list {
				s.PBX = append(s.PBX, text)
			} else {
				s.PBX = strings.Fields(text)
			}
		}
		if len(s.PBX) == 0 {
			r.fail(all["pbx"], "such as: offer id=cb-1", "says nothing for the PBX to do")
		}
		s.Timeout = r.patience(all)
	case all["pause"] != nil:
		s.Pause = r.duration(all["pause"], maxTime)
	case all["parallel"] != nil:
		for _, branch := range r.list(all["parallel"]) {
			s.Parallel = append(s.Parallel, r.steps(branch, depth+1))
		}
	default:
		s.Repeat = r.number(all["repeat"], 1, maxRepeat)
		s.Steps = r.steps(all["steps"], depth+1)
	}
	return s
}

// kindsOfStep are the keys that may stand together, the first of which makes the step
// one of its kind.
func kindsOfStep() [][]string {
	return [][]string{
		{"phone", "do", "with", "until", "fails", "wait", "expect", "within", "call", "capture", "timeout"},
		{"pbx", "timeout"}, {"pause"}, {"parallel"}, {"repeat", "steps"},
	}
}

func (r *reader) oneKind(n ast.Node, all map[string]ast.Node) {
	for _, kind := range kindsOfStep() {
		if all[kind[0]] == nil {
			continue
		}
		for _, v := range r.pairs(n) {
			if !slices.Contains(kind, keyOf(v)) {
				r.fail(v.Key, "with "+kind[0]+" may stand: "+strings.Join(kind[1:], " "), "%s does not go with %s", keyOf(v), kind[0])
			}
		}
		if kind[0] == "repeat" && all["steps"] == nil {
			r.fail(n, "add steps:", "says nothing to repeat")
		}
		return
	}
	r.fail(n, "begin it with phone, pbx, pause, parallel or repeat", "the step says neither whose it is nor what it is")
}

func (r *reader) phoneStep(s *Step, n ast.Node, all map[string]ast.Node) {
	s.Phone = r.plain(all["phone"])
	if !slices.ContainsFunc(r.file.Phones, func(p PhoneSpec) bool { return p.Name == s.Phone }) {
		r.fail(all["phone"], "it is one of those under phones", "there is no phone %q", s.Phone)
	}
	if all["do"] == nil && all["wait"] == nil && all["expect"] == nil && all["capture"] == nil {
		r.fail(n, "add do, wait, expect or capture", "phone %s has nothing to do", s.Phone)
	}
	s.Timeout = r.patience(all)
	if all["do"] != nil {
		r.action(s, all)
	}
	for _, name := range []string{"with", "until", "fails"} {
		if all[name] != nil && all["do"] == nil {
			r.fail(all[name], "add do, or take it out", "%s needs an action", name)
		}
	}
	if w := all["wait"]; w != nil {
		s.Wait = r.plain(w)
		r.expression(w, s.Wait)
	}
	if e := all["expect"]; e != nil {
		s.Expect = r.texts(e)
		for i, one := range r.list(e) {
			r.expectation(one, s.Expect[i])
		}
	}
	if all["within"] != nil {
		s.Within = r.duration(all["within"], maxTime)
	}
	if all["call"] != nil {
		s.Call = r.plain(all["call"])
	}
	if c := all["capture"]; c != nil {
		for _, v := range r.pairs(c) {
			source := r.plain(v.Value)
			if kind, path, ok := strings.Cut(source, "."); !ok || path == "" || !slices.Contains(sources(), kind) {
				r.fail(v.Value, "such as: result.call, header.X-Case", "%q is none of %s", source, strings.Join(sources(), ".…, ")+".…")
			}
			s.Capture = append(s.Capture, Var{keyOf(v), source})
		}
	}
}

func (r *reader) patience(all map[string]ast.Node) time.Duration {
	if n := all["timeout"]; n != nil {
		return r.duration(n, maxTime)
	}
	return 0
}

// expression checks what can be checked before variables have their values.
func (r *reader) expression(n ast.Node, text string) {
	if strings.Contains(text, "${") {
		return
	}
	if _, err := control.ParseExpr(text); err != nil {
		var syntax *control.SyntaxError
		remedy := ""
		if errors.As(err, &syntax) {
			remedy = "forms:\n  " + strings.Join(syntax.Forms, "\n  ")
		}
		r.fail(n, remedy, "%v", err)
	}
}

func (r *reader) expectation(n ast.Node, text string) {
	if strings.Contains(text, "${") {
		return
	}
	if _, err := ParseExpectation(text); err != nil {
		r.fail(n, "forms:\n  "+strings.Join(ExpectForms(), "\n  "), "expectation %q: %v", text, err)
	}
}

func (r *reader) action(s *Step, all map[string]ast.Node) {
	s.Do = r.plain(all["do"])
	spec, known := actionNamed(s.Do)
	if !known {
		r.fail(all["do"], "it is one of: "+strings.Join(actionNames(), " "), "there is no action %q", s.Do)
	}
	s.With = map[string]any{}
	if w := all["with"]; w != nil {
		for _, v := range r.pairs(w) {
			s.With[keyOf(v)] = r.argument(spec, v)
		}
	}
	for _, a := range spec.Args {
		if _, given := s.With[a.Name]; a.Required && !given {
			r.fail(all["do"], "add it under with: "+a.Name+": "+a.Help, "%s needs the argument %s", s.Do, a.Name)
		}
	}
	if u := all["until"]; u != nil {
		s.Until = r.plain(u)
		if states := control.UntilStates(spec.Targets == agent.OnChannel); !slices.Contains(states, s.Until) {
			r.fail(u, "it is one of: "+strings.Join(states, " "), "%q is no state to wait for", s.Until)
		}
	}
	if f := all["fails"]; f != nil {
		s.Fails = r.plain(f)
		if !slices.Contains(failCodes(), s.Fails) {
			r.fail(f, "it is one of: "+strings.Join(failCodes(), " "), "%q is no code of an error", s.Fails)
		}
	}
}

func (r *reader) argument(spec agent.ActionSpec, v *ast.MappingValueNode) any {
	at := slices.IndexFunc(spec.Args, func(a agent.ArgSpec) bool { return a.Name == keyOf(v) })
	if at < 0 {
		names := []string{"nothing"}
		for i, a := range spec.Args {
			names = append(names[:min(i, len(names))], a.Name)
		}
		r.fail(v.Key, "it takes "+strings.Join(names, ", "), "%s has no argument %q", spec.Name, keyOf(v))
	}
	arg := spec.Args[at]
	switch arg.Type {
	case "bool":
		return r.yes(v.Value)
	case "integer":
		return r.number(v.Value, 0, 1<<30)
	case "decibels":
		return r.number(v.Value, -agent.MaxDecibels, agent.MaxDecibels)
	case "duration":
		return r.duration(v.Value, maxTime).String()
	case "string":
		if arg.MayBeEmpty && v.Value.GetToken().Value == "" {
			return ""
		}
		return r.plain(v.Value)
	}
	return r.value(v.Value)
}

// value is a list or a map of texts.
func (r *reader) value(n ast.Node) any {
	switch m := n.(type) {
	case *ast.SequenceNode:
		list := []any{}
		for _, one := range m.Values {
			list = append(list, r.value(one))
		}
		return list
	case *ast.MappingNode, *ast.MappingValueNode:
		object := map[string]any{}
		for _, v := range r.pairs(n) {
			object[keyOf(v)] = r.value(v.Value)
		}
		return object
	}
	return r.plain(n)
}
