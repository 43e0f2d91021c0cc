package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// leak is a form in which a secret is known that nobody can name beforehand: a key or a
// digest that the program makes.
type leak struct {
	name string
	form *regexp.Regexp
}

func leakForms() []leak {
	forms := []leak{}
	for name, form := range map[string]string{
		"digest":       `response=\\*"?[0-9a-f]{32}`,
		"nonce":        `nonce=\\*"?[0-9A-Za-z+/=_-]{8}`,
		"SRTP key":     `inline:[0-9A-Za-z+/]{20}`,
		"ICE password": `ice-pwd:[0-9A-Za-z+/]{20}`,
		"private key":  `BEGIN [A-Z ]*PRIVATE KEY`,
		"digit":        `[Ss]ignal *= *[0-9A-D#]`,
		"bearer token": `[Bb]earer +[0-9A-Za-z_-]{16}`,
	} {
		forms = append(forms, leak{name, regexp.MustCompile(form)})
	}
	return forms
}

// cmdSecrets is `secrets WORD...`: what `leaks` looks for from now on; @FILE is what the
// file holds, USER:PASSWORD a password and what is proved of it.
func cmdSecrets(ts *testscript.TestScript, neg bool, args []string) {
	known := ts.Value("secrets").(*[]string)
	for _, word := range args {
		if file, is := strings.CutPrefix(word, "@"); is {
			word = strings.TrimSpace(ts.ReadFile(file))
		}
		if user, password, is := strings.Cut(word, ":"); is {
			a1 := []byte(user + ":" + "lab.ringback" + ":" + password)
			one, two, three := md5.Sum(a1), sha256.Sum256(a1), sha512.Sum512_256(a1)
			*known = append(*known, hex.EncodeToString(one[:]), hex.EncodeToString(two[:]), hex.EncodeToString(three[:]))
			word = password
		}
		*known = append(*known, word, base64.StdEncoding.EncodeToString([]byte(word)), hex.EncodeToString([]byte(word)))
	}
}

// cmdLeaks is `leaks PATH...`: a secret stands in one of the files or folders, which must
// be there and hold something. With ! none does. Behind -digits digits may be there.
func cmdLeaks(ts *testscript.TestScript, neg bool, args []string) {
	known, found, looked := *ts.Value("secrets").(*[]string), 0, 0
	digits := len(args) > 0 && args[0] == "-digits"
	if digits {
		args = args[1:]
		known = slices.DeleteFunc(slices.Clone(known), func(s string) bool { return strings.Trim(s, "0123456789*#D") == "" })
	}
	for _, arg := range args {
		err := filepath.WalkDir(ts.MkAbs(arg), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if looked += len(data); len(data) == 0 && arg == filepath.Base(path) {
				return fmt.Errorf("%s is empty", arg)
			}
			for _, what := range leaksIn(data, known) {
				if digits && strings.HasPrefix(what, "a digit ") {
					continue
				}
				found++
				ts.Logf("%s: %s", path, what)
			}
			return nil
		})
		ts.Check(err)
	}
	ts.Logf("%d bytes looked at, %d leaks", looked, found)
	if found > 0 == neg {
		ts.Fatalf("leaks: found %d", found)
	}
}

// leaksIn are the secrets that stand in data.
func leaksIn(data []byte, known []string) (all []string) {
	around := func(at int) string {
		return fmt.Sprintf("%q", data[max(0, at-60):min(len(data), at+60)])
	}
	for _, word := range known {
		if at := bytes.Index(data, []byte(word)); at >= 0 {
			all = append(all, word+" in "+around(at))
		}
	}
	for _, l := range leakForms() {
		if at := l.form.FindIndex(data); at != nil {
			all = append(all, "a "+l.name+" in "+around(at[0]))
		}
	}
	return all
}
