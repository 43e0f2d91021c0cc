package fleet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"ringback/agent/load"
)

// generator is one run of Generate.
type generator struct {
	c       Config
	plan    *load.Plan
	part    load.Part
	id      string
	conn    *nats.Conn
	to      subjects
	states  chan *nats.Msg
	steer   *load.Steer
	started chan time.Time // gets the start of the calls, once
}

// Generate makes a part of a plan under a coordinator, and hands over what it counted.
// It returns when nothing of it is left. The error says why it did not begin, or why
// the coordinator does not have its result. Of the options Begin, Steer, Part and
// OnProgress are its own.
func Generate(ctx context.Context, p *load.Plan, part load.Part, c Config, o load.Options) error {
	c.complete()
	to, err := newSubjects(c.Run)
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	conn, err := c.Link.connect(waiting, fmt.Sprintf("ringback load %s %v", c.Run, part))
	if err != nil {
		return err
	}
	defer conn.Close()
	g := &generator{c: c, plan: p, part: part, id: rand.Text(), conn: conn, to: to, states: make(chan *nats.Msg, 64), steer: load.NewSteer(), started: make(chan time.Time, 1)}
	if _, err := conn.ChanSubscribe(to.state(), g.states); err != nil {
		return fmt.Errorf("generate: subscribe: %w", err)
	}
	host, _ := os.Hostname()
	joined, err := g.asks(waiting, message{Says: saysJoin, Plan: p.Digest(), Host: host})
	if err != nil {
		return err
	}
	o.Worst, o.Ladders = true, o.Ladders || joined.Ladders
	return g.work(ctx, o)
}

// work is its part of the run.
func (g *generator) work(ctx context.Context, o load.Options) error {
	over, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		g.watch(over)
	}()
	o.Part, o.Steer, o.Begin, o.OnProgress = g.part, g.steer, g.begins, g.how
	r, err := load.Run(ctx, g.plan, o)
	close(over)
	<-watched
	ending, cancel := context.WithTimeout(context.Background(), silence*g.c.Beat)
	defer cancel()
	if err != nil {
		_, told := g.asks(ending, message{Says: saysFail, Error: err.Error()})
		return errors.Join(err, told)
	}
	last := message{Says: saysDone}
	if ctx.Err() != nil {
		last.Error = "it was interrupted"
	}
	if last.Result, err = g.fit(r, g.room()); err != nil {
		return err
	}
	if _, err := g.asks(ending, last); err != nil {
		return fmt.Errorf("hand over the result of generator %v, which has hung up: %w", g.part, err)
	}
	return nil
}

// room is how long a packed result may be: it goes as base64, with words around it.
func (g *generator) room() int { return int(g.conn.MaxPayload()*3/4) - 4096 }

// fit packs a result with as many ladders as there is room for.
func (g *generator) fit(r *load.Result, room int) ([]byte, error) {
	for keep := len(r.Worst); ; keep /= 2 {
		packed, err := pack(r.KeepLadders(keep))
		if err != nil || keep == 0 || len(packed) <= room {
			return packed, err
		}
		g.c.Log.Warn("load: ladders are left out: the NATS server's max_payload has no room for them", "kept", keep/2)
	}
}

// asks says something until it is acknowledged.
func (g *generator) asks(ctx context.Context, m message) (reply, error) {
	m.ID, m.Index, m.Of = g.id, g.part.Index, max(1, g.part.Of)
	text, err := json.Marshal(m)
	if err != nil {
		return reply{}, fmt.Errorf("write message: %w", err)
	}
	if most := g.conn.MaxPayload(); most > 0 && int64(len(text)) > most {
		return reply{}, fmt.Errorf("a message of %d bytes is more than the NATS server takes: raise its max_payload, which is %d", len(text), most)
	}
	for {
		once, cancel := context.WithTimeout(ctx, 2*g.c.Beat)
		answer, err := g.conn.RequestWithContext(once, g.to.generators(), text)
		cancel()
		if err == nil {
			var r reply
			if err := json.Unmarshal(answer.Data, &r); err != nil {
				return r, fmt.Errorf("read the coordinator's answer: %w", err)
			}
			if r.Refused != "" {
				return r, fmt.Errorf("the coordinator refuses: %s", r.Refused)
			}
			return r, nil
		}
		select {
		case <-ctx.Done():
			if !g.conn.IsConnected() {
				return reply{}, fmt.Errorf("the NATS server at %s is not reached", g.c.Link.URL)
			}
			return reply{}, fmt.Errorf("no coordinator of run %s answers at %s: start it with --generators %d and the same --nats and --run", g.to, g.c.Link.URL, m.Of)
		case <-time.After(g.c.Beat / 2): // nobody is there yet
		}
	}
}

// begins tells that its users are registered, and waits for the start.
func (g *generator) begins(ctx context.Context) (time.Time, error) {
	if _, err := g.asks(ctx, message{Says: saysReady}); err != nil {
		return time.Time{}, err
	}
	select {
	case start := <-g.started:
		return start, nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// how tells what it has counted so far. One that is lost is made good by the next.
func (g *generator) how(s *load.Snapshot) {
	packed, err := pack(s.Result())
	if err == nil {
		err = g.publish(message{Says: saysHow, Result: packed})
	}
	if err != nil {
		g.c.Log.Warn("load: publish result", "error", err)
	}
}

// publish says something once, whether anybody hears it or not.
func (g *generator) publish(m message) error {
	m.ID, m.Index, m.Of = g.id, g.part.Index, max(1, g.part.Of)
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	return g.conn.Publish(g.to.generators(), text)
}

// watch follows what the coordinator wants and tells that it is here, until over.
// Silence ends the run.
func (g *generator) watch(over <-chan struct{}) {
	begun := false
	limit := silence * g.c.Beat
	quiet := time.NewTimer(limit)
	defer quiet.Stop()
	tick := time.NewTicker(g.c.Beat)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-quiet.C:
			why := fmt.Sprintf("the coordinator was not heard for %v", limit)
			if !g.conn.IsConnected() {
				why = unreached(g.c.Link, limit)
			}
			g.steer.End(why)
		case <-tick.C:
			if err := g.publish(message{Says: saysHere}); err != nil {
				g.c.Log.Warn("load: publish", "error", err)
			}
		case m := <-g.states:
			quiet.Reset(limit)
			begun = g.obeys(m.Data, begun)
		}
	}
}

// obeys does what the coordinator wants, and says whether the calls have been told to
// begin.
func (g *generator) obeys(text []byte, begun bool) bool {
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		g.c.Log.Warn("load: a state that is none of ours", "error", err)
		return begun
	}
	if err := g.steer.SetRate(s.Rate); err != nil {
		g.c.Log.Warn("load: a rate that cannot be", "error", err)
	}
	if s.Last {
		g.steer.Finish()
	}
	switch {
	case s.Phase == phaseRunning && !begun:
		g.started <- time.Now().Add(s.In)
		return true
	case s.Phase == phaseEnding || s.Phase == phaseOver:
		g.steer.End(s.Why)
	}
	return begun
}
