package sip

import (
	"net/netip"
	"strings"

	"ringback/sip/transport"
)

// maxPeerAddrs bounds the addresses that are remembered for an account's
// registrar and proxies.
const maxPeerAddrs = 64

// peerBook knows the addresses of the accounts' registrars and outbound proxies:
// who may call, whose identity is believed, who gets credentials. Loop goroutine.
type peerBook struct {
	of    map[*Account]map[netip.Addr]struct{}
	order []*Account
}

func newPeerBook() *peerBook { return &peerBook{of: map[*Account]map[netip.Addr]struct{}{}} }

// learn notes an address of an account's registrar or proxy, as resolved from
// the account's own configuration, never from what a message says.
func (b *peerBook) learn(a *Account, addr netip.Addr) {
	if a == nil {
		return
	}
	set := b.of[a]
	if set == nil {
		set = map[netip.Addr]struct{}{}
		b.of[a] = set
		b.order = append(b.order, a)
	}
	if len(set) < maxPeerAddrs {
		set[addr.Unmap()] = struct{}{}
	}
}

func (b *peerBook) has(a *Account, addr netip.Addr) bool {
	_, ok := b.of[a][addr.Unmap()]
	return ok
}

// at are the accounts whose registrar or proxy has that address.
func (b *peerBook) at(addr netip.Addr) []*Account {
	var out []*Account
	for _, a := range b.order {
		if b.has(a, addr) {
			out = append(out, a)
		}
	}
	return out
}

// learnPeers notes what a URI resolved to when it is the account's registrar,
// proxy or own domain.
func (u *UA) learnPeers(a *Account, uri URI, targets []transport.Target) {
	if a == nil {
		return
	}
	own := strings.EqualFold(uri.Host, a.AOR.Host) || strings.EqualFold(uri.Host, a.Registrar.Host) ||
		a.Proxy != nil && strings.EqualFold(uri.Host, a.Proxy.Host)
	if !own {
		return
	}
	u.learnAddrs(a, targets)
}

// learnAddrs notes addresses as an account's own.
func (u *UA) learnAddrs(a *Account, targets []transport.Target) {
	for _, t := range targets {
		u.peers.learn(a, t.Addr.Addr())
		u.transport.Know(t.Addr.Addr())
	}
}

func lower(s string) string { return strings.ToLower(s) }

func upper(s string) string { return strings.ToUpper(s) }
