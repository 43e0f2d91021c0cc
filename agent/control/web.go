package control

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"ringback/agent"
)

// Limits of the listener on TCP: whoever is on this machine can connect to it.
const (
	maxWebClients   = 64 // connections at a time; more are closed at once
	maxWrongTokens  = 10 // in a second that are answered as such
	bearer          = "Bearer "
	codeNoToken     = "no_token"
	codeTooMany     = "too_many_wrong_tokens"
	notThisListener = "this listener is not known by that name"
)

// WebAddress reads the ADDR of --web: an address of this machine itself, with a port,
// 0 for any that is free. With open it may be any address.
func WebAddress(text string, open bool) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q is no ADDRESS:PORT: write for example 127.0.0.1:8410", text)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	at, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil {
		return "", fmt.Errorf("%q is no ADDRESS:PORT of numbers: write for example 127.0.0.1:8410", text)
	}
	if !at.Addr().Unmap().IsLoopback() && !open {
		return "", fmt.Errorf("%q can be reached from other machines: give a loopback address such as 127.0.0.1:%d, or say that you mean it with --web-to-network", text, at.Port())
	}
	return at.String(), nil
}

// ServeWeb answers on a TCP listener until ctx ends, as Serve does, to whoever has the
// token. Requests for another host's name, of pages of another origin, and without the
// token are refused and counted.
func ServeWeb(ctx context.Context, l net.Listener, a Agent, version, token string, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newServer(ctx, a, version, log)
	s.web = &web{token: sha256.Sum256([]byte(token))}
	return s.serve(ctx, cancel, &limitListener{Listener: l, free: make(chan struct{}, maxWebClients), closed: make(chan struct{}),
		refuse: func() { a.Refuse(agent.RefusedConnections) }})
}

// web is what a listener on TCP asks of its clients.
type web struct {
	token [sha256.Size]byte

	mu     sync.Mutex
	second time.Time
	wrong  int
}

// admit refuses what did not come from this listener's own page or a program that has
// the token; true: go on.
func (v *web) admit(s *Server, w http.ResponseWriter, r *http.Request) bool {
	if !ownHost(r) {
		s.refuse(w, agent.RefusedHost, &agent.ActionError{Code: codeForbidden, Message: notThisListener, Hint: "use the address that the agent printed"})
		return false
	}
	if !ownOrigin(r) {
		s.refuse(w, agent.RefusedOrigin, &agent.ActionError{Code: codeForbidden, Message: "requests from other web pages are not served"})
		return false
	}
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		return true // there is nothing: the next handler says so
	}
	if !v.holds(r) {
		if !v.pass(time.Now()) {
			s.refuse(w, agent.RefusedRate, &agent.ActionError{Code: codeTooMany, Message: "too many requests without the token", Hint: "wait a second"})
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="ringback"`)
		s.refuse(w, agent.RefusedToken, &agent.ActionError{Code: codeNoToken, Message: "the token is missing or wrong", Hint: "send Authorization: Bearer with what is in the token file that the agent printed"})
		return false
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.Method == http.MethodPost && (err != nil || kind != "application/json") {
		s.refuse(w, agent.RefusedContentType, &agent.ActionError{Code: agent.CodeInvalid, Message: fmt.Sprintf("Content-Type %q: arguments are application/json", r.Header.Get("Content-Type"))})
		return false
	}
	return true
}

// holds compares the token without telling how much of it is right.
func (v *web) holds(r *http.Request) bool {
	given, found := strings.CutPrefix(r.Header.Get("Authorization"), bearer)
	sum := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(sum[:], v.token[:]) == 1 && found
}

// pass lets so many wrong tokens through to an answer in each second. The right one is
// always taken: nobody can lock its owner out, and it has too many bits to be guessed.
func (v *web) pass(now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now.Sub(v.second) >= time.Second {
		v.second, v.wrong = now, 0
	}
	v.wrong++
	return v.wrong <= maxWrongTokens
}

// ownHost reports whether the request names this very listener, by its number or as
// localhost: a name of the DNS that leads here is a trap (DNS rebinding).
func ownHost(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil || port != fmt.Sprint(at.Port()) {
		return false
	}
	if host == "localhost" {
		return at.Addr().Unmap().IsLoopback()
	}
	named, err := netip.ParseAddr(host)
	return err == nil && named.Unmap() == at.Addr().Unmap()
}

// ownOrigin reports whether a browser says that the request is of this listener's own
// page, or of nobody's; a program says nothing.
func ownOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origins := r.Header.Values("Origin")
	return len(origins) == 0 || len(origins) == 1 && origins[0] == "http://"+r.Host
}
