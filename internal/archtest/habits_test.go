package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestEveryRoomHasADoc(t *testing.T) {
	for _, p := range house(t) {
		doc := p.files["doc.go"]
		if doc == nil || doc.Doc == nil {
			t.Errorf("%s has no doc.go with a package comment", p.path)
			continue
		}
		if len(strings.Fields(doc.Doc.Text())) < 20 {
			t.Errorf("%s/doc.go says too little: what is it, what are its words, who runs which goroutine", p.path)
		}
	}
}

func TestNoInitFunctions(t *testing.T) {
	for _, p := range house(t) {
		for name, f := range p.files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s/%s has an init function: several agents run in one process", p.path, name)
				}
			}
		}
	}
}

// TestNoPackageState finds package variables that start without a value or are
// assigned to after the start: both are settings or state of the whole process.
func TestNoPackageState(t *testing.T) {
	for _, p := range house(t) {
		vars := map[string]bool{}
		for name, f := range p.files {
			if !p.isTest(name) {
				p.packageVars(t, f, vars)
			}
		}
		for name, f := range p.files {
			if !p.isTest(name) {
				p.assignments(t, f, vars)
			}
		}
	}
}

func (p *pkg) packageVars(t *testing.T, f *ast.File, vars map[string]bool) {
	for _, d := range f.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, s := range gen.Specs {
			spec := s.(*ast.ValueSpec)
			for _, id := range spec.Names {
				vars[id.Name] = id.Name != "_" && processState[p.path+"."+id.Name] == ""
			}
			set := len(spec.Values) > 0 || embedded(gen.Doc) || embedded(spec.Doc)
			if !set && processState[p.path+"."+spec.Names[0].Name] == "" {
				t.Errorf("%s: package variable %s starts empty: it is state of the whole process",
					p.fset.Position(spec.Pos()), spec.Names[0].Name)
			}
		}
	}
}

func embedded(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//go:embed") {
			return true
		}
	}
	return false
}

// assignments reports changes of package variables. A local variable that shadows
// one is told apart by the parser's own resolution: types are not needed here.
func (p *pkg) assignments(t *testing.T, f *ast.File, vars map[string]bool) {
	check := func(e ast.Expr) {
		id := rootOf(e)
		if id == nil || !vars[id.Name] || id.Obj != nil && !atFileLevel(f, id.Obj) {
			return
		}
		t.Errorf("%s: package variable %s is changed after the start", p.fset.Position(id.Pos()), id.Name)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					check(e)
				}
			}
		case *ast.IncDecStmt:
			check(n.X)
		}
		return true
	})
}

func rootOf(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

//lint:ignore SA1019 see assignments
func atFileLevel(f *ast.File, obj *ast.Object) bool {
	return f.Scope != nil && f.Scope.Lookup(obj.Name) == obj
}

// TestAgentHidesItsLibraries walks all that package agent exports: no signature
// may carry a type of sipgo or pion, so that each can be exchanged.
func TestAgentHidesItsLibraries(t *testing.T) {
	agent := loadTypes(t, "ringback/agent")
	w := &walker{t: t, seen: map[types.Type]bool{}}
	for _, name := range agent.Scope().Names() {
		obj := agent.Scope().Lookup(name)
		if obj.Exported() {
			w.where = "agent." + name
			w.walk(obj.Type())
		}
	}
	if len(w.seen) < 5 {
		t.Errorf("package agent exports next to nothing (%d types): was it read?", len(w.seen))
	}
}

func loadTypes(t *testing.T, path string) *types.Package {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export", path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("build %s: %v: %s", path, err, stderr.String())
	}
	exports := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var one struct{ ImportPath, Export string }
		if err := dec.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[one.ImportPath] = one.Export
	}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	pkg, err := importer.ForCompiler(token.NewFileSet(), "gc", lookup).Import(path)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

type walker struct {
	t     *testing.T
	where string
	seen  map[types.Type]bool
}

func (w *walker) walk(typ types.Type) {
	typ = types.Unalias(typ)
	if typ == nil || w.seen[typ] {
		return
	}
	w.seen[typ] = true
	switch x := typ.(type) {
	case *types.Named:
		w.named(x)
	case *types.Pointer:
		w.walk(x.Elem())
	case *types.Slice:
		w.walk(x.Elem())
	case *types.Array:
		w.walk(x.Elem())
	case *types.Chan:
		w.walk(x.Elem())
	case *types.Map:
		w.walk(x.Key())
		w.walk(x.Elem())
	case *types.Signature:
		for v := range x.Params().Variables() {
			w.walk(v.Type())
		}
		for v := range x.Results().Variables() {
			w.walk(v.Type())
		}
	case *types.Struct:
		for f := range x.Fields() {
			if f.Exported() {
				w.walk(f.Type())
			}
		}
	case *types.Interface:
		for m := range x.Methods() {
			w.walk(m.Type())
		}
	}
}

func (w *walker) named(n *types.Named) {
	pkg := n.Obj().Pkg()
	if pkg == nil {
		return
	}
	if strings.HasPrefix(pkg.Path(), "github.com/emiago/") || strings.HasPrefix(pkg.Path(), "github.com/pion/") {
		w.t.Errorf("%s shows %s.%s", w.where, pkg.Path(), n.Obj().Name())
	}
	if pkg.Path() != "ringback/agent" {
		return // how the rooms below look inside is theirs
	}
	w.walk(n.Underlying())
	for m := range n.Methods() {
		if m.Exported() {
			w.walk(m.Type())
		}
	}
}
