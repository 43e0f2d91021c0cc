package story

import (
	"cmp"
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
	"ringback/internal/ladder"
	"ringback/internal/ladder/golden"
	"ringback/internal/simnet"
)

const (
	pbxIP    = "10.0.0.1"
	agentIP  = "10.0.0.2"
	patience = 5 * time.Minute // for what must come
)

// desk is an agent at a PBX.
type desk struct {
	*testing.T
	net    *simnet.Net
	laptop *simnet.Host // the agent's machine
	names  *nameServer  // nil: the PBX is known by its address
	lab    *lab.Lab     // nil at a scripted PBX
	pbx    *pbx         // nil at the lab
	agent  *agent.Agent
	cfg    agent.Config
	deps   agent.Deps
	clock  atomic.Int64 // nanoseconds by which the agent's wall clock is ahead
	start  time.Time
	read   uint64 // events that the story has told so far
	stop   func() // ends Run
	ended  chan error
	wire   wire
}

// wire is every SIP datagram of a story.
type wire struct {
	mu   sync.Mutex
	msgs []ladder.Message
	show []string
}

// plan is what a story changes before it begins.
type plan struct {
	title string
	show  []string // headers on the ladder
	agent func(*agent.Config)
	lab   func(*lab.Config)
	// keeps: the agent has a state directory of its own.
	keeps bool
	// unregistered: the story itself lets the agent begin to work.
	unregistered bool
	// named: the PBX is known by its name, pbx.example, and there is a DNS server.
	named bool
	// deps changes what the agent is given; nil: nothing.
	deps func(*agent.Deps)
	// before is done before the agent is switched on; nil: nothing.
	before func(d *desk)
	// offline: there is no network when it is switched on.
	offline bool
	// tap sees every packet, from the first.
	tap func(simnet.Packet)
	// commit is called around each commit of the store; nil: nobody.
	commit func(point string, before bool)
}

// atLab tells a story at the lab PBX, and compares its ladder with
// testdata/ladder/story/NAME.txt; without a name its ladder does not count.
func atLab(t *testing.T, name string, p plan, tell func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, p)
		cfg := lab.Config{Network: d.net.Host(pbxIP), IP: netip.MustParseAddr(pbxIP), Extensions: cast(), Random: half}
		at := netip.AddrPortFrom(cfg.IP, 5060).String()
		cfg.Listen = append(cfg.Listen, listen("udp", at), listen("tcp", at))
		if p.lab != nil {
			p.lab(&cfg)
		}
		var err error
		if d.lab, err = lab.Start(context.Background(), cfg); err != nil {
			t.Fatal(err)
		}
		defer d.close()
		d.tell(name, p, tell)
	})
}

// atPBX tells a story at a scripted PBX.
func atPBX(t *testing.T, name string, p plan, tell func(d *desk, pbx *pbx)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, p)
		d.pbx = newPBX(d)
		defer d.close()
		d.tell(name, p, func(d *desk) { tell(d, d.pbx) })
	})
}

// half is what comes of chance in a story.
func half(n int) int { return n / 2 }

func newDesk(t *testing.T, p plan) *desk {
	t.Helper()
	d := &desk{T: t, net: simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond})), start: time.Now()}
	d.net.Tap(d.wire.take)
	if p.tap != nil {
		d.net.Tap(p.tap)
	}
	if d.laptop = d.net.Host(agentIP); p.offline {
		d.laptop.SetAddrs()
	}
	cfg := agent.DefaultConfig()
	cfg.Account.AOR, cfg.Account.Password, cfg.Account.Bind = "sip:1001@"+pbxIP, "lab-1001", agentIP+":5060"
	cfg.Account.Expires, cfg.Account.Keepalive = time.Hour, time.Hour // neither is part of a story that does not say so
	cfg.Audio.Headset, cfg.Audio.Codecs = []string{"tone:440"}, []string{"pcmu", "pcma"}
	if p.named {
		cfg.Account.AOR = "sip:1001@" + pbxName
	}
	if p.agent != nil {
		p.agent(&cfg)
	}
	d.cfg, d.deps = cfg, agent.Deps{Network: d.laptop, Random: half, WallClock: d.wall}
	d.deps.Commit = p.commit
	if p.deps != nil {
		p.deps(&d.deps)
	}
	if p.named {
		d.names = newNameServer(d)
	}
	if p.keeps {
		d.deps.StateDir = t.TempDir()
	}
	d.hire()
	return d
}

// wall is the clock on the agent's wall, without what keeps time steady in a process.
func (d *desk) wall() time.Time { return time.Now().Round(0).Add(time.Duration(d.clock.Load())) }

// hire makes the agent, or another one with the memory of the one before.
func (d *desk) hire() {
	d.Helper()
	var err error
	if d.agent, err = agent.New(d.cfg, d.deps); err != nil {
		d.Fatal(err)
	}
	d.read = 0
}

func (d *desk) tell(name string, p plan, tell func(d *desk)) {
	d.Helper()
	d.wire.show = p.show
	if p.before != nil {
		p.before(d)
	}
	d.switchOn()
	if !p.unregistered {
		d.waitFor("the registration", func(s agent.State) bool { return s.Registration.State == "registered" })
		d.beat()
		d.begin()
	}
	tell(d)
	d.pass(time.Second)
	if name != "" {
		golden.Ladder(d, "story/"+name, d.wire.draw(p.title))
	}
}

// switchOn lets the agent run.
func (d *desk) switchOn() {
	ctx, stop := context.WithCancel(context.Background())
	d.stop, d.ended = stop, make(chan error, 1)
	go func() { d.ended <- d.agent.Run(ctx) }()
}

// switchOff ends the agent in whatever state it is, and waits until Run returns.
func (d *desk) switchOff() {
	d.Helper()
	if d.stop == nil {
		return
	}
	d.stop()
	d.stop = nil
	select {
	case err := <-d.ended:
		if err != nil {
			d.Errorf("run: %v", err)
		}
	case <-time.After(patience):
		d.Fatal("the agent does not end")
	}
}

func (d *desk) close() {
	d.Helper()
	d.switchOff()
	if d.lab != nil {
		if err := d.lab.Close(context.Background()); err != nil {
			d.Errorf("close lab: %v", err)
		}
	}
	d.net.Close()
	if d.names != nil {
		d.names.done.Wait()
	}
	if d.pbx != nil {
		<-d.pbx.done
	}
}

// begin forgets what was, so that ladder and events begin here.
func (d *desk) begin() {
	d.wire.mu.Lock()
	defer d.wire.mu.Unlock()
	d.wire.msgs, d.start, d.read = nil, time.Now(), d.agent.Events().Last()
}

// pass lets virtual time go by.
func (d *desk) pass(t time.Duration) {
	<-time.After(t)
	synctest.Wait()
}

// beat waits for the next whole second of the story.
func (d *desk) beat() {
	d.pass(time.Second - time.Since(d.start)%time.Second)
}

// args are an action's arguments.
type args map[string]any

// do has the agent do something on the next beat; it must work.
func (d *desk) do(action string, a args) {
	d.Helper()
	if err := d.try(action, a); err != nil {
		d.Fatalf("%s: %s: %v", action, err.Code, err)
	}
}

// refused has the agent try something on the next beat; it must be refused with
// that code.
func (d *desk) refused(code, action string, a args) {
	d.Helper()
	if err := d.try(action, a); err == nil || err.Code != code {
		d.Fatalf("%s: %v, want the code %s", action, err, code)
	}
}

func (d *desk) try(action string, a args) *agent.ActionError {
	d.beat()
	return d.now(action, a)
}

// now has the agent do something without waiting for the beat.
func (d *desk) now(action string, a args) *agent.ActionError {
	d.Helper()
	if a == nil {
		a = args{}
	}
	raw, err := json.Marshal(a)
	if err != nil {
		d.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, refused := d.agent.Do(ctx, action, raw)
	return refused
}

// starts has the agent begin, on the next beat, what ends only later; the outcome
// comes from what it returns.
func (d *desk) starts(action string, a args) (outcome func() *agent.ActionError) {
	d.beat()
	over := make(chan *agent.ActionError, 1)
	go func() { over <- d.now(action, a) }()
	synctest.Wait()
	return func() *agent.ActionError { return <-over }
}

// waitFor waits until the agent's state is as wanted.
func (d *desk) waitFor(what string, is func(agent.State) bool) {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s := d.agent.State()
	for cursor := d.agent.Since(s.Seq); !is(s); {
		e, err := cursor.Next(ctx)
		if err != nil {
			text, _ := json.MarshalIndent(d.agent.State(), "", " ")
			d.Fatalf("waited for %s: %v; the state is\n%s", what, err, text)
		}
		s = s.Apply(e)
	}
}

// is waits until the newest interaction is in a phase.
func (d *desk) is(want agent.Phase) {
	d.Helper()
	d.waitFor("an interaction that is "+string(want), func(s agent.State) bool {
		n := len(s.Interactions)
		return n > 0 && s.Interactions[n-1].State == want
	})
}

// interaction is the newest.
func (d *desk) interaction() agent.InteractionState {
	d.Helper()
	all := d.agent.State().Interactions
	if len(all) == 0 {
		d.Fatal("there is no interaction")
	}
	return all[len(all)-1]
}

// call is the newest call of a role.
func (d *desk) call(role agent.Role) agent.CallState {
	d.Helper()
	for _, c := range slices.Backward(d.agent.State().Calls) {
		if c.Role == role {
			return c
		}
	}
	d.Fatalf("there is no call of the role %s", role)
	return agent.CallState{}
}

// channel waits until the voice channel is in a state, for a reason.
func (d *desk) channel(state, reason string) {
	d.Helper()
	d.waitFor("voice channel "+state+" "+reason, func(s agent.State) bool {
		c := s.Channels[agent.ChannelVoice]
		return c.State == state && c.Reason == reason
	})
}

// saw fails unless what happened since the last call is this, media and changes
// without a name of their own left out. An event may be written with its code and
// its word for the reason: "call.ended 486 busy".
func (d *desk) saw(want ...string) {
	d.Helper()
	synctest.Wait()
	var got []string
	last := d.agent.Events().Last()
	for cursor := d.agent.Since(d.read); d.read < last; d.read++ {
		e, err := cursor.Next(context.Background())
		if err != nil {
			d.Fatal(err)
		}
		if e.Type == agent.ErrorHappened {
			d.Logf("error: %s", e.Text)
		}
		if strings.HasPrefix(string(e.Type), "media.") || strings.HasPrefix(string(e.Type), "outbox.") || e.Type == agent.InteractionChanged && e.Reason == "" {
			continue
		}
		got = append(got, describe(e, len(got), want))
	}
	if !slices.Equal(got, want) {
		d.Errorf("events:\n got %s\nwant %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

// describe is an event in as many words as the expectation of its place has.
func describe(e agent.Event, at int, want []string) string {
	words := []string{string(e.Type)}
	if e.Code != 0 {
		words = append(words, codeText(e.Code))
	}
	for _, w := range []string{e.Reason, e.State, e.Digits} {
		if w != "" {
			words = append(words, w)
		}
	}
	full := strings.Join(words, " ")
	if at < len(want) && want[at] == string(e.Type) {
		return want[at]
	}
	return full
}

// take keeps what goes over the wire to or from a SIP port.
func (w *wire) take(p simnet.Packet) {
	if p.From.Port() != 5060 && p.To.Port() != 5060 || len(strings.TrimSpace(string(p.Data))) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.msgs = append(w.msgs, ladder.Message{At: p.At, From: p.From.String(), To: p.To.String(), Raw: slices.Clone(p.Data)})
}

// draw is the ladder. What is sent at one instant by two hosts, or in two dialogs,
// has no order of its own.
func (w *wire) draw(title string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	age := map[string]int{}
	for i, m := range w.msgs {
		if _, seen := age[callID(m)]; !seen {
			age[callID(m)] = i
		}
	}
	slices.SortStableFunc(w.msgs, func(x, y ladder.Message) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.From, y.From), cmp.Compare(age[callID(x)], age[callID(y)]))
	})
	return ladder.Render(w.msgs, ladder.Options{Title: title, Show: append([]string{"Reason"}, w.show...), Bodies: true,
		Parties: []ladder.Party{{Name: "agent", Addresses: []string{agentIP, movedIP}}, {Name: "pbx", Addresses: []string{pbxIP}}}})
}

func callID(m ladder.Message) string {
	_, rest, _ := strings.Cut(string(m.Raw), "\r\nCall-ID: ")
	id, _, _ := strings.Cut(rest, "\r\n")
	return id
}

// until waits for the lab's log to make something true.
func (d *desk) until(what string, is func() bool) {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for seq := d.lab.Log().Last(); !is(); seq++ {
		if _, err := d.lab.Log().Wait(ctx, seq, func(lab.Event) bool { return true }); err != nil {
			d.Fatalf("waited for %s: %v", what, err)
		}
	}
}
