package story

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ringback/sip"
)

const (
	pbxName = "pbx.example"
	dnsIP   = "10.0.0.53"
	otherIP = "10.0.0.66" // where a DNS that lies says that the PBX is
	dnsLife = 30          // seconds for which its answers hold
)

// nameServer is the DNS of a story.
type nameServer struct {
	d    *desk
	conn net.PacketConn
	done sync.WaitGroup

	mu    sync.Mutex
	zone  []string // records, as in a zone file
	rcode int      // of each answer, unless it is 0
	mute  bool
}

// newNameServer starts it, knowing where the PBX is, and has the agent ask it.
func newNameServer(d *desk) *nameServer {
	d.Helper()
	conn, err := d.net.Host(dnsIP).ListenPacket(context.Background(), "udp", dnsIP+":53")
	if err != nil {
		d.Fatal(err)
	}
	n := &nameServer{d: d, conn: conn}
	n.says(pbxIP)
	n.done.Go(n.serve)
	d.deps.Resolver = sip.NewResolver(sip.DNSConfig{Network: d.laptop, Servers: []netip.AddrPort{netip.MustParseAddrPort(dnsIP + ":53")},
		Timeout: time.Second, Hosts: func(context.Context, string) []netip.Addr { return nil }})
	return n
}

func (n *nameServer) serve() {
	buf := make([]byte, 4096)
	for {
		size, from, err := n.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer := n.answer(buf[:size]); answer != nil {
			_, _ = n.conn.WriteTo(answer, from)
		}
	}
}

func (n *nameServer) answer(question []byte) []byte {
	q := new(dns.Msg)
	if err := q.Unpack(question); err != nil {
		n.d.Errorf("the phone asks what cannot be read: %v", err)
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mute {
		return nil
	}
	m := new(dns.Msg).SetReply(q)
	m.Rcode = n.rcode
	known := false
	for _, line := range n.zone {
		rr, err := dns.NewRR(line)
		if err != nil {
			n.d.Errorf("zone: %v", err)
			continue
		}
		known = known || rr.Header().Name == q.Question[0].Name
		if n.rcode == dns.RcodeSuccess && rr.Header().Name == q.Question[0].Name && rr.Header().Rrtype == q.Question[0].Qtype {
			rr.Header().Ttl = dnsLife
			m.Answer = append(m.Answer, rr)
		}
	}
	if !known && m.Rcode == dns.RcodeSuccess {
		m.Rcode = dns.RcodeNameError
	}
	out, err := m.Pack()
	if err != nil {
		n.d.Error(err)
	}
	return out
}

// says has the DNS know these addresses of the PBX, and nothing else; without any it
// knows its name, and no address.
func (n *nameServer) says(ips ...string) {
	zone := []string{pbxName + ". TXT here"}
	for _, ip := range ips {
		zone = append(zone, pbxName+". A "+ip)
	}
	n.holds(zone...)
}

// holds has it know these records.
func (n *nameServer) holds(zone ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.zone, n.rcode, n.mute = zone, 0, false
}

// fails has it answer each question with a failure.
func (n *nameServer) fails(rcode int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rcode, n.mute = rcode, false
}

// falls has it answer nothing.
func (n *nameServer) falls() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mute = true
}
