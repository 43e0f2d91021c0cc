package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"ringback/sip"
)

func testGate(p RegistrarPolicy) *gatekeeper {
	return newGatekeeper("lab.ringback", func() RegistrarPolicy { return p.withDefaults() })
}

// sign answers the challenge for one algorithm with a library that is not ours.
func sign(t *testing.T, challenges []sip.Header, algorithm, user, password string, count int) string {
	t.Helper()
	for _, h := range challenges {
		c, err := digest.ParseChallenge(h.Value)
		if err != nil {
			t.Fatal(err)
		}
		if c.Algorithm != algorithm {
			continue
		}
		cred, err := digest.Digest(c, digest.Options{Method: "REGISTER", URI: "sip:lab", Username: user, Password: password, Count: count})
		if err != nil {
			t.Fatal(err)
		}
		return cred.String()
	}
	t.Fatalf("no challenge for %s in %v", algorithm, challenges)
	return ""
}

func TestDigest_EachAlgorithm(t *testing.T) {
	user, at := User{Name: "1001", Password: "pass:word"}, time.Now()
	for _, algorithm := range digestAlgorithms() {
		g := testGate(RegistrarPolicy{})
		challenges := g.challenge(user, missing, at)
		if len(challenges) != 3 {
			t.Fatalf("%d challenges, want one for each algorithm", len(challenges))
		}
		if v := g.check(user, "REGISTER", sign(t, challenges, algorithm, "1001", "pass:word", 1), at); v != proven {
			t.Errorf("%s: verdict %d, want proven", algorithm, v)
		}
		if v := g.check(user, "REGISTER", sign(t, challenges, algorithm, "1001", "password", 2), at); v != wrong {
			t.Errorf("%s: verdict %d on a wrong password", algorithm, v)
		}
		if v := g.check(user, "INVITE", sign(t, challenges, algorithm, "1001", "pass:word", 3), at); v != wrong {
			t.Errorf("%s: verdict %d on another method", algorithm, v)
		}
	}
}

func TestDigest_OnlyTheUsersAlgorithms(t *testing.T) {
	weak, at := User{Name: "1001", Password: "p"}, time.Now()
	strong := User{Name: "1001", Password: "p", Algorithms: []string{"SHA-256"}}
	g := testGate(RegistrarPolicy{})
	signed := sign(t, g.challenge(weak, missing, at), "MD5", "1001", "p", 1)
	if v := g.check(strong, "REGISTER", signed, at); v != wrong {
		t.Errorf("verdict %d on an algorithm that was not offered", v)
	}
}

func TestDigest_Nonces(t *testing.T) {
	user, at := User{Name: "1001", Password: "p"}, time.Now()
	g := testGate(RegistrarPolicy{NonceLife: time.Minute, NonceUses: 2})
	challenges := g.challenge(user, missing, at)
	signed := func(count int) string { return sign(t, challenges, "SHA-256", "1001", "p", count) }
	steps := []struct {
		what  string
		count int
		after time.Duration
		want  verdict
	}{
		{"the first use", 1, 0, proven},
		{"a replay", 1, 0, stale},
		{"the next use", 2, 0, proven},
		{"more uses than allowed", 3, 0, stale},
	}
	for _, s := range steps {
		if v := g.check(user, "REGISTER", signed(s.count), at.Add(s.after)); v != s.want {
			t.Errorf("%s: verdict %d, want %d", s.what, v, s.want)
		}
	}
	challenges = g.challenge(user, stale, at)
	if !strings.Contains(challenges[0].Value, "stale=true") {
		t.Error("the challenge after a stale nonce does not say so")
	}
	if v := g.check(user, "REGISTER", signed(1), at.Add(2*time.Minute)); v != stale {
		t.Errorf("verdict %d on an old nonce", v)
	}
}

func TestDigest_NoncesAreBounded(t *testing.T) {
	g := testGate(RegistrarPolicy{})
	for range maxNonces + 10 {
		g.challenge(User{Name: "1001", Algorithms: []string{"MD5"}}, missing, time.Now())
	}
	if len(g.nonces) != maxNonces || len(g.order) != maxNonces {
		t.Errorf("%d nonces and %d in order, want %d", len(g.nonces), len(g.order), maxNonces)
	}
}

func TestParseCredentials(t *testing.T) {
	c, ok := parseCredentials(`digest username="a\"b, c", realm = "x" ,nc=00000001, uri="sip:a,b", qop=auth`)
	if !ok || fmt.Sprint(c["username"], c["realm"], c["nc"], c["uri"], c["qop"]) != `a"b, cx00000001sip:a,bauth` {
		t.Errorf("read %v %v", c, ok)
	}
	for _, bad := range []string{"", "Basic abc", "Digest", `Digest a="b`, "Digest a"} {
		if c, ok := parseCredentials(bad); ok {
			t.Errorf("%q was read as %v", bad, c)
		}
	}
}

func FuzzParseCredentials(f *testing.F) {
	f.Add(`Digest username="1001", realm="lab", nonce="n", uri="sip:lab", response="00", nc=00000001`)
	f.Add(`Digest a="\`)
	f.Fuzz(func(t *testing.T, header string) {
		g := testGate(RegistrarPolicy{})
		if v := g.check(User{Name: "1001", Password: "p"}, "REGISTER", header, time.Now()); v == proven {
			t.Errorf("%q proves to be 1001", header)
		}
	})
}
