package control

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"ringback/agent"
)

// TestEventsSkipNothing takes snapshots while events happen: each snapshot and
// the stream from its seq must make the whole list.
func TestEventsSkipNothing(t *testing.T) {
	const all = 2000
	f := newFake()
	c := serve(t, f)
	ctx := limited(t)
	var readers sync.WaitGroup
	started := make(chan struct{}, 8)
	for range 8 {
		readers.Go(func() {
			s, err := c.State(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			stream, err := c.Events(ctx, s.Seq)
			if err != nil {
				t.Error(err)
				return
			}
			defer stream.Close()
			started <- struct{}{}
			for seq := s.Seq + 1; seq <= all; seq++ {
				e, err := stream.Next(ctx)
				if err != nil || e.Seq != seq {
					t.Errorf("event %d: got %d, %v", seq, e.Seq, err)
					return
				}
			}
		})
	}
	for i := range all {
		if i == 100 {
			<-started
		}
		f.happen(agent.Event{Type: agent.CallRinging, Text: "山田\n太郎"})
	}
	readers.Wait()
}

func TestEventsTellWhoFellBehind(t *testing.T) {
	f := newFake()
	for range 10 {
		f.happen(agent.Event{Type: agent.CallRinging})
	}
	f.forget(5)
	c := serve(t, f)
	for _, row := range []struct {
		name  string
		since uint64
	}{{"forgotten", 2}, {"of an agent before this one", 99}} {
		t.Run(row.name, func(t *testing.T) {
			stream, err := c.Events(limited(t), row.since)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			if _, err := stream.Next(limited(t)); !errors.Is(err, agent.ErrFellBehind) {
				t.Errorf("got %v, want ErrFellBehind", err)
			}
		})
	}
}

func TestEventsTellThatTheAgentEnded(t *testing.T) {
	f := newFake()
	c := serve(t, f)
	stream, err := c.Events(limited(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	f.happen(agent.Event{Type: agent.CallEnded})
	f.end()
	if e, err := stream.Next(limited(t)); err != nil || e.Type != agent.CallEnded {
		t.Errorf("the last event: %v, %v", e.Type, err)
	}
	var absent *NoAgentError
	if _, err := stream.Next(limited(t)); !errors.As(err, &absent) {
		t.Errorf("got %v, want NoAgentError", err)
	}
}

func TestEventsEndWithTheirReader(t *testing.T) {
	c := serve(t, newFake())
	ctx, cancel := context.WithCancel(limited(t))
	stream, err := c.Events(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	cancel()
	if _, err := stream.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestEventsAreServerSent(t *testing.T) {
	f := newFake()
	f.happen(agent.Event{Type: agent.OfferReceived, Interaction: "i1"})
	f.end()
	_, text := ask(t, serve(t, f), "GET", "/v1/events?since=0", "")
	for _, want := range []string{"id: 1\nevent: offer.received\ndata: {\"schema\":\"ringback.event/1\",\"seq\":1,", "event: ended\ndata: {\"schema\":\"ringback.ended/1\",\"seq\":1,"} {
		if !strings.Contains(text, want) {
			t.Errorf("stream %q has no %q", text, want)
		}
	}
}
