package story

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/verdict"
	"ringback/internal/lab"
)

// secured is a story over TLS or a secure WebSocket, with a certificate that is good for
// a while.
func secured(t *testing.T, transport string, life time.Duration, tell func(d *desk, ca *authority)) {
	t.Helper()
	var ca *authority
	p := plan{named: true,
		agent: func(c *agent.Config) {
			ca = newAuthority(t, "The PBX's authority") // here, where the time is the story's
			ca.issue(ca, pbxName, -time.Hour, life)
			c.Account.Transport, c.Account.CAFile, c.Account.Expires, c.Account.Keepalive = transport, ca.file("ca.pem"), 90*time.Second, 0
		},
		lab: func(c *lab.Config) {
			c.TLS.CertFile, c.TLS.KeyFile = ca.file("cert.pem"), ca.file("key.pem")
			c.Listen = append(c.Listen, listen("tls", pbxIP+":5061"), listen("wss", pbxIP+":443"))
		}}
	atLab(t, "", p, func(d *desk) { tell(d, ca) })
}

// flaw is what may become of a certificate.
type flaw struct {
	name string
	of   func(ca *authority)
	says verdict.ID
}

func flaws(t *testing.T) []flaw {
	return []flaw{
		{"expired", func(ca *authority) { ca.issue(ca, pbxName, -2*time.Hour, -time.Hour) }, verdict.TLSExpired},
		{"not valid yet", func(ca *authority) { ca.issue(ca, pbxName, time.Hour, 9000*time.Hour) }, verdict.TLSNotYet},
		{"of another name", func(ca *authority) { ca.issue(ca, "other.example", -time.Hour, 9000*time.Hour) }, verdict.TLSName},
		{"of another authority", func(ca *authority) {
			newAuthority(t, "Somebody").issue(ca, pbxName, -time.Hour, 9000*time.Hour)
		}, verdict.TLSUnknownCA},
	}
}

// TestFault_TheCertificateGoesBad: the PBX's certificate is replaced by one that is no
// good while the phone is registered and in a call. The connection that is there is
// used on, and the call goes on; once it has broken no other is made, the contact is
// heard all the same, the agent is told in words, and half a minute after the certificate is
// right the phone is registered and the call can be held and ended.
func TestFault_TheCertificateGoesBad(t *testing.T) {
	for _, f := range flaws(t) {
		for _, transport := range []string{"tls", "wss"} {
			t.Run(f.name+" "+transport, func(t *testing.T) {
				t.Parallel()
				secured(t, transport, 9000*time.Hour, func(d *desk, ca *authority) {
					d.inCall()
					f.of(ca)
					d.pass(3 * time.Minute)
					if s := d.agent.State().Registration; s.State != "registered" || s.Reason != "" {
						t.Errorf("with the connection that is there: %+v", s)
					}
					d.breakConnection()
					d.refusedByUs()
					d.says(d.agent.State().Registration.Reason, f.says)
					d.pass(time.Minute)
					d.talks(agent.RoleMain, contact, contactHz)
					ca.issue(ca, pbxName, -time.Hour, 9000*time.Hour)
					d.backWithin(30 * time.Second)
					d.do("hold", nil)
					d.contactHeld()
					d.do("resume", nil)
					d.talks(agent.RoleMain, contact, contactHz)
					d.do("end", nil)
					d.do("done", nil)
					d.keptCredentials()
				})
			})
		}
	}
}

// TestFault_TheCertificateExpiresInACall: nothing happens to what is up.
func TestFault_TheCertificateExpiresInACall(t *testing.T) {
	secured(t, "tls", 2*time.Minute, func(d *desk, ca *authority) {
		d.inCall()
		d.pass(4 * time.Minute)
		d.registered()
		d.talks(agent.RoleMain, contact, contactHz)
		d.breakConnection()
		d.refusedByUs()
		d.says(d.agent.State().Registration.Reason, verdict.TLSExpired)
		ca.issue(ca, pbxName, -time.Hour, 9000*time.Hour)
		d.backWithin(30 * time.Second)
		d.talks(agent.RoleMain, contact, contactHz)
		d.do("end", nil)
		d.do("done", nil)
	})
}

// TestFault_TheAuthorityIsReplaced: the PBX has a new authority, and the phone's ca_file
// is replaced in time, or late: the phone need not be started anew.
func TestFault_TheAuthorityIsReplaced(t *testing.T) {
	for _, late := range []bool{false, true} {
		secured(t, "tls", 9000*time.Hour, func(d *desk, ca *authority) {
			d.inCall()
			next := newAuthority(t, "The PBX's new authority")
			trust := func() {
				pem, err := os.ReadFile(next.file("ca.pem"))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(ca.file("ca.pem"), pem, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			next.issue(ca, pbxName, -time.Hour, 9000*time.Hour)
			if !late {
				trust()
			}
			d.breakConnection()
			if late {
				d.refusedByUs()
				d.says(d.agent.State().Registration.Reason, verdict.TLSUnknownCA)
				trust()
			}
			d.backWithin(30 * time.Second)
			d.talks(agent.RoleMain, contact, contactHz)
			d.do("end", nil)
		})
	}
}

// TestFault_AFilesErrorLeavesWhatWasRead: a ca_file that is half written, or gone, takes
// no trust away.
func TestFault_AFilesErrorLeavesWhatWasRead(t *testing.T) {
	secured(t, "tls", 9000*time.Hour, func(d *desk, ca *authority) {
		if err := os.WriteFile(ca.file("ca.pem"), []byte("-----BEGIN CERT"), 0o600); err != nil {
			t.Fatal(err)
		}
		d.lab.Stop(false)
		d.waitFor("the loss", func(s agent.State) bool { return s.Registration.State != "registered" })
		if err := d.lab.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.backWithin(30 * time.Second)
	})
}

// refusedByUs waits until no connection could be made.
func (d *desk) refusedByUs() {
	d.Helper()
	d.waitFor("the failure", func(s agent.State) bool {
		return s.Registration.State == "failed" && strings.Contains(s.Registration.Reason, "certificate")
	})
}

// breakConnection ends the phone's connections, as a firewall does that was restarted.
func (d *desk) breakConnection() {
	d.Helper()
	d.laptop.Reset()
	d.waitFor("the loss", func(s agent.State) bool { return s.Registration.State != "registered" })
}
