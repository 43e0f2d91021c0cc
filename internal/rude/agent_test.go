package rude

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent"
	"ringback/internal/simnet"
)

// desk is an agent that is registered at a polite peer, in virtual time.
type desk struct {
	*testing.T
	net   *simnet.Net
	agent *agent.Agent
	pbx   *Peer
}

// onDesk gives fn a desk inside a bubble.
func onDesk(t *testing.T, edit func(*agent.Config), fn func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t, net: simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond}))}
		defer d.net.Close()
		d.pbx = d.peer(pbxIP)
		defer d.pbx.Close()
		d.pbx.BePolite(true)
		cfg := agent.DefaultConfig()
		cfg.Account.AOR, cfg.Account.Password, cfg.Account.Bind = "sip:1001@"+pbxIP, "s3cr3t", at
		cfg.Account.Keepalive, cfg.Account.Expires = time.Hour, time.Hour
		cfg.Audio.Headset = []string{"tone:440"}
		if edit != nil {
			edit(&cfg)
		}
		var err error
		if d.agent, err = agent.New(cfg, agent.Deps{Network: d.net.Host(phoneIP)}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- d.agent.Run(ctx) }()
		defer func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		d.pass(time.Second)
		if s := d.agent.State().Registration.State; s != "registered" {
			t.Fatalf("the agent is %s", s)
		}
		fn(d)
	})
}

func (d *desk) peer(ip string) *Peer {
	d.Helper()
	q, err := Listen(d.net.Host(ip), ip+":5060", at)
	if err != nil {
		d.Fatal(err)
	}
	return q
}

func (d *desk) pass(t time.Duration) {
	<-time.After(t)
	synctest.Wait()
}

func (d *desk) write(q *Peer, text string) {
	d.Helper()
	if err := q.Write(text); err != nil {
		d.Fatal(err)
	}
}

// do has the agent do something; it must work.
func (d *desk) do(action string, args map[string]any) {
	d.Helper()
	raw, err := json.Marshal(args)
	if err != nil {
		d.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, refused := d.agent.Do(ctx, action, raw); refused != nil {
		d.Fatalf("%s: %v", action, refused)
	}
	synctest.Wait()
}

// asks sends an INVITE with a body and gives the final answer, and after how long it
// came; what is not there within a second is none.
func (d *desk) asks(q *Peer, body string, lines ...string) (Message, time.Duration) {
	d.Helper()
	q.Drain()
	inv := q.New("INVITE")
	inv.Headers = append(inv.Headers, lines...)
	if body != "" {
		inv.Type, inv.Body = "application/sdp", body
	}
	begin := time.Now()
	d.write(q, inv.String())
	m, _ := q.Until(time.Second, func(m Message) bool { return m.Code() >= 200 && m.Header("Call-ID") == inv.CallID })
	took := time.Since(begin)
	if m.Code() >= 300 {
		ack := inv
		ack.Method, ack.CSeq, ack.To, ack.Type, ack.Body = "ACK", "1 ACK", m.Header("To"), "", ""
		d.write(q, ack.String())
	}
	return m, took
}

// shown are the states of the interactions that the agent sees.
func (d *desk) shown() (states []string) {
	synctest.Wait()
	for _, in := range d.agent.State().Interactions {
		states = append(states, string(in.State))
	}
	return states
}

func TestConformance_U08_MediaNotAcceptable(t *testing.T) {
	onDesk(t, nil, func(d *desk) {
		good := SDP(pbxIP, 4000)
		for name, c := range map[string]struct{ body, warning string }{
			"only G.729":       {strings.Replace(good, "RTP/AVP 0 101", "RTP/AVP 18", 1), "305"},
			"only video":       {strings.Replace(good, "m=audio", "m=video", 1), "304"},
			"audio turned off": {strings.Replace(good, "m=audio 4000", "m=audio 0", 1), "304"},
			"SRTP only":        {strings.Replace(good, "RTP/AVP", "RTP/SAVP", 1), "302"},
			"IPv6 only":        {strings.ReplaceAll(good, "IP4 "+pbxIP, "IP6 2001:db8::1"), "301"},
		} {
			m, took := d.asks(d.pbx, c.body)
			if m.Code() != 488 || !strings.HasPrefix(m.Header("Warning"), c.warning+" ") || took > 200*time.Millisecond {
				t.Errorf("%s: %q with Warning %q after %v", name, m.Start(), m.Header("Warning"), took)
			}
		}
		if s := d.shown(); len(s) != 0 {
			t.Errorf("the agent saw %v", s)
		}
	})
}

// U17: busy, not ready, after a call: refused within 200 ms, with the reason.
func TestConformance_U17_BusyNotReadyWrapUp(t *testing.T) {
	onDesk(t, func(c *agent.Config) { c.Calls.Waiting, c.Callbacks.NotReadyCode = false, 486 }, func(d *desk) {
		refused := func(when string) {
			t.Helper()
			m, took := d.asks(d.pbx, SDP(pbxIP, 4000))
			if m.Code() != 486 || took > 200*time.Millisecond || !strings.Contains(m.Header("Reason"), "text=") {
				t.Errorf("%s: %q after %v, Reason %q", when, m.Start(), took, m.Header("Reason"))
			}
		}
		d.do("not-ready", nil)
		refused("not ready")
		d.do("ready", nil)
		inv := d.pbx.New("INVITE")
		inv.Type, inv.Body = "application/sdp", SDP(pbxIP, 4000)
		d.write(d.pbx, inv.String())
		d.pass(100 * time.Millisecond)
		refused("while it rings")
		d.pbx.Drain()
		d.do("accept", nil)
		ok, _ := d.pbx.Until(time.Second, func(m Message) bool { return m.Code() == 200 })
		ack := inv
		ack.Method, ack.CSeq, ack.To, ack.Via, ack.Type, ack.Body = "ACK", "1 ACK", ok.Header("To"), d.pbx.New("ACK").Via, "", ""
		d.write(d.pbx, ack.String())
		d.pass(100 * time.Millisecond)
		refused("in a call")
		bye := ack
		bye.Method, bye.CSeq, bye.Via = "BYE", "2 BYE", d.pbx.New("BYE").Via
		d.write(d.pbx, bye.String())
		d.pass(100 * time.Millisecond)
		refused("in the work after the call")
		d.do("done", nil)
		if m, _ := d.asks(d.pbx, SDP(pbxIP, 4000)); m.Code() == 486 {
			t.Errorf("when it is over: %q", m.Start())
		}
	})
}

// wishes are the ways to ask a phone to answer by itself.
var wishes = []string{
	"Call-Info: <sip:x>;answer-after=0", "Call-Info: <http://x/>;appearance-index=1;answer-after=0", "Alert-Info: <http://x/>;info=alert-autoanswer",
	"Alert-Info: Auto Answer", "Answer-Mode: Auto", "Answer-Mode: Auto;require", "Priv-Answer-Mode: Auto",
}

// S10: a phone that answers by itself is a listening device: off unless the agent's
// settings say otherwise, and then only for the PBX, with a tone.
func TestConformance_S10_AutoAnswerAbuse(t *testing.T) {
	t.Run("off", func(t *testing.T) {
		onDesk(t, nil, func(d *desk) {
			for _, wish := range wishes {
				if m, _ := d.asks(d.pbx, SDP(pbxIP, 4000), wish, "Require: answermode"); m.Code() != 420 {
					t.Errorf("%s required: %q", wish, m.Start())
				}
			}
			d.asks(d.pbx, SDP(pbxIP, 4000), wishes...)
			d.pass(15 * time.Second)
			if s := d.shown(); !slices.Equal(s, []string{"offered"}) {
				t.Errorf("interactions %v, want one that waits for the agent", s)
			}
		})
	})
	t.Run("on, asked by a stranger", func(t *testing.T) {
		onDesk(t, func(c *agent.Config) { c.Callbacks.AutoAnswer = "header" }, func(d *desk) {
			evil := d.peer(otherIP)
			defer evil.Close()
			for _, wish := range wishes {
				forged := []string{wish, fmt.Sprintf("P-Asserted-Identity: <sip:boss@%s>", pbxIP), "Via: SIP/2.0/UDP " + pbxIP}
				if m, _ := d.asks(evil, SDP(otherIP, 4000), forged...); m.Code() != 403 {
					t.Errorf("%s from a stranger: %q", wish, m.Start())
				}
			}
			if s := d.shown(); len(s) != 0 {
				t.Errorf("interactions %v", s)
			}
		})
	})
	t.Run("on, asked by the PBX", func(t *testing.T) {
		onDesk(t, func(c *agent.Config) { c.Callbacks.AutoAnswer = "header" }, func(d *desk) {
			m, _ := d.asks(d.pbx, SDP(pbxIP, 4000), wishes[0])
			if m.Code() != 200 {
				t.Fatalf("got %q", m.Start())
			}
			d.pass(100 * time.Millisecond)
			if s := d.shown(); !slices.Equal(s, []string{"connected"}) {
				t.Errorf("interactions %v", s)
			}
		})
	})
}

// O18: no body makes the phone ring for long, hang or keep a call half open; the next
// call is as if nothing had been.
func TestConformance_O18_GarbageInAnOffer(t *testing.T) {
	onDesk(t, nil, func(d *desk) {
		for name, body := range Descriptions() {
			m, took := d.asks(d.pbx, body)
			switch {
			case m.Code() == 400 || m.Code() == 488:
				if took > 20*time.Millisecond {
					t.Errorf("%s: refused after %v of virtual time", name, took)
				}
			case m.Code() != 0:
				t.Errorf("%s: %q", name, m.Start())
			default: // it rings, because something in it is usable: the caller gives up
				in := d.agent.State().Interactions
				d.do("reject", map[string]any{"interaction": in[len(in)-1].ID})
			}
			d.pass(time.Second)
		}
		for _, s := range d.shown() {
			if s != "done" && s != "closed" {
				t.Errorf("an interaction is %s", s)
			}
		}
		if calls := d.agent.State().Calls; slices.ContainsFunc(calls, func(c agent.CallState) bool { return c.Ended == nil }) {
			t.Errorf("calls are half open: %+v", calls)
		}
		d.write(d.pbx, func() string {
			r := d.pbx.New("INVITE")
			r.Type, r.Body = "application/sdp", SDP(pbxIP, 4000)
			return r.String()
		}())
		d.pass(100 * time.Millisecond)
		if s := d.shown(); len(s) == 0 || s[len(s)-1] != "offered" {
			t.Errorf("the next call: %v", s)
		}
	})
}
