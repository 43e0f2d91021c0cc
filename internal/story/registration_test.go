package story

import (
	"context"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// fresh is a story that begins before the agent is registered.
func fresh(title string) plan {
	return plan{title: title, unregistered: true, show: []string{"WWW-Authenticate", "Expires", "Retry-After"}}
}

// registered waits until the PBX has one binding of the agent's, and the agent
// knows it.
func (d *desk) registered() {
	d.Helper()
	d.until("one binding at the PBX", func() bool { return len(d.lab.Bindings("1001")) == 1 })
	d.waitFor("the registration", func(s agent.State) bool { return s.Registration.State == "registered" })
}

func TestRegister_AnswersTheChallenge(t *testing.T) {
	atLab(t, "register", fresh("Registration through a challenge"), func(d *desk) {
		d.registered()
		if r := d.agent.State().Registration; r.AOR != "sip:1001@"+pbxIP || r.Expires == nil || r.Expires.Sub(d.start) < 59*time.Minute {
			t.Errorf("registered as %+v", r)
		}
	})
}

// TestRegister_HoldsForAnHour: the binding never runs out, and no refresh comes
// before half or after nine tenths of its life.
func TestRegister_HoldsForAnHour(t *testing.T) {
	p := fresh("An hour of registration for ten minutes each")
	p.agent = func(c *agent.Config) { c.Account.Expires = 10 * time.Minute }
	p.lab = func(c *lab.Config) { c.Registrar.NonceLife = 2 * time.Hour } // one nonce is good for all
	atLab(t, "register-hour", p, func(d *desk) {
		d.registered()
		d.pass(time.Hour)
		d.registered()
		for _, e := range d.lab.Log().Since(0) {
			if e.Type == lab.Unregistered {
				t.Errorf("the binding was gone: %s", e)
			}
		}
		d.accepts()
		d.do("end", nil)
	})
}

func TestRegister_RenewsAStaleNonce(t *testing.T) {
	p := fresh("The nonce has become stale at the refresh")
	p.agent = func(c *agent.Config) { c.Account.Expires = 10 * time.Minute }
	atLab(t, "register-stale", p, func(d *desk) {
		d.registered()
		if err := d.lab.ForgetNonces(); err != nil {
			t.Fatal(err)
		}
		d.pass(9 * time.Minute)
		d.registered()
		d.saw("channel.changed ready", "channel.changed not-ready", "registration.trying", "registration.registered", "registration.registered")
	})
}

func TestRegister_TriesAgainWhenThePBXAsked(t *testing.T) {
	p := fresh("The PBX asks to come back in 20 s")
	p.lab = func(c *lab.Config) { c.Registrar = lab.RegistrarPolicy{Refuse: 503, RetryAfter: 20 * time.Second} }
	atLab(t, "register-503", p, func(d *desk) {
		d.waitFor("the failure", func(s agent.State) bool { return s.Registration.State == "failed" })
		r := d.agent.State().Registration
		if r.Code != 503 || r.Reason == "" || r.NextTry == nil || time.Until(*r.NextTry) < 19*time.Second || time.Until(*r.NextTry) > 30*time.Second {
			t.Errorf("failed as %+v", r)
		}
		d.refused(agent.CodeNotRegistered, "dial", args{"target": colleague})
		d.lab.SetRegistrar(lab.RegistrarPolicy{})
		d.registered()
		d.saw("channel.changed ready", "channel.changed not-ready", "registration.trying", "registration.failed", "registration.trying", "registration.registered")
	})
}

// TestRegister_WrongPasswordIsNotTriedForEver: the account would be locked.
func TestRegister_WrongPasswordIsNotTriedForEver(t *testing.T) {
	p := fresh("The password is wrong")
	p.agent = func(c *agent.Config) { c.Account.Password = "wrong" }
	atLab(t, "register-denied", p, func(d *desk) {
		d.pass(10 * time.Minute)
		r := d.agent.State().Registration
		if r.State != "failed" || r.Code != 401 || r.Reason == "" || r.NextTry != nil {
			t.Errorf("stands as %+v", r)
		}
	})
}

// TestRegister_SurvivesARestartOfThePBX: a PBX that forgot everything knows the
// agent again within 30 s of its return, whatever the transport, and can call it.
func TestRegister_SurvivesARestartOfThePBX(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			p := fresh("The PBX restarts under a registered agent over " + transport)
			p.agent = func(c *agent.Config) { c.Account.Transport, c.Account.Keepalive = transport, 0 }
			atLab(t, "pbx-restart-"+transport, p, func(d *desk) {
				d.registered()
				d.lab.Stop(false)
				d.pass(time.Minute)
				d.waitFor("the loss", func(s agent.State) bool { return s.Registration.State != "registered" })
				if err := d.lab.Resume(context.Background()); err != nil {
					t.Fatal(err)
				}
				back := time.Now()
				d.registered()
				if took := time.Since(back); took > 30*time.Second {
					t.Errorf("registered again after %s", took)
				}
				d.accepts()
				d.do("end", nil)
			})
		})
	}
}

// TestRegister_SurvivesAQuickRestartOfThePBX: it was away for so short a time that
// no keepalive missed it, and has forgotten the agent.
func TestRegister_SurvivesAQuickRestartOfThePBX(t *testing.T) {
	p := fresh("The PBX restarts within a second")
	p.agent = func(c *agent.Config) { c.Account.Keepalive = 0 }
	atLab(t, "pbx-restart-quick", p, func(d *desk) {
		d.registered()
		d.beat()
		d.lab.Stop(false)
		if err := d.lab.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		d.registered()
		if took := time.Since(back); took > 30*time.Second {
			t.Errorf("registered again after %s", took)
		}
	})
}
