package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"ringback/sip/loop"
	"ringback/sip/transport"
)

const (
	lookupTime   = 5 * time.Second  // for all questions of one lookup
	leastTTL     = 5 * time.Second  // however short-lived an answer calls itself
	staleFor     = time.Hour        // how long an old answer serves while the DNS is silent
	avoidFor     = 30 * time.Second // how long a server that failed comes last
	maxLookups   = 256              // names that are remembered
	maxAvoided   = 256              // servers that are avoided
	maxServers   = 16               // of one name that are tried
	maxSRVTarget = 16               // SRV records of one name that are resolved
)

// lookup is a question to the locator (RFC 3263 4).
type lookup struct {
	host   string // lower case
	port   uint16 // zero: SRV decides
	kind   string // UDP, TCP, TLS; empty: NAPTR decides
	secure bool   // sips
}

// server is one place that an answer names. Servers with the same rank and
// priority share the load by weight (RFC 2782).
type server struct {
	rank             int // of its transport: NAPTR order and preference
	priority, weight uint16
	kind             string
	addrs            []netip.AddrPort
}

type located struct {
	servers []server
	until   time.Time
}

// serverKey tells servers apart, whatever name they must prove.
type serverKey struct {
	kind string
	addr netip.AddrPort
}

func keyOf(t transport.Target) serverKey { return serverKey{t.Transport, t.Addr} }

// locator finds servers by RFC 3263 and remembers which ones failed. Its
// functions run on the loop; questions to the DNS on goroutines that end by
// lookupTime and that close waits for.
type locator struct {
	loop     *loop.Loop
	resolver Resolver
	random   func(n int) int
	known    map[lookup]located
	waiting  map[lookup][]func([]server, error)
	bad      map[serverKey]time.Time
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

func newLocator(l *loop.Loop, r Resolver, random func(n int) int) *locator {
	ctx, cancel := context.WithCancel(context.Background())
	return &locator{loop: l, resolver: r, random: random, known: map[lookup]located{},
		waiting: map[lookup][]func([]server, error){}, bad: map[serverKey]time.Time{}, ctx: ctx, cancel: cancel}
}

// close ends what is under way and waits for it. Any goroutine but the loop's.
func (l *locator) close() {
	l.cancel()
	l.wg.Wait()
}

// locate finds the servers for a URI in the order in which they are to be tried
// and calls back on the loop, never at once; with an error beside servers they are
// those of an answer that is out of date. preferred is the transport where the URI
// names none; empty leaves the choice to the DNS.
func (l *locator) locate(uri URI, preferred string, cb func([]transport.Target, error)) {
	if targets := l.literal(uri, preferred); targets != nil {
		l.loop.After(0, func() { cb(targets, nil) })
		return
	}
	q := lookupOf(uri, preferred)
	done := func(servers []server, err error) {
		cb(l.order(servers, strings.TrimSuffix(uri.Host, ".")), err)
	}
	if have, ok := l.known[q]; ok && have.until.After(l.loop.Now()) {
		l.loop.After(0, func() { done(have.servers, nil) })
		return
	}
	l.ask(q, done)
}

// literal is the server that a URI names by its address, for which nobody has to be
// asked; nil: it names a host.
func (l *locator) literal(uri URI, preferred string) []transport.Target {
	q := lookupOf(uri, preferred)
	addr, err := netip.ParseAddr(strings.Trim(q.host, "[]"))
	if err != nil {
		return nil
	}
	kind := cmp.Or(q.kind, "UDP")
	at := netip.AddrPortFrom(addr.Unmap(), portOf(q.port, kind))
	return []transport.Target{targetAt(kind, at, strings.TrimSuffix(uri.Host, "."))}
}

// targetAt is a server at an address, which has to prove the name where it has a
// certificate.
func targetAt(kind string, at netip.AddrPort, name string) transport.Target {
	t := transport.Target{Transport: kind, Addr: at}
	if kind != "UDP" && kind != "TCP" {
		t.ServerName = name
	}
	return t
}

// lookupOf is the question for a URI.
func lookupOf(uri URI, preferred string) lookup {
	q := lookup{host: lower(strings.TrimSuffix(uri.Host, ".")), port: uri.Port, kind: preferred, secure: uri.Scheme == "sips"}
	if t := uri.Params.Value("transport"); t != "" {
		if q.kind = upper(t); q.kind == "WS" && preferred == "WSS" {
			q.kind = preferred // RFC 7118 section 4: a URI says ws for both
		}
	}
	if maddr := uri.Params.Value("maddr"); maddr != "" {
		q.host = lower(strings.Trim(maddr, "[]"))
	}
	if q.secure {
		if q.kind = "TLS"; preferred == "WSS" { // 3261 26.2.2: sips is TLS, whatever the account says
			q.kind = preferred
		}
	}
	return q
}

// Locate finds the servers for a URI as a user agent does (RFC 3263), in the order in
// which they are to be tried. kind is the account's transport, for where the URI names none.
// It blocks until ctx ends. Any goroutine.
func Locate(ctx context.Context, r Resolver, uri URI, kind string) ([]transport.Target, error) {
	l := &locator{loop: loop.New(nil), resolver: r, random: rand.IntN}
	preferred := wanted(kind)
	if targets := l.literal(uri, preferred); targets != nil {
		return targets, nil
	}
	servers, _, err := l.look(ctx, lookupOf(uri, preferred))
	if err != nil {
		return nil, err
	}
	return l.order(servers, strings.TrimSuffix(uri.Host, ".")), nil
}

// ask looks a name up on a goroutine; questions for the same name share it.
func (l *locator) ask(q lookup, done func([]server, error)) {
	l.waiting[q] = append(l.waiting[q], done)
	if len(l.waiting[q]) > 1 {
		return
	}
	l.wg.Go(func() {
		ctx, cancel := context.WithTimeout(l.ctx, lookupTime)
		defer cancel()
		servers, ttl, err := l.look(ctx, q)
		l.loop.Post(func() { l.found(q, servers, ttl, err) })
	})
}

func (l *locator) found(q lookup, servers []server, ttl time.Duration, err error) {
	now := l.loop.Now()
	old, had := l.known[q]
	switch {
	case err == nil:
		if len(l.known) >= maxLookups {
			clear(l.known)
		}
		l.known[q] = located{servers, now.Add(min(max(ttl, leastTTL), dnsMaxTTL))}
	case had && !errors.Is(err, ErrNoRecords) && now.Sub(old.until) < staleFor:
		servers = old.servers
	}
	waiting := l.waiting[q]
	delete(l.waiting, q)
	for _, done := range waiting {
		done(servers, err)
	}
}

// look asks the DNS as RFC 3263 4.1 and 4.2 say. It blocks.
func (l *locator) look(ctx context.Context, q lookup) ([]server, time.Duration, error) {
	if strings.HasSuffix(q.host, ".invalid") { // nobody has it (RFC 6761 6.4): the host of a Contact that cannot be dialled
		return nil, 0, fmt.Errorf("find server %s: %w", q.host, ErrNoRecords)
	}
	if q.port == 0 {
		sets, life := l.services(ctx, q)
		for _, names := range sets {
			if servers, ttl := l.srv(ctx, names); len(servers) > 0 {
				return servers, min(ttl, life), nil
			}
		}
	}
	kind := cmp.Or(q.kind, "UDP")
	addrs, ttl, err := l.resolver.Addrs(ctx, q.host)
	if err != nil {
		return nil, 0, fmt.Errorf("find server %s: %w", q.host, err)
	}
	return []server{{kind: kind, addrs: withPort(addrs, portOf(q.port, kind))}}, ttl, nil
}

// service is a name of SRV records and the transport that it is of.
type service struct {
	kind, name string
	rank       int
}

// usualServices are the SRV names of a transport, of each in the order of our liking where
// kind is empty; WebSockets have none.
func usualServices(host, kind string) []service {
	var names []service
	for i, usual := range []service{{kind: "UDP", name: "_sip._udp."}, {kind: "TCP", name: "_sip._tcp."}, {kind: "TLS", name: "_sips._tcp."}} {
		if kind == "" || kind == usual.kind {
			names = append(names, service{usual.kind, usual.name + host, i})
		}
	}
	return names
}

// ServiceNames are the names of the SRV records that an account's transport is looked for
// by at a host (RFC 3263 section 4.1): one, three with Auto, none for WebSockets.
func ServiceNames(host, transport string) []string {
	var names []string
	for _, s := range usualServices(host, wanted(transport)) {
		names = append(names, s.name)
	}
	return names
}

// services are the SRV names to be asked: one set after the other, until one of
// them has records; and for how long what names them holds.
func (l *locator) services(ctx context.Context, q lookup) ([][]service, time.Duration) {
	sets := [][]service{usualServices(q.host, q.kind)}
	if q.kind != "" {
		return sets, dnsMaxTTL
	}
	records, ttl, err := l.resolver.NAPTR(ctx, q.host)
	switch {
	case errors.Is(err, ErrNoRecords):
		return sets, dnsMaxTTL
	case err != nil:
		return sets, leastTTL // the usual transports for now, not for as long as their own records live
	}
	slices.SortStableFunc(records, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	kinds := map[string]string{"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS"}
	var named []service
	for i, r := range records {
		if kind := kinds[upper(r.Service)]; kind != "" && i < maxSRVTarget {
			named = append(named, service{kind, r.Replacement, i})
		}
	}
	return append([][]service{named}, sets...), ttl
}

// srv resolves a set of SRV names; what cannot be resolved is left out.
func (l *locator) srv(ctx context.Context, names []service) ([]server, time.Duration) {
	var out []server
	ttl := dnsMaxTTL
	for _, name := range names {
		records, life, err := l.resolver.SRV(ctx, name.name)
		if err != nil {
			continue
		}
		for i, r := range records {
			if r.Target == "." || i == maxSRVTarget {
				continue
			}
			addrs, short, err := l.resolver.Addrs(ctx, r.Target)
			if err != nil {
				continue
			}
			ttl = min(ttl, life, short)
			out = append(out, server{rank: name.rank, priority: r.Priority, weight: r.Weight, kind: name.kind,
				addrs: withPort(addrs, r.Port)})
		}
	}
	return out, ttl
}

func withPort(addrs []netip.Addr, port uint16) []netip.AddrPort {
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		out[i] = netip.AddrPortFrom(a, port)
	}
	return out
}

func portOf(port uint16, kind string) uint16 {
	switch {
	case port != 0:
		return port
	case kind == "TLS":
		return 5061
	case kind == "WS":
		return 80
	case kind == "WSS":
		return 443
	}
	return 5060
}

// forget makes the DNS be asked anew: another network may name other servers. What
// is known serves as long as the DNS is silent, and none has failed.
func (l *locator) forget() {
	now := l.loop.Now()
	for q, known := range l.known {
		if known.until.After(now) {
			known.until = now
			l.known[q] = known
		}
	}
	clear(l.bad)
}

// order puts servers in the order of RFC 2782, drawing anew each time, and those
// that failed lately behind the others. A TLS server must prove the name that was
// asked for, not the one that the DNS gave (RFC 5922 4).
func (l *locator) order(servers []server, name string) []transport.Target {
	var good, bad []transport.Target
	for _, s := range l.draw(servers) {
		for _, addr := range s.addrs {
			t := targetAt(s.kind, addr, name)
			if l.avoids(t) {
				bad = append(bad, t)
			} else {
				good = append(good, t)
			}
		}
	}
	all := append(good, bad...)
	return all[:min(len(all), maxServers)]
}

// draw sorts by rank and priority, and within them by lot: a server's chance to
// be the next is its share of the weights that are left.
func (l *locator) draw(servers []server) []server {
	if len(servers) == 1 {
		return servers
	}
	left := slices.Clone(servers)
	slices.SortStableFunc(left, func(a, b server) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.priority, b.priority), cmp.Compare(min(a.weight, 1), min(b.weight, 1)))
	})
	var out []server
	for len(left) > 0 {
		group, sum := 0, 0
		for group < len(left) && left[group].rank == left[0].rank && left[group].priority == left[0].priority {
			sum += int(left[group].weight)
			group++
		}
		lot, pick := l.random(sum+1), 0
		for run := int(left[0].weight); run < lot; run += int(left[pick].weight) {
			pick++
		}
		out = append(out, left[pick])
		left = slices.Delete(left, pick, pick+1)
	}
	return out
}

// avoid puts a server behind its alternatives for a while; zero means the usual
// time, after which the preferred server is preferred again.
func (l *locator) avoid(t transport.Target, d time.Duration) {
	now := l.loop.Now()
	if len(l.bad) >= maxAvoided {
		for k, until := range l.bad {
			if !until.After(now) {
				delete(l.bad, k)
			}
		}
		if len(l.bad) >= maxAvoided {
			clear(l.bad)
		}
	}
	l.bad[keyOf(t)] = now.Add(cmp.Or(d, avoidFor))
}

// restore forgets that a server failed.
func (l *locator) restore(t transport.Target) { delete(l.bad, keyOf(t)) }

// avoids reports whether a server failed a moment ago.
func (l *locator) avoids(t transport.Target) bool {
	until, failed := l.bad[keyOf(t)]
	return failed && until.After(l.loop.Now())
}

// avoiding reports whether any server is being avoided now.
func (l *locator) avoiding() bool {
	now := l.loop.Now()
	for _, until := range l.bad {
		if until.After(now) {
			return true
		}
	}
	return false
}

// prefer puts a server first that is among those found and not avoided, so that a
// lot among equals does not move us from one to the other.
func (l *locator) prefer(targets []transport.Target, first transport.Target) []transport.Target {
	if l.avoids(first) {
		return targets
	}
	for i, t := range targets {
		if keyOf(t) == keyOf(first) {
			return append([]transport.Target{t}, slices.Delete(slices.Clone(targets), i, i+1)...)
		}
	}
	return targets
}

// locate finds the servers for a URI, in the order in which they are to be tried.
func (u *UA) locate(uri URI, preferred string, cb func([]transport.Target, error)) {
	u.locator.locate(uri, preferred, cb)
}
