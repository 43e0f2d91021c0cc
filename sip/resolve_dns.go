package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// ErrNoRecords: the name exists, or may exist, but has no record of the kind.
var ErrNoRecords = errors.New("resolve name: no such record")

// NAPTR is one record of RFC 3403, as far as RFC 3263 4.1 uses it.
type NAPTR struct {
	Order, Preference uint16
	Service           string // SIP+D2U, SIP+D2T, SIPS+D2T
	Replacement       string // the name of SRV records
}

// SRV is one record of RFC 2782.
type SRV struct {
	Priority, Weight, Port uint16
	Target                 string // "." where the service is decidedly not offered
}

// Resolver answers questions to the DNS. Its methods may be called from any
// goroutine and block until ctx ends. The duration is how long the answer may be
// kept; an answer without records is ErrNoRecords.
type Resolver interface {
	NAPTR(ctx context.Context, domain string) ([]NAPTR, time.Duration, error)
	SRV(ctx context.Context, name string) ([]SRV, time.Duration, error)
	Addrs(ctx context.Context, host string) ([]netip.Addr, time.Duration, error)
}

// DNSConfig is what NewResolver is made from.
type DNSConfig struct {
	Network DNSNetwork                                       // required; transport.Host() or a simnet host
	Servers []netip.AddrPort                                 // empty: those that Conf names
	Conf    string                                           // empty: /etc/resolv.conf
	Timeout time.Duration                                    // for one try at one server; zero: 1 s
	Hosts   func(ctx context.Context, h string) []netip.Addr // the hosts file; nil: the system's
}

// DNSNetwork is what the DNS client needs of a network.
type DNSNetwork interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error)
}

const (
	dnsTimeout  = time.Second
	dnsTries    = 2
	dnsMaxTTL   = time.Hour
	hostsTTL    = 10 * time.Second // a changed hosts file is seen soon
	dnsMaxReply = 4096             // bytes of a UDP answer (EDNS0)
	dnsMaxRRs   = 64               // records of an answer that are looked at
)

type dnsResolver struct{ DNSConfig }

// NewResolver returns a Resolver over miekg/dns that speaks UDP, and TCP where an
// answer was cut. Without servers of its own it reads /etc/resolv.conf for each
// question, since another network brings other servers; a machine that has none
// (Windows) is asked through the Go runtime, which knows no NAPTR.
func NewResolver(c DNSConfig) Resolver {
	if c.Timeout == 0 {
		c.Timeout = dnsTimeout
	}
	if c.Hosts == nil {
		c.Hosts = systemHosts
	}
	if c.Conf == "" {
		c.Conf = "/etc/resolv.conf"
	}
	if len(c.Servers) == 0 {
		return systemResolver{c}
	}
	return &dnsResolver{c}
}

// systemResolver asks the servers that the machine has now.
type systemResolver struct{ DNSConfig }

func (s systemResolver) now() Resolver {
	c := s.DNSConfig
	if c.Servers = serversOf(c.Conf); len(c.Servers) == 0 {
		return runtimeResolver{}
	}
	return &dnsResolver{c}
}

func (s systemResolver) NAPTR(ctx context.Context, domain string) ([]NAPTR, time.Duration, error) {
	return s.now().NAPTR(ctx, domain)
}

func (s systemResolver) SRV(ctx context.Context, name string) ([]SRV, time.Duration, error) {
	return s.now().SRV(ctx, name)
}

func (s systemResolver) Addrs(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	return s.now().Addrs(ctx, host)
}

func serversOf(conf string) []netip.AddrPort {
	file, err := dns.ClientConfigFromFile(conf)
	if err != nil {
		return nil
	}
	var out []netip.AddrPort
	for _, s := range file.Servers {
		if at, err := netip.ParseAddrPort(net.JoinHostPort(s, file.Port)); err == nil {
			out = append(out, at)
		}
	}
	return out
}

// systemHosts asks the Go runtime for what it knows without the DNS: it reads the
// hosts file first, and each server that it would ask is refused to it.
func systemHosts(ctx context.Context, host string) []netip.Addr {
	offline := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("look into hosts file: no network wanted")
	}}
	addrs, err := offline.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	return unmapped(addrs)
}

func unmapped(addrs []netip.Addr) []netip.Addr {
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs
}

func (r *dnsResolver) NAPTR(ctx context.Context, domain string) ([]NAPTR, time.Duration, error) {
	if len(r.Hosts(ctx, domain)) > 0 {
		return nil, hostsTTL, ErrNoRecords // the hosts file decides: the DNS is not asked
	}
	var out []NAPTR
	ttl, err := r.ask(ctx, domain, dns.TypeNAPTR, func(rr dns.RR) {
		if n, ok := rr.(*dns.NAPTR); ok && n.Regexp == "" {
			out = append(out, NAPTR{n.Order, n.Preference, n.Service, trimDot(n.Replacement)})
		}
	})
	return none(out, ttl, err)
}

func (r *dnsResolver) SRV(ctx context.Context, name string) ([]SRV, time.Duration, error) {
	if parts := strings.SplitN(name, ".", 3); len(parts) == 3 && len(r.Hosts(ctx, parts[2])) > 0 {
		return nil, hostsTTL, ErrNoRecords
	}
	var out []SRV
	ttl, err := r.ask(ctx, name, dns.TypeSRV, func(rr dns.RR) {
		if s, ok := rr.(*dns.SRV); ok {
			out = append(out, SRV{s.Priority, s.Weight, s.Port, trimDot(s.Target)})
		}
	})
	return none(out, ttl, err)
}

// Addrs gives the IPv4 addresses before those of IPv6.
func (r *dnsResolver) Addrs(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	if found := r.Hosts(ctx, host); len(found) > 0 {
		return found, hostsTTL, nil
	}
	var out []netip.Addr
	ttl := dnsMaxTTL
	var failed error
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		t, err := r.ask(ctx, host, kind, func(rr dns.RR) {
			switch a := rr.(type) {
			case *dns.A:
				if addr, ok := netip.AddrFromSlice(a.A.To4()); ok {
					out = append(out, addr)
				}
			case *dns.AAAA:
				if addr, ok := netip.AddrFromSlice(a.AAAA); ok {
					out = append(out, addr.Unmap())
				}
			}
		})
		if err != nil {
			failed = err
			continue
		}
		ttl = min(ttl, t)
	}
	if len(out) > 0 {
		return out, ttl, nil
	}
	return none(out, ttl, failed)
}

func none[T any](out []T, ttl time.Duration, err error) ([]T, time.Duration, error) {
	if err == nil && len(out) == 0 {
		err = ErrNoRecords
	}
	return out, ttl, err
}

func trimDot(name string) string {
	if len(name) > 1 && name[len(name)-1] == '.' {
		return name[:len(name)-1]
	}
	return name
}

// ask puts one question to the servers in turn, twice round, and calls take for
// each answer record. It returns the least TTL.
func (r *dnsResolver) ask(ctx context.Context, name string, kind uint16, take func(dns.RR)) (time.Duration, error) {
	if _, ok := dns.IsDomainName(name); !ok {
		return 0, fmt.Errorf("resolve %q: it is no domain name", short(name))
	}
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	q.SetEdns0(dnsMaxReply, false)
	var failed error
	for try := range dnsTries * len(r.Servers) {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("resolve %s: %w: %w", name, ErrDNSSilent, err)
		}
		q.Id = dns.Id()
		answer, err := r.exchange(ctx, r.Servers[try%len(r.Servers)], q)
		switch {
		case err != nil:
			failed = err
		case answer.Rcode == dns.RcodeNameError:
			return 0, fmt.Errorf("resolve %s: %w", name, ErrNoRecords)
		case answer.Rcode != dns.RcodeSuccess:
			failed = fmt.Errorf("%w: it answered %s", ErrDNS, dns.RcodeToString[answer.Rcode])
		default:
			return collect(answer, take), nil
		}
	}
	return 0, fmt.Errorf("resolve %s %s: %w", name, dns.TypeToString[kind], failed)
}

func collect(answer *dns.Msg, take func(dns.RR)) time.Duration {
	ttl := dnsMaxTTL
	for i, rr := range answer.Answer {
		if i == dnsMaxRRs {
			break
		}
		ttl = min(ttl, time.Duration(rr.Header().Ttl)*time.Second)
		take(rr)
	}
	return ttl
}

func (r *dnsResolver) exchange(ctx context.Context, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	answer, err := r.exchangeUDP(ctx, server, q)
	if err == nil && answer.Truncated {
		return r.exchangeTCP(ctx, server, q)
	}
	return answer, err
}

func (r *dnsResolver) exchangeUDP(ctx context.Context, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	packed, err := q.Pack()
	if err != nil {
		return nil, fmt.Errorf("write question: %w", err)
	}
	any := "0.0.0.0:0"
	if server.Addr().Is6() {
		any = "[::]:0"
	}
	conn, err := r.Network.ListenPacket(ctx, "udp", any)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", server, err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := conn.WriteTo(packed, net.UDPAddrFromAddrPort(server)); err != nil {
		return nil, fmt.Errorf("ask %s: %w", server, err)
	}
	buf := make([]byte, dnsMaxReply)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return nil, fmt.Errorf("ask %s: %w", server, ErrDNSSilent)
		}
		if answer := matching(q, buf[:n]); answer != nil && sameAddr(from, server) {
			return answer, nil
		}
	}
}

// matching drops what is not the answer to our question: a guess of a stranger's.
func matching(q *dns.Msg, data []byte) *dns.Msg {
	answer := new(dns.Msg)
	if answer.Unpack(data) != nil || !answer.Response || answer.Id != q.Id || len(answer.Question) != 1 {
		return nil
	}
	asked, got := q.Question[0], answer.Question[0]
	if got.Qtype != asked.Qtype || dns.CanonicalName(got.Name) != dns.CanonicalName(asked.Name) {
		return nil
	}
	return answer
}

func sameAddr(from net.Addr, want netip.AddrPort) bool {
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return from.String() == want.String()
	}
	at := udp.AddrPort()
	return at.Port() == want.Port() && at.Addr().Unmap() == want.Addr().Unmap()
}

func (r *dnsResolver) exchangeTCP(ctx context.Context, server netip.AddrPort, q *dns.Msg) (*dns.Msg, error) {
	raw, err := r.Network.Dial(ctx, "tcp", "", server.String())
	if err != nil {
		return nil, fmt.Errorf("ask %s by tcp: %w", server, err)
	}
	defer func() { _ = raw.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn := &dns.Conn{Conn: raw}
	if err := conn.WriteMsg(q); err != nil {
		return nil, fmt.Errorf("ask %s by tcp: %w", server, err)
	}
	answer, err := conn.ReadMsg()
	if err != nil || answer.Id != q.Id {
		return nil, fmt.Errorf("ask %s by tcp: %w", server, ErrDNSSilent)
	}
	return answer, nil
}

// runtimeResolver asks the operating system through the Go runtime.
type runtimeResolver struct{}

func (runtimeResolver) NAPTR(context.Context, string) ([]NAPTR, time.Duration, error) {
	return nil, dnsMaxTTL, ErrNoRecords
}

func (runtimeResolver) SRV(ctx context.Context, name string) ([]SRV, time.Duration, error) {
	_, found, err := net.DefaultResolver.LookupSRV(ctx, "", "", name)
	if err != nil {
		return nil, hostsTTL, runtimeError(err)
	}
	var out []SRV
	for _, s := range found {
		out = append(out, SRV{s.Priority, s.Weight, s.Port, trimDot(s.Target)})
	}
	return none(out, time.Minute, nil)
}

func (runtimeResolver) Addrs(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, hostsTTL, runtimeError(err)
	}
	return none(unmapped(found), time.Minute, nil)
}

func runtimeError(err error) error {
	var failed *net.DNSError
	if errors.As(err, &failed) && failed.IsNotFound {
		return fmt.Errorf("resolve %s: %w", failed.Name, ErrNoRecords)
	}
	return fmt.Errorf("resolve name: %w: %w", ErrDNS, err)
}
