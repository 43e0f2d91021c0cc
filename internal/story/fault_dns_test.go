package story

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"ringback/agent"
	"ringback/agent/verdict"
	"ringback/sip/message"
)

// oddity is a way in which the DNS dies or lies.
type oddity struct {
	name string
	of   func(d *desk)
	says verdict.ID // of a registration that holds
	lone verdict.ID // of one that was never made
}

func oddities() []oddity {
	return []oddity{
		{"it knows no such name", func(d *desk) { d.names.holds() }, verdict.DNSStale, verdict.DNSNoName},
		{"it knows no address", func(d *desk) { d.names.says() }, verdict.DNSStale, verdict.DNSNoName},
		{"it fails", func(d *desk) { d.names.fails(dns.RcodeServerFailure) }, verdict.DNSStale, verdict.DNSFails},
		{"it refuses", func(d *desk) { d.names.fails(dns.RcodeRefused) }, verdict.DNSStale, verdict.DNSFails},
		{"it is silent", func(d *desk) { d.names.falls() }, verdict.DNSStale, verdict.DNSSilent},
		{"a host where nobody listens", func(d *desk) { d.net.Host(otherIP); d.names.says(otherIP) }, verdict.DNSAstray, ""},
		{"a host that is not there", func(d *desk) { d.names.says("10.0.0.99") }, verdict.DNSAstray, ""},
		{"an address where no PBX can be", func(d *desk) { d.names.says("255.255.255.255") }, verdict.DNSAstray, verdict.DNSLies},
		{"a foreign PBX that knows nobody", func(d *desk) { newForeigner(d, 404); d.names.says(otherIP) }, verdict.DNSAstray, verdict.SIPUnknown},
		{"a foreign PBX that wants credentials", func(d *desk) {
			newForeigner(d, 401, `WWW-Authenticate: Digest realm="elsewhere", nonce="n"`)
			d.names.says(otherIP)
		}, verdict.DNSAstray, ""},
		{"a service whose server has no address", func(d *desk) {
			d.names.holds("_sip._udp."+pbxName+". SRV 1 1 5060 gone.example.", "_sip._tcp."+pbxName+". SRV 1 1 5060 gone.example.")
		}, verdict.DNSStale, verdict.DNSNoName},
		{"a service at a foreign host", func(d *desk) {
			newForeigner(d, 403)
			d.names.holds("_sip._udp."+pbxName+". SRV 1 1 5060 far.example.", "_sip._tcp."+pbxName+". SRV 1 1 5060 far.example.", "far.example. A "+otherIP)
		}, verdict.DNSAstray, ""},
	}
}

// callsUntilTheDNSIsRight makes a call while the DNS is wrong, and lets it be right.
func (d *desk) callsUntilTheDNSIsRight() {
	d.Helper()
	d.do("dial", args{"target": colleague})
	d.talks(agent.RoleMain, colleague, colleagueHz)
	d.do("end", nil)
	d.do("done", nil)
	d.names.says(pbxIP)
	d.pass(3 * time.Minute)
	d.registered()
}

// TestFault_TheDNSDiesOrLies: a phone that is registered, and the call that it is in, go
// on with the PBX that served them, whatever the DNS says meanwhile; the agent is told in
// words what is wrong, calls can be made, no foreign host gets credentials, and all is
// as it was when the DNS is right again.
func TestFault_TheDNSDiesOrLies(t *testing.T) {
	for _, o := range oddities() {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(o.name+" "+transport, func(t *testing.T) {
				t.Parallel()
				p := plan{named: true, agent: func(c *agent.Config) {
					c.Account.Transport, c.Account.Expires, c.Account.Keepalive = transport, 90*time.Second, 0
				}}
				atLab(t, "", p, func(d *desk) {
					d.inCall()
					o.of(d)
					d.pass(4 * time.Minute)
					if s := d.agent.State().Registration; s.State != "registered" {
						t.Errorf("the registration is %+v", s)
					}
					d.says(d.agent.State().Registration.Reason, o.says)
					d.talks(agent.RoleMain, contact, contactHz)
					d.do("end", nil)
					d.do("done", nil)
					d.callsUntilTheDNSIsRight()
					if r := d.agent.State().Registration; r.Reason != "" {
						t.Errorf("the DNS is right again, and it says %q", r.Reason)
					}
					for _, e := range d.words() {
						if strings.HasPrefix(e, string(agent.RegistrationLost)) {
							t.Errorf("meanwhile: %s", e)
						}
					}
					d.keptCredentials()
				})
			})
		}
	}
}

// TestFault_TheDNSIsWrongFromTheStart: the agent is told what is wrong, and registered
// within half a minute of the DNS being right.
func TestFault_TheDNSIsWrongFromTheStart(t *testing.T) {
	for _, o := range oddities() {
		if o.lone == "" {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			p := fresh("")
			p.named, p.agent = true, func(c *agent.Config) { c.Account.Keepalive = 0 }
			p.before = o.of
			atLab(t, "", p, func(d *desk) {
				d.waitFor("the failure", func(s agent.State) bool { return s.Registration.State == "failed" })
				d.says(d.agent.State().Registration.Reason, o.lone)
				d.pass(2 * time.Minute)
				d.names.says(pbxIP)
				d.backWithin(time.Minute)
			})
		})
	}
}

// TestFault_StartedWhileTheDNSIsDead: a phone that is started anew goes to the PBX that has
// served it in its life before, says what is wrong, and makes and gets calls.
func TestFault_StartedWhileTheDNSIsDead(t *testing.T) {
	for _, o := range oddities() {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(o.name+" "+transport, func(t *testing.T) {
				t.Parallel()
				p := plan{named: true, keeps: true, agent: func(c *agent.Config) {
					c.Account.Transport, c.Account.Expires, c.Account.Keepalive = transport, 90*time.Second, 0
				}}
				atLab(t, "", p, func(d *desk) {
					d.anew(time.Minute, o.of)
					d.backWithin(time.Minute)
					d.says(d.agent.State().Registration.Reason, o.says)
					d.inCall()
					d.do("end", nil)
					d.do("done", nil)
					d.callsUntilTheDNSIsRight()
					d.keptCredentials()
				})
			})
		}
	}
}

// TestFault_StartedWhileTheDNSIsDead_WhoServedLongAgo: whoever has the address by then is
// not gone to, and who served an hour ago by the last REGISTER is.
func TestFault_StartedWhileTheDNSIsDead_WhoServedLongAgo(t *testing.T) {
	p := plan{named: true, keeps: true, agent: func(c *agent.Config) { c.Account.Expires, c.Account.Keepalive = time.Hour, 0 }}
	atLab(t, "", p, func(d *desk) {
		d.pass(3 * time.Hour)
		dead := func(d *desk) { d.names.fails(dns.RcodeServerFailure) }
		d.anew(23*time.Hour, dead)
		d.backWithin(time.Minute)
		d.names.says(pbxIP)
		d.anew(25*time.Hour, dead)
		d.waitFor("the failure", func(s agent.State) bool { return s.Registration.State == "failed" })
		d.says(d.agent.State().Registration.Reason, verdict.DNSFails)
	})
}

// TestFault_StartedWhileTheDNSIsDead_WithAnotherConfiguration: one that has TLS from now on
// is not led back to UDP, and another PBX is not looked for where the one before was.
func TestFault_StartedWhileTheDNSIsDead_WithAnotherConfiguration(t *testing.T) {
	for name, change := range map[string]func(*agent.Config){
		"TLS":            func(c *agent.Config) { c.Account.Transport = "tls" },
		"sips":           func(c *agent.Config) { c.Account.Registrar = "sips:" + pbxName },
		"another domain": func(c *agent.Config) { c.Account.Registrar = "sip:other.example" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			atLab(t, "", plan{named: true, keeps: true}, func(d *desk) {
				change(&d.cfg)
				d.anew(time.Minute, func(d *desk) { d.names.fails(dns.RcodeServerFailure) })
				d.waitFor("the failure", func(s agent.State) bool { return s.Registration.State == "failed" })
				d.says(d.agent.State().Registration.Reason, verdict.DNSFails)
			})
		})
	}
}

// anew ends the phone, has something happen a while later by the clock on the wall, and
// starts it again.
func (d *desk) anew(later time.Duration, happens func(*desk)) {
	d.Helper()
	d.switchOff()
	d.clock.Add(int64(later))
	happens(d)
	d.hire()
	d.switchOn()
}

// TestFault_ThePBXMovesWithItsName: the PBX is at another address, and the DNS says so
// after a while: the phone follows.
func TestFault_ThePBXMovesWithItsName(t *testing.T) {
	p := plan{named: true, agent: func(c *agent.Config) { c.Account.Expires, c.Account.Keepalive = 90*time.Second, 0 }}
	atLab(t, "", p, func(d *desk) {
		newForeigner(d, 200)
		d.lab.Stop(false)
		d.pass(time.Minute)
		d.says(d.reasons(), verdict.NetSilent)
		d.names.says(otherIP)
		d.pass(2 * time.Minute)
		r := d.agent.State().Registration
		if r.State != "registered" || r.Reason != "" {
			t.Errorf("the registration is %+v", r)
		}
	})
}

// TestFault_BothTheDNSAndThePBXAreGone: what is told is the DNS, for that is what the
// agent, or who looks after his network, can look at first.
func TestFault_BothTheDNSAndThePBXAreGone(t *testing.T) {
	p := plan{named: true, agent: func(c *agent.Config) { c.Account.Expires, c.Account.Keepalive = 90*time.Second, 0 }}
	atLab(t, "", p, func(d *desk) {
		d.net.Partition(agentIP, pbxIP, true)
		d.names.falls()
		d.pass(3 * time.Minute)
		r := d.agent.State().Registration
		if r.State == "registered" {
			t.Errorf("the registration is %+v", r)
		}
		d.says(d.reasons(), verdict.DNSSilent)
		d.net.Partition(agentIP, pbxIP, false)
		d.backWithin(30 * time.Second) // though the DNS is silent still
		d.says(d.agent.State().Registration.Reason, verdict.DNSStale)
		d.names.says(pbxIP)
	})
}

// keptCredentials: nothing that was sent to a foreign host had a digest in it.
func (d *desk) keptCredentials() {
	d.Helper()
	d.wire.mu.Lock()
	defer d.wire.mu.Unlock()
	for _, m := range d.wire.msgs {
		if !strings.HasPrefix(m.To, pbxIP) && !strings.HasPrefix(m.To, agentIP) && strings.Contains(string(m.Raw), "uthorization: ") {
			d.Errorf("%s was sent credentials:\n%s", m.To, m.Raw)
		}
	}
}

// newForeigner is a host that is not the PBX, and answers each request so.
func newForeigner(d *desk, code int, lines ...string) {
	d.Helper()
	host := d.net.Host(otherIP)
	pc, err := host.ListenPacket(context.Background(), "udp", otherIP+":5060")
	if err != nil {
		d.Fatal(err)
	}
	ln, err := host.Listen(context.Background(), "tcp", otherIP+":5060")
	if err != nil {
		d.Fatal(err)
	}
	answer := func(b []byte) []byte {
		m, err := message.Parse(b)
		req, is := m.(*message.Request)
		if err != nil || !is {
			return nil
		}
		res := message.NewResponse(req, code, "", "foreign")
		if code < 300 {
			addLines(res, []string{"Contact: " + message.Value(req, "Contact"), "Expires: 60"})
		}
		addLines(res, lines)
		return message.Bytes(res)
	}
	d.names.done.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if out := answer(buf[:n]); out != nil {
				_, _ = pc.WriteTo(out, from)
			}
		}
	})
	d.names.done.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			d.names.done.Go(func() { answerStream(c, answer) })
		}
	})
}

func answerStream(c net.Conn, answer func([]byte) []byte) {
	buf := make([]byte, 65536)
	for {
		n, err := c.Read(buf) // a request without a body comes in one piece
		if err != nil {
			return
		}
		if out := answer(buf[:n]); out != nil {
			_, _ = c.Write(out)
		}
	}
}
