package story

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// standing is a state of the agent in which a fault may come.
type standing struct {
	name   string
	plan   func(*plan)
	reach  func(d *desk)
	healed agent.Phase // of the interaction, once a network that broke is whole again; empty: there is none
	lost   agent.Phase // of it, once the PBX came back and knew nothing of it
}

// standings are all of them, in the order of an agent's day.
func standings() []standing {
	return []standing{
		{name: "refused", plan: registrarThat(lab.RegistrarPolicy{Refuse: 503}), reach: func(d *desk) {
			d.waitFor("the refusal", func(s agent.State) bool { return s.Registration.State == "failed" })
			d.lab.SetRegistrar(lab.RegistrarPolicy{})
		}},
		{name: "registering", plan: registrarThat(lab.RegistrarPolicy{Silent: true}), reach: func(d *desk) {
			d.pass(2 * time.Second)
			d.lab.SetRegistrar(lab.RegistrarPolicy{})
		}},
		{name: "registered", reach: (*desk).idle},
		{name: "refreshing", plan: func(p *plan) { p.agent = func(c *agent.Config) { c.Account.Expires = time.Minute } }, reach: func(d *desk) {
			d.idle()
			d.lab.SetRegistrar(lab.RegistrarPolicy{Silent: true})
			d.pass(time.Minute * 71 / 100)
			d.lab.SetRegistrar(lab.RegistrarPolicy{})
		}},
		{name: "offered", healed: agent.PhaseOffered, lost: agent.PhaseDone, reach: func(d *desk) {
			d.idle()
			d.offers(lab.Callback{ID: "cb-1"})
			d.is(agent.PhaseOffered)
		}},
		{name: "preview", healed: agent.PhasePreview, lost: agent.PhasePreview, reach: (*desk).previews},
		{name: "dialling", healed: agent.PhaseDialling, lost: agent.PhaseReadyToCall, reach: func(d *desk) {
			d.idle()
			d.do("dial", args{"target": absent})
			d.waitFor("ringing", func(s agent.State) bool { return len(s.Calls) == 1 && s.Calls[0].State == agent.CallPhaseRinging })
		}},
		{name: "connected", healed: agent.PhaseConnected, lost: agent.PhaseReadyToCall, reach: (*desk).inCall},
		{name: "on-hold", healed: agent.PhaseOnHold, lost: agent.PhaseReadyToCall, reach: func(d *desk) {
			d.inCall()
			d.do("hold", nil)
			d.contactHeld()
		}},
		{name: "held-by-remote", healed: agent.PhaseConnected, lost: agent.PhaseReadyToCall, reach: func(d *desk) {
			d.inCall()
			d.holds(lab.HoldSendOnly)
			d.waitFor("held by the contact", func(s agent.State) bool { return s.Calls[0].HeldByRemote })
		}},
		{name: "consulting", healed: agent.PhaseConsulting, lost: agent.PhaseReadyToCall, reach: (*desk).consulting},
		{name: "conference", healed: agent.PhaseConference, lost: agent.PhaseReadyToCall, reach: (*desk).inConference},
		{name: "transferring", healed: agent.PhaseOnHold, lost: agent.PhaseReadyToCall, reach: func(d *desk) {
			d.inCall()
			d.starts("transfer", args{"target": absent})
			d.labSaw(lab.TransferStarted, "1001", 0)
		}},
		{name: "after-call-work", healed: agent.PhaseReadyToCall, lost: agent.PhaseReadyToCall, reach: func(d *desk) {
			d.inCall()
			d.do("end", nil)
			d.is(agent.PhaseReadyToCall)
		}},
		{name: "outbox-waiting", healed: agent.PhaseReadyToCall, lost: agent.PhaseReadyToCall, reach: func(d *desk) {
			d.idle()
			d.lab.SetMessages(lab.MessagePolicy{Refuse: 503, RetryAfter: 20 * time.Second})
			d.accepts()
			d.do("end", nil)
			d.waitFor("reports that wait", func(s agent.State) bool { return s.Outbox.Waiting == 2 && s.Outbox.NextTry != nil })
			d.lab.SetMessages(lab.MessagePolicy{})
		}},
	}
}

// registrarThat is a PBX whose registrar behaves so from the beginning.
func registrarThat(r lab.RegistrarPolicy) func(*plan) {
	return func(p *plan) { p.lab = func(c *lab.Config) { c.Registrar = r } }
}

// idle is registered, and nothing else.
func (d *desk) idle() {
	d.Helper()
	d.registered()
	d.beat()
}

// previews brings a web callback as far as its preview.
func (d *desk) previews() {
	d.Helper()
	d.idle()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	body := `{"id":"w-1","number":"` + contact + `","name":"山田 太郎"}`
	if code, err := d.lab.Send(ctx, "1001", "application/json", body); err != nil || code != 200 {
		d.Fatalf("the order: %d %v", code, err)
	}
	d.is(agent.PhaseOffered)
	d.do("accept", nil)
	d.is(agent.PhasePreview)
}

// struck tells what becomes of an agent who stands so when a fault comes. The
// ladders do not count; what counts is checked by leavesNothing.
func (s standing) struck(t *testing.T, transport string, tell func(d *desk)) {
	t.Helper()
	p := plan{unregistered: true, keeps: true}
	if s.plan != nil {
		s.plan(&p)
	}
	more := p.agent
	p.agent = func(c *agent.Config) {
		c.Account.Transport, c.Account.Keepalive, c.Account.Expires = transport, 0, 5*time.Minute
		c.Callbacks.ReportTo, c.Channels.StartWeb, c.Channels.WrapUp = "sip:callbacks@"+pbxIP, "ready", 0
		if more != nil {
			more(c)
		}
	}
	if p.lab == nil {
		p.lab = func(*lab.Config) {}
	}
	atLab(t, "", p, func(d *desk) {
		s.reach(d)
		if s.name == "registering" {
			d.begin()
		} else {
			d.beat()
			d.begin()
		}
		tell(d)
		d.worksOn()
		d.leavesNothing(transport)
	})
}

// words are what an agent reads of the events since begin: their types with the
// words that come with them.
func (d *desk) words() []string {
	var all []string
	last := d.agent.Events().Last()
	for cursor, seq := d.agent.Since(d.read), d.read; seq < last; seq++ {
		e, err := cursor.Next(context.Background())
		if err != nil {
			d.Fatal(err)
		}
		text := strings.TrimSpace(e.Reason + " " + e.Text)
		if text == "" && (e.Type == agent.RegistrationLost || e.Type == agent.RegistrationFailed || e.Type == agent.CallEnded) {
			d.Errorf("%s without a word why", e.Type)
		}
		if text != "" && e.Type != agent.MessageSent {
			all = append(all, string(e.Type)+": "+text)
		}
	}
	return all
}

// told fails unless one of the events since begin has these words.
func (d *desk) told(want string) {
	d.Helper()
	if all := d.words(); !slices.ContainsFunc(all, func(w string) bool { return strings.Contains(w, want) }) {
		d.Errorf("the agent was not told %q, only: %s", want, strings.Join(all, "; "))
	}
}

// backWithin waits until the agent is registered at the PBX again, which is there
// again since this moment, and says how long that took.
func (d *desk) backWithin(most time.Duration) time.Duration {
	d.Helper()
	back := time.Now()
	d.registered()
	took := time.Since(back)
	if took > most {
		d.Errorf("registered again after %s", took)
	}
	return took
}

// worksOn: whatever is open is ended and done, and the next callback is taken.
func (d *desk) worksOn() {
	d.Helper()
	for _, in := range d.agent.State().Interactions {
		if slices.Contains(in.Allowed, "reject") {
			d.do("reject", args{"interaction": in.ID})
		}
		if slices.Contains(in.Allowed, "end") {
			d.do("end", args{"interaction": in.ID})
		}
		if slices.Contains(in.Allowed, "done") || slices.Contains(in.Allowed, "end") {
			d.do("done", args{"interaction": in.ID})
		}
	}
	_ = d.lab.GiveUp("cb-1") // a callback that was rejected is back in the queue
	d.pass(time.Second)
	d.channel("ready", "")
	d.offers(lab.Callback{ID: "cb-2"})
	d.is(agent.PhaseOffered)
	d.do("accept", nil)
	d.talks(agent.RoleMain, contact, contactHz)
	d.do("end", nil)
	d.do("done", nil)
	d.outbox(0, 0)
}

// leavesNothing: half a minute later neither the phone nor the PBX holds anything
// of what was; once the phone is off not even the registration.
func (d *desk) leavesNothing(transport string) {
	d.Helper()
	d.pass(40 * time.Second)
	for range 100 { // a keepalive may be out
		if !slices.ContainsFunc(d.openAt("phone"), func(s string) bool { return strings.Contains(s, "transaction") }) {
			break
		}
		d.pass(100 * time.Millisecond)
	}
	if left := d.openAt("phone"); len(left) != 0 {
		d.Errorf("left in the phone: %s", left)
	}
	for _, left := range d.openAt("PBX") {
		if !strings.HasPrefix(left, "transaction.servers") { // those of keepalives stay for 32 s
			d.Errorf("left at the PBX: %s", left)
		}
	}
	for n := 0; transport == "tcp" && n < 12; n++ { // one that the other side opened in need is closed after ten minutes
		if _, _, connections := d.laptop.Sockets(); connections == 1 {
			break
		}
		d.pass(time.Minute)
	}
	want := "1 datagram, 1 listener, 0 connections"
	if transport == "tcp" {
		want = "0 datagram, 1 listener, 1 connections"
	}
	datagrams, listeners, connections := d.laptop.Sockets()
	if got := fmt.Sprintf("%d datagram, %d listener, %d connections", datagrams, listeners, connections); got != want {
		d.Errorf("the phone has open: %s; want %s", got, want)
	}
	d.switchOff()
	if n := len(d.lab.Bindings("1001")); n != 0 {
		d.Errorf("%d bindings are left at the PBX", n)
	}
	d.pass(40 * time.Second)
	if left := d.openAt("PBX"); len(left) != 0 {
		d.Errorf("left at the PBX after the end: %s", left)
	}
	if a, b, c := d.laptop.Sockets(); a+b+c != 0 {
		d.Errorf("%d datagram, %d listening sockets, %d connections are left", a, b, c)
	}
}

// openAt is what is open in the phone or the PBX, where that should be nothing.
func (d *desk) openAt(where string) []string {
	counters := d.lab.Counters()
	if where == "phone" {
		var err error
		if counters, err = d.agent.Counters(context.Background()); err != nil {
			d.Fatal(err)
		}
	}
	var left []string
	for name, n := range counters {
		if strings.HasSuffix(name, ".open") && n != 0 {
			left = append(left, fmt.Sprint(name, " ", n))
		}
	}
	slices.Sort(left)
	return left
}
