package sip

import (
	"strings"
	"testing"

	"github.com/icholy/digest"
)

func TestConformance_R15_ChallengeGrammar(t *testing.T) {
	for _, row := range []struct {
		name, value string
		want        []challenge
	}{
		{"plain", `Digest realm="a", nonce="n"`, []challenge{{scheme: "digest", realm: "a", nonce: "n", algorithm: "MD5"}}},
		{"tabs, blanks and a trailing comma", "Digest\trealm = \"a b\" ,\tnonce\t=\t\"n\",", []challenge{{scheme: "digest", realm: "a b", nonce: "n", algorithm: "MD5"}}},
		{"underscore in a token", `Digest my_param=x_y, realm="a", nonce="n"`, []challenge{{scheme: "digest", realm: "a", nonce: "n", algorithm: "MD5"}}},
		{"quoted commas and escapes stay", `Digest realm="a, \"b\"", nonce="n,m"`, []challenge{{scheme: "digest", realm: `a, \"b\"`, nonce: "n,m", algorithm: "MD5"}}},
		{"qop with blanks", `Digest realm="a", nonce="n", qop="auth-int, Auth"`, []challenge{{scheme: "digest", realm: "a", nonce: "n", algorithm: "MD5", qop: []string{"auth-int", "auth"}}}},
		{"two in one value", `Basic realm="b", Digest realm="a", nonce="n", algorithm=SHA-256, stale=TRUE, opaque=""`,
			[]challenge{{scheme: "basic", realm: "b"}, {scheme: "digest", realm: "a", nonce: "n", algorithm: "SHA-256", named: "SHA-256", stale: true, hasOpaque: true}}},
		{"a scheme alone", `Negotiate, Digest realm="", nonce="n"`, []challenge{{scheme: "negotiate"}, {scheme: "digest", nonce: "n", algorithm: "MD5"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := parseChallenges(row.value)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(row.want) {
				t.Fatalf("got %+v, want %+v", got, row.want)
			}
			for i := range got {
				if !sameChallenge(got[i], row.want[i]) {
					t.Errorf("got %+v, want %+v", got[i], row.want[i])
				}
			}
		})
	}
	for name, value := range map[string]string{
		"empty":            "",
		"empty nonce":      `Digest realm="a", nonce=""`,
		"no nonce":         `Digest realm="a"`,
		"no realm":         `Digest nonce="n"`,
		"realm of 8 KB":    `Digest realm="` + strings.Repeat("a", 8<<10) + `", nonce="n"`,
		"unclosed":         `Digest realm="a, nonce="n`,
		"ends in a escape": `Digest nonce="n", realm="a\`,
		"control":          "Digest realm=\"a\x01\", nonce=\"n\"",
		"line break":       "Digest realm=\"a\r\nX: y\", nonce=\"n\"",
		"twice":            `Digest realm="a", realm="b", nonce="n"`,
		"no scheme":        `="a"`,
		"no comma":         `Digest realm="a" "b", nonce="n"`,
		"64 schemes":       strings.Repeat(`Basic realm="a",`, 64),
	} {
		t.Run("refuses "+name, func(t *testing.T) {
			if got, err := parseChallenges(value); err == nil {
				t.Errorf("taken as %+v", got)
			}
		})
	}
}

func sameChallenge(a, b challenge) bool {
	if strings.Join(a.qop, ",") != strings.Join(b.qop, ",") {
		return false
	}
	return a.scheme == b.scheme && a.realm == b.realm && a.nonce == b.nonce && a.opaque == b.opaque && a.hasOpaque == b.hasOpaque &&
		a.algorithm == b.algorithm && a.named == b.named && a.stale == b.stale && a.userhash == b.userhash
}

func FuzzChallenge(f *testing.F) {
	for _, seed := range []string{`Digest realm="a", nonce="n", qop="auth,auth-int", algorithm=MD5`, `Basic realm="b", Digest realm="a\"", nonce=n`,
		"Digest\trealm=\"\"", `Digest ,,,`, `Digest a=b=c`, `Negotiate YWJj==`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		all, err := parseChallenges(value)
		if err != nil {
			return
		}
		for _, c := range all {
			if c.scheme != "digest" {
				continue
			}
			for _, text := range []string{c.realm, c.nonce, c.opaque, c.named} {
				if strings.ContainsAny(text, "\r\n\x00") || endsOpen(text) {
					t.Fatalf("%q would break out of its quotes, from %q", text, value)
				}
			}
		}
	})
}

// endsOpen reports whether the text, put between quotes, ends somewhere else.
func endsOpen(text string) bool {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return true
		case '\\':
			if i++; i == len(text) {
				return true
			}
		}
	}
	return false
}

// FuzzAuthenticate answers a challenge of the account's PBX, whatever stands in it:
// what goes out is one header line that reads back as credentials, for each realm at
// most one, and never the password.
func FuzzAuthenticate(f *testing.F) {
	for _, seed := range []string{`Digest realm="a", nonce="n", qop="auth,auth-int", algorithm=MD5`, `Digest realm="a", nonce="n", algorithm=SHA-256-sess, qop=auth`,
		`Digest realm="\"", nonce="\\", opaque="x", stale=TRUE`, `Digest realm="a", nonce="n", userhash=true, charset=UTF-8`,
		`Basic realm="a", Digest realm="b", nonce="n"`, `Digest realm="a", nonce="n", Digest realm="a", nonce="m", algorithm=SHA-512-256`} {
		f.Add(seed, "sip:a@b", "qop=auth, nextnonce=\"x\"")
	}
	f.Fuzz(func(t *testing.T, value, uri, info string) {
		k := newKeyring(&Account{Username: `us"er\`, Password: "s3cr3t-c0ffee"})
		a := k.attempt(true, true)
		list, err := a.answer([]challenged{{false, value}, {true, value}}, signed{method: "REGISTER", uri: uri, body: []byte("b")})
		if err != nil {
			return
		}
		a.learn(false, info)
		list = append(list, k.attempt(true, false).first(signed{method: "INVITE", uri: uri})...)
		if len(list) == 0 || len(list) > 4*maxRealms {
			t.Fatalf("%d credentials", len(list))
		}
		for _, c := range list {
			if strings.ContainsAny(c.value, "\r\n\x00") || strings.Contains(c.value, "s3cr3t-c0ffee") {
				t.Fatalf("%q gives %q", value, c.value)
			}
			if _, err := digest.ParseCredentials(c.value); err != nil && !strings.ContainsAny(value+uri, "\\\"\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x7f") {
				t.Fatalf("%q gives %q: %v", value, c.value, err)
			}
		}
	})
}
