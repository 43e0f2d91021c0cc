package scenario

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"ringback/agent"
	"ringback/agent/control"
)

// phone is one agent of a run with what was measured of its calls.
type phone struct {
	spec  PhoneSpec
	agent *agent.Agent
	desk  *control.Inside
	stop  context.CancelFunc
	ended chan error    // gets what the agent ended with, once
	read  chan struct{} // closed when all events are read
	deaf  chan struct{} // closed when nobody looks at the levels any more

	mu      sync.Mutex
	records []*Record
	seen    uint64        // the newest event that was measured
	gap     bool          // events were lost
	heard   chan struct{} // closed and made anew with each event
}

// config is the phone's configuration: its sections, with the variables filled in,
// and what a test needs.
func (p *PhoneSpec) configuration(f *File, vars *variables, o *Options) (agent.Config, error) {
	text, err := scope{vars: vars}.fill(string(p.config))
	if err != nil {
		return agent.Config{}, &FileError{Path: f.Path, Line: p.Line, Column: 1, What: "phone " + p.Name + ": " + err.Error()}
	}
	cfg, err := agent.LoadConfig(agent.LoadOptions{Path: f.Path, Text: []byte(text), Flags: map[string]string{}, Getenv: p.environment(text, o),
		Defaults: func(c *agent.Config) {
			c.Audio.Headset, c.Audio.Ring = []string{"null"}, []string{"null"}
			c.Headset = agent.HeadsetConfig{NoiseSuppression: "off"} // what is measured is what came
			c.Channels.WrapUp = 0
		}})
	return cfg, err
}

// environment gives LoadConfig the password and nothing else: variables that name
// an account mean one phone, and here are several.
func (p *PhoneSpec) environment(text string, o *Options) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if name != "RINGBACK_PASSWORD" || strings.Contains(text, "password_file:") {
			return "", false
		}
		if p.PasswordEnv != "" {
			return o.getenv(p.PasswordEnv)
		}
		if o.Password != nil {
			if secret, known := o.Password(userOf(text)); known {
				return secret, true
			}
		}
		return o.getenv(name)
	}
}

func (o *Options) getenv(name string) (string, bool) {
	if o.Getenv == nil {
		return os.LookupEnv(name)
	}
	return o.Getenv(name)
}

// userOf is the user part of the first address in a configuration.
func userOf(text string) string {
	_, rest, _ := strings.Cut(text, "sip:")
	user, _, _ := strings.Cut(rest, "@")
	return user
}

// start runs the phone until close.
func startPhone(ctx context.Context, spec PhoneSpec, cfg agent.Config, deps agent.Deps) (*phone, error) {
	deps.Impair = spec.Impairment
	a, err := agent.New(cfg, deps)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &phone{spec: spec, agent: a, desk: control.NewInside(control.Of(a)), stop: stop, ended: make(chan error, 1), read: make(chan struct{}), heard: make(chan struct{}), deaf: make(chan struct{})}
	go func() { p.ended <- a.Run(ctx) }()
	go p.follow()
	go func() { p.listen(); close(p.deaf) }()
	return p, nil
}

// close ends the phone: it hangs up and unregisters, and all events are read.
func (p *phone) close() error {
	p.stop()
	err := <-p.ended
	<-p.read
	<-p.deaf
	return err
}

// why is the reason for which a phone could not start, where a wait for it only knows
// that it has ended.
func (p *phone) why(err error) error {
	if !errors.Is(err, control.ErrEnded) {
		return err
	}
	failed := <-p.ended
	p.ended <- nil // it was told
	return cmp.Or(failed, err)
}

// follow measures every call of the phone until it has ended.
func (p *phone) follow() {
	defer close(p.read)
	events := p.agent.Since(0)
	for {
		e, err := events.Next(context.Background())
		switch {
		case errors.Is(err, agent.ErrFellBehind):
			p.mu.Lock()
			p.gap, p.seen = true, p.agent.State().Seq
			events = p.agent.Since(p.seen)
			p.mu.Unlock()
		case errors.Is(err, io.EOF), err != nil:
			return
		default:
			p.note(e)
		}
	}
}

func (p *phone) note(e agent.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.meet(e.Call)
	if e.Change != nil {
		for _, c := range e.Change.Calls {
			p.meet(c.ID)
		}
	}
	for _, r := range p.records {
		r.Note(e)
	}
	p.seen = e.Seq
	close(p.heard)
	p.heard = make(chan struct{})
}

// meet makes the record of a call that is heard of for the first time. With the lock
// held.
func (p *phone) meet(id agent.CallID) {
	if id != "" && p.record(id) == nil {
		p.records = append(p.records, NewRecord(id))
	}
}

// record is that of a call; nil: there is none. With the lock held.
func (p *phone) record(id agent.CallID) *Record {
	at := slices.IndexFunc(p.records, func(r *Record) bool { return r.ID == id })
	if at < 0 {
		return nil
	}
	return p.records[at]
}

// meant is the record of the call that a step means: the one it names, or the
// newest that is up, or the newest of all.
func (p *phone) meant(id agent.CallID) *Record {
	if id != "" {
		return p.record(id)
	}
	for _, r := range slices.Backward(p.records) {
		if r.state.State != agent.CallPhaseEnded {
			return r
		}
	}
	if len(p.records) == 0 {
		return nil
	}
	return p.records[len(p.records)-1]
}

// caughtUp is the phone's state when all events that led to it have been measured:
// what a wait has seen is in the records. It leaves the lock held.
func (p *phone) caughtUp() agent.State {
	s := p.agent.State()
	for {
		p.mu.Lock()
		if p.seen >= s.Seq {
			return s
		}
		news := p.heard
		p.mu.Unlock()
		select {
		case <-news:
		case <-p.read: // there will be no more
			p.mu.Lock()
			return s
		}
	}
}

// take notes that a step wanted the calls of an interaction; those that ring for "".
func (p *phone) take(id agent.InteractionID) {
	s := p.caughtUp()
	defer p.mu.Unlock()
	for _, r := range p.records {
		c, known := s.Call(r.ID)
		if id == "" && r.state.State != agent.CallPhaseEnded || known && c.Interaction == id {
			r.Take()
		}
	}
}

// measure runs fn with the record that is meant, as it is now.
func (p *phone) measure(id agent.CallID, fn func(r *Record, came []string, now time.Time)) bool {
	s := p.caughtUp()
	defer p.mu.Unlock()
	r := p.meant(id)
	if r == nil {
		return false
	}
	if c, known := s.Call(r.ID); known {
		r.Look(c)
	}
	fn(r, CameIn(p.agent, r.ID), time.Now())
	return true
}

// news is closed at the next event.
func (p *phone) news() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard
}
