package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ringback/agent/verdict"
	"ringback/sip"
)

// lookupTime bounds all questions to the DNS.
const lookupTime = 5 * time.Second

// names finds the PBX's servers as the phone does (RFC 3263).
func (e *exam) names(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	var err error
	e.targets, err = sip.Locate(ctx, e.Resolver, e.to, e.account.Transport)
	c := e.subject()
	if err == nil && len(e.targets) == 0 {
		err = sip.ErrNoRecords
	}
	if err != nil {
		f, ok := verdict.OfError(err, c)
		if !ok {
			f = verdict.DNSFails.Say("host", e.to.Host, "error", err.Error())
		}
		return e.tell("dns", Wrong, f)
	}
	if _, err := netip.ParseAddr(strings.Trim(e.to.Host, "[]")); err == nil {
		return e.ok("dns", "%s is an address: there is nothing to look up", e.to.Host)
	}
	if f, wrong := e.deadService(ctx); wrong {
		e.tell("dns", Warning, f)
	}
	var list []string
	for _, t := range e.targets {
		if verdict.Impossible(t.Addr.String(), e.to.Host) {
			return e.tell("dns", Wrong, verdict.DNSLies.Say("host", e.to.Host, "addr", t.Addr.Addr().String()))
		}
		list = append(list, fmt.Sprintf("%s by %s", t.Addr, lower(t.Transport)))
	}
	return e.ok("dns", "%s is %s", e.to.Host, strings.Join(list[:min(len(list), 4)], ", "))
}

// deadService finds an SRV record whose target has no address: the phone passes it
// over.
func (e *exam) deadService(ctx context.Context) (verdict.Finding, bool) {
	if e.to.Port != 0 {
		return verdict.Finding{}, false
	}
	for _, name := range sip.ServiceNames(e.to.Host, e.account.Transport) {
		records, _, _ := e.Resolver.SRV(ctx, name) // none is no fault
		for _, r := range records {
			if _, _, err := e.Resolver.Addrs(ctx, r.Target); errors.Is(err, sip.ErrNoRecords) {
				return verdict.DNSService.Say("target", r.Target, "host", e.to.Host), true
			}
		}
	}
	return verdict.Finding{}, false
}

func lower(s string) string { return strings.ToLower(s) }
