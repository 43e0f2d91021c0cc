package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/media/mixer"
)

// The agent's microphone says this tone in all stories.
const micHz = 440

const (
	labIP   = "10.0.0.1"
	agentIP = "10.0.0.11"
)

// bed is an agent and a PBX on a network in memory, in virtual time.
type bed struct {
	t      *testing.T
	dir    string // of the agents' state; empty: they forget
	net    *simnet.Net
	lab    *lab.Lab
	agent  *Agent
	stops  []func()
	seen   uint64 // events up to here were waited for
	labSeq int
}

// story runs fn with an agent that is registered as 1001 at the lab. It fails
// when a goroutine is left behind, or the events do not lead to the state.
func story(t *testing.T, change func(*Config, *lab.Config), fn func(b *bed)) {
	t.Helper()
	storyIn(t, "", change, fn)
}

// storyIn is the same with a state directory, for stories that go on after a
// restart.
func storyIn(t *testing.T, dir string, change func(*Config, *lab.Config), fn func(b *bed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg, pbx := testConfig(), lab.Config{}
		if change != nil {
			change(&cfg, &pbx)
		}
		b := newBed(t, dir, cfg, pbx)
		defer b.close()
		b.wait(RegistrationRegistered)
		fn(b)
		b.holds()
	})
}

func newBed(t *testing.T, dir string, cfg Config, pbx lab.Config) *bed {
	t.Helper()
	b := newLabBed(t, dir, pbx)
	b.agent = b.run(cfg, "1001", agentIP)
	return b
}

// newLabBed is a bed whose agent has not come yet.
func newLabBed(t *testing.T, dir string, pbx lab.Config) *bed {
	t.Helper()
	b := &bed{t: t, dir: dir, net: simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond}))}
	pbx.Network, pbx.IP = b.net.Host(labIP), netip.MustParseAddr(labIP)
	var err error
	if b.lab, err = lab.Start(t.Context(), pbx); err != nil {
		t.Fatal(err)
	}
	return b
}

// run starts an agent; close stops it.
func (b *bed) run(cfg Config, user, ip string) *Agent {
	b.t.Helper()
	return b.start(b.make(cfg, user, ip), user)
}

// start runs an agent that was made; close stops it.
func (b *bed) start(a *Agent, user string) *Agent {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	b.stops = append(b.stops, sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Errorf("run %s: %v", user, err)
		}
	}))
	return a
}

// second is a bed's view of another agent at the same PBX.
func (b *bed) second(change func(*Config)) *bed {
	b.t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	other := &bed{t: b.t, net: b.net, lab: b.lab}
	other.agent = other.run(cfg, "1002", "10.0.0.12")
	b.stops = append(b.stops, other.stops...)
	other.wait(RegistrationRegistered)
	return other
}

func (b *bed) make(cfg Config, user, ip string) *Agent {
	b.t.Helper()
	return b.makeWith(cfg, user, ip, Deps{StateDir: b.dir})
}

func (b *bed) makeWith(cfg Config, user, ip string, deps Deps) *Agent {
	b.t.Helper()
	at := b.lab.Addr("udp")
	cfg.Account.AOR = fmt.Sprintf("sip:%s@%s", user, at)
	cfg.Account.Registrar = "sip:" + at.String()
	cfg.Account.Bind, cfg.Account.Username = ip, user
	cfg.Account.Password = Secret("lab-" + user)
	if slices.Equal(cfg.Audio.Headset, []string{"null"}) {
		cfg.Audio.Headset = []string{fmt.Sprintf("tone:%d", micHz)}
	}
	deps.Network = b.net.Host(ip)
	a, err := New(cfg, deps)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func (b *bed) close() {
	for _, stop := range b.stops {
		stop()
	}
	if err := b.lab.Close(context.Background()); err != nil {
		b.t.Errorf("close lab: %v", err)
	}
	b.net.Close()
	<-time.After(time.Minute) // what was asked for and not awaited ends by itself
}

// settle lets what is on its way arrive.
func (b *bed) settle() {
	<-time.After(time.Second)
	synctest.Wait()
}

// holds checks that the events lead to the state, and that the model says so.
func (b *bed) holds() {
	b.t.Helper()
	b.settle()
	select {
	case <-b.agent.ended:
		sameAsFolded(b.t, b.agent, eventsOf(b.t, b.agent))
		return
	default:
	}
	var model State
	var events []Event
	if err := b.agent.loop.Do(b.t.Context(), func() {
		model, events = b.agent.snapshot(), eventsOf(b.t, b.agent)
		b.nothingLeft()
	}); err != nil {
		b.t.Fatal(err)
	}
	if model, published := toJSON(b.t, model), toJSON(b.t, b.agent.State()); model != published {
		differ(b.t, "model", model, published)
	}
	sameAsFolded(b.t, b.agent, events)
	nameTheirCalls(b.t, events)
	if n := b.agent.loop.Panics(); n != 0 {
		b.t.Errorf("%d panics", n)
	}
}

// nameTheirCalls holds that each event of a call names it, and its SIP Call-ID.
func nameTheirCalls(t *testing.T, events []Event) {
	t.Helper()
	brought := map[InteractionID]bool{} // offers that came with a call
	for _, e := range events {
		group, _, _ := strings.Cut(string(e.Type), ".")
		ofCall := slices.Contains([]string{"call", "consultation", "dtmf"}, group)
		if e.Type == OfferReceived {
			brought[e.Interaction] = e.Call != ""
		}
		if ofCall && e.Call == "" || group == "offer" && brought[e.Interaction] && e.Call == "" || e.Call != "" && e.SIPCallID == "" {
			t.Errorf("an event that does not name its call: %+v", e)
		}
	}
}

// nothingLeft holds that what has ended holds no media, no timer and no waiter. It
// runs on the loop.
func (b *bed) nothingLeft() {
	for _, in := range b.agent.interactions {
		for _, l := range in.legs {
			if !l.live() && (l.media != nil || l.meter != nil || l.slot != mixer.None || l.transfer != nil) {
				b.t.Errorf("%s has ended and still holds media or a transfer", l.id)
			}
		}
	}
	if n := len(b.agent.waiters); n != 0 {
		b.t.Errorf("%d actions are still waited for", n)
	}
}

// do performs an action that must work.
func (b *bed) do(name string, args map[string]any) ActionResult {
	b.t.Helper()
	result, err := b.try(name, args)
	if err != nil {
		b.t.Fatalf("%s %v: %s %v", name, args, err.Code, err)
	}
	return result
}

func (b *bed) try(name string, args map[string]any) (ActionResult, *ActionError) {
	b.t.Helper()
	raw, _ := json.Marshal(args)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	got, err := b.agent.Do(ctx, name, raw)
	result, _ := got.(ActionResult)
	return result, err
}

// fails performs an action that must be refused or fail with this code.
func (b *bed) fails(name string, args map[string]any, code string) *ActionError {
	b.t.Helper()
	_, err := b.try(name, args)
	if err == nil || err.Code != code {
		b.t.Fatalf("%s %v: %+v, want %s", name, args, err, code)
	}
	return err
}

// wait is the next event of a type after those waited for before.
func (b *bed) wait(want EventType) Event {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c := b.agent.Since(b.seen)
	var passed []string
	for {
		e, err := c.Next(ctx)
		if err != nil {
			b.t.Fatalf("waited for %s: %v; passed %s", want, err, strings.Join(passed, " "))
		}
		if e.Type == want {
			b.seen = e.Seq
			return e
		}
		passed = append(passed, string(e.Type))
	}
}

// happened are the types of the events since the one waited for last, without
// those that say how things sound and of the outbox.
func (b *bed) happened() []string {
	b.settle()
	var types []string
	for _, e := range eventsOf(b.t, b.agent) {
		if e.Seq > b.seen && !byTheClock(e.Type) {
			types = append(types, string(e.Type))
		}
	}
	return types
}

// byTheClock says that e comes also where nothing was done: a registration is refreshed
// at a random part of its time, which may fall into any second.
func byTheClock(e EventType) bool {
	return e == RegistrationRegistered || strings.HasPrefix(string(e), "media.") || strings.HasPrefix(string(e), "outbox.")
}

func (b *bed) mark() { b.seen, b.labSeq = b.agent.Events().Last(), b.lab.Log().Last() }

// phase checks the state of the newest interaction and gives it.
func (b *bed) phase(want Phase) InteractionState {
	b.t.Helper()
	synctest.Wait()
	all := b.agent.State().Interactions
	if len(all) == 0 {
		b.t.Fatalf("no interaction, want %s", want)
	}
	in := all[len(all)-1]
	if in.State != want {
		b.t.Fatalf("%s is %s, want %s; events %v", in.ID, in.State, want, b.happened())
	}
	return in
}

func (b *bed) channel() ChannelState { return b.agent.State().Channels[ChannelVoice] }

func (b *bed) call(id CallID) CallState {
	b.t.Helper()
	c, ok := b.agent.State().Call(id)
	if !ok {
		b.t.Fatalf("no call %s", id)
	}
	return c
}

// at waits for an event of the lab after the mark.
func (b *bed) at(typ lab.EventType, party string) lab.Event {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	e, err := b.lab.Log().Wait(ctx, b.labSeq, lab.Is(typ, party))
	if err != nil {
		b.t.Fatalf("waited at the lab for %s of %s: %v; %v", typ, party, err, b.lab.Log().Since(b.labSeq))
	}
	return e
}

// farHears and agentHears prove the two ways of a call by tones; now is for how
// things are, after they had a second to settle.
func (b *bed) farHears(party string, hz int, want bool) {
	b.t.Helper()
	b.settle()
	if got := slices.Contains(b.lab.Heard(party).Now, hz); got != want {
		b.t.Errorf("%s hears %d Hz: %v, want %v (it hears %v)", party, hz, got, want, b.lab.Heard(party).Now)
	}
}

func (b *bed) agentHears(call CallID, hz float64, want bool) {
	b.t.Helper()
	b.settle()
	if got := slices.Contains(b.call(call).Heard.Tones, hz); got != want {
		b.t.Errorf("the agent hears %v Hz on %s: %v, want %v (it hears %v)", hz, call, got, want, b.call(call).Heard.Tones)
	}
}

func (b *bed) offer(cb lab.Callback) string {
	b.t.Helper()
	id, err := b.lab.Offer(cb)
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// talk offers a callback, accepts it, and waits until the contact is there.
func (b *bed) talk() (InteractionID, CallID) {
	b.t.Helper()
	b.offer(lab.Callback{ID: "cb-1", Name: "山田 太郎"})
	b.wait(OfferReceived)
	r := b.do("accept", nil)
	b.wait(CallConnected)
	b.settle()
	b.mark()
	return r.Interaction, r.Call
}

// agentDoes performs an action on the agent itself.
func (b *bed) agentDoes(name string, args map[string]any) {
	b.t.Helper()
	if _, err := b.try(name, args); err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
}

// on looks at the agent from its loop.
func (b *bed) on(look func(a *Agent)) {
	b.t.Helper()
	if err := b.agent.loop.Do(b.t.Context(), func() { look(b.agent) }); err != nil {
		b.t.Fatal(err)
	}
}

// alert is what the agent hears of an offer.
func (b *bed) alert() (name string) {
	b.t.Helper()
	b.on(func(a *Agent) { name = a.sound.alerts })
	return name
}

// ringback reports whether the agent hears a ringback tone of the phone's own.
func (b *bed) ringback() (yes bool) {
	b.t.Helper()
	b.on(func(a *Agent) { yes = a.sound.ringing && a.sound.tone.Playing() })
	return yes
}
