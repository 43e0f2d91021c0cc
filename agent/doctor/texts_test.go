package doctor

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What is no verdict is no fault: it says that something was not looked at. Such a text
// that stands in the source and that no case here shows fails, as does a fault without a
// row in the table.
func TestEveryOtherTextIsShown(t *testing.T) {
	shown := map[string]bool{}
	for name, fault := range map[string]func() Options{
		"a PBX that nobody is at": func() Options { return options(t, nobody(t)) },
		"no home folder":          func() Options { o := options(t, nobody(t)); o.StateDir = ""; return o },
	} {
		for _, c := range Run(t.Context(), fault()).Checks {
			if c.State != OK && c.State != NotChecked && c.Verdict == "" {
				t.Errorf("%s: a fault that is not in the table: %+v", name, c)
			}
			if c.Verdict == "" {
				shown[c.Text] = true
			}
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`State: (\w+), Text: ([^\n}]*)`).FindAllStringSubmatch(string(source), -1) {
			begin := regexp.MustCompile(`^"([^"]*)"`).FindStringSubmatch(m[2])
			switch {
			case m[1] == "OK" || m[1] == "how": // good news, and the table's own
			case m[1] != "NotChecked" || begin == nil:
				t.Errorf("%s: %s is told with %s, which is not in the table", file, m[1], m[2])
			default:
				texts++
				if !slices.ContainsFunc(slices.Collect(maps.Keys(shown)), func(text string) bool { return strings.HasPrefix(text, begin[1]) }) {
					t.Errorf("%s: no case shows %q", file, begin[1])
				}
			}
		}
	}
	if texts < 3 {
		t.Errorf("%d texts found: is the source read as it is written?", texts)
	}
}
