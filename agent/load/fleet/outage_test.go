package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"ringback/agent/load"
)

// outside is a NATS server of somebody else, which can go and come back at its address.
type outside struct {
	t       *testing.T
	options server.Options
	now     *server.Server
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{t: t, options: server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}}
	o.comes()
	t.Cleanup(o.goes)
	return o
}

func (o *outside) comes() {
	o.t.Helper()
	options := o.options
	s, err := server.NewServer(&options)
	if err != nil {
		o.t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		o.t.Fatal("the NATS server is not ready")
	}
	o.options.Port = options.Port
	o.now = s
}

func (o *outside) goes() {
	o.now.Shutdown()
	o.now.WaitForShutdown()
}

// A NATS server that restarts in the middle costs nothing: calls go on meanwhile, all
// find each other again, and what was counted is whole.
func TestFleet_NATSRestarts(t *testing.T) {
	far := farEnd(t) // ends after the generators
	nats := newOutside(t)
	b := &bed{t: t, config: Config{Link: Link{URL: nats.now.ClientURL()}, Run: "test", Wait: 20 * time.Second, Beat: time.Second}}
	p := plan(t, far, "calls: {to: ['FAR'], rate: 60, for: 6s, talk: {mean: 100ms}}\nthresholds: ['failures == 0', 'answered == 360']\n")
	for i := range 3 {
		b.generate(t.Context(), p, load.Part{Index: i, Of: 3})
	}
	restarted := 0 // calls that had begun
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 3, OnProgress: func(s *load.Snapshot) {
		if began := s.Standing().Began; restarted == 0 && began > 60 {
			restarted = began
			nats.goes()
			nats.comes()
		}
	}})
	if err != nil || b.ended() != nil {
		t.Fatal(err, b.ended())
	}
	if p := r.Report(); !p.OK || p.Began != 360 || len(p.Generators) != 3 || restarted == 0 || restarted == 360 {
		t.Errorf("restarted after %d calls: %+v", restarted, p)
	}
}

// A NATS server that goes for good ends the run on both sides: no call is left, and the
// report names all that were lost with it.
func TestFleet_NATSGoes(t *testing.T) {
	far := farEnd(t)
	nats := newOutside(t)
	b := &bed{t: t, config: Config{Link: Link{URL: nats.now.ClientURL()}, Run: "test", Wait: 20 * time.Second, Beat: beat}}
	p := plan(t, far, "calls: {to: ['FAR'], rate: 40, for: 1h, talk: {mean: 1h}}\n")
	for i := range 2 {
		b.generate(t.Context(), p, load.Part{Index: i, Of: 2})
	}
	gone := false
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 2, OnProgress: func(s *load.Snapshot) {
		counts := 0
		for _, g := range s.Result().Generators {
			if len(g.Lateness) > 0 {
				counts++
			}
		}
		if !gone && counts == 2 {
			gone = true
			nats.goes()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	report := r.Report()
	for _, g := range r.Generators {
		if g.Lost != "it was not heard for 1.6s" || g.LostCalls == 0 {
			t.Errorf("%+v", g)
		}
	}
	if report.OK || report.Valid || !strings.Contains(strings.Join(report.Why, "\n"), "generator 2/2 was lost") {
		t.Errorf("%+v", report)
	}
	if err := b.ended(); err == nil || !strings.Contains(err.Error(), "hand over the result of generator 1/2") || !strings.Contains(err.Error(), "hand over the result of generator 2/2") {
		t.Errorf("the generators say: %v", err)
	}
}
