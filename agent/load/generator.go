package load

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"ringback/media"
	"ringback/sip/transport"
)

// How long the ends of a run may take.
const (
	settleTime = 40 * time.Second // for the first registrations
	drainTime  = 10 * time.Second // for hanging up, and again for unregistering
	lookTime   = time.Second      // between two looks at what came so far
	keepTime   = time.Millisecond // by which agents may be late while garbage is collected
)

// Options are what a run is given beside its plan. The zero value is the machine's
// own network.
type Options struct {
	Network transport.Network
	Media   media.Network
	Shards  int  // loops; 0: one per core
	Part    Part // of the plan that this generator makes; the zero value: all of it
	// Begin is asked, once all users have registered or were refused, when the calls
	// are to begin: how several generators begin at one time. An error ends the run
	// before. nil: at once.
	Begin      func(ctx context.Context) (time.Time, error)
	Steer      *Steer          // changes it while it lasts; nil: nobody does
	OnProgress func(*Snapshot) // once a second, on the caller's goroutine or another; nil: nobody looks
	// OnCall is told each call at its end, on its shard's loop or its agent's goroutine: it
	// must not block. nil: nobody asks.
	OnCall func(CallResult)
	// OnFailed is told each call that failed or was dropped, with its messages, shortly after
	// its end, on its shard's loop or, of agents, a goroutine: it must not block. nil: nobody asks.
	OnFailed func(CallResult)
	Worst    bool // the Result has the worst calls
	Ladders  bool // the results of calls have their messages, which costs CPU with each
	Log      *slog.Logger
}

// generator is one run.
type generator struct {
	plan   *Plan
	opts   Options
	steer  *Steer
	shards []*shard
	floor  *floor // nil: no agents
	began  time.Time
	self   *selfMark
	worst  *Worst      // nil: nobody asks
	start  time.Time   // of the calls; the caller of Run only
	calls  atomic.Bool // start is set
	steps  profile     // of the calls
	costs  stepCosts
	made   time.Time // when the last had begun
	ready  int       // users that were registered then
	taken  atomic.Int64
	all    chan struct{} // closed by abort
	why    atomic.Pointer[string]
}

// Run does what the plan says, and returns when no call, registration, goroutine or
// socket of it is left: also when ctx ends, which ends the plan early. The error is
// of what kept it from starting; what failed in it stands in the Result.
func Run(ctx context.Context, p *Plan, o Options) (*Result, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Shards <= 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	g := &generator{plan: p, opts: o, steer: o.Steer, all: make(chan struct{}), began: time.Now(), steps: profileOf(p.Calls.Levels())}
	if g.steer == nil {
		g.steer = NewSteer()
	}
	if o.Worst {
		g.keepWorst()
	}
	g.self = measureSelf()
	stop, err := g.prepare(ctx)
	if err != nil {
		return nil, err
	}
	g.run(ctx)
	if ctx.Err() != nil {
		g.steer.End("")
	}
	left := g.drain()
	g.self.lookLast()
	r := g.result()
	last := &r.Generators[0]
	last.Made, last.Registered, last.LeftCalls, last.LeftUsers = g.made, g.ready, left.calls, left.registrations
	for _, s := range g.shards {
		for _, at := range s.seats {
			last.Untraced += at.ua.Counted()["sip.trace.dropped"]
		}
	}
	stop()
	if g.worst != nil {
		r.Worst = g.worst.Calls() // their last messages have come
	}
	return r, nil
}

// keepWorst looks at each call beside whoever else does.
func (g *generator) keepWorst() {
	g.worst = &Worst{}
	told := g.opts.OnCall
	g.opts.OnCall = func(r CallResult) {
		g.worst.Add(r)
		if told != nil {
			told(r)
		}
	}
}

// run registers and makes the calls, looking at thresholds meanwhile.
func (g *generator) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var beside sync.WaitGroup
	beside.Go(func() { g.look(ctx, cancel) })
	if g.floor != nil && g.opts.Network == nil {
		beside.Go(func() { transport.KeepTime(ctx, keepTime) })
	}
	if g.floor != nil {
		settling, settled := context.WithTimeout(ctx, settleTime+time.Duration(len(g.floor.desks))*registerApart*time.Duration(g.opts.Part.of()))
		g.floor.start(settling, registerApart*time.Duration(g.opts.Part.of()))
		settled()
	} else if g.plan.Register {
		users := 0
		for _, s := range g.shards {
			users += len(s.phones)
		}
		g.each(ctx, settleTime+time.Duration(users*g.opts.Part.of())*time.Second/registerRate, (*shard).register)
	}
	g.start = g.begins(ctx)
	g.calls.Store(ctx.Err() == nil && !g.aborted())
	if g.plan.Churn.Rate > 0 {
		for _, s := range g.shards {
			rate := g.plan.Churn.Rate / float64(len(g.shards)*g.opts.Part.of())
			s.loop.Post(func() { s.churn(rate, g.start.Add(g.plan.Calls.For)) })
		}
	}
	if len(g.plan.Calls.Steps) > 0 {
		beside.Go(func() { g.meter(ctx) })
	}
	if ctx.Err() == nil && !g.aborted() {
		g.does(ctx)
	}
	g.made, g.ready = time.Now(), g.result().tally.registered
	if ctx.Err() == nil && !g.aborted() {
		g.talkOut(ctx)
	}
	cancel()
	beside.Wait()
}

// does is the plan's work, from the start for its time.
func (g *generator) does(ctx context.Context) {
	switch g.plan.kind() {
	case KindAgents:
		g.shift(ctx)
	case KindOpen:
		g.open(ctx)
	case KindClosed:
		g.closed(ctx)
	case KindRegistrations: // held
		g.until(ctx, g.start.Add(g.plan.Calls.For))
	}
}

// meter counts what each step costs the generator itself.
func (g *generator) meter(ctx context.Context) {
	g.until(ctx, g.start)
	for _, s := range g.steps {
		if ctx.Err() != nil || g.aborted() || g.steer.finished() {
			return
		}
		g.costs.begin()
		g.until(ctx, g.start.Add(s.begins+s.For))
		g.costs.end()
	}
}

// shift lets the agents work from the start for the plan's time.
func (g *generator) shift(ctx context.Context) {
	g.until(ctx, g.start)
	work, over := context.WithDeadline(ctx, g.start.Add(g.plan.Agents.For))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-g.all: // an abort
			over()
		case <-g.steer.Finished():
			over()
		case <-work.Done():
		}
	}()
	g.floor.work(work, registerApart*time.Duration(g.opts.Part.of()))
	over()
	<-watched
}

// begins is when the calls do.
func (g *generator) begins(ctx context.Context) time.Time {
	if g.opts.Begin != nil && ctx.Err() == nil && !g.aborted() {
		start, err := g.opts.Begin(ctx)
		if err == nil {
			return start
		}
		if ctx.Err() == nil {
			g.abort(err.Error())
		}
	}
	return time.Now()
}

// talkOut lets the calls that have begun come to their own end, for as long as a call
// of this plan may last.
func (g *generator) talkOut(ctx context.Context) {
	c := g.plan.Calls
	end := time.Now().Add(c.Ring + c.Talk.longest())
	for time.Now().Before(end) && ctx.Err() == nil && !g.aborted() && g.up() > 0 {
		pause := time.NewTimer(lookTime / 10)
		select {
		case <-ctx.Done():
		case <-g.all:
		case <-pause.C:
		}
		pause.Stop()
	}
}

// look tells how it goes, once a second, and ends the run when a line of abort_on
// holds or it is told to.
func (g *generator) look(ctx context.Context, cancel context.CancelFunc) {
	tick := time.NewTicker(lookTime)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.steer.Ended():
			if why := g.steer.Why(); why != "" {
				g.abort(why)
			}
			cancel()
			return
		case <-tick.C:
		}
		g.self.look()
		r := g.result()
		if g.opts.OnProgress != nil {
			g.opts.OnProgress(r.Snapshot())
		}
		if why := g.plan.AbortsOn(r); why != "" && g.opts.Begin == nil { // who begins several judges them together
			g.abort(why)
			return
		}
	}
}

func (g *generator) abort(why string) {
	if g.why.CompareAndSwap(nil, &why) {
		close(g.all)
	}
}

func (g *generator) aborted() bool { return g.why.Load() != nil }

// each runs work on every shard's loop and waits until all have told, ctx ends, or
// the time is over. It reports whether all have.
func (g *generator) each(ctx context.Context, limit time.Duration, work func(s *shard, done func())) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	told := make(chan struct{}, len(g.shards))
	for _, s := range g.shards {
		s.loop.Post(func() { work(s, func() { told <- struct{}{} }) })
	}
	for range g.shards {
		select {
		case <-told:
		case <-g.all:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// leftover is what could not be cleaned up.
type leftover struct {
	calls, registrations int
}

// drain hangs up and unregisters, and says what is left of both.
func (g *generator) drain() leftover {
	g.all = nil // an abort has done its work: what follows is not cut short
	var left leftover
	if g.floor != nil {
		g.floor.close()
		sum := g.floor.sum()
		return leftover{calls: sum.active, registrations: sum.registered}
	}
	if !g.each(context.Background(), drainTime, (*shard).drain) {
		sum := g.result().tally
		left.calls = sum.active + sum.inboundUp
	}
	if g.plan.Register && !g.each(context.Background(), drainTime, (*shard).unregister) {
		left.registrations = g.result().tally.registered
	}
	return left
}

// up is how many calls there are now.
func (g *generator) up() (n int) {
	for _, one := range g.shards {
		_ = one.loop.Do(context.Background(), func() { n += len(one.calls) }) // fails only when the loop has ended
	}
	return n
}

// result adds up what the shards have counted. Any goroutine.
func (g *generator) result() *Result {
	r := &Result{Terms: g.plan.terms(), Steered: g.steer.Changes(), tally: newTally()}
	if why := g.why.Load(); why != nil {
		r.Aborted = *why
	}
	for _, one := range g.shards {
		_ = one.loop.Do(context.Background(), func() { one.count(r.tally) }) // fails only when the loop has ended
	}
	if g.floor != nil {
		r.tally.add(g.floor.sum())
	}
	me := Generator{Index: g.opts.Part.Index, Of: g.opts.Part.of(), Began: g.began, At: time.Now(), Lateness: buckets(r.tally.late), Self: g.self.cost()}
	for _, s := range g.shards {
		for _, at := range s.seats {
			me.Self.Resent += at.ua.Resent()
		}
	}
	if g.calls.Load() {
		me.Start = g.start
	}
	me.StepCPU = g.costs.each()
	r.Generators = []Generator{me}
	return r
}
