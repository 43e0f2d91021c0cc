package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIDs_NeverReused(t *testing.T) {
	dir := t.TempDir()
	open := func() *ids {
		s, err := openIDs(dir, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if a, b, c := s.interaction(), s.interaction(), s.call(); a != "i1" || b != "i2" || c != "c1" {
		t.Errorf("%s %s %s", a, b, c)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	if a := s.interaction(); a != "i3" {
		t.Errorf("after a clean end: %s", a)
	}
	last := InteractionID("")
	for range 3 * idBlock {
		last = s.interaction()
	}
	s.tasks.Wait() // a crash: nothing is given back
	s = open()
	if next := s.interaction(); len(next) < len(last) || len(next) == len(last) && next <= last {
		t.Errorf("after a crash %s follows %s", next, last)
	}
}

func TestIDs_ADamagedFileIsSaid(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ids.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openIDs(dir, nil); err == nil || !strings.Contains(err.Error(), path) {
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

func TestTrace_HidesDigits(t *testing.T) {
	for _, body := range []string{"Signal=5\r\nDuration=160\r\n", "5"} {
		got := hideDigits("INFO sip:x SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\n" + body)
		if _, after, _ := strings.Cut(got, "\r\n\r\n"); strings.Contains(after, "5") {
			t.Errorf("%q", got)
		}
	}
	if got := callIDOf("INVITE x SIP/2.0\r\nVia: a:b\r\ni: abc@d\r\n\r\nCall-ID: no"); got != "abc@d" {
		t.Errorf("%q", got)
	}
}
