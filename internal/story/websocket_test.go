package story

import (
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
	"ringback/sip"
)

// TestRFC7118_5_CallsOverAWebSocket: the phone connects and registers a contact that
// nobody can dial; calls both ways, hold and digits go over its connection.
func TestRFC7118_5_CallsOverAWebSocket(t *testing.T) {
	atLab(t, "", plan{
		agent: func(c *agent.Config) { c.Account.Transport = "ws" },
		lab:   func(c *lab.Config) { c.Listen = append(c.Listen, listen("ws", pbxIP+":80")) },
	}, func(d *desk) {
		bound := d.lab.Bindings("1001")
		if len(bound) != 1 || !strings.HasSuffix(bound[0].Contact, ".invalid;transport=ws") {
			t.Fatalf("bound %+v", bound)
		}
		d.inCall()
		d.do("hold", nil)
		d.contactHeld()
		d.do("resume", nil)
		d.talks(agent.RoleMain, contact, contactHz)
		d.do("dtmf", args{"digits": "17"})
		d.do("end", nil)
		d.do("done", nil)
		d.do("ready", nil)
		d.do("dial", args{"target": colleague})
		d.talks(agent.RoleMain, colleague, colleagueHz)
		d.do("end", nil)
	})
}

// TestRFC5626_4_5_ACallOutlivesItsWebSocket: the connection breaks under a call. The
// phone connects again, registers the same instance in place of the dead flow, and tells
// the PBX by a re-INVITE over the new one where the call is; what the PBX asks for then
// arrives, and so does what the agent does. Contacts say that requests are to come by
// the flow that is registered.
func TestRFC5626_4_5_ACallOutlivesItsWebSocket(t *testing.T) {
	var asked []string // INVITEs of the agent; the lab's loop
	atLab(t, "", plan{
		keeps: true,
		agent: func(c *agent.Config) { c.Account.Transport = "ws" },
		lab: func(c *lab.Config) {
			c.Listen = append(c.Listen, listen("ws", pbxIP+":80"))
			c.Trace = func(r sip.TraceRecord) {
				if strings.HasPrefix(r.Text, "INVITE") && !r.Out {
					asked = append(asked, r.Text)
				}
			}
		},
	}, func(d *desk) {
		id := d.instance()
		d.inCall()
		for range 3 {
			d.breaks(id)
			d.talks(agent.RoleMain, contact, contactHz)
			d.do("hold", nil)
			d.contactHeld()
			d.do("resume", nil)
			d.talks(agent.RoleMain, contact, contactHz)
		}
		d.breaks(id)
		d.hangsUp(contact)
		d.is(agent.PhaseReadyToCall)
		d.told("call.ended: completed")
		if len(asked) < 4+6 {
			t.Errorf("%d re-INVITEs, want one for each break and for each hold and resume", len(asked))
		}
		for _, text := range asked {
			if !strings.Contains(text, ".invalid;transport=ws;ob>") {
				t.Errorf("its Contact does not ask for the registered flow:\n%s", text)
			}
		}
	})
}

// breaks resets the agent's connections, and waits until it is registered again, as
// the same instance, and has told the PBX.
func (d *desk) breaks(id string) {
	d.Helper()
	d.laptop.Reset()
	d.pass(100 * time.Millisecond)
	d.told("registration.lost: ")
	d.backWithin(5 * time.Second)
	d.pass(2 * time.Second)
	if got := d.instance(); got != id || !strings.HasPrefix(id, "<urn:uuid:") {
		d.Errorf("the instance was %q and is %q", id, got)
	}
}

// instance is the agent's in its only binding.
func (d *desk) instance() string {
	d.Helper()
	bound := d.lab.Bindings("1001")
	if len(bound) != 1 {
		d.Fatalf("bound %+v", bound)
	}
	return bound[0].Instance
}

// TestRFC5626_4_1_TheInstanceOutlivesThePhone: switched off and on again the phone
// replaces the binding that a crash left behind.
func TestRFC5626_4_1_TheInstanceOutlivesThePhone(t *testing.T) {
	atLab(t, "", plan{keeps: true, agent: func(c *agent.Config) { c.Account.Transport = "tcp" }}, func(d *desk) {
		id := d.instance()
		d.laptop.SetDown(true) // nobody hears the goodbye
		d.switchOff()
		d.laptop.SetDown(false)
		d.hire()
		d.switchOn()
		d.registered()
		if got := d.instance(); got != id {
			t.Errorf("the instance was %s and is %s", id, got)
		}
	})
}
