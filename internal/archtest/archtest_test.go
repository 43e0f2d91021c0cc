package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pkg is what go list says of one package, and its files as read, whatever
// their build tags.
type pkg struct {
	ImportPath, Dir string
	Module          *struct{ Path, Dir string }
	GoFiles         []string
	CgoFiles        []string
	IgnoredGoFiles  []string
	TestGoFiles     []string
	XTestGoFiles    []string

	path  string // below the module, "cmd/ringback"
	files map[string]*ast.File
	fset  *token.FileSet
}

func (p *pkg) isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }

// house lists every package of the module with its files parsed.
func house(t *testing.T) []*pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json", "ringback/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v: %s", err, stderr.String())
	}
	var all []*pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &pkg{fset: token.NewFileSet(), files: map[string]*ast.File{}}
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		p.path = strings.TrimPrefix(p.ImportPath, p.Module.Path+"/")
		p.parse(t)
		all = append(all, p)
	}
	if len(all) < 2 {
		t.Fatalf("list packages: only %d found", len(all))
	}
	return all
}

func (p *pkg) parse(t *testing.T) {
	t.Helper()
	names := slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles)
	for _, name := range names {
		f, err := parser.ParseFile(p.fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Errorf("%s: %v", p.path, err)
			continue
		}
		p.files[name] = f
	}
}

// within reports whether path is one of the rooms in list.
func within(list, path string) bool {
	for _, one := range strings.Fields(list) {
		tree, deep := strings.CutSuffix(one, "/...")
		if path == tree || deep && strings.HasPrefix(path, tree+"/") {
			return true
		}
	}
	return false
}

func (p *pkg) eachImport(fn func(file, path string)) {
	for name, f := range p.files {
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			fn(name, path)
		}
	}
}

func TestArrows(t *testing.T) {
	table := map[string]room{}
	for _, r := range rooms {
		table[r.path] = r
	}
	for _, p := range house(t) {
		r, known := table[p.path]
		if !known {
			t.Errorf("%s is not in the table: write its arrows into rooms_test.go", p.path)
		}
		delete(table, p.path)
		p.eachImport(func(file, path string) {
			to, ours := strings.CutPrefix(path, p.Module.Path+"/")
			if !known || !ours || to == p.path || within(r.arrows, to) || p.isTest(file) && within(r.tests, to) {
				return
			}
			t.Errorf("%s/%s imports %s: no such arrow in rooms_test.go", p.path, file, to)
		})
	}
	for path := range table {
		t.Errorf("%s is in the table and not in the tree: drop its row", path)
	}
}

// TestArrowsPointDown keeps the table itself free of circles.
func TestArrowsPointDown(t *testing.T) {
	below := map[string][]string{}
	for _, r := range rooms {
		below[r.path] = strings.Fields(r.arrows)
	}
	var visit func(path string, trail []string)
	visit = func(path string, trail []string) {
		if slices.Contains(trail, path) {
			t.Fatalf("the table goes round: %s", strings.Join(append(trail, path), " -> "))
		}
		for _, next := range below[path] {
			if _, ok := below[next]; !ok {
				t.Errorf("%s points to %s, which has no row", path, next)
			}
			visit(next, append(slices.Clone(trail), path))
		}
	}
	for path := range below {
		visit(path, nil)
	}
}

func TestDoors(t *testing.T) {
	for _, p := range house(t) {
		p.eachImport(func(file, path string) {
			host, _, _ := strings.Cut(path, "/")
			if !strings.Contains(host, ".") {
				return // the standard library, or ours
			}
			for _, d := range doors {
				if path != d.library && !strings.HasPrefix(path, d.library+"/") {
					continue
				}
				if !within(d.rooms, p.path) && !(p.isTest(file) && within(d.tests, p.path)) {
					t.Errorf("%s/%s imports %s, whose door is %q", p.path, file, path, d.rooms)
				}
				return
			}
			t.Errorf("%s/%s imports %s, which has no door in rooms_test.go", p.path, file, path)
		})
	}
}

func TestTopLevel(t *testing.T) {
	root := house(t)[0].Module.Dir
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		built := strings.Contains("\n"+string(ignored), "\n/"+strings.TrimSuffix(name, "/"))
		if !strings.HasPrefix(name, ".") && !within(topLevel, name) && !built {
			t.Errorf("%s does not belong at the top level", name)
		}
	}
}
