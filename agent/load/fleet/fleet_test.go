package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"ringback/agent/load"
)

// A far end for plans, on loopback, at which no call is left.
func farEnd(t *testing.T) string {
	t.Helper()
	return farEndWith(t, func(left int) bool { return left == 0 })
}

func farEndWith(t *testing.T, may func(left int) bool) string {
	t.Helper()
	far, err := load.StartResponder(load.ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: load.MediaNone}, load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left := far.Answers().Active; !may(left) {
			t.Errorf("%d calls are left at the far end", left)
		}
		far.Close()
	})
	return far.Addresses()[0]
}

func plan(t *testing.T, far, text string) *load.Plan {
	t.Helper()
	p, err := load.ParsePlan(fmt.Appendf(nil, "account: {registrar: 'sip:%s', bind: 127.0.0.1}\nusers: {first: 2001, count: 12}\nlateness: 5s\n%s", far, strings.ReplaceAll(text, "FAR", "sip:601@"+far)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bed is a server with a coordinator, and what the test gives to both sides.
type bed struct {
	t      *testing.T
	config Config
	done   sync.WaitGroup
	errs   []error
	mu     sync.Mutex
}

const beat = 200 * time.Millisecond

func newBed(t *testing.T) *bed {
	t.Helper()
	s, err := StartServer()
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{t: t, config: Config{Link: s.Link(), Run: "test", Wait: 20 * time.Second, Beat: beat}}
	t.Cleanup(func() {
		b.done.Wait()
		s.Close()
	})
	return b
}

// generate starts one generator; its error is kept.
func (b *bed) generate(ctx context.Context, p *load.Plan, part load.Part) {
	b.done.Go(func() {
		err := Generate(ctx, p, part, b.config, load.Options{Shards: 1})
		b.mu.Lock()
		defer b.mu.Unlock()
		b.errs = append(b.errs, err)
	})
}

func (b *bed) ended() error {
	b.done.Wait()
	return errors.Join(b.errs...)
}

func TestFleet_OneReport(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 60, for: 2s, talk: {mean: 300ms}}\nthresholds: ['failures == 0', 'answered == 120']\n")
	const of = 3
	for i := range of {
		b.generate(t.Context(), p, load.Part{Index: i, Of: of})
	}
	top := 0
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: of, OnProgress: func(s *load.Snapshot) { top = max(top, len(s.Result().Generators)) }})
	if err != nil || b.ended() != nil {
		t.Fatal(err, b.ended())
	}
	if p := r.Report(); !p.OK || p.Began != 120 || p.Answered != 120 || p.Setup.Count != 120 || top != of {
		t.Errorf("%d generators were seen: %+v", top, p)
	}
	first := r.Generators[0].Start
	for _, g := range r.Generators {
		if apart := g.Start.Sub(first).Abs(); apart > beat {
			t.Errorf("generator %v began %v apart from the first", g, apart)
		}
	}
}

// abort_on is judged on what all have counted together: of the three, each alone
// has fewer calls than the line.
func TestFleet_AbortOnWhatWasMerged(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 60, for: 30s, talk: {mean: 100ms}}\nabort_on: ['calls > 50']\n")
	for i := range 3 {
		b.generate(t.Context(), p, load.Part{Index: i, Of: 3})
	}
	began := time.Now()
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 3})
	if err != nil || b.ended() != nil {
		t.Fatal(err, b.ended())
	}
	if p := r.Report(); p.OK || p.Began < 50 || p.Began > 200 || !strings.HasPrefix(p.Why[0], "aborted: calls > 50: it is ") {
		t.Errorf("after %v: %+v", time.Since(began), p)
	}
}

// A change of the rate reaches all.
func TestFleet_Rate(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 3s, talk: {mean: 100ms}}\n")
	for i := range 2 {
		b.generate(t.Context(), p, load.Part{Index: i, Of: 2})
	}
	steer := load.NewSteer()
	if err := steer.SetRate(5); err != nil {
		t.Fatal(err)
	}
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 2, Steer: steer})
	if err != nil || b.ended() != nil {
		t.Fatal(err, b.ended())
	}
	if p := r.Report(); p.Began < 290 || p.Began > 300 { // 100 a second
		t.Errorf("%+v", p)
	}
}

// Finish reaches all generators: their calls come to their own end, and the report
// says who changed what.
func TestFleet_Finish(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 40, for: 10m, talk: {mean: 300ms}}\nthresholds: ['failures == 0', 'dropped == 0']\n")
	for i := range 2 {
		b.generate(t.Context(), p, load.Part{Index: i, Of: 2})
	}
	steer := load.NewSteer()
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 2, Steer: steer, OnProgress: func(s *load.Snapshot) {
		if s.Standing().Began > 10 {
			steer.Finish()
		}
	}})
	if err != nil || b.ended() != nil {
		t.Fatal(err, b.ended())
	}
	if p := r.Report(); !p.OK || p.Began < 10 || p.Answered != p.Began || len(p.Steered) != 1 || !p.Steered[0].Finished {
		t.Errorf("%+v", p)
	}
}

// Whoever interrupts the coordinator ends all, and has the report of what there was.
func TestFleet_Interrupted(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 1h, talk: {mean: 1h}}\n")
	for i := range 2 {
		b.generate(t.Context(), p, load.Part{Index: i, Of: 2})
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Coordinate(ctx, p, Coordination{Config: b.config, Generators: 2, OnProgress: func(s *load.Snapshot) {
		if s.Result().Report().Began >= 20 {
			cancel()
		}
	}})
	if err != nil || b.ended() != nil {
		t.Fatal(err, b.ended())
	}
	if p := r.Report(); p.OK || !p.Valid || p.Began < 20 || p.LeftCalls != 0 || len(p.Steered) != 1 || !p.Interrupted() {
		t.Errorf("%+v", p)
	}
}

// One that is missing at the start is named, and those that came end.
func TestFleet_Missing(t *testing.T) {
	b := newBed(t)
	b.config.Wait = time.Second
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 1h}\n")
	b.generate(t.Context(), p, load.Part{Index: 1, Of: 3})
	_, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 3})
	var missing *Missing
	if !errors.As(err, &missing) || !strings.HasPrefix(err.Error(), "start load: generators 1/3, 3/3 did not come within 1s, and 1 of 3 did") {
		t.Error(err)
	}
	if err := b.ended(); err != nil {
		t.Error(err)
	}
}

// One that cannot begin says why, and the run does not begin.
func TestFleet_CannotBegin(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 1h}\n")
	p.Users.Count = 1
	for i := range 2 {
		b.generate(t.Context(), p, load.Part{Index: i, Of: 2})
	}
	const want = "1 users are too few for 2 generators"
	if _, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 2}); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	if err := b.ended(); err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
}

// One with another plan is refused.
func TestFleet_AnotherPlan(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 1h}\n")
	other := *p
	other.Calls.Rate = 21
	b.config.Wait = 2 * time.Second
	b.generate(t.Context(), p, load.Part{Index: 0, Of: 2})
	b.generate(t.Context(), &other, load.Part{Index: 1, Of: 2})
	_, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 2})
	if err == nil || !strings.Contains(err.Error(), "generator 2/2 did not come") {
		t.Error(err)
	}
	if err := b.ended(); err == nil || !strings.Contains(err.Error(), "the coordinator refuses: the plan of generator 2/2 is another") {
		t.Error(err)
	}
}

// A generator that is gone in the middle is named with what was up, the run ends, and
// the others drain.
func TestFleet_Lost(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 1h, talk: {mean: 1h}}\n")
	ctx, die := context.WithCancel(t.Context())
	b.generate(t.Context(), p, load.Part{Index: 0, Of: 2})
	b.generate(ctx, p, load.Part{Index: 1, Of: 2})
	losses := make(chan Loss, 1)
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 2, Losses: losses, OnProgress: func(s *load.Snapshot) {
		if s.Result().Report().Began >= 20 && ctx.Err() == nil {
			losses <- Loss{1, "its process ended: signal: killed"}
			die()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.done.Wait()
	got := r.Report()
	if got.OK || got.Valid || r.Aborted != "generator 2/2 was lost" || r.Generators[1].LostCalls < 5 || got.LeftCalls != 0 {
		t.Errorf("%+v\n%+v", got, r.Generators)
	}
	if want := "not valid: generator 2/2 was lost: its process ended: signal: killed: "; !strings.HasPrefix(got.Why[1], want) {
		t.Errorf("%q", got.Why)
	}
}

// silent joins and is ready like a generator, and then says nothing.
func silent(t *testing.T, b *bed, p *load.Plan, part load.Part) {
	t.Helper()
	conn, err := b.config.Link.connect(t.Context(), "silent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	to, _ := newSubjects(b.config.Run)
	g := &generator{c: b.config, plan: p, part: part, id: "silent", conn: conn, to: to}
	b.done.Go(func() {
		for _, m := range []message{{Says: saysJoin, Plan: p.Digest()}, {Says: saysReady}} {
			if _, err := g.asks(t.Context(), m); err != nil {
				t.Error(err)
			}
		}
	})
}

// One that says nothing any more is lost as well, by its silence.
func TestFleet_Silent(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 1h, talk: {mean: 1h}}\n")
	b.generate(t.Context(), p, load.Part{Index: 0, Of: 2})
	silent(t, b, p, load.Part{Index: 1, Of: 2})
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 2})
	if err != nil || b.ended() != nil {
		t.Fatal(err, b.ended())
	}
	if r.Generators[1].Lost != "it was not heard for 1.6s" || r.Report().Valid || r.Report().Began == 0 {
		t.Errorf("%+v", r.Generators)
	}
}

// A coordinator that is gone lets its generators end by themselves.
func TestFleet_CoordinatorGone(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 1h, talk: {mean: 1h}}\n")
	b.generate(t.Context(), p, load.Part{})
	conn, err := b.config.Link.connect(t.Context(), "a coordinator that dies")
	if err != nil {
		t.Fatal(err)
	}
	to, _ := newSubjects(b.config.Run)
	calling := make(chan struct{})
	var once sync.Once
	_, err = conn.Subscribe(to.generators(), func(m *nats.Msg) {
		if m.Reply != "" {
			_ = m.Respond([]byte("{}"))
		}
		if strings.Contains(string(m.Data), `"ready"`) {
			_ = conn.Publish(to.state(), []byte(`{"phase":"running","rate":1}`))
		}
		if strings.Contains(string(m.Data), `"how"`) {
			once.Do(func() { close(calling) })
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	<-calling
	conn.Close()
	began := time.Now()
	if err := b.ended(); err == nil || !strings.Contains(err.Error(), "hand over the result of generator 1/1, which has hung up: no coordinator of run test answers") {
		t.Error(err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v to end", took)
	}
}

// Two that take one part, two coordinators of one run, and a token that is wrong are
// refused in words.
func TestFleet_Refused(t *testing.T) {
	b := newBed(t)
	p := plan(t, farEnd(t), "calls: {to: ['FAR'], rate: 20, for: 1h}\n")
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error)
	go func() {
		_, err := Coordinate(ctx, p, Coordination{Config: b.config, Generators: 2, OnPhase: func(string) {}})
		asked <- err
	}()
	conn, err := b.config.Link.connect(t.Context(), "asks")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to, _ := newSubjects(b.config.Run)
	ask := func(id string, part load.Part) error {
		_, err := (&generator{c: b.config, plan: p, part: part, id: id, conn: conn, to: to}).asks(t.Context(), message{Says: saysJoin, Plan: p.Digest()})
		return err
	}
	if err := ask("a", load.Part{Index: 0, Of: 2}); err != nil {
		t.Error(err)
	}
	if err := ask("b", load.Part{Index: 0, Of: 2}); err == nil || !strings.Contains(err.Error(), "another process is generator 1/2 already") {
		t.Error(err)
	}
	if err := ask("c", load.Part{Index: 1, Of: 3}); err == nil || !strings.Contains(err.Error(), "this run has 2 generators, not 3") {
		t.Error(err)
	}
	if _, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 2}); err == nil || !strings.Contains(err.Error(), "another coordinator of run test is at work") {
		t.Error(err)
	}
	cancel()
	if err := <-asked; err == nil {
		t.Error("interrupted before all were ready, and no error")
	}
	wrong := b.config
	wrong.Link.Token = "wrong"
	if err := Generate(t.Context(), p, load.Part{}, wrong, load.Options{}); err == nil || !strings.Contains(err.Error(), "Authorization") {
		t.Error(err)
	}
}

func TestLink_KeepsSecretsOutOfArgv(t *testing.T) {
	for url, want := range map[string]string{
		"nats://pbx:4222": "", "tls://a:1,nats://b:2": "", "nats://me:secret@pbx:4222": "by file or environment", "http://pbx": "write nats://HOST:4222", "pbx": "write nats://", "": "write nats://",
	} {
		err := Link{URL: url}.Check()
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@")) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// NATS brings a profiler and a monitor along: neither is open.
func TestServer_OpensNothingBesideItsPort(t *testing.T) {
	s, err := StartServer()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if p, m := s.server.ProfilerAddr(), s.server.MonitorAddr(); p != nil || m != nil {
		t.Errorf("profiler at %v, monitor at %v", p, m)
	}
	if at := s.server.Addr().(*net.TCPAddr); !at.IP.IsLoopback() {
		t.Errorf("it listens on %s", at)
	}
	if c, err := (Link{URL: s.Link().URL, Token: "guessed"}).connect(t.Context(), "stranger"); err == nil {
		c.Close()
		t.Error("whoever is on this machine is let in")
	}
}
