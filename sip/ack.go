package sip

import (
	"net/netip"

	"ringback/sip/message"
	"ringback/sip/transaction"
	"ringback/sip/transport"
)

// sendAck sends the ACK of a 2xx to where the dialog's requests go. The credentials
// of its INVITE go along to the account's own servers only: the Contact of the 2xx
// may name anybody.
func (u *UA) sendAck(ack *message.Request, h hop, a *Account) {
	if h.flow != nil && !h.flow.Closed() {
		u.tx.SendAck(u.forHome(ack, a, h.flow.Remote()), transaction.Target{Flow: h.flow})
		return
	}
	if again := h.before(); len(again) > 0 {
		u.tx.SendAck(u.forHome(ack, a, again[0].Addr), transaction.Target{Target: again[0]})
		return
	}
	if targets := u.locator.literal(h.uri, u.preferred(a)); targets != nil {
		u.tx.SendAck(u.forHome(ack, a, targets[0].Addr), transaction.Target{Target: targets[0]})
		return
	}
	u.locate(h.uri, u.preferred(a), func(targets []transport.Target, err error) {
		if len(targets) == 0 {
			u.count.add("ack_unroutable")
			u.log.Warn("cannot send ACK", "to", h.uri.Host, "cause", err)
			return
		}
		u.tx.SendAck(u.forHome(ack, a, targets[0].Addr), transaction.Target{Target: targets[0]})
	})
}

// forHome is a request as it may go to an address: without credentials unless that
// is the account's registrar or proxy.
func (u *UA) forHome(req *message.Request, a *Account, addr netip.AddrPort) *message.Request {
	if a != nil && u.peers.has(a, addr.Addr()) || !message.Has(req, "Authorization") && !message.Has(req, "Proxy-Authorization") {
		return req
	}
	out := message.Clone(req)
	message.Remove(out, "Authorization")
	message.Remove(out, "Proxy-Authorization")
	return out
}
