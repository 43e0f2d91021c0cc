package sip

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// signing is an account's attempt at home, with a cnonce that is known.
func signing(edit ...func(*Account)) (*keyring, *attempt) {
	a := &Account{Username: "Mufasa", Password: "Circle of Life"}
	for _, e := range edit {
		e(a)
	}
	k := newKeyring(a)
	k.cnonce = func() string { return "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" }
	return k, k.attempt(true, true)
}

var rfc7616 = signed{method: "GET", uri: "/dir/index.html"}

func www(values ...string) []challenged {
	var out []challenged
	for _, v := range values {
		out = append(out, challenged{value: v})
	}
	return out
}

func param(t *testing.T, value, name string) string {
	t.Helper()
	m := regexp.MustCompile(name + `="?([^",]*)`).FindStringSubmatch(value)
	if m == nil {
		return ""
	}
	return m[1]
}

// RFC 7616 3.9.1: its two examples.
func TestConformance_R08_RFC7616_3_9_1(t *testing.T) {
	const base = `Digest realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		_, a := signing()
		got, err := a.answer(www(base+", algorithm="+algorithm), rfc7616)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", algorithm, got, err)
		}
		if response := param(t, got[0].value, "response"); response != want {
			t.Errorf("%s: response %s, want %s", algorithm, response, want)
		}
		for name, want := range map[string]string{"qop": "auth", "nc": "00000001", "uri": "/dir/index.html", "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"} {
			if v := param(t, got[0].value, name); v != want {
				t.Errorf("%s: %s is %q, want %q", algorithm, name, v, want)
			}
		}
	}
}

// RFC 2069 style: no qop, no cnonce, no nc.
func TestConformance_R08_WithoutQop(t *testing.T) {
	_, a := signing()
	got, err := a.answer(www(`Digest realm="r", nonce="n"`), rfc7616)
	if err != nil || strings.Contains(got[0].value, "qop") || strings.Contains(got[0].value, "nc=") || strings.Contains(got[0].value, "algorithm") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestConformance_R11_NonceCount(t *testing.T) {
	k, a := signing()
	if _, err := a.answer(www(`Digest realm="r", nonce="n", qop="auth"`), rfc7616); err != nil {
		t.Fatal(err)
	}
	for want := 2; want <= 3; want++ {
		next := k.attempt(true, true)
		got := next.first(rfc7616)
		if len(got) != 1 || param(t, got[0].value, "nc") != fmt.Sprintf("%08x", want) {
			t.Errorf("use %d: %v", want, got)
		}
		next.learn(false, "")
	}
	next := k.attempt(true, true)
	next.first(rfc7616)
	next.learn(false, `qop=auth, rspauth="x", cnonce="c", nc=00000004, nextnonce="fresh"`)
	got := k.attempt(true, true).first(rfc7616)
	if param(t, got[0].value, "nonce") != "fresh" || param(t, got[0].value, "nc") != "00000001" {
		t.Errorf("after nextnonce: %v", got)
	}
	k.cnonce = newCnonce
	one, two := k.attempt(true, true).first(rfc7616), k.attempt(true, true).first(rfc7616)
	if param(t, one[0].value, "cnonce") == param(t, two[0].value, "cnonce") {
		t.Error("the same cnonce twice")
	}
}

func TestConformance_R12_QopLists(t *testing.T) {
	for qop, want := range map[string]string{`auth,auth-int`: "auth", `auth-int,auth`: "auth", `auth-int, auth`: "auth", `auth-int`: "auth-int", `AUTH`: "auth"} {
		bodies := map[string]bool{}
		for _, body := range []string{"one", "two"} {
			_, a := signing()
			s := rfc7616
			s.body = []byte(body)
			got, err := a.answer(www(`Digest realm="r", nonce="n", qop="`+qop+`"`), s)
			if err != nil || param(t, got[0].value, "qop") != want {
				t.Fatalf("%q: %v, %v", qop, got, err)
			}
			bodies[param(t, got[0].value, "response")] = true
		}
		if hashed := len(bodies) == 2; hashed != (want == "auth-int") {
			t.Errorf("%q: the body is hashed: %v", qop, hashed)
		}
	}
	_, a := signing()
	if _, err := a.answer(www(`Digest realm="r", nonce="n", qop="conf"`), rfc7616); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("unknown qop: %v", err)
	}
}

func TestConformance_R13_SeveralChallenges(t *testing.T) {
	_, a := signing()
	all := www(`Basic realm="r"`, `Digest realm="r", nonce="1", algorithm=FUTURE`, `Digest realm="r", nonce="2", algorithm=MD5`,
		`Digest realm="r", nonce="3", algorithm=SHA-512-256, Digest realm="r", nonce="4", algorithm=SHA-256`, `Digest realm="broken`)
	all = append(all, challenged{proxy: true, value: `Digest realm="proxy", nonce="5"`})
	got, err := a.answer(all, rfc7616)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	slices.SortFunc(got, func(x, y credential) int { return strings.Compare(x.name, y.name) })
	if got[0].name != "Authorization" || param(t, got[0].value, "nonce") != "3" {
		t.Errorf("server: %v", got[0])
	}
	if got[1].name != "Proxy-Authorization" || param(t, got[1].value, "nonce") != "5" {
		t.Errorf("proxy: %v", got[1])
	}
}

func TestConformance_R14_Downgrade(t *testing.T) {
	_, a := signing(func(a *Account) { a.Algorithms = []string{"SHA-256"} })
	_, err := a.answer(www(`Basic realm="r"`, `Digest realm="r", nonce="n"`), rfc7616)
	if !errors.Is(err, ErrAlgorithm) || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("MD5 where SHA-256 is the least: %v", err)
	}
	for _, policy := range [][]string{nil, {"MD5"}, {"SHA-256"}} { // Basic never, whatever the account allows
		_, a := signing(func(a *Account) { a.Algorithms = policy })
		if got, err := a.answer(www(`Basic realm="r"`), rfc7616); err == nil || len(got) != 0 {
			t.Errorf("Basic, allowed %v: %v, %v", policy, got, err)
		}
	}
}

func TestConformance_R16_RealmsArePinned(t *testing.T) {
	ours, theirs := www(`Digest realm="pbx", nonce="n"`), www(`Digest realm="elsewhere", nonce="n"`)
	k, a := signing()
	if _, err := a.answer(ours, rfc7616); err != nil {
		t.Fatal(err)
	}
	if got, err := k.attempt(true, false).answer(theirs, rfc7616); !errors.Is(err, ErrForeignRealm) {
		t.Errorf("another realm after ours was pinned: %v, %v", got, err)
	}
	if got, err := k.attempt(false, false).answer(ours, rfc7616); !errors.Is(err, ErrForeignRealm) {
		t.Errorf("our realm, named by a foreign host: %v, %v", got, err)
	}
	if got := k.attempt(false, false).first(rfc7616); got != nil {
		t.Errorf("credentials for a foreign host: %v", got)
	}
	_, listed := signing(func(a *Account) { a.Realms = []string{"pbx"} })
	if got, err := listed.answer(theirs, rfc7616); !errors.Is(err, ErrForeignRealm) {
		t.Errorf("a realm that the account does not list: %v, %v", got, err)
	}
}

// RFC 7616 3.4.2: A1 of -sess is the hash of the plain A1, the nonce and the
// cnonce; the value is computed by hand with md5sum.
func TestSessionAlgorithm(t *testing.T) {
	k, a := signing(func(a *Account) { a.Username, a.Password = "u", "p" })
	k.cnonce = func() string { return "c" }
	got, err := a.answer(www(`Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess`), signed{method: "REGISTER", uri: "sip:r"})
	if err != nil {
		t.Fatal(err)
	}
	const want = "9fcc4392a91dc57e8c83c2241da62025"
	if response := param(t, got[0].value, "response"); response != want {
		t.Errorf("response %s, want %s", response, want)
	}
	if alg := param(t, got[0].value, "algorithm"); alg != "MD5-sess" {
		t.Errorf("algorithm %s", alg)
	}
}

func TestConformance_S01_CredentialsCannotBreakOut(t *testing.T) {
	_, a := signing(func(a *Account) { a.Username = `a"b\` })
	got, err := a.answer(www(`Digest realm="r \"x\"", nonce="n"`), rfc7616)
	if err != nil || !strings.HasPrefix(got[0].value, `Digest username="a\"b\\", realm="r \"x\"", nonce="n", `) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := a.answer(www(`Digest realm="r", nonce="n"`), signed{method: "X", uri: "sip:a\"\r\nX: y"}); err == nil {
		t.Error("a URI with a quote was signed")
	}
}
