package sip

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/icholy/digest"
)

// Errors of authentication. Callers tell them apart with errors.Is.
var (
	// ErrWrongPassword: fresh credentials were refused. Trying again would only
	// lock the account out.
	ErrWrongPassword = errors.New("authenticate: the credentials were refused; check the account's username and password")
	// ErrForeignRealm: the challenge's realm, or the host that sent it, is not the account's.
	ErrForeignRealm = errors.New("authenticate: the challenge does not belong to the account")
	// ErrAlgorithm: no challenge has an algorithm and quality of protection that
	// we know and the account allows.
	ErrAlgorithm = errors.New("authenticate: no allowed digest algorithm was offered")
	// ErrStaleNonce: each nonce that we were given was stale at once.
	ErrStaleNonce = errors.New("authenticate: the server calls each of its nonces stale")
	// ErrChallenge: no challenge could be read.
	ErrChallenge = errors.New("authenticate: the challenge cannot be read")
)

// maxStale is how many stale nonces a request lives through (R09).
const maxStale = 2

// strongestFirst are the algorithms that we know. A -sess variant ranks with its
// plain one.
var strongestFirst = []string{"SHA-512-256", "SHA-256", "MD5"}

// realmKey names who has to be convinced: a server's or a proxy's realm.
type realmKey struct {
	proxy bool
	realm string
}

// keyring is what an account has learnt about its realms: which ones are its
// own, and the nonce that is in use with each. Loop goroutine.
type keyring struct {
	account *Account
	pinned  map[string]bool // realms that the registrar named; unused when the account lists its own
	nonces  map[realmKey]*nonce
	served  map[netip.Addr]bool // registrars that have taken its REGISTER
	cnonce  func() string
}

// nonce is a challenge in use.
type nonce struct {
	challenge
	from   netip.Addr // who gave it: nobody else is shown what is made of it unasked
	count  int        // nc of the last use
	cnonce string     // kept for -sess, whose session key is bound to it
}

// maxRealms bounds the realms of an account; a PBX has one or two.
const maxRealms = 8

func newKeyring(a *Account) *keyring {
	return &keyring{account: a, pinned: map[string]bool{}, nonces: map[realmKey]*nonce{}, served: map[netip.Addr]bool{}, cnonce: newCnonce}
}

// knows notes a registrar that has taken the account's REGISTER.
func (k *keyring) knows(addr netip.Addr) {
	if len(k.served) < maxPeerAddrs {
		k.served[addr] = true
	}
}

func newCnonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// challenged is one authenticate header of a response.
type challenged struct {
	proxy bool // Proxy-Authenticate
	value string
}

// signed is what a digest is computed over.
type signed struct {
	method, uri string
	body        []byte
}

// credential is one header to be put into the request.
type credential struct{ name, value string }

// attempt is the authentication of one request through its tries.
type attempt struct {
	ring *keyring
	// home: the request goes to the account's registrar or proxy. Nothing else
	// ever gets a credential (R16, R17).
	home bool
	// at is where it goes.
	at netip.Addr
	// register: the realms of the answer may be pinned.
	register bool
	sent     map[realmKey]bool // true: with a nonce of this request's own
	stales   int
}

func (k *keyring) attempt(home, register bool) *attempt {
	return &attempt{ring: k, home: home, register: register}
}

// first gives the credentials of nonces that are known already.
func (a *attempt) first(s signed) []credential {
	if !a.home {
		return nil
	}
	for key, n := range a.ring.nonces {
		if n.from == a.at {
			a.sends(key, false)
		}
	}
	out, _ := a.sign(s)
	return out
}

func (a *attempt) sends(key realmKey, fresh bool) {
	if a.sent == nil { // most requests are never challenged
		a.sent = map[realmKey]bool{}
	}
	a.sent[key] = fresh
}

// answer reads all challenges of a 401 or 407 and gives the credentials of the
// next try: for each realm of the account's the strongest algorithm that it
// allows, and those of realms that were content already.
func (a *attempt) answer(all []challenged, s signed) ([]credential, error) {
	chosen, err := a.choose(all)
	if err != nil {
		return nil, err
	}
	for key, c := range chosen {
		fresh, known := a.sent[key]
		switch {
		case known && c.stale:
			if a.stales++; a.stales > maxStale {
				return nil, ErrStaleNonce
			}
		case known && fresh:
			delete(a.ring.nonces, key)
			return nil, ErrWrongPassword
		}
		a.sends(key, true)
		a.ring.nonces[key] = &nonce{challenge: c, from: a.at}
	}
	return a.sign(s)
}

// choose picks a challenge per realm.
func (a *attempt) choose(all []challenged) (map[realmKey]challenge, error) {
	var parsed, foreign, usable int
	var broken error
	chosen := map[realmKey]challenge{}
	for _, header := range all {
		list, err := parseChallenges(header.value)
		if err != nil {
			broken = err
			continue
		}
		for _, c := range list {
			parsed++
			if c.scheme != "digest" || a.ring.rank(c) < 0 {
				continue
			}
			usable++
			if !a.belongs(c.realm) || len(chosen) >= maxRealms {
				foreign++
				continue
			}
			key := realmKey{header.proxy, c.realm}
			if old, ok := chosen[key]; !ok || a.ring.rank(c) < a.ring.rank(old) {
				chosen[key] = c
			}
		}
	}
	switch {
	case len(chosen) > 0:
		return chosen, nil
	case foreign > 0:
		return nil, ErrForeignRealm
	case parsed > 0 && usable == 0:
		return nil, fmt.Errorf("%w; the account allows %s", ErrAlgorithm, strings.Join(a.ring.allowed(), ", "))
	case broken != nil:
		return nil, fmt.Errorf("%w: %w", ErrChallenge, broken)
	}
	return nil, ErrChallenge
}

// belongs pins realms: those that the account lists; else those that the
// registrar names when we register, or whoever at home is first to ask. A server that
// only the DNS vouches for names no new one once another has served.
func (a *attempt) belongs(realm string) bool {
	switch k := a.ring; {
	case !a.home:
		return false
	case len(k.account.Realms) > 0:
		return slices.Contains(k.account.Realms, realm)
	case k.pinned[realm]:
		return true
	case (a.register && (len(k.served) == 0 || k.served[a.at]) || len(k.pinned) == 0) && len(k.pinned) < maxRealms:
		k.pinned[realm] = true
		return true
	}
	return false
}

// rank is the place of a challenge in the order of strength, -1 when it cannot
// be answered.
func (k *keyring) rank(c challenge) int {
	if len(c.qop) > 0 && !slices.Contains(c.qop, "auth") && !slices.Contains(c.qop, "auth-int") {
		return -1
	}
	plain := strings.TrimSuffix(c.algorithm, "-SESS")
	if !slices.Contains(strongestFirst, plain) {
		return -1
	}
	return slices.IndexFunc(k.allowed(), func(name string) bool { return strings.EqualFold(name, plain) })
}

func (k *keyring) allowed() []string {
	if len(k.account.Algorithms) > 0 {
		return k.account.Algorithms
	}
	return strongestFirst
}

// learn reads the nextnonce of an Authentication-Info header (RFC 7616 3.5). The
// header names no realm: it is of the realm that the request was signed for.
func (a *attempt) learn(proxy bool, value string) {
	list, err := parseChallenges(`Digest realm="", nonce="-", ` + value)
	if err != nil || len(list) != 1 || list[0].next == "" {
		return
	}
	var key *realmKey
	for k := range a.sent {
		if k.proxy == proxy && key != nil {
			return // two realms: nobody can tell whose it is
		}
		if k.proxy == proxy {
			key = &k
		}
	}
	if key == nil || a.ring.nonces[*key] == nil {
		return
	}
	old := a.ring.nonces[*key]
	if strings.HasSuffix(old.algorithm, "-SESS") {
		delete(a.ring.nonces, *key) // its session key is bound to the old nonce
		return
	}
	next := old.challenge
	next.nonce = list[0].next
	a.ring.nonces[*key] = &nonce{challenge: next, from: old.from}
}

// sign makes the credentials of each realm that this request was or is to be
// signed for, each with the next count of its nonce (R11).
func (a *attempt) sign(s signed) ([]credential, error) {
	keys := make([]realmKey, 0, len(a.sent))
	for key := range a.sent {
		if a.ring.nonces[key] != nil {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(x, y realmKey) int { return strings.Compare(x.realm, y.realm) })
	var out []credential
	for _, key := range keys {
		value, err := a.ring.sign(a.ring.nonces[key], s)
		if err != nil {
			return nil, err
		}
		name := "Authorization"
		if key.proxy {
			name = "Proxy-Authorization"
		}
		out = append(out, credential{name, value})
	}
	return out, nil
}

func (k *keyring) sign(n *nonce, s signed) (string, error) {
	n.count++
	session := strings.HasSuffix(n.algorithm, "-SESS")
	if n.cnonce == "" || !session {
		n.cnonce = k.cnonce()
	}
	plain := strings.TrimSuffix(n.algorithm, "-SESS")
	c := &digest.Challenge{Realm: n.realm, Nonce: n.nonce, Opaque: n.opaque, Algorithm: plain, QOP: n.qop, Userhash: n.userhash}
	o := digest.Options{Method: s.method, URI: s.uri, Count: n.count, Cnonce: n.cnonce,
		Username: k.account.user(), Password: string(k.account.Password),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(s.body)), nil }}
	if session {
		o.A1 = sessionA1(plain, o, c)
	}
	cred, err := digest.Digest(c, o)
	if err != nil {
		return "", fmt.Errorf("authenticate: compute digest: %w", err)
	}
	return n.format(cred, session)
}

// sessionA1 is the A1 of the -sess algorithms (RFC 7616 3.4.2), which
// icholy/digest does not have: the hash of the plain A1, the nonce and the cnonce.
func sessionA1(algorithm string, o digest.Options, c *digest.Challenge) string {
	var h hash.Hash
	switch algorithm {
	case "SHA-512-256":
		h = sha512.New512_256()
	case "SHA-256":
		h = sha256.New()
	default:
		h = md5.New()
	}
	sum := func(text string) string {
		h.Reset()
		_, _ = io.WriteString(h, text)
		return hex.EncodeToString(h.Sum(nil))
	}
	return sum(sum(o.Username+":"+c.Realm+":"+o.Password) + ":" + c.Nonce + ":" + o.Cnonce)
}

// quotable escapes what may not stand in a quoted text as it is. To make it costs more than
// a digest.
var quotable = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// format writes an Authorization value. Realm, nonce and opaque are echoed as
// they came, with their escapes.
func (n *nonce) format(c *digest.Credentials, session bool) (string, error) {
	if strings.ContainsAny(c.URI, "\"\\\r\n\x00") || strings.ContainsAny(c.Username, "\r\n\x00") {
		return "", errors.New("authenticate: the username or Request-URI has characters that cannot be quoted; remove them")
	}
	var b strings.Builder
	b.Grow(384)
	user := quotable.Replace(c.Username)
	write := func(parts ...string) { // fmt costs more than the digest
		for _, part := range parts {
			b.WriteString(part)
		}
	}
	write(`Digest username="`, user, `", realm="`, n.realm, `", nonce="`, n.nonce, `", uri="`, c.URI, `", response="`, c.Response, `"`)
	if n.named != "" {
		write(", algorithm=", n.named)
	}
	if c.QOP != "" || session {
		write(`, cnonce="`, n.cnonce, `"`)
	}
	if n.hasOpaque {
		write(`, opaque="`, n.opaque, `"`)
	}
	if c.QOP != "" {
		write(", qop=", c.QOP, ", nc=", eightHex(n.count))
	}
	if n.userhash {
		write(", userhash=true")
	}
	return b.String(), nil
}

// eightHex is the count of a nonce as nc has it.
func eightHex(n int) string {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], uint32(n))
	return hex.EncodeToString(raw[:])
}

// challengeCause is what a challenge counts as that was not answered.
func challengeCause(err error) string {
	switch {
	case errors.Is(err, ErrWrongPassword):
		return "challenge.password"
	case errors.Is(err, ErrForeignRealm):
		return "challenge.realm"
	case errors.Is(err, ErrAlgorithm):
		return "challenge.algorithm"
	case errors.Is(err, ErrStaleNonce):
		return "challenge.stale"
	}
	return "challenge.unreadable"
}
