package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"ringback/agent"
	"ringback/media"
	"ringback/media/device"
	"ringback/sip"
)

// verbNames are what is timed of an agent's work: from the command to its outcome, and
// of accept and call until the contact is there.
func verbNames() []string {
	return []string{"ready", "accept", "call", "reject", "hold", "resume", "dtmf", "consult", "consult-answer", "consult-end", "conference", "conference-answer", "conference-drop", "transfer", "reschedule", "end", "dispose", "note", "done"}
}

// desk is one agent who works. Its goroutine owns the fields.
type desk struct {
	plan  *AgentsPlan
	user  string
	agent *agent.Agent
	rng   *rand.Rand
	floor *floor
	late  time.Duration // it was with its last pause
	calls *deskCalls
	stop  context.CancelFunc
	ended chan struct{}
}

// floor is all desks of a generator, with what they have counted.
type floor struct {
	desks   []*desk
	tell    tellers
	waiting sync.WaitGroup // failed calls that are told soon

	mu    sync.Mutex
	tally *tally
}

// count gives the tally to who counts.
func (f *floor) count(with func(t *tally)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	with(f.tally)
}

// sum is the tally as it stands.
func (f *floor) sum() *tally {
	all := newTally()
	f.count(func(t *tally) { all.add(t) })
	for _, d := range f.desks {
		s := d.agent.State()
		if s.Registration.State == "registered" {
			all.registered++
		}
		for _, c := range s.Calls {
			if c.State != agent.CallPhaseEnded {
				all.active++
			}
		}
	}
	return all
}

// floorConfig is what a floor is made from.
type floorConfig struct {
	plan    *Plan
	users   []user
	network agent.Network
	engine  *media.Engine // of all
	rate    int           // Hz, of the engine
	sound   *sound
	tell    tellers
	sources sources
	seed    uint64
	log     *slog.Logger
}

func newFloor(c floorConfig) (*floor, error) {
	f := &floor{tally: newTally(), tell: c.tell}
	devices := c.sound.devices(c.rate)
	for i, u := range c.users {
		at, free := c.sources.nth(i)
		if !free {
			f.close()
			return nil, fmt.Errorf("start load: account.sources: %d ports are too few for %d agents: each needs one", len(c.sources.all), len(c.users))
		}
		cfg, err := c.plan.agentConfig(u, at)
		if err != nil {
			f.close()
			return nil, fmt.Errorf("start load: %w", err)
		}
		d := &desk{plan: c.plan.Agents, user: u.name, rng: rand.New(rand.NewPCG(c.seed, uint64(i))), floor: f, ended: make(chan struct{})}
		deps := agent.Deps{Network: c.network, Media: c.engine, Brief: true, Log: c.log, Version: "load", Devices: devices}
		if c.tell.wanted() {
			d.calls = &deskCalls{}
		}
		if c.tell.wanted() && c.tell.ladders {
			deps.Trace = d.calls.trace
		}
		if d.agent, err = agent.New(cfg, deps); err != nil {
			f.close()
			return nil, fmt.Errorf("start load: agent %s: %w", u.name, err)
		}
		f.desks = append(f.desks, d)
	}
	return f, nil
}

// agentConfig is a phone's configuration as a person would write it for this work.
func (p *Plan) agentConfig(u user, at source) (agent.Config, error) {
	c := agent.DefaultConfig()
	registrar, err := sip.ParseURI(p.Account.Registrar)
	if err != nil {
		return c, fmt.Errorf("account.registrar: %w", err)
	}
	aor := sip.URI{Scheme: registrar.Scheme, User: u.name, Host: registrar.Host, Port: registrar.Port} // with the port: numbers are dialled there
	c.Account.AOR, c.Account.Username, c.Account.Password = aor.String(), u.name, agent.Secret(string(u.password))
	c.Account.Registrar, c.Account.Proxy, c.Account.Transport, c.Account.Expires = p.Account.Registrar, p.Account.Proxy, p.Account.Transport, p.Account.Expires
	c.Account.Bind, c.Account.CAFile = at.String(), p.Account.CAFile
	if p.Account.WSPath != "" {
		c.Account.WSPath = p.Account.WSPath
	}
	c.Audio.Headset, c.Audio.Ring, c.Audio.Codecs = []string{p.Agents.headset()}, nil, p.Agents.Codecs // it rings in the headset
	if keying := p.Agents.Encryption; keying == srtpSDES || keying == srtpDTLS {
		c.Media.Encryption, c.Media.Keying, c.Media.KeysInClear = "required", keying, true // it is a test
	}
	if p.Agents.Ptime != 0 {
		c.Media.Ptime = p.Agents.Ptime
	}
	c.Headset = agent.HeadsetConfig{NoiseSuppression: "off"}
	c.Channels.WrapUp, c.Channels.Start, c.Channels.StartWeb = 0, "not-ready", "not-ready" // until the shift begins
	c.Channels.PBX, c.Channels.Publish = p.Agents.PBX, p.Agents.Publish
	if p.Agents.PBXBy != "" {
		c.Channels.PBXBy = p.Agents.PBXBy
	}
	c.Callbacks.ReportTo = p.Agents.Report
	c.Dispositions.Codes = p.Agents.Codes
	return c, nil
}

// headset is that of a plan's agents, as a configuration names it.
func (a *AgentsPlan) headset() string {
	switch a.Media {
	case MediaSilence:
		return "null"
	case MediaTone:
		return fmt.Sprintf("tone:%d", toneHz)
	}
	return a.Media
}

// devices reads the name of a headset: of what no configuration has, one that plays a file
// again and again, shared by all, and one that echoes.
func (s *sound) devices(rate int) func(list []string) ([]device.Device, error) {
	said := s.clip.Mono(rate)
	return func(list []string) ([]device.Device, error) {
		switch list[0] {
		case MediaEcho:
			return []device.Device{device.Echoing()}, nil
		case MediaFile:
			return []device.Device{device.Playing(MediaFile, said)}, nil
		}
		return device.ParsePreference(list)
	}
}

// start lets the desks come, one after the other, and waits until each is registered
// or was refused, or ctx ends.
func (f *floor) start(ctx context.Context, apart time.Duration) {
	for _, d := range f.desks {
		run, stop := context.WithCancel(context.Background())
		d.stop = stop
		go d.run(run)
		if !pause(ctx, apart) {
			break
		}
	}
	for _, d := range f.desks {
		if d.stop == nil {
			continue
		}
		s, err := d.until(ctx, func(s agent.State) bool {
			return s.Registration.State == "registered" || s.Registration.State == "failed"
		})
		if err == nil && s.Registration.State == "failed" {
			f.count(func(t *tally) {
				t.refused++
				t.refusals[strings.TrimSpace(fmt.Sprintf("%d %s", s.Registration.Code, s.Registration.Reason))]++
			})
		}
	}
}

// run is the life of the phone.
func (d *desk) run(ctx context.Context) {
	defer close(d.ended)
	_ = d.agent.Run(ctx) // what it ends with, its registration has said
}

// work lets all desks work until ctx ends, one after the other, and waits for them.
func (f *floor) work(ctx context.Context, apart time.Duration) {
	var all sync.WaitGroup
	for i, d := range f.desks {
		if d.stop != nil {
			all.Go(func() {
				if pause(ctx, time.Duration(i)*apart) {
					d.work(ctx)
				}
			})
		}
	}
	all.Wait()
}

// close ends all phones: they hang up and unregister.
func (f *floor) close() {
	for _, d := range f.desks {
		if d.stop == nil { // it has not come: nothing but its store is open, which Run closes
			over, stop := context.WithCancel(context.Background())
			d.stop = stop
			stop()
			go d.run(over)
		}
		d.stop()
	}
	for _, d := range f.desks {
		<-d.ended
	}
	f.waiting.Wait()
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	alarm := time.NewTimer(d)
	defer alarm.Stop()
	select {
	case <-alarm.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause is a pause of this agent's; how late its own alarm was is counted.
func (d *desk) pause(ctx context.Context, length time.Duration) bool {
	due := time.Now().Add(length)
	if !pause(ctx, length) {
		return false
	}
	d.late = time.Since(due)
	d.floor.count(func(t *tally) { record(t.late, d.late) })
	return true
}

// until waits for a state of the agent.
func (d *desk) until(ctx context.Context, is func(agent.State) bool) (agent.State, error) {
	s := d.agent.State()
	events := d.agent.Since(s.Seq)
	for !is(s) {
		if _, err := events.Next(ctx); err != nil && !errors.Is(err, agent.ErrFellBehind) {
			return s, err
		} else if err != nil {
			events = d.agent.Since(d.agent.State().Seq)
		}
		s = d.agent.State()
	}
	return s, nil
}

// meets waits until the interaction is in one of the phases, or gone.
func (d *desk) meets(ctx context.Context, id agent.InteractionID, phases ...agent.Phase) (agent.InteractionState, bool, error) {
	var in agent.InteractionState
	there := false
	_, err := d.until(ctx, func(s agent.State) bool {
		in, there = agent.InteractionState{}, false
		for _, one := range s.Interactions {
			if one.ID == id {
				in, there = one, one.State != agent.PhaseDone
			}
		}
		return !there || slices.Contains(phases, in.State)
	})
	return in, there, err
}

// do performs a verb and counts it.
func (d *desk) do(ctx context.Context, verb string, in agent.InteractionID, args map[string]any) bool {
	if args == nil {
		args = map[string]any{}
	}
	args["interaction"] = string(in)
	return d.says(ctx, verb, args)
}

// says is do of a verb that is of no interaction.
func (d *desk) says(ctx context.Context, verb string, args map[string]any) bool {
	begun := time.Now()
	text, _ := json.Marshal(args)                                                  // of strings
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime) // the end of a shift does not cut a command short
	defer cancel()
	if _, refused := d.agent.Do(bounded, verb, text); refused != nil {
		d.failed(verb, refused.Message)
		d.calls.did(verb, time.Since(begun), refused.Message)
		return false
	}
	d.took(verb, time.Since(begun))
	d.calls.did(verb, time.Since(begun), "")
	return true
}

func (d *desk) took(verb string, t time.Duration) {
	d.floor.count(func(all *tally) { record(all.verb(verb), t) })
}

func (d *desk) failed(verb, why string) {
	d.floor.count(func(t *tally) { t.refusedVerbs[verb+": "+why]++ })
}

// draws says whether something that happens to a share happens now.
func (d *desk) draws(s Share) bool { return s > 0 && d.rng.Float64() < float64(s) }
