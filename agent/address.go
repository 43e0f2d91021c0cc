package agent

import (
	"fmt"
	"net/netip"

	"ringback/sip"
)

// bound reports whether the configuration names the one address of ours to use.
func (a *Agent) bound() bool { return a.bind.IsValid() && !a.bind.IsUnspecified() }

// address is our own address towards the far end of a call: where its INVITE came
// to, or for a call out that which leads to the PBX now.
func (a *Agent) address(s *sip.Session) (netip.Addr, error) {
	switch {
	case a.bound():
		return a.bind, nil
	case s != nil && s.Source() != nil:
		return s.Source().Local().Addr(), nil
	}
	at, err := a.ua.LocalTo(a.account)
	if err != nil {
		return at, fmt.Errorf("no way to the PBX: is this machine connected to a network? (%w)", err)
	}
	return at, nil
}

// moved takes a call's media to the address that we have now, and tells the far end:
// a re-INVITE names it, and our new Contact (RFC 3261 12.2.1.1).
func (a *Agent) moved(l *leg, to netip.Addr) {
	if a.bound() || !l.up() || l.media == nil {
		return
	}
	a.log.Info("our address has changed under a call", "call", string(l.id), "to", to)
	if err := l.media.Move(to); err != nil {
		e := l.event(ErrorHappened)
		e.Text = "move the call's media: " + err.Error()
		a.emit(e)
	}
	l.exchange.again = true
	a.negotiate(l)
}
