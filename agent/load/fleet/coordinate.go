package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"ringback/agent/load"
)

// Config is what a coordinator and its generators have to agree on.
type Config struct {
	Link Link
	Run  string        // name of the run on its server
	Wait time.Duration // at most, for the server and for each other
	Beat time.Duration // between two messages; 0: a second
	Log  *slog.Logger  // nil: nowhere
}

// Silence is how many beats somebody may be silent before it counts as lost.
const silence = 8

// drainLimit is how long generators may take to hang up, to unregister, and to hand
// over what they counted.
const drainLimit = 45 * time.Second

func (c *Config) complete() {
	if c.Beat == 0 {
		c.Beat = time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Missing is the error of a run that never began, because not all were ready.
type Missing struct{ Why string }

// Error implements error.
func (m *Missing) Error() string { return m.Why }

// Loss tells that a generator's process has ended before its time.
type Loss struct {
	Index int // from 0
	Why   string
}

// Coordination is what a coordinator is given beside the plan.
type Coordination struct {
	Config
	Generators int
	Ladders    bool                   // the worst calls shall have their messages
	Steer      *load.Steer            // changes the rate of all; nil: nobody does
	OnProgress func(s *load.Snapshot) // what was merged, once a beat, on the goroutine of Coordinate
	OnPhase    func(text string)      // what it waits for, in words, for whoever watches; nil: nobody
	Losses     <-chan Loss            // from whoever watches their processes; nil: nobody
}

// coordinator is one run of Coordinate, which owns all fields.
type coordinator struct {
	c       Coordination
	plan    *load.Plan
	conn    *nats.Conn
	to      subjects
	roster  roster
	state   state
	start   time.Time // of the calls
	end     time.Time // until when it waits for those that drain
	opened  time.Time
	missing error // why it never began
	away    bool  // the server is not reached
}

// Coordinate waits until all generators are ready, lets them begin at one instant,
// merges what they count, and returns all of it when each has handed over its part or
// is lost. Ending ctx ends the run early. A *Missing is the error where it never
// began.
func Coordinate(ctx context.Context, p *load.Plan, c Coordination) (*load.Result, error) {
	c.complete()
	to, err := newSubjects(c.Run)
	if err != nil {
		return nil, err
	}
	if c.Generators < 1 || c.Generators > load.MaxParts {
		return nil, fmt.Errorf("coordinate: %d generators: write 1 to %d", c.Generators, load.MaxParts)
	}
	waiting, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	conn, err := c.Link.connect(waiting, "ringback load "+c.Run)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	co := &coordinator{c: c, plan: p, conn: conn, to: to, roster: newRoster(c.Generators), state: state{Phase: phaseWaiting, Rate: 1}, opened: time.Now()}
	if co.c.Steer == nil {
		co.c.Steer = load.NewSteer()
	}
	if err := co.work(ctx); err != nil {
		return nil, err
	}
	r, err := co.merged()
	if err != nil {
		return nil, err
	}
	return r.Complete(), nil
}

// work is its loop.
func (co *coordinator) work(ctx context.Context) error {
	if err := co.alone(); err != nil {
		return err
	}
	inbox := make(chan *nats.Msg, 64*co.c.Generators)
	if _, err := co.conn.ChanSubscribe(co.to.generators(), inbox); err != nil {
		return fmt.Errorf("coordinate: subscribe: %w", err)
	}
	tick := time.NewTicker(co.c.Beat)
	defer tick.Stop()
	interrupted, finished := ctx.Done(), co.c.Steer.Finished()
	co.tell()
	co.says(fmt.Sprintf("waiting for %d generators of run %s", co.c.Generators, co.to))
	for co.state.Phase != phaseOver {
		times, changed := co.c.Steer.Rate()
		if times != co.state.Rate {
			co.state.Rate = times
			co.tell()
		}
		select {
		case m := <-inbox:
			co.hears(m)
		case l := <-co.c.Losses:
			co.loses(l.Index, l.Why)
		case <-tick.C:
			co.beat()
		case <-changed:
		case <-finished:
			finished, co.state.Last = nil, true
			co.tell()
		case <-co.c.Steer.Ended():
			co.ends(co.c.Steer.Why())
		case <-interrupted:
			interrupted = nil
			if co.state.Phase == phaseWaiting {
				co.missing = errors.New("start load: interrupted before all generators were ready")
			}
			if co.state.Phase == phaseWaiting || co.state.Phase == phaseRunning { // else it has ended already
				co.c.Steer.End("")
			}
			co.ends("")
		}
		co.proceed()
	}
	return co.missing
}

// alone fails where another coordinates this run already, and answers whoever asks
// the same from now on.
func (co *coordinator) alone() error {
	if _, err := co.conn.Request(co.to.coordinator(), nil, co.c.Beat); err == nil {
		return fmt.Errorf("coordinate: another coordinator of run %s is at work on this server: give each its own name with --run", co.to)
	}
	if _, err := co.conn.Subscribe(co.to.coordinator(), func(m *nats.Msg) { _ = m.Respond(nil) }); err != nil {
		return fmt.Errorf("coordinate: subscribe: %w", err)
	}
	return nil
}

// tell publishes what it wants. A message that is lost comes again with the next beat.
func (co *coordinator) tell() {
	s := co.state
	if !co.start.IsZero() {
		s.In = time.Until(co.start)
	}
	text, _ := json.Marshal(s) // it holds nothing that cannot be written
	if err := co.conn.Publish(co.to.state(), text); err != nil {
		co.c.Log.Warn("load: publish state", "error", err)
	}
}

func (co *coordinator) says(text string) {
	if co.c.OnPhase != nil {
		co.c.OnPhase(text)
	}
}

// proceed goes to the next phase where all have come so far.
func (co *coordinator) proceed() {
	switch {
	case co.state.Phase == phaseWaiting && co.roster.all(ready):
		co.start = time.Now().Add(co.c.Beat)
		co.state.Phase = phaseRunning
		co.says(fmt.Sprintf("%d generators are ready: calls begin in %v", co.c.Generators, co.c.Beat))
		co.tell()
	case co.state.Phase != phaseWaiting && co.roster.settled():
		co.state.Phase = phaseOver
		co.tell()
		_ = co.conn.FlushTimeout(co.c.Beat) // who does not hear it hears silence
	}
}

// ends ends the run before its time. The first reason counts.
func (co *coordinator) ends(why string) {
	if co.state.Phase != phaseWaiting && co.state.Phase != phaseRunning {
		return
	}
	co.state.Phase, co.state.Why, co.end = phaseEnding, why, time.Now().Add(drainLimit)
	co.roster.drop()
	co.says("ending: generators hang up and unregister")
	co.tell()
}

// beat looks for whoever is silent or missing, and at what was merged.
func (co *coordinator) beat() {
	now := time.Now()
	co.looksForServer()
	limit := silence * co.c.Beat
	for _, i := range co.roster.silent(now.Add(-limit)) {
		if co.away {
			co.ends(unreached(co.c.Link, limit))
		}
		co.loses(i, fmt.Sprintf("it was not heard for %v", limit))
	}
	switch {
	case co.state.Phase == phaseWaiting && now.Sub(co.opened) > co.c.Wait:
		if absent := co.roster.in(absent); len(absent) > 0 {
			co.missing = &Missing{fmt.Sprintf("start load: %s did not come within %v, and %d of %d did: start them with --shard and the same --nats and --run", names(absent, co.c.Generators), co.c.Wait, co.c.Generators-len(absent), co.c.Generators)}
			co.ends(co.missing.Error())
		}
	case co.state.Phase == phaseEnding && now.After(co.end):
		for _, i := range co.roster.unsettled() {
			co.loses(i, fmt.Sprintf("it did not hand over its result within %v of the end", drainLimit))
		}
	}
	co.look()
	co.tell()
}

// looksForServer tells when the server goes and comes back: generators make their calls
// meanwhile, and both sides look for it.
func (co *coordinator) looksForServer() {
	if away := !co.conn.IsConnected(); away != co.away {
		co.away = away
		if away {
			co.says(fmt.Sprintf("the NATS server at %s is gone: if it is not back in %v the run ends", co.c.Link.URL, silence*co.c.Beat))
		} else {
			co.says(fmt.Sprintf("the NATS server at %s is back", co.c.Link.URL))
		}
	}
}

// unreached says why a run has ended on both sides.
func unreached(l Link, limit time.Duration) string {
	return fmt.Sprintf("the NATS server at %s was not reached for %v", l.URL, limit)
}

// look judges what was merged so far.
func (co *coordinator) look() {
	r, err := co.merged()
	if err != nil {
		return // nobody has counted yet
	}
	if co.c.OnProgress != nil {
		co.c.OnProgress(r.Snapshot())
	}
	if why := co.plan.AbortsOn(r); why != "" {
		co.ends(why)
	}
}

// loses marks a generator as lost, and lets the others end: what they count can not
// become a valid result any more.
func (co *coordinator) loses(i int, why string) {
	if !co.roster.loses(i, load.NoResult(co.plan, load.Part{Index: i, Of: co.c.Generators}), why) {
		return
	}
	if co.state.Phase == phaseWaiting {
		co.missing = errors.Join(co.missing, fmt.Errorf("start load: generator %v: %s", load.Part{Index: i, Of: co.c.Generators}, why))
	}
	co.ends(fmt.Sprintf("generator %v was lost", load.Part{Index: i, Of: co.c.Generators}))
}

// merged is what all have counted so far.
func (co *coordinator) merged() (*load.Result, error) {
	r, err := load.Merge(co.roster.results()...)
	if err != nil {
		return nil, err
	}
	r.Steered = co.c.Steer.Changes()
	if co.state.Why != "" {
		r.Aborted = co.state.Why
	}
	return r, nil
}
