package agent

import (
	"testing"
	"testing/synctest"

	"ringback/internal/lab"
	"ringback/media"
)

// A brief agent works as any other, here by an engine that it does not own, and
// remembers neither messages nor a history.
func TestBrief_RemembersLittle(t *testing.T) {
	for name, brief := range map[string]bool{"brief": true, "whole": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newLabBed(t, "", lab.Config{})
				engine := media.NewEngine(media.EngineConfig{Network: b.net.Host(agentIP)})
				running := make(chan error, 1)
				go func() { running <- engine.Run(t.Context()) }()
				b.agent = b.start(b.makeWith(testConfig(), "1001", agentIP, Deps{Media: engine, Brief: brief}), "1001")
				b.wait(RegistrationRegistered)
				if _, err := b.lab.Offer(lab.Callback{ID: "cb-1"}); err != nil {
					t.Fatal(err)
				}
				id := b.wait(OfferReceived).Interaction
				b.do("accept", map[string]any{"interaction": id})
				b.wait(MediaStarted)
				b.do("end", map[string]any{"interaction": id})
				b.do("done", map[string]any{"interaction": id})
				b.agent.records.written(t.Context())
				timeline, err := b.agent.store.Timeline(string(id))
				if err != nil || (len(timeline) == 0) != brief {
					t.Errorf("%d events in the history, %v", len(timeline), err)
				}
				if n := len(b.agent.Trace("")); (n == 0) != brief {
					t.Errorf("%d messages", n)
				}
				b.close()
				if err := engine.Close(); err != nil {
					t.Error(err)
				}
				if err := <-running; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
