package sip

import (
	"errors"
	"fmt"
	"strings"
)

// challenge is one challenge of a WWW-Authenticate or Proxy-Authenticate header
// (RFC 3261 25.1, RFC 7616 3.3). Quoted values stand without their quotes but
// with their escapes, so that they are echoed and hashed as they came
// (RFC 7616 3.4: "unq(X) [...] without the surrounding quotes").
type challenge struct {
	scheme    string // lower case
	realm     string
	nonce     string
	opaque    string
	hasOpaque bool
	algorithm string   // upper case, MD5 when none was named
	named     string   // the algorithm as it was written, empty when none was
	qop       []string // lower case; empty when the server is of RFC 2069
	stale     bool
	userhash  bool
	next      string // nextnonce, of Authentication-Info only
}

const (
	maxChallengeValue = 16 << 10 // bytes of a header value that are looked at
	maxChallengeParam = 4 << 10  // bytes of a realm, nonce or opaque that we would echo
	maxChallenges     = 16       // in one response
)

var errChallengeCut = errors.New("it ends inside a quoted text")

// parseChallenges reads all challenges of one header value. What is not a digest
// comes back with its scheme only. An error means that nothing of the value is
// used: a challenge is answered whole or not at all.
func parseChallenges(value string) ([]challenge, error) {
	if len(value) > maxChallengeValue {
		return nil, fmt.Errorf("read challenge: it has %d bytes, more than %d", len(value), maxChallengeValue)
	}
	p := challengeScanner{s: value}
	var out []challenge
	for {
		p.skip(" \t,")
		if p.done() {
			break
		}
		if len(out) == maxChallenges {
			return nil, fmt.Errorf("read challenge: more than %d in a header", maxChallenges)
		}
		c, err := p.challenge()
		if err != nil {
			return nil, fmt.Errorf("read challenge: %w", err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("read challenge: the value is empty")
	}
	return out, nil
}

type challengeScanner struct {
	s string
	i int
}

func (p *challengeScanner) done() bool { return p.i >= len(p.s) }

func (p *challengeScanner) skip(set string) {
	for !p.done() && strings.IndexByte(set, p.s[p.i]) >= 0 {
		p.i++
	}
}

// token reads the characters of RFC 3261 25.1's token, and of token68 (Basic,
// Negotiate) where more says so.
func (p *challengeScanner) token(more string) string {
	start := p.i
	for !p.done() && (tokenByte(p.s[p.i]) || strings.IndexByte(more, p.s[p.i]) >= 0) {
		p.i++
	}
	return p.s[start:p.i]
}

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-.!%*_+`'~", c) >= 0
}

func (p *challengeScanner) challenge() (challenge, error) {
	scheme := p.token("")
	if scheme == "" {
		return challenge{}, fmt.Errorf("no scheme at byte %d", p.i)
	}
	if !p.done() && p.s[p.i] != ' ' && p.s[p.i] != '\t' && p.s[p.i] != ',' {
		return challenge{}, fmt.Errorf("no blank after the scheme %q", scheme)
	}
	c := challenge{scheme: strings.ToLower(scheme)}
	seen := map[string]bool{}
	for {
		p.skip(" \t,")
		if p.done() || p.schemeAhead() {
			break
		}
		name, value, err := p.param()
		if err != nil {
			return c, err
		}
		name = strings.ToLower(name)
		if seen[name] {
			return c, fmt.Errorf("the parameter %s comes twice", name)
		}
		seen[name] = true
		if err := c.set(name, value); err != nil {
			return c, err
		}
	}
	return c, c.check(seen)
}

// schemeAhead reports whether the next word begins another challenge: a token, a
// blank and no equals sign behind it.
func (p *challengeScanner) schemeAhead() bool {
	look := *p
	if look.token("") == "" {
		return false
	}
	blank := look.i
	look.skip(" \t")
	if look.done() {
		return true
	}
	return look.i > blank && look.s[look.i] != '=' && look.s[look.i] != ','
}

func (p *challengeScanner) param() (name, value string, err error) {
	name = p.token("/")
	if name == "" {
		return "", "", fmt.Errorf("no parameter name at byte %d", p.i)
	}
	p.skip(" \t")
	if p.done() || p.s[p.i] != '=' {
		return "", "", fmt.Errorf("the parameter %s has no value", short(name))
	}
	p.i++
	p.skip(" \t")
	if !p.done() && p.s[p.i] == '"' {
		value, err = p.quoted()
	} else {
		value = p.token("/:=")
	}
	if err != nil {
		return "", "", fmt.Errorf("parameter %s: %w", short(name), err)
	}
	p.skip(" \t")
	if !p.done() && p.s[p.i] != ',' {
		return "", "", fmt.Errorf("no comma after the parameter %s", short(name))
	}
	return name, value, nil
}

func (p *challengeScanner) quoted() (string, error) {
	p.i++
	start := p.i
	for ; !p.done(); p.i++ {
		switch c := p.s[p.i]; {
		case c == '"':
			p.i++
			return p.s[start : p.i-1], nil
		case c == '\\':
			p.i++
			if p.done() || p.s[p.i] < ' ' {
				return "", errChallengeCut
			}
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", fmt.Errorf("control character %#x in a quoted text", c)
		}
	}
	return "", errChallengeCut
}

func (c *challenge) set(name, value string) error {
	if len(value) > maxChallengeParam {
		return fmt.Errorf("the parameter %s has %d bytes, more than %d", short(name), len(value), maxChallengeParam)
	}
	switch name {
	case "realm":
		c.realm = value
	case "nonce":
		c.nonce = value
	case "opaque":
		c.opaque, c.hasOpaque = value, true
	case "algorithm":
		c.named, c.algorithm = value, strings.ToUpper(value)
	case "qop":
		for _, q := range strings.Split(value, ",") {
			if q = strings.ToLower(strings.Trim(q, " \t")); q != "" {
				c.qop = append(c.qop, q)
			}
		}
	case "stale":
		c.stale = strings.EqualFold(value, "true")
	case "nextnonce":
		c.next = value
	case "userhash":
		c.userhash = strings.EqualFold(value, "true")
	}
	return nil
}

// check refuses a digest challenge that cannot be answered as RFC 7616 asks.
func (c *challenge) check(seen map[string]bool) error {
	if c.scheme != "digest" {
		*c = challenge{scheme: c.scheme, realm: c.realm}
		return nil
	}
	switch {
	case !seen["realm"]:
		return errors.New("a digest challenge without realm")
	case c.nonce == "":
		return errors.New("a digest challenge without nonce")
	}
	if c.algorithm == "" {
		c.algorithm = "MD5"
	}
	for i := range len(c.named) {
		if !tokenByte(c.named[i]) {
			return errors.New("the algorithm is no token")
		}
	}
	return nil
}

func short(s string) string {
	if len(s) > 32 {
		return s[:32] + "..."
	}
	return s
}
