package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ringback/agent/store"
)

// openStore opens a store whose end the test decides.
func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(dir, "ringback.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestIDs_NeverReused(t *testing.T) {
	dir := t.TempDir()
	open := func() *ids {
		i, err := openIDs(openStore(t, dir), dir, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	i := open()
	if a, b, c := i.interaction(), i.interaction(), i.call(); a != "i1" || b != "i2" || c != "c1" {
		t.Errorf("%s %s %s", a, b, c)
	}
	if err := errors.Join(i.close(), i.store.Close()); err != nil {
		t.Fatal(err)
	}
	i = open()
	if a := i.interaction(); a != "i3" {
		t.Errorf("after a clean end: %s", a)
	}
	last := InteractionID("")
	for n := range 3 * idBlock {
		if last = i.interaction(); last != InteractionID("i"+strconv.Itoa(n+4)) {
			t.Fatalf("%s is out of order", last)
		}
	}
	_ = i.store.Close() // a crash: nothing is given back
	i = open()
	if next := i.interaction(); len(next) < len(last) || len(next) == len(last) && next <= last {
		t.Errorf("after a crash %s follows %s", next, last)
	}
}

// A store that fails for a while costs nothing: there is half a block left.
func TestIDs_StoreFails(t *testing.T) {
	told := 0
	i, err := openIDs(openStore(t, t.TempDir()), "", func(error) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	if err := i.store.Close(); err != nil {
		t.Fatal(err)
	}
	for n := range idBlock {
		if id := i.call(); id != CallID("c"+strconv.Itoa(n+1)) {
			t.Fatalf("%s is out of order", id)
		}
	}
	if told != idBlock/2 {
		t.Errorf("%d errors told", told)
	}
}

func TestIDs_TakesOverTheFileOfAFormerVersion(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ids.json")
	if err := os.WriteFile(path, []byte(`{"interaction":71,"call":130}`), 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := openIDs(openStore(t, dir), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := i.interaction(), i.call(); a != "i71" || b != "c130" {
		t.Errorf("%s %s", a, b)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

func TestIDs_ADamagedFileIsSaid(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ids.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openIDs(openStore(t, dir), dir, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
}

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]string{
		"2001":                "sip:2001@pbx",
		"+81 3 (1234) 5678":   "sip:+81312345678@pbx",
		"tel:+81-3-1234;x=1":  "sip:+8131234@pbx",
		"alice":               "sip:alice@pbx",
		"bob@example.com":     "sip:bob@example.com",
		"sip:bob@example.com": "sip:bob@example.com",
		"*98":                 "sip:*98@pbx",
		"sip:b@h?Replaces=x":  "sip:b@h",
	} {
		uri, err := parseTarget(text, "pbx")
		if err != nil || uri.String() != want {
			t.Errorf("%q: %s %v", text, uri.String(), err)
		}
	}
	for _, text := range []string{"", "  ", "sip:", "a b", "x\r\ny", "<sip:a@b>", "sip:a@b:99999", "a;b", `"q"`} {
		if uri, err := parseTarget(text, "pbx"); err == nil {
			t.Errorf("%q was taken as %s", text, uri.String())
		}
	}
}

// A number is dialled at the domain of the account, be that an IPv6 address.
func TestTarget_AtTheAccountsDomain(t *testing.T) {
	for aor, want := range map[string]string{
		"sip:1001@pbx.example.com": "sip:600@pbx.example.com", "sip:1001@10.0.0.1:5070": "sip:600@10.0.0.1:5070",
		"sip:1001@[2001:db8::1]": "sip:600@[2001:db8::1]", "sip:1001@[2001:db8::1]:5070": "sip:600@[2001:db8::1]:5070",
	} {
		cfg := testConfig()
		cfg.Account.AOR = aor
		a, err := New(cfg, Deps{})
		if err != nil {
			t.Fatal(err)
		}
		if uri, refused := a.target("600"); refused != nil || uri.String() != want {
			t.Errorf("600 at %s: %s, %v", aor, uri.String(), refused)
		}
		if err := a.closeStore(); err != nil {
			t.Error(err)
		}
	}
}

func TestTrace_KnowsTheCallID(t *testing.T) {
	if got := callIDOf("INVITE x SIP/2.0\r\nVia: a:b\r\ni: abc@d\r\n\r\nCall-ID: no"); got != "abc@d" {
		t.Errorf("%q", got)
	}
}
