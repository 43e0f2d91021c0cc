package story

import (
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
	"ringback/sip/message"
)

// ordered offers an order to dial: a callback whose first leg is the agent.
func (p *pbx) ordered() *message.Request {
	p.d.Helper()
	inv := p.invite(append([]string{"X-Callback-Id: cb-1", "X-Callback-Number: " + colleague, "X-Callback-First-Leg: agent"}, sdp("")...)...)
	p.response(180)
	p.d.is(agent.PhaseOffered)
	return inv
}

// cancel sends a CANCEL for an INVITE of ours (RFC 3261 9.1).
func (p *pbx) cancel(inv *message.Request) {
	p.d.Helper()
	p.within(inv, "CANCEL")
}

// within sends a CANCEL, or an ACK of a refusal, in the transaction of an INVITE of ours.
func (p *pbx) within(inv *message.Request, method string) {
	p.d.Helper()
	to, err := message.ParseURI(p.target)
	if err != nil {
		p.d.Fatal(err)
	}
	req := message.NewRequest(message.Method(method), to)
	for _, name := range []string{"Via", "Max-Forwards", "From", "To", "Call-ID"} {
		message.Add(req, name, message.Value(inv, name))
	}
	message.Add(req, "CSeq", strings.Replace(message.Value(inv, "CSeq"), "INVITE", method, 1))
	message.SetBody(req, "", nil)
	p.write(string(message.Bytes(req)))
}

// nothing fails when the agent sends something within a time.
func (p *pbx) nothing(within time.Duration) {
	p.d.Helper()
	select {
	case m := <-p.inbox:
		p.d.Fatalf("want nothing, got\n%s", message.Bytes(m))
	case <-time.After(within):
	}
}

// closes serves the agent's BYE for an order, and takes the call to the contact.
func (p *pbx) closes() {
	p.d.Helper()
	p.reply(p.request("BYE"), 200)
	p.reply(p.request("INVITE"), 200, sdp("")...)
	p.request("ACK")
	p.d.is(agent.PhaseConnected)
}

func TestOrder_TheContactIsDialledAfterTheACK(t *testing.T) {
	atPBX(t, "order", plan{title: "The agent is the first leg: the contact is dialled after the ACK"}, func(d *desk, p *pbx) {
		p.ordered()
		if in := d.interaction(); in.AcceptMeans != "dial" {
			t.Errorf("accept means %q", in.AcceptMeans)
		}
		accepted := d.starts("accept", nil)
		p.response(200)
		p.nothing(300 * time.Millisecond)
		d.is(agent.PhaseDialling)
		p.ask("ACK")
		p.closes()
		if err := accepted(); err != nil {
			t.Error(err)
		}
		if in := d.interaction(); in.Attempts != 1 || len(in.Calls) != 2 {
			t.Errorf("%+v", in)
		}
		d.saw("interaction.created", "offer.received", "offer.accepted", "call.ended completed", "call.dialling", "call.connected")
	})
}

func TestOrder_AcceptThatCrossesTheCancelDialsNobody(t *testing.T) {
	atLab(t, "order-accept-crosses-cancel", plan{title: "The agent accepts an order to dial while the CANCEL is on its way"}, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1", FirstLeg: "agent", Number: contact})
		d.is(agent.PhaseOffered)
		in := d.interaction().ID
		d.givesUp()
		d.pass(2 * time.Millisecond) // the CANCEL comes in 3 ms
		if err := d.now("accept", args{"interaction": in}); err == nil || err.Code != agent.CodeRejected || !strings.Contains(err.Message, "cancelled") {
			t.Errorf("accept: %v", err)
		}
		d.cancelledOrder()
		d.saw("interaction.created", "offer.received", "offer.accepted", "offer.cancelled cancelled", "channel.changed after-call-work", "channel.changed ready")
	})
}

func TestOrder_AcceptAfterTheCancelIsRefused(t *testing.T) {
	atLab(t, "order-accept-after-cancel", plan{title: "The CANCEL of an order to dial comes first, then the agent accepts"}, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1", FirstLeg: "agent", Number: contact})
		d.is(agent.PhaseOffered)
		in := d.interaction().ID
		d.givesUp()
		d.pass(5 * time.Millisecond) // the CANCEL has just come
		if err := d.now("accept", args{"interaction": in}); err == nil || err.Code != agent.CodeNotAllowed {
			t.Errorf("accept: %v", err)
		}
		d.cancelledOrder()
		d.saw("interaction.created", "offer.received", "offer.cancelled cancelled")
	})
}

// cancelledOrder holds that an order was taken back and nobody was called.
func (d *desk) cancelledOrder() {
	d.Helper()
	d.is(agent.PhaseDone)
	d.channel("ready", "")
	d.pass(time.Minute)
	if in := d.interaction(); in.Result != "cancelled" || in.Attempts != 0 || len(in.Calls) != 1 {
		d.Errorf("%+v", in)
	}
}

// The CANCEL has crossed the 200, the ACK comes, and the BYE that belongs to it is
// lost: what the phone knows is enough.
func TestOrder_CrossedCancelWhoseBYEIsLostDialsNobody(t *testing.T) {
	atPBX(t, "order-cancel-bye-lost", plan{title: "The CANCEL crosses the acceptance of an order, and the BYE is lost"}, func(d *desk, p *pbx) {
		inv := p.ordered()
		accepted := d.starts("accept", nil)
		p.cancel(inv)
		p.response(200)
		p.response(200)
		p.ask("ACK")
		p.reply(p.request("BYE"), 200)
		if err := accepted(); err == nil || err.Code != agent.CodeRejected {
			t.Errorf("accept: %v", err)
		}
		d.cancelledOrder()
	})
}

func TestOrder_NoACKDialsNobodyAndLeavesItToTheAgent(t *testing.T) {
	atPBX(t, "order-no-ack", plan{title: "The acceptance of an order to dial is never acknowledged"}, func(d *desk, p *pbx) {
		p.ordered()
		outcome := d.starts("accept", nil)
		accepted := time.Now()
		for range 11 {
			p.response(200)
		}
		p.reply(p.request("BYE"), 200)
		err := outcome()
		if took := time.Since(accepted); err == nil || err.Code != agent.CodeTimeout || took < 32*time.Second || took > 33*time.Second {
			t.Errorf("accept: %v after %s", err, took)
		}
		p.nothing(time.Minute)
		d.is(agent.PhaseReadyToCall)
		d.saw("interaction.created", "offer.received", "offer.accepted", "call.ended lost-ack", "error", "channel.changed after-call-work", "channel.changed ready")
		called := d.starts("call", nil)
		p.reply(p.request("INVITE"), 200, sdp("")...)
		p.request("ACK")
		if err := called(); err != nil {
			t.Error(err)
		}
		d.is(agent.PhaseConnected)
	})
}

// A queue that rings several agents ends the call of the second who answers with a
// BYE alone: it may mean that somebody else has the order, or that it is served.
func TestOrder_BYEOfThePBXLeavesItToTheAgent(t *testing.T) {
	atPBX(t, "order-bye", plan{title: "The PBX ends the call of an order itself"}, func(d *desk, p *pbx) {
		p.ordered()
		accepted := d.starts("accept", nil)
		p.response(200)
		p.ask("ACK")
		p.ask("BYE")
		p.response(200)
		if err := accepted(); err == nil || err.Code != agent.CodeRejected || !strings.Contains(err.Hint, "call dials the contact") {
			t.Errorf("accept: %v", err)
		}
		p.nothing(time.Minute)
		d.is(agent.PhaseReadyToCall)
	})
}

func TestOrder_EndedByTheAgentBeforeTheACKDialsNobody(t *testing.T) {
	atPBX(t, "order-ended", plan{title: "The agent ends an order before it is acknowledged"}, func(d *desk, p *pbx) {
		p.ordered()
		accepted := d.starts("accept", nil)
		p.response(200)
		if err := d.now("end", nil); err != nil {
			t.Error(err)
		}
		if err := accepted(); err == nil || err.Code != agent.CodeRejected {
			t.Errorf("accept: %v", err)
		}
		p.ask("ACK")
		p.reply(p.request("BYE"), 200)
		p.nothing(time.Minute)
		d.is(agent.PhaseReadyToCall)
	})
}
