package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent"
	"ringback/internal/simnet"
)

// Agents take the callbacks that a responder puts to them, without a PBX, and nothing
// is left of either.
func TestOffers_AgentsTakeThem(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaTone, Codecs: []string{"pcmu"}, Offers: 1})
		p := plan(t, "users: {first: 2001, count: 4}\n"+`agents: {for: 40s, think: {mean: 1s, spread: lognormal}, talk: {mean: 2s, spread: lognormal}, hold: 50%, hold_for: {mean: 1s}, wrap_up: {mean: 500ms}, dtmf: 40%,
  consult: 40%, consult_to: "sip:601@192.0.2.20", conference: 40%, conference_to: "sip:603@192.0.2.20", transfer: 40%, transfer_to: "sip:602@192.0.2.20", dispositions: [sold], note: loaded, media: tone, codecs: [pcmu]}
thresholds: ['p99(hold) < 500ms', 'verbs.failures == 0', 'failures == 0', 'dropped == 0', 'registration.failures == 0', 'mos.p5 > 4.0', 'silent == 0']
`)
		r := run(t.Context(), t, n, p, nil)
		if !r.OK || r.Registered != 4 || r.Answered < 15 || r.Answered != r.Began || r.Sounded < r.Answered*9/10 || r.LeftCalls+r.LeftRegistrations != 0 {
			t.Errorf("%+v", r)
		}
		for _, verb := range []string{"accept", "hold", "resume", "dtmf", "consult", "consult-answer", "consult-end", "conference", "conference-answer", "conference-drop", "transfer", "end", "dispose", "note", "done"} {
			if r.Agents.Verbs[verb].Count == 0 {
				t.Errorf("nobody did %s: %v", verb, r.Agents.Verbs)
			}
		}
		time.Sleep(movedTime)
		synctest.Wait()
		moved := int(r.Agents.Verbs["transfer"].Count)
		if got := far.Answers(); got.Active != 0 || got.Registered != 0 || got.Taken != r.Answered || got.Moved != moved {
			t.Errorf("the far end: %+v", got)
		}
		far.Close()
	})
}

// Callbacks are those of a file: what is a field of a callback comes as one, and the rest
// as case data; rows are taken in turn.
func TestOffers_Data(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaTone, Codecs: []string{"pcmu"}, Offers: 0.1, Data: file(t, "callbacks.csv",
			"id,number,name,type,desired_time,segment,order\n"+
				"cb-1,+81312345678,山田 太郎,scheduled,2026-11-23T19:00:00+09:00,\"gold, old\",4711\n"+
				",090 1234;x,,,,,\n")})
		p := plan(t, "users: {first: 2001, count: 1}\nagents: {for: 1m}\n")
		cfg, err := p.agentConfig(user{name: "2001"}, source{generatorIP, 0})
		if err != nil {
			t.Fatal(err)
		}
		host := n.Host(generatorIP)
		engine, stop := mediaOf(p, Options{Media: host})
		defer stop()
		phone, err := agent.New(cfg, agent.Deps{Network: host, Media: engine})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		d := &desk{agent: phone, ended: make(chan struct{})}
		go d.run(ctx)
		defer func() { cancel(); <-d.ended; far.Close() }()
		if _, err := d.until(ctx, func(s agent.State) bool { return s.Registration.State == "registered" }); err != nil {
			t.Fatal(err)
		}
		if _, refused := phone.Do(ctx, "ready", []byte(`{"channel":"all"}`)); refused != nil {
			t.Fatal(refused)
		}
		next := func() agent.InteractionState {
			s, err := d.until(ctx, func(s agent.State) bool { return offered(s) >= 0 })
			if err != nil {
				t.Fatal(err)
			}
			in := s.Interactions[offered(s)]
			if _, refused := phone.Do(ctx, "reject", []byte(`{"interaction":"`+string(in.ID)+`"}`)); refused != nil {
				t.Fatal(refused)
			}
			return in
		}
		if in := next(); in.Callback.ID != "cb-1" || in.Contact.Name != "山田 太郎" || in.Contact.Number != "+81312345678" || in.Callback.Type != "scheduled" || in.Callback.DesiredTime == nil ||
			in.Callback.Reason != "load test" || fmt.Sprint(in.Callback.Data) != "map[order:4711 segment:gold, old]" {
			t.Errorf("%+v %+v", in.Contact, in.Callback)
		}
		if in := next(); in.Callback.Type != "immediate" || in.Contact.Number != "090 1234;x" || len(in.Callback.Data) != 0 || !strings.HasPrefix(in.Callback.ID, "load-") {
			t.Errorf("%+v %+v", in.Contact, in.Callback)
		}
		if in := next(); in.Callback.ID != "cb-1" {
			t.Errorf("%+v", in.Callback)
		}
	})
}

// Agents have each a port of the plan's sources; where these are too few the run says so.
func TestOffers_SourcePorts(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone, Codecs: []string{"pcmu"}, Offers: 2})
		p := plan(t, "users: {first: 2001, count: 3}\nagents: {for: 10s, think: {mean: 1s}, talk: {mean: 1s, spread: constant}, wrap_up: {mean: 1s}}\nthresholds: ['completed > 5', 'failures == 0', 'verbs.failures == 0']\n")
		p.Account.Bind, p.Account.Sources = "", []string{generatorIP + ":20001-20002", generatorIP + ":20009"}
		bound := map[string]bool{}
		r := run(t.Context(), t, n, p, func(*Snapshot) {
			_ = far.parts[0].loop.Do(context.Background(), func() {
				for _, one := range far.parts[0].phones.byAOR {
					bound[one.contact.String()] = true
				}
			})
		})
		if !r.OK || r.Registered != 3 || len(bound) != 3 {
			t.Errorf("%v %+v", bound, r)
		}
		for _, port := range []string{":20001", ":20002", ":20009"} {
			if !strings.Contains(fmt.Sprint(bound), port) {
				t.Errorf("no agent is at %s: %v", port, bound)
			}
		}
		p.Users.Count = 4
		host := n.Host(generatorIP)
		if _, err := Run(t.Context(), p, Options{Network: host, Media: host}); err == nil || err.Error() != "start load: account.sources: 3 ports are too few for 4 agents: each needs one" {
			t.Error(err)
		}
		far.Close()
	})
}

// A far end that offers more than the agents can take says so, and each callback is
// somebody's.
func TestOffers_MoreThanAgents(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone, Codecs: []string{"pcmu"}, Offers: 2})
		p := plan(t, "users: {first: 2001, count: 2}\nagents: {for: 30s, think: {mean: 1s}, talk: {mean: 8s, spread: constant}, wrap_up: {mean: 1s}}\n")
		r := run(t.Context(), t, n, p, nil)
		if r.Answered < 4 || r.Answered > 8 { // each takes one in 10 s
			t.Errorf("%+v", r)
		}
		synctest.Wait()
		if got := far.Answers(); got.NotTaken["no agent was free"] < 30 || got.Offered < got.Taken || got.Taken != r.Answered {
			t.Errorf("the far end: %+v", got)
		}
		far.Close()
	})
}

// Interrupted in the middle of calls, agents hang up and unregister.
func TestOffers_Interrupted(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaTone, Codecs: []string{"pcmu"}, Offers: 2})
		p := plan(t, "users: {first: 2001, count: 8}\nagents: {for: 1h, think: {mean: 100ms}, talk: {mean: 1h, spread: constant}}\n")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began := time.Now()
		r := run(ctx, t, n, p, nil)
		synctest.Wait()
		if got := far.Answers(); r.Answered != 8 || r.LeftCalls+r.LeftRegistrations != 0 || got.Active != 0 || got.Registered != 0 || time.Since(began) > 30*time.Second {
			t.Errorf("after %v: %+v, far end %+v", time.Since(began), r, got)
		}
		far.Close()
	})
}

// The mean of what is drawn is the plan's, also of a lognormal spread, whose middle is
// lower.
func TestSpread_Mean(t *testing.T) {
	for _, row := range []struct {
		spread string
		middle float64
	}{{"constant", 1}, {"uniform", 1}, {"exponential", 0.693}, {"lognormal", 0.726}} {
		s, rng := Spread{Mean: time.Second, Spread: row.spread}, rand.New(rand.NewPCG(1, 1))
		const draws = 100_000
		var sum time.Duration
		below := 0
		for range draws {
			d := s.draw(rng)
			sum += d
			if d.Seconds() <= row.middle {
				below++
			}
			if d < 0 || d > s.longest() {
				t.Fatalf("%s: drew %v", row.spread, d)
			}
		}
		if mean := sum / draws; mean < 985*time.Millisecond || mean > 1015*time.Millisecond {
			t.Errorf("%s: mean %v", row.spread, mean)
		}
		if share := float64(below) / draws; row.spread != "constant" && (share < 0.49 || share > 0.51) {
			t.Errorf("%s: %.3f are below %.3f s", row.spread, share, row.middle)
		}
	}
}
