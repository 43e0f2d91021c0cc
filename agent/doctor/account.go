package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ringback/agent/verdict"
	"ringback/sip"
)

// clockSlack is how far this machine's clock may be off the PBX's.
const clockSlack = 2 * time.Minute

// registration asks the registrar what it has bound for the account: that proves the
// password and changes nothing (RFC 3261 10.2.3).
func (e *exam) registration(ctx context.Context) bool {
	to := e.account.AOR
	registrar := e.account.Registrar
	if registrar.Host == "" {
		registrar = sip.URI{Scheme: to.Scheme, Host: to.Host, Port: to.Port}
	}
	registrar.User, registrar.Password = "", ""
	e.listed = e.ask.request(ctx, sip.RequestOptions{Method: "REGISTER", To: to, Target: &registrar, Timeout: e.Patience})
	c := e.subject()
	switch r := e.listed; {
	case r.Err != nil:
		return e.tell("registration", Wrong, e.failed(r.Err, c))
	case r.Code >= 300:
		return e.tell("registration", Wrong, verdict.OfAnswer(r.Code, r.Reason, r.Auth, c))
	}
	bound := e.bound()
	if e.desk != nil && e.desk.Registration.State == "registered" && !contains(bound, e.desk.Registration.Contact) {
		e.tell("registration", Wrong, verdict.SIPForgotten.Say("contact", e.desk.Registration.Contact))
		return true
	}
	return e.ok("registration", "the PBX takes %s as %s; addresses that it has now: %d", e.account.AOR.String(), c.User, len(bound))
}

// bound are the addresses that the registrar listed.
func (e *exam) bound() (list []sip.URI) {
	for _, h := range e.listed.Headers {
		if lower(h.Name) != "contact" && lower(h.Name) != "m" {
			continue
		}
		for part := range strings.SplitSeq(h.Value, ",") {
			if _, rest, found := strings.Cut(part, "<"); found {
				part, _, _ = strings.Cut(rest, ">")
			}
			if uri, err := sip.ParseURI(strings.TrimSpace(part)); err == nil {
				list = append(list, uri)
			}
		}
	}
	return list
}

func contains(list []sip.URI, contact string) bool {
	want, err := sip.ParseURI(contact)
	if err != nil {
		return true // nothing to look for
	}
	for _, have := range list {
		if have.User == want.User && have.HostPort() == want.HostPort() {
			return true
		}
	}
	return false
}

// nat compares our address with the one that the PBX answered to (RFC 3581 4).
func (e *exam) nat(context.Context) bool {
	own, public := seen(e.listed)
	switch {
	case public.Addr() == own.Addr():
		e.ok("nat", "the PBX sees this phone at its own address %s", own.Addr())
	case !e.Config.Media.NAT:
		e.tell("nat", Wrong, verdict.NATMedia.Say("public", public.Addr().String(), "own", own.Addr().String()))
	default:
		e.tell("nat", Warning, verdict.NATBehind.Say("public", public.Addr().String(), "own", own.Addr().String()))
	}
	return true
}

// seen is our own address and the one that the top Via says we come from: our own where
// it says nothing.
func seen(r sip.Reply) (own, public netip.AddrPort) {
	own = r.Flow.Local()
	for _, h := range r.Headers {
		if lower(h.Name) != "via" && lower(h.Name) != "v" {
			continue
		}
		port := own.Port()
		for _, param := range strings.Split(h.Value, ";")[1:] {
			name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			switch lower(strings.TrimSpace(name)) {
			case "rport":
				if n, err := strconv.ParseUint(value, 10, 16); err == nil {
					port = uint16(n)
				}
			case "received":
				if at, err := netip.ParseAddr(strings.Trim(value, "[] ")); err == nil {
					public = netip.AddrPortFrom(at.Unmap(), 0)
				}
			}
		}
		if !public.IsValid() {
			break
		}
		return own, netip.AddrPortFrom(public.Addr(), port)
	}
	return own, own
}

// clock compares this machine's clock with the PBX's (RFC 3261 20.17).
func (e *exam) clock(context.Context) bool {
	for _, h := range e.listed.Headers {
		if lower(h.Name) != "date" {
			continue
		}
		theirs, err := http.ParseTime(h.Value)
		if err != nil {
			continue
		}
		off := e.Now().Sub(theirs).Round(time.Second)
		if off.Abs() <= clockSlack {
			return e.ok("clock", "within %v of the PBX's", off.Abs()+time.Second)
		}
		side := "ahead"
		if off < 0 {
			side = "behind"
		}
		e.tell("clock", Wrong, verdict.ClockOff.Say("off", fmt.Sprintf("%v %s", off.Abs(), side)))
		return true
	}
	f := verdict.ClockUnknown.Say()
	e.tell("clock", NotChecked, f)
	return true
}
