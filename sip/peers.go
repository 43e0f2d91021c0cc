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
	of   map[*Account]map[netip.Addr]struct{}
	all  neighbours
	near map[netip.Addr]*neighbours
}

// neighbours are accounts of one address, by the users that they are called as: of
// thousands one is found without a look at the others.
type neighbours struct {
	accounts []*Account          // in the order in which they came
	byUser   map[string]*Account // the first of a name
}

func (n *neighbours) add(a *Account) {
	if n.byUser == nil {
		n.byUser = map[string]*Account{}
	}
	n.accounts = append(n.accounts, a)
	for _, user := range []string{a.AOR.UserText(), a.user()} {
		if n.byUser[user] == nil {
			n.byUser[user] = a
		}
	}
}

func newPeerBook() *peerBook {
	return &peerBook{of: map[*Account]map[netip.Addr]struct{}{}, near: map[netip.Addr]*neighbours{}}
}

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
		b.all.add(a)
	}
	addr = addr.Unmap()
	if _, known := set[addr]; known || len(set) >= maxPeerAddrs {
		return
	}
	set[addr] = struct{}{}
	if b.near[addr] == nil {
		b.near[addr] = &neighbours{}
	}
	b.near[addr].add(a)
}

func (b *peerBook) has(a *Account, addr netip.Addr) bool {
	_, ok := b.of[a][addr.Unmap()]
	return ok
}

// at are the accounts whose registrar or proxy has that address; nil: it is nobody's.
func (b *peerBook) at(addr netip.Addr) *neighbours { return b.near[addr.Unmap()] }

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
