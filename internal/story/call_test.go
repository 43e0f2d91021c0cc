package story

import (
	"context"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

func TestDial_BothHearEachOther(t *testing.T) {
	atLab(t, "dial", plan{title: "The agent calls a colleague and hangs up"}, func(d *desk) {
		d.do("dial", args{"target": colleague})
		d.is(agent.PhaseDialling)
		d.talks(agent.RoleMain, colleague, colleagueHz)
		d.do("end", nil)
		d.is(agent.PhaseReadyToCall)
		d.do("done", nil)
		d.saw("interaction.created", "call.dialling", "call.ringing 180", "call.connected", "call.ended completed", "channel.changed after-call-work", "interaction.done", "channel.changed ready")
	})
}

// TestDial_Wideband: with G.722 both sides hear what a telephone loses, also after a
// hold; with a colleague who has G.711 only the call is one of those.
func TestDial_Wideband(t *testing.T) {
	const sayHz, hearHz = 5500, 6200
	for name, theirs := range map[string][]string{"g722": {"G722", "PCMU"}, "g722-refused": {"PCMU"}} {
		t.Run(name, func(t *testing.T) {
			p := plan{title: "A call in G.722, where the PBX can do it"}
			p.agent = func(c *agent.Config) {
				c.Audio.Codecs, c.Audio.Headset = []string{"g722", "pcmu"}, []string{"tone:5500"}
			}
			p.lab = func(c *lab.Config) {
				c.Codecs, c.Hears = theirs, []float64{sayHz}
				c.Extensions = append(c.Extensions, lab.Extension{Number: "3001", Behaviour: lab.Behaviour{Say: lab.Tone(hearHz)}})
			}
			atLab(t, "dial-"+name, p, func(d *desk) {
				d.do("dial", args{"target": "3001"})
				d.is(agent.PhaseConnected)
				if name == "g722-refused" {
					d.pass(3 * time.Second)
					if c, far := d.call(agent.RoleMain), d.lab.Heard("3001"); c.Codec != "PCMU" || far.Audio > 0 || far.Level > -60 {
						t.Errorf("%s, a tone of %d Hz was heard as %+v", c.Codec, sayHz, far)
					}
					return
				}
				d.hears(agent.RoleMain, hearHz)
				d.heardBy("3001", sayHz)
				d.do("hold", nil)
				d.deafTo(agent.RoleMain, hearHz)
				d.do("resume", nil)
				d.hears(agent.RoleMain, hearHz)
				if c := d.call(agent.RoleMain); c.Codec != "G722" {
					t.Errorf("the codec is %s", c.Codec)
				}
			})
		})
	}
}

func TestDial_ReliableEarlyMediaThenAnAnswerWithoutSDP(t *testing.T) {
	atPBX(t, "early-reliable", plan{title: "The PBX answers the offer in a reliable 183 and says nothing more in the 200"}, func(d *desk, p *pbx) {
		d.do("dial", args{"target": colleague})
		inv := p.request("INVITE")
		p.reply(inv, 183, append([]string{"Require: 100rel", "RSeq: 1"}, sdp("")...)...)
		p.reply(p.request("PRACK"), 200)
		p.reply(inv, 200)
		p.request("ACK")
		d.is(agent.PhaseConnected)
		ended := d.starts("hold", nil)
		p.reply(p.request("INVITE"), 200, sdp("recvonly")...)
		p.request("ACK")
		if err := ended(); err != nil {
			t.Error(err)
		}
		ended = d.starts("end", nil)
		p.reply(p.request("BYE"), 200)
		if err := ended(); err != nil {
			t.Error(err)
		}
		d.saw("interaction.created", "call.dialling", "call.early-media 183", "call.connected", "call.held", "call.ended completed", "channel.changed after-call-work")
	})
}

func TestDial_EndThatCrossesTheAnswerLeavesNoCall(t *testing.T) {
	atPBX(t, "cancel-crosses-200", plan{title: "The agent gives up in the moment of the answer"}, func(d *desk, p *pbx) {
		d.do("dial", args{"target": colleague})
		inv := p.request("INVITE")
		p.reply(inv, 180)
		d.is(agent.PhaseDialling)
		ended := d.starts("end", nil)
		p.reply(inv, 200, sdp("")...)
		p.reply(p.request("CANCEL"), 200)
		p.request("ACK")
		p.reply(p.request("BYE"), 200)
		if err := ended(); err != nil {
			t.Error(err)
		}
		d.is(agent.PhaseReadyToCall)
		d.saw("interaction.created", "call.dialling", "call.ringing 180", "call.ended cancelled", "channel.changed after-call-work")
	})
}

func TestDial_TwoPhonesAnswerAndOneIsKept(t *testing.T) {
	atPBX(t, "forked-200", plan{title: "Two phones answer one call"}, func(d *desk, p *pbx) {
		d.do("dial", args{"target": colleague})
		inv := p.request("INVITE")
		p.replyAs("one", inv, 180)
		p.replyAs("two", inv, 180)
		d.beat()
		p.replyAs("one", inv, 200, sdp("")...)
		p.replyAs("two", inv, 200, sdp("")...)
		p.request("ACK")
		p.request("ACK")
		p.reply(p.request("BYE"), 200)
		d.is(agent.PhaseConnected)
		d.pass(40 * time.Second)
		ended := d.starts("end", nil)
		p.reply(p.request("BYE"), 200)
		if err := ended(); err != nil {
			t.Error(err)
		}
		d.saw("interaction.created", "call.dialling", "call.ringing 180", "call.connected", "call.ended completed", "channel.changed after-call-work")
	})
}

func TestAccept_NoACKFreesTheAgentAfter32Seconds(t *testing.T) {
	atPBX(t, "no-ack", plan{title: "The ACK of an accepted call never comes"}, func(d *desk, p *pbx) {
		p.invite(sdp("")...)
		p.response(180)
		d.is(agent.PhaseOffered)
		d.starts("accept", nil)
		accepted := time.Now()
		for range 11 {
			p.response(200)
		}
		p.reply(p.request("BYE"), 200)
		d.is(agent.PhaseReadyToCall)
		if took := time.Since(accepted); took < 32*time.Second || took > 33*time.Second {
			t.Errorf("free after %s, want 64*T1", took)
		}
		d.do("done", nil)
		d.channel("ready", "")
		d.saw("interaction.created", "offer.received", "offer.accepted", "call.connected", "call.ended lost-ack", "channel.changed after-call-work", "interaction.done", "channel.changed ready")
	})
}

func TestDial_QueueThatRingsFortyTimesIsOneCall(t *testing.T) {
	atPBX(t, "queue-180", plan{title: "A queue sends 180 forty times before the 200"}, func(d *desk, p *pbx) {
		d.do("dial", args{"target": colleague})
		inv := p.request("INVITE")
		for range 40 {
			p.reply(inv, 180)
			d.beat()
		}
		p.reply(inv, 200, sdp("")...)
		p.request("ACK")
		d.is(agent.PhaseConnected)
		d.saw("interaction.created", "call.dialling", "call.ringing 180", "call.connected")
		p.ask("BYE")
		p.response(200)
		d.is(agent.PhaseReadyToCall)
	})
}

// TestRemoteHangUp: the other side leaves in each state of an interaction; what
// is left of it stays in the agent's hands.
func TestRemoteHangUp(t *testing.T) {
	told := func(name, title string, tell func(d *desk)) {
		t.Run(name, func(t *testing.T) {
			atLab(t, "remote-hangup-"+name, plan{title: title}, tell)
		})
	}
	told("dialling", "The far end refuses the call", func(d *desk) {
		d.do("dial", args{"target": refusing})
		d.is(agent.PhaseReadyToCall)
		if in := d.interaction(); in.Result != "busy" {
			d.Errorf("the result is %q", in.Result)
		}
		d.saw("interaction.created", "call.dialling", "call.ringing 180", "call.ended 486 busy", "channel.changed after-call-work")
	})
	told("connected", "The contact hangs up", func(d *desk) {
		d.inCall()
		d.hangsUp(contact)
		d.is(agent.PhaseReadyToCall)
		d.saw("call.ended completed", "channel.changed after-call-work")
	})
	told("on-hold", "The contact hangs up while on hold", func(d *desk) {
		d.inCall()
		d.do("hold", nil)
		d.contactHeld()
		d.hangsUp(contact)
		d.is(agent.PhaseReadyToCall)
		d.saw("call.held", "call.ended completed", "channel.changed after-call-work")
	})
	told("consulting", "The contact hangs up during a consultation, which goes on", func(d *desk) {
		d.consulting()
		d.hangsUp(contact)
		d.waitFor("the end of the contact's call", func(s agent.State) bool { return s.Calls[0].State == agent.CallPhaseEnded })
		d.talks(agent.RoleConsultation, colleague, colleagueHz)
		d.do("end", nil)
		d.is(agent.PhaseReadyToCall)
	})
	told("conference", "The contact leaves a conference, which goes on", func(d *desk) {
		d.inConference()
		d.hangsUp(contact)
		d.waitFor("the end of the contact's call", func(s agent.State) bool { return s.Calls[0].State == agent.CallPhaseEnded })
		d.talks(agent.RoleParty, colleague, colleagueHz)
		d.notHeardBy(colleague, contactHz)
		d.do("end", nil)
		d.is(agent.PhaseReadyToCall)
	})
}

func TestPBXRestart_UnderACallLeavesTheAgentInCharge(t *testing.T) {
	p := plan{title: "The PBX restarts under a call", agent: func(c *agent.Config) { c.Account.Keepalive = 0 }}
	atLab(t, "pbx-restart-call", p, func(d *desk) {
		d.inCall()
		d.lab.Stop(false)
		d.deafTo(agent.RoleMain, contactHz)
		d.pass(10 * time.Second)
		if err := d.lab.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.registered()
		d.is(agent.PhaseReadyToCall) // its re-INVITE was answered 481
		if c := d.call(agent.RoleMain); c.Code != 481 || c.Reason != "network" {
			t.Errorf("the call ended as %+v", c)
		}
		d.told("the PBX does not know this call any more")
		d.do("done", nil)
		d.channel("ready", "")
		d.accepts()
		d.do("end", nil)
	})
}
