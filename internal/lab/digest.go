package lab

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"

	"ringback/sip"
)

// The server's half of RFC 7616, written apart from the client's so that each
// judges the other.

func digestAlgorithms() []string { return []string{"SHA-512-256", "SHA-256", "MD5"} }

func newHash(algorithm string) hash.Hash {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return md5.New()
	case "SHA-256":
		return sha256.New()
	case "SHA-512-256":
		return sha512.New512_256()
	}
	return nil
}

// gatekeeper gives nonces and checks what comes back with them. Loop goroutine.
type gatekeeper struct {
	realm  string
	policy func() RegistrarPolicy
	nonces map[string]*nonce
	order  []string // oldest first
}

type nonce struct {
	made time.Time
	uses int
	last map[string]int // user -> highest nc that was taken
}

// maxNonces bounds the table; the oldest is forgotten and thus stale.
const maxNonces = 4096

func newGatekeeper(realm string, policy func() RegistrarPolicy) *gatekeeper {
	return &gatekeeper{realm: realm, policy: policy, nonces: map[string]*nonce{}}
}

// verdict is what became of a request's credentials.
type verdict int

const (
	missing verdict = iota
	wrong
	stale
	proven
)

// credentials are the parameters of one Authorization header.
type credentials map[string]string

// check proves that the holder of user's password signed the request.
func (g *gatekeeper) check(user User, method, authorization string, now time.Time) verdict {
	c, ok := parseCredentials(authorization)
	if !ok || c["realm"] != g.realm {
		return missing
	}
	if c["username"] != user.Name || !g.allowed(user, c["algorithm"]) {
		return wrong
	}
	want := response(c, user, method)
	if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(c["response"]))) != 1 {
		return wrong
	}
	return g.fresh(c, now)
}

func (g *gatekeeper) allowed(user User, algorithm string) bool {
	if algorithm == "" {
		algorithm = "MD5"
	}
	for _, a := range offered(user) {
		if strings.EqualFold(a, algorithm) {
			return true
		}
	}
	return false
}

func offered(user User) []string {
	if len(user.Algorithms) == 0 {
		return digestAlgorithms()
	}
	return user.Algorithms
}

// fresh decides on the nonce of credentials that are right otherwise.
func (g *gatekeeper) fresh(c credentials, now time.Time) verdict {
	n, policy := g.nonces[c["nonce"]], g.policy()
	if n == nil || now.Sub(n.made) > policy.NonceLife || policy.NonceUses > 0 && n.uses >= policy.NonceUses {
		return stale
	}
	count, err := strconv.ParseInt(c["nc"], 16, 32)
	if err != nil || len(c["nc"]) != 8 || int(count) <= n.last[c["username"]] {
		return stale // a replay
	}
	n.last[c["username"]] = int(count)
	n.uses++
	return proven
}

// response is what the digest must be; empty when it cannot be made.
func response(c credentials, user User, method string) string {
	h := newHash(c["algorithm"])
	if h == nil || c["qop"] != "auth" || c["cnonce"] == "" {
		return ""
	}
	join := func(parts ...string) string {
		h.Reset()
		h.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h.Sum(nil))
	}
	a1 := join(c["username"], c["realm"], string(user.Password))
	return join(a1, c["nonce"], c["nc"], c["cnonce"], c["qop"], join(method, c["uri"]))
}

// challenge makes a nonce and one WWW-Authenticate for each algorithm.
func (g *gatekeeper) challenge(user User, was verdict, now time.Time) []sip.Header {
	value := newToken()
	g.nonces[value] = &nonce{made: now, last: map[string]int{}}
	g.order = append(g.order, value)
	if len(g.order) > maxNonces {
		delete(g.nonces, g.order[0])
		g.order = g.order[1:]
	}
	var headers []sip.Header
	for _, algorithm := range offered(user) {
		text := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, qop="auth"`, g.realm, value, algorithm)
		if was == stale {
			text += ", stale=true"
		}
		headers = append(headers, sip.Header{Name: "WWW-Authenticate", Value: text})
	}
	return headers
}

func newToken() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// parseCredentials reads the parameters behind "Digest": tokens or quoted texts
// between commas.
func parseCredentials(header string) (credentials, bool) {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(header), " ")
	if !ok || !strings.EqualFold(scheme, "Digest") {
		return nil, false
	}
	c := credentials{}
	for rest = strings.TrimSpace(rest); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, false
		}
		var value string
		if after = strings.TrimLeft(after, " "); strings.HasPrefix(after, `"`) {
			if value, after, ok = quoted(after[1:]); !ok {
				return nil, false
			}
			_, after, _ = strings.Cut(after, ",")
		} else {
			value, after, _ = strings.Cut(after, ",")
		}
		c[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		rest = strings.TrimSpace(after)
	}
	return c, true
}

// quoted reads up to the closing quote and undoes the backslashes.
func quoted(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
