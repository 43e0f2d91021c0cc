package sip

import (
	"fmt"
	"net/netip"

	"ringback/sip/transport"
)

// locate finds the servers for a URI, in the order in which they are to be tried.
func (u *UA) locate(uri URI, preferred string, cb func([]transport.Target, error)) {
	kind := preferred
	if t := uri.Params.Value("transport"); t != "" {
		kind = upper(t)
	}
	addr, err := netip.ParseAddr(uri.Host)
	if err != nil {
		u.loop.After(0, func() { cb(nil, fmt.Errorf("resolve %s: %w", uri.Host, err)) })
		return
	}
	port := uri.Port
	if port == 0 {
		port = 5060
		if kind == "TLS" {
			port = 5061
		}
	}
	u.loop.After(0, func() {
		cb([]transport.Target{{Transport: kind, Addr: netip.AddrPortFrom(addr, port), ServerName: uri.Host}}, nil)
	})
}
