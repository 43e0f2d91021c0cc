package sip

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ringback/sip/transport"
)

// names is a Resolver that knows addresses only.
type names map[string][]string

func (n names) NAPTR(context.Context, string) ([]NAPTR, time.Duration, error) {
	return nil, 0, ErrNoRecords
}

func (n names) SRV(context.Context, string) ([]SRV, time.Duration, error) {
	return nil, 0, ErrNoRecords
}

func (n names) Addrs(_ context.Context, host string) ([]netip.Addr, time.Duration, error) {
	var out []netip.Addr
	for _, s := range n[host] {
		out = append(out, netip.MustParseAddr(s))
	}
	return none(out, time.Minute, nil)
}

// zone is a Resolver with all kinds of records.
type zone struct {
	names
	naptr map[string][]NAPTR
	srv   map[string][]SRV
	asked []string
	fail  error
	brief time.Duration // how long NAPTR records hold; zero: a minute
	mute  error         // of questions for NAPTR records only
}

func (z *zone) NAPTR(_ context.Context, d string) ([]NAPTR, time.Duration, error) {
	z.asked = append(z.asked, "NAPTR "+d)
	if z.mute != nil {
		return nil, 0, z.mute
	}
	return none(z.naptr[d], cmp.Or(z.brief, time.Minute), z.fail)
}

func (z *zone) SRV(_ context.Context, d string) ([]SRV, time.Duration, error) {
	z.asked = append(z.asked, "SRV "+d)
	return none(z.srv[d], time.Minute, z.fail)
}

func (z *zone) Addrs(ctx context.Context, h string) ([]netip.Addr, time.Duration, error) {
	z.asked = append(z.asked, "A "+h)
	if z.fail != nil {
		return nil, 0, z.fail
	}
	return z.names.Addrs(ctx, h)
}

// ask locates a URI on an agent's loop.
func (a *agent) ask(to, preferred string) ([]string, error) {
	a.bed.Helper()
	var got []string
	var failed error
	a.do(func() {
		a.UA.locate(uri(to), preferred, func(list []transport.Target, err error) {
			failed = err
			for _, t := range list {
				got = append(got, strings.TrimSpace(t.Transport+" "+t.Addr.String()+" "+t.ServerName))
			}
		})
	})
	a.bed.pass(10 * time.Second)
	a.do(func() {})
	return got, failed
}

func testZone() *zone {
	return &zone{
		naptr: map[string][]NAPTR{"naptr.test": {
			{Order: 20, Preference: 1, Service: "SIP+D2U", Replacement: "_sip._udp.naptr.test"},
			{Order: 10, Preference: 2, Service: "SIP+D2T", Replacement: "_sip._tcp.naptr.test"},
			{Order: 10, Preference: 1, Service: "SIPS+D2T", Replacement: "_sips._tcp.naptr.test"},
			{Order: 1, Preference: 1, Service: "E2U+sip", Replacement: "x"}}},
		srv: map[string][]SRV{
			"_sips._tcp.naptr.test": {{1, 0, 5071, "a.test"}},
			"_sip._tcp.naptr.test":  {{1, 0, 5070, "a.test"}},
			"_sip._udp.naptr.test":  {{1, 0, 5072, "b.test"}},
			"_sip._udp.srv.test":    {{2, 0, 5063, "b.test"}, {1, 0, 5062, "a.test"}, {3, 0, 1, "missing.test"}},
			"_sip._tcp.srv.test":    {{1, 0, 5064, "a.test"}},
			"_sip._udp.none.test":   {{0, 0, 0, "."}},
		},
		names: names{"a.test": {"10.1.0.1"}, "b.test": {"10.1.0.2", "fd00::2"}, "plain.test": {"10.1.0.3"}, "none.test": {"10.1.0.4"}},
	}
}

func TestRFC3263_4_Locate(t *testing.T) {
	for _, row := range []struct {
		name, to, preferred string
		want                []string
	}{
		{"IPv4 literal", "sip:10.1.2.3", "", []string{"UDP 10.1.2.3:5060"}},
		{"IPv6 literal with port", "sip:[fd00::1]:5080", "TCP", []string{"TCP [fd00::1]:5080"}},
		{"sips literal", "sips:10.1.2.3", "UDP", []string{"TLS 10.1.2.3:5061 10.1.2.3"}},
		{"transport parameter", "sip:10.1.2.3;transport=tcp", "UDP", []string{"TCP 10.1.2.3:5060"}},
		{"port means no SRV", "sip:srv.test:5099", "UDP", nil},
		{"port and address", "sip:plain.test:5099", "UDP", []string{"UDP 10.1.0.3:5099"}},
		{"SRV by priority, both families", "sip:srv.test", "UDP", []string{"UDP 10.1.0.1:5062", "UDP 10.1.0.2:5063", "UDP [fd00::2]:5063"}},
		{"SRV of the account's transport", "sip:srv.test", "TCP", []string{"TCP 10.1.0.1:5064"}},
		{"no SRV", "sip:plain.test", "TLS", []string{"TLS 10.1.0.3:5061 plain.test"}},
		{"NAPTR by order and preference", "sip:naptr.test", "", []string{"TLS 10.1.0.1:5071 naptr.test"}},
		{"all services without NAPTR", "sip:srv.test", "", []string{"UDP 10.1.0.1:5062", "UDP 10.1.0.2:5063", "UDP [fd00::2]:5063", "TCP 10.1.0.1:5064"}},
		{"service not offered", "sip:none.test", "UDP", []string{"UDP 10.1.0.4:5060"}},
		{"unknown name", "sip:nowhere.test", "UDP", nil},
		{"a name that nobody has", "sip:4ae3030c96ea.invalid", "UDP", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			story(t, func(b *bed) {
				z := testZone()
				a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Resolver = z })
				got, err := a.ask(row.to, row.preferred)
				if row.name == "NAPTR by order and preference" {
					got = got[:1]
				}
				if strings.HasSuffix(row.to, ".invalid") && len(z.asked) != 0 {
					t.Errorf("asked %q", z.asked)
				}
				if !slices.Equal(got, row.want) || (err == nil) != (row.want != nil) {
					t.Errorf("got %q, %v; want %q (asked %q)", got, err, row.want, z.asked)
				}
			})
		})
	}
}

func TestLocateKeepsAndAvoids(t *testing.T) {
	story(t, func(b *bed) {
		z := testZone()
		a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Resolver = z })
		first, _ := a.ask("sip:srv.test", "UDP")
		n := len(z.asked)
		if _, _ = a.ask("sip:srv.test", "UDP"); len(z.asked) != n {
			t.Errorf("asked again within the TTL: %q", z.asked[n:])
		}
		a.do(func() {
			a.UA.locator.avoid(transport.Target{Transport: "UDP", Addr: netip.MustParseAddrPort("10.1.0.1:5062")}, 0)
		})
		second, _ := a.ask("sip:srv.test", "UDP")
		if second[0] == first[0] || second[len(second)-1] != first[0] {
			t.Errorf("a server that failed is not last: %q", second)
		}
		b.pass(30 * time.Second)
		if third, _ := a.ask("sip:srv.test", "UDP"); !slices.Equal(third, first) {
			t.Errorf("the preferred server is not preferred again: %q", third)
		}
		b.pass(time.Minute)
		z.fail = context.DeadlineExceeded
		if got, err := a.ask("sip:srv.test", "UDP"); !errors.Is(err, z.fail) || !slices.Equal(got, first) {
			t.Errorf("with a silent DNS: %q, %v", got, err)
		}
	})
}

// NAPTR records hold for as long as they say, however long those hold to which they lead; and
// what is made of their failing is asked again in a moment.
func TestRFC3263_4_1_NAPTRRecordsThatChange(t *testing.T) {
	story(t, func(b *bed) {
		z := testZone()
		z.brief = 15 * time.Second
		z.srv["_sip._udp.naptr.test"] = []SRV{{1, 0, 5072, "a.test"}}
		a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Resolver = z })
		at := func(when, want string) {
			t.Helper()
			if got, err := a.ask("sip:naptr.test", ""); err != nil || got[0] != want {
				t.Errorf("%s: %q, %v; want %s", when, got, err, want)
			}
		}
		at("at first", "TLS 10.1.0.1:5071 naptr.test")
		z.naptr["naptr.test"] = []NAPTR{{Service: "SIP+D2T", Replacement: "_sip._tcp.naptr.test"}}
		at("after 10 s", "TLS 10.1.0.1:5071 naptr.test")
		at("after 20 s", "TCP 10.1.0.1:5070")
		z.mute = ErrDNSSilent
		b.pass(10 * time.Second)
		at("while there is no answer", "UDP 10.1.0.1:5072")
		z.mute = nil
		at("a moment later", "TCP 10.1.0.1:5070")
		z.naptr["naptr.test"] = []NAPTR{{Service: "SIP+D2T", Replacement: "nowhere.test"}, {Order: 1, Service: "E2U+sip", Replacement: "_sip._tcp.naptr.test"}}
		b.pass(10 * time.Second)
		at("when they lead nowhere", "UDP 10.1.0.1:5072")
	})
}

func TestRFC2782_Weights(t *testing.T) {
	n := 0
	l := &locator{random: func(int) int { return 0 }}
	servers := []server{{priority: 1, weight: 10, kind: "x"}, {priority: 1, weight: 0, kind: "zero"}, {priority: 0, weight: 5, kind: "first"}, {priority: 1, weight: 30, kind: "y"}}
	count := map[string]int{}
	l.random = func(most int) int { n = (n*1103515245 + 12345) & 0x7fffffff; return (n >> 8) % most }
	for range 4000 {
		got := l.draw(servers)
		if got[0].kind != "first" || len(got) != 4 {
			t.Fatalf("priority is not kept: %+v", got)
		}
		count[got[1].kind]++
	}
	if x, y, zero := count["x"], count["y"], count["zero"]; x < 800 || x > 1200 || y < 2700 || y > 3200 || zero > 200 {
		t.Errorf("weights 10, 30, 0 drawn %d, %d, %d times of 4000", x, y, zero)
	}
}

// nameServer answers over UDP and TCP on simnet.
func (b *bed) nameServer(ip string, zone ...string) *[]string {
	host := b.net.Host(ip)
	asked := new([]string)
	answer := func(data []byte, tcp bool) []byte {
		q := new(dns.Msg)
		if q.Unpack(data) != nil {
			return nil
		}
		*asked = append(*asked, dns.TypeToString[q.Question[0].Qtype]+" "+q.Question[0].Name)
		m := new(dns.Msg).SetReply(q)
		for _, line := range zone {
			rr, err := dns.NewRR(line)
			if err != nil {
				b.Error(err)
			}
			if rr.Header().Rrtype == q.Question[0].Qtype && rr.Header().Name == q.Question[0].Name {
				m.Answer = append(m.Answer, rr)
			}
		}
		if strings.HasPrefix(q.Question[0].Name, "large") && !tcp {
			m.Answer, m.Truncated = nil, true
		}
		out, _ := m.Pack()
		return out
	}
	pc, err := host.ListenPacket(context.Background(), "udp", ip+":53")
	if err != nil {
		b.Fatal(err)
	}
	ln, err := host.Listen(context.Background(), "tcp", ip+":53")
	if err != nil {
		b.Fatal(err)
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo([]byte("junk"), from)
			_, _ = pc.WriteTo(answer(buf[:n], false), from)
		}
	}()
	go serveTCP(ln, answer)
	b.ends = append(b.ends, func() { pc.Close(); ln.Close() })
	return asked
}

// serveTCP answers one question per connection.
func serveTCP(ln net.Listener, answer func(data []byte, tcp bool) []byte) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		conn := &dns.Conn{Conn: c}
		if m, err := conn.ReadMsg(); err == nil {
			data, _ := m.Pack()
			reply := new(dns.Msg)
			_ = reply.Unpack(answer(data, true))
			_ = conn.WriteMsg(reply)
		}
		_ = c.Close()
	}
}

func TestResolverOverANetwork(t *testing.T) {
	story(t, func(b *bed) {
		asked := b.nameServer("10.0.0.53",
			`pbx.test. 60 IN NAPTR 10 50 "s" "SIP+D2U" "" _sip._udp.pbx.test.`,
			`_sip._udp.pbx.test. 30 IN SRV 1 2 5070 one.test.`,
			`one.test. 20 IN A 10.1.0.1`, `one.test. 20 IN AAAA fd00::1`, `large.test. 5 IN A 10.1.0.9`)
		r := NewResolver(DNSConfig{Network: b.net.Host(agentIP), Hosts: func(_ context.Context, h string) []netip.Addr {
			if h == "localhost" {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
			}
			return nil
		}, Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.54:53"), netip.MustParseAddrPort("10.0.0.53:53")}})
		ctx := context.Background()
		naptr, _, err := r.NAPTR(ctx, "pbx.test")
		if err != nil || len(naptr) != 1 || naptr[0].Replacement != "_sip._udp.pbx.test" {
			t.Errorf("NAPTR %+v, %v", naptr, err)
		}
		srv, ttl, err := r.SRV(ctx, "_sip._udp.pbx.test")
		if err != nil || len(srv) != 1 || srv[0] != (SRV{1, 2, 5070, "one.test"}) || ttl != 30*time.Second {
			t.Errorf("SRV %+v, %v, %v", srv, ttl, err)
		}
		addrs, _, err := r.Addrs(ctx, "one.test")
		if want := []netip.Addr{netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("fd00::1")}; err != nil || !slices.Equal(addrs, want) {
			t.Errorf("addresses %v, %v", addrs, err)
		}
		if addrs, _, err = r.Addrs(ctx, "large.test"); err != nil || len(addrs) != 1 {
			t.Errorf("an answer that needs TCP: %v, %v", addrs, err)
		}
		if _, _, err = r.Addrs(ctx, "missing.test"); err == nil {
			t.Error("a name without records resolved")
		}
		n := len(*asked)
		if addrs, _, err = r.Addrs(ctx, "localhost"); err != nil || !addrs[0].IsLoopback() || len(*asked) != n {
			t.Errorf("localhost %v, %v, asked %q", addrs, err, (*asked)[n:])
		}
		if _, _, err = r.SRV(ctx, "_sip._udp.localhost"); err == nil || len(*asked) != n {
			t.Errorf("SRV of localhost: %v, asked %q", err, (*asked)[n:])
		}
	})
}

// Another network names other servers.
func TestResolverReadsItsServersForEachQuestion(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	story(t, func(b *bed) {
		b.nameServer("10.0.0.53", `pbx.test. 20 IN A 10.1.0.1`)
		b.nameServer("10.7.0.53", `pbx.test. 20 IN A 10.7.0.1`)
		r := NewResolver(DNSConfig{Network: b.net.Host(agentIP), Conf: conf,
			Hosts: func(context.Context, string) []netip.Addr { return nil }})
		for server, want := range map[string]string{"10.0.0.53": "10.1.0.1", "10.7.0.53": "10.7.0.1"} {
			if err := os.WriteFile(conf, []byte("nameserver "+server+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			addrs, _, err := r.Addrs(context.Background(), "pbx.test")
			if err != nil || len(addrs) != 1 || addrs[0].String() != want {
				t.Errorf("by %s: %v, %v", server, addrs, err)
			}
		}
	})
}

func TestSystemHostsKnowsLocalhost(t *testing.T) {
	if got := systemHosts(context.Background(), "localhost"); len(got) == 0 || !got[0].IsLoopback() {
		t.Errorf("localhost is %v", got)
	}
	if got := systemHosts(context.Background(), "no-such-name.invalid"); len(got) != 0 {
		t.Errorf("a name that nobody has is %v", got)
	}
}
