package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
	"ringback/sip/transport"
)

// reserveFor is how long a registrar that served is gone to where the DNS names none, or
// one that does not do (RFC 8767 section 5: a day or some).
const reserveFor = 24 * time.Hour

// Served is a registrar that took an account's REGISTER.
type Served struct {
	Host string         // by which the DNS named it
	By   string         // the transport to it, udp, tcp, tls, ws or wss
	Addr netip.AddrPort // where it was
	At   time.Time      // when it last did, by the wall clock
}

// DoubtError says why the account is served by the registrar that served it before, and
// not by one that the DNS names now. It is in RegistrationStatus.Err of a registration
// that holds, and around the errors of requests that failed at both.
type DoubtError struct {
	Served netip.AddrPort // the registrar that served before
	Named  netip.AddrPort // by the DNS, and did not do; zero: it names none
	Err    error          // of the DNS, or of the server that it names
	by     string         // the transport to Named
}

// Error says what is doubted.
func (e *DoubtError) Error() string {
	if !e.Named.IsValid() {
		return fmt.Sprintf("the DNS names no server now (%v); %s served before", e.Err, e.Served)
	}
	return fmt.Sprintf("the DNS names %s now, which does not do (%v); %s served before", e.Named, e.Err, e.Served)
}

// Unwrap is the error of the DNS or the server.
func (e *DoubtError) Unwrap() error { return e.Err }

// served notes who has taken the account's REGISTER: where to go when the DNS fails,
// and who may ask for its credentials in another realm.
func (r *Registration) served(by transport.Target) {
	r.host, r.servedAt = strings.TrimSuffix(r.hop().uri.Host, "."), r.ua.loop.Now()
	if _, err := netip.ParseAddr(strings.Trim(r.host, "[]")); err == nil {
		r.host = "" // an address needs no DNS
	}
	r.ua.keyring(r.account).knows(by.Addr.Addr())
}

// remember takes up who served the account in an earlier life: the same as in this one,
// but for the realms, which that host alone could have named. Not where the configuration
// is another one now, and would have TLS.
func (r *Registration) remember(s Served) {
	age, now := r.ua.cfg.WallClock().Sub(s.At), lookupOf(r.hop().uri, r.ua.preferred(r.account))
	if !s.Addr.IsValid() || age < 0 || age >= reserveFor || !strings.EqualFold(s.Host, now.host) || now.kind != "" && now.kind != upper(s.By) {
		return
	}
	r.host, r.servedAt, r.server = s.Host, r.ua.loop.Now().Add(-age), targetAt(upper(s.By), s.Addr, s.Host)
	r.ua.learnAddrs(r.account, []transport.Target{r.server})
}

// Served is who took the account's REGISTER last; the zero Served when nobody has, or by
// an address that no DNS has to name.
func (r *Registration) Served() Served {
	if r.host == "" || !r.server.Addr.IsValid() {
		return Served{}
	}
	age := r.ua.loop.Now().Sub(r.servedAt)
	return Served{Host: r.host, By: lower(r.server.Transport), Addr: r.server.Addr, At: r.ua.cfg.WallClock().Add(-age)}
}

// reserve is the registrar that served the account last, where a URI names the same host
// by its name; nil when there is none.
func (u *UA) reserve(a *Account, uri URI) *transport.Target {
	host := strings.TrimSuffix(uri.Host, ".")
	if a == nil || host == "" {
		return nil
	}
	for _, r := range u.bindings[a] {
		if r.server.Addr.IsValid() && strings.EqualFold(host, r.host) && u.loop.Now().Sub(r.servedAt) < reserveFor {
			return new(r.server)
		}
	}
	return nil
}

// found takes the answer of the DNS. Where it does not name the registrar that served
// before, calls go there first, since nobody else has taken a REGISTER of ours; REGISTERs
// behind the servers that it names now, but before those of them that failed lately.
func (e *exchange) found(targets []transport.Target, err error) {
	u := e.ua
	reserve := u.reserve(e.account, e.hop.uri)
	again := e.hop.before()
	switch {
	case err == nil:
	case reserve != nil:
		e.doubt = &DoubtError{Served: reserve.Addr, Err: err}
	case len(targets) > 0:
		e.doubt = &DoubtError{Served: targets[0].Addr, Err: err}
	case len(again) == 0:
		e.fail(fmt.Errorf("%w: %w", transaction.ErrTransport, err))
		return
	}
	u.learnPeers(e.account, e.hop.uri, targets)
	if e.ours {
		u.learnAddrs(e.account, targets)
	}
	e.targets = targets
	if e.prefer != nil {
		e.targets = u.locator.prefer(targets, *e.prefer)
	}
	same := func(t transport.Target) bool { return keyOf(t) == keyOf(*reserve) }
	if reserve != nil && !slices.ContainsFunc(targets, same) {
		e.reserve = reserve
		at := slices.IndexFunc(e.targets, u.locator.avoids)
		switch {
		case e.req.Method != message.REGISTER:
			at = 0
		case at < 0:
			at = len(e.targets)
		}
		e.targets = slices.Insert(slices.Clone(e.targets), at, *reserve)
		if e.doubt == nil && at == 0 && e.req.Method == message.REGISTER {
			e.doubt = u.doubted(e.account, DoubtError{Served: reserve.Addr, Named: e.targets[1].Addr, by: e.targets[1].Transport, Err: errors.New("it failed a moment ago")})
		}
	}
	e.targets = slices.Insert(e.targets, 0, again...)
	e.next()
}

// doubted is what was said last of a server that is not tried now, or what can be said
// without.
func (u *UA) doubted(a *Account, now DoubtError) *DoubtError {
	for _, r := range u.bindings[a] {
		var before *DoubtError
		if errors.As(r.status.Err, &before) && before.Named == now.Named {
			now.Err = before.Err
		}
	}
	return &now
}

// doubtful notes that the server that the DNS names does not do, when the one that
// served before is next, and reports whether it is.
func (e *exchange) doubtful(err error) bool {
	if e.reserve == nil || len(e.targets) == 0 || e.targets[0] != *e.reserve {
		return false
	}
	if e.doubt == nil {
		e.doubt = &DoubtError{Served: e.reserve.Addr, Named: e.target.Addr, by: e.target.Transport, Err: err}
	}
	return true
}

// blamed is the server that a failure is told of: the one that the DNS named, where the
// one that served before has failed as well.
func (e *exchange) blamed() serverKey {
	if e.doubt != nil && e.doubt.Named.IsValid() {
		return serverKey{e.doubt.by, e.doubt.Named}
	}
	return keyOf(e.target.Target)
}
