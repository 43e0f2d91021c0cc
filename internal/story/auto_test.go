package story

import (
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// The records of a PBX that has UDP, TCP and TLS, and of its address.
const (
	byUDP     = pbxName + `. NAPTR 30 1 "s" "SIP+D2U" "" _sip._udp.` + pbxName + "."
	byTCP     = pbxName + `. NAPTR 20 1 "s" "SIP+D2T" "" _sip._tcp.` + pbxName + "."
	byTLS     = pbxName + `. NAPTR 10 1 "s" "SIPS+D2T" "" _sips._tcp.` + pbxName + "."
	atUDP     = "_sip._udp." + pbxName + ". SRV 1 1 5060 " + pbxName + "."
	atTCP     = "_sip._tcp." + pbxName + ". SRV 1 1 5060 " + pbxName + "."
	atTLS     = "_sips._tcp." + pbxName + ". SRV 1 1 5061 " + pbxName + "."
	noTLS     = "_sips._tcp." + pbxName + ". SRV 1 1 5071 " + pbxName + "." // nobody listens there
	atAddress = pbxName + ". A " + pbxIP
)

// leaves is an agent that leaves the transport to the DNS, at a PBX with UDP, TCP and TLS.
func leaves(t *testing.T, zone []string, tell func(d *desk)) {
	t.Helper()
	t.Parallel()
	var ca *authority
	p := plan{named: true, before: func(d *desk) { d.names.holds(zone...) },
		agent: func(c *agent.Config) {
			ca = newAuthority(t, "The PBX's authority")
			ca.issue(ca, pbxName, -time.Hour, 9000*time.Hour)
			c.Account.Transport, c.Account.CAFile, c.Account.Expires, c.Account.Keepalive = "auto", ca.file("ca.pem"), 90*time.Second, 0
		},
		lab: func(c *lab.Config) {
			c.TLS.CertFile, c.TLS.KeyFile = ca.file("cert.pem"), ca.file("key.pem")
			c.Listen = append(c.Listen, listen("tls", pbxIP+":5061"))
		}}
	atLab(t, "", p, tell)
}

// boundBy says by which transport the PBX reaches the agent.
func (d *desk) boundBy() string {
	d.Helper()
	bound := d.lab.Bindings("1001")
	if len(bound) != 1 {
		d.Fatalf("bound %+v", bound)
	}
	if _, kind, named := strings.Cut(bound[0].Contact, ";transport="); named {
		return kind
	}
	return "udp"
}

// TestRFC3263_4_1_TheDNSChoosesTheTransport: NAPTR by its order, else the SRV records that
// there are, else UDP; the phone registers by it, calls by it both ways, and goes on to the
// next when nobody listens there.
func TestRFC3263_4_1_TheDNSChoosesTheTransport(t *testing.T) {
	for name, row := range map[string]struct {
		zone []string
		want string
	}{
		"NAPTR by order":                    {[]string{byUDP, byTCP, byTLS, atUDP, atTCP, atTLS, atAddress}, "tls"},
		"NAPTR of one":                      {[]string{byTCP, atUDP, atTCP, atTLS, atAddress}, "tcp"},
		"NAPTR where nobody listens":        {[]string{byTCP, byTLS, atUDP, atTCP, noTLS, atAddress}, "tcp"},
		"NAPTR of what we do not know":      {[]string{pbxName + `. NAPTR 1 1 "s" "SIP+D2S" "" _sip._sctp.` + pbxName + ".", atTCP, atAddress}, "tcp"},
		"SRV of one":                        {[]string{atTLS, atAddress}, "tls"},
		"SRV of two":                        {[]string{atUDP, atTCP, atAddress}, "udp"},
		"an address":                        {[]string{atAddress}, "udp"},
		"NAPTR that leads nowhere, no SRV":  {[]string{byTCP, atAddress}, "udp"},
		"NAPTR to TLS beside an SRV of UDP": {[]string{byTLS, atUDP, atTLS, atAddress}, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			leaves(t, row.zone, func(d *desk) {
				if by := d.boundBy(); by != row.want {
					t.Errorf("it registered by %s, want %s", by, row.want)
				}
				d.inCall()
				d.do("hold", nil)
				d.contactHeld()
				d.do("end", nil)
				d.do("done", nil)
				d.do("dial", args{"target": colleague})
				d.talks(agent.RoleMain, colleague, colleagueHz)
				d.do("end", nil)
			})
		})
	}
}

// TestRFC3263_4_1_TheDNSChangesTheTransport: the phone follows, without a word of trouble,
// and a call that is up goes on.
func TestRFC3263_4_1_TheDNSChangesTheTransport(t *testing.T) {
	leaves(t, []string{byTCP, atTCP, atTLS, atAddress}, func(d *desk) {
		d.inCall()
		d.names.holds(byTLS, atTCP, atTLS, atAddress)
		d.until("a binding by TLS", func() bool { return d.boundBy() == "tls" })
		d.registered()
		d.talks(agent.RoleMain, contact, contactHz)
		d.do("hold", nil)
		d.contactHeld()
		d.do("resume", nil)
		d.talks(agent.RoleMain, contact, contactHz)
		d.do("end", nil)
	})
}
