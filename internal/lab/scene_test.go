package lab

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/ladder"
	"ringback/internal/simnet"
	"ringback/sip"
)

// scene is a lab and its phones on a network in memory.
type scene struct {
	t     *testing.T
	net   *simnet.Net
	lab   *Lab
	mu    sync.Mutex
	trace []sip.TraceRecord
	start time.Time
}

const labIP = "10.0.0.1"

// newScene starts a lab. Use it inside a synctest bubble; the bubble fails when a
// goroutine is left behind.
func newScene(t *testing.T, cfg Config) *scene {
	t.Helper()
	s := &scene{t: t, net: simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond})), start: time.Now()}
	cfg.Network, cfg.IP = s.net.Host(labIP), netip.MustParseAddr(labIP)
	cfg.Trace = s.record
	var err error
	if s.lab, err = Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// record keeps what the lab saw: it sees every message of the story.
func (s *scene) record(r sip.TraceRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace = append(s.trace, r)
}

// forget begins the ladder anew from here.
func (s *scene) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trace, s.start = nil, time.Now()
}

// ladder draws what the lab saw until all calls had ended or settled.
func (s *scene) ladder(title string, show ...string) string {
	return s.draw(ladder.Options{Title: title, Show: show, Without: []string{"OPTIONS", "REGISTER"}})
}

func (s *scene) draw(o ladder.Options) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.Bodies = true
	o.Parties = []ladder.Party{{Name: "1001", Addresses: []string{"10.0.0.11"}}, {Name: "lab", Addresses: []string{labIP}},
		{Name: "1002", Addresses: []string{"10.0.0.12"}}}
	return ladder.Render(ladder.FromTrace(s.trace), o)
}

func (s *scene) close() {
	if err := s.lab.Close(context.Background()); err != nil {
		s.t.Errorf("close lab: %v", err)
	}
	s.net.Close()
}

// settle lets what is on its way arrive: a second in virtual time.
func (s *scene) settle() {
	<-time.After(time.Second)
	synctest.Wait()
}

// until waits for a time of the story, so that a ladder does not depend on when
// exactly a tone was heard.
func (s *scene) until(at time.Duration) {
	s.t.Helper()
	wait := at - time.Since(s.start)
	if wait < 0 {
		s.t.Fatalf("it is later than %s already", at)
	}
	<-time.After(wait)
}

// within is a context for one expectation.
func (s *scene) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	s.t.Cleanup(cancel)
	return ctx
}

// await waits for an event of the lab after seq.
func (s *scene) await(seq int, typ EventType, party string) Event {
	s.t.Helper()
	e, err := s.lab.Log().Wait(s.within(2*time.Minute), seq, Is(typ, party))
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

func (s *scene) hears(seq int, party string, hz int) {
	s.t.Helper()
	if err := s.lab.WaitTone(s.within(10*time.Second), seq, party, hz); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) quiet(seq int, party string, hz int) {
	s.t.Helper()
	if err := s.lab.WaitQuiet(s.within(10*time.Second), seq, party, hz); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) offer(cb Callback) {
	s.t.Helper()
	if _, err := s.lab.Offer(cb); err != nil {
		s.t.Fatal(err)
	}
}

// hangUpAndWait ends a call and waits until both ends know.
func (s *scene) hangUpAndWait(c *phoneCall) {
	s.t.Helper()
	at := s.lab.Log().Last()
	c.hangUp()
	c.phone.wait("ended")
	s.await(at, CallEnded, c.phone.user)
}
