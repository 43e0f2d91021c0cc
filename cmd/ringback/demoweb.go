package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringback/agent/control"
	"ringback/internal/lab"
)

// webID is the web callback of the script.
const webID = "web-1"

// webSteps are an agent's job with a callback that comes without a call.
func webSteps() []step {
	return []step{
		{"web callback offered", stepWebOffered},
		{"preview: nobody is dialled", stepWebPreview},
		{"called from the preview", stepWebCall},
		{"rescheduled to me, done", stepWebReschedule},
		{"due: offered again", stepWebDue},
		{"done without a call", stepWebDone},
		{"the PBX was told all", stepWebReports},
	}
}

// demoOrder is a web callback as the PBX orders it.
func demoOrder(id string) string {
	text, err := json.Marshal(map[string]any{"id": id, "number": yamada, "name": "山田 太郎", "timezone": "Asia/Tokyo",
		"requested_at": time.Now().Add(-2 * time.Minute).Format(time.RFC3339), "reason": "asked on the web page: 光回線の見積もり", "data": map[string]any{"page": "/prices"}})
	if err != nil {
		return ""
	}
	return string(text)
}

func stepWebOffered(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "ready", Args: map[string]any{"channel": "all"}, Channel: "all", Until: "ready"}); err != nil {
		return "", err
	}
	code, err := s.lab.Send(ctx, demoUser, "application/json", demoOrder(webID))
	if err != nil {
		return "", err
	}
	if err := errors.Join(expect(code == 200, "the order got %d", code), s.take(ctx)); err != nil {
		return "", err
	}
	i, _, err := s.state(ctx)
	return fmt.Sprintf("by MESSAGE, answered %d: %s, %s", code, i.Contact.Name, i.Callback.Reason), errors.Join(err,
		expect(i.AcceptMeans == "preview" && i.Kind == "webcallback", "accept means %s, the kind is %s", i.AcceptMeans, i.Kind))
}

func stepWebPreview(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "accept", Until: "preview"}); err != nil {
		return "", err
	}
	i, _, err := s.state(ctx)
	return "page " + fmt.Sprint(i.Case["page"]), errors.Join(err, expect(len(i.Calls) == 0, "there are calls: %v", i.Calls))
}

func stepWebCall(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "call", NewCall: true, Until: "connected"}); err != nil {
		return "", err
	}
	if err := errors.Join(s.agentHears(ctx, lab.ContactHz), s.hears(ctx, yamada, agentHz)); err != nil {
		return "", err
	}
	_, err := s.act(ctx, control.Order{Action: "end", Until: "ready-to-call"})
	return "both heard each other; the interaction stays", err
}

func stepWebReschedule(ctx context.Context, s *stage) (string, error) {
	args := map[string]any{"at": "+2s", "personal": true, "reason": "asked for later"}
	if _, err := s.act(ctx, control.Order{Action: "reschedule", Args: args}); err != nil {
		return "", err
	}
	i, _, err := s.state(ctx)
	if err = errors.Join(err, expect(i.Reschedule != nil, "nothing is armed")); err != nil {
		return "", err
	}
	_, err = s.act(ctx, control.Order{Action: "done"})
	return "again " + i.Reschedule.Local, err
}

func stepWebDue(ctx context.Context, s *stage) (string, error) {
	first := s.interaction
	if err := s.take(ctx); err != nil {
		return "", err
	}
	i, _, err := s.state(ctx)
	return fmt.Sprintf("as %s, %d attempt so far", s.interaction, i.Attempts), errors.Join(err,
		expect(s.interaction != first && i.Callback.ID == webID && i.Attempts == 1, "%s: callback %s, %d attempts", s.interaction, i.Callback.ID, i.Attempts))
}

func stepWebDone(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "accept", Until: "preview"}); err != nil {
		return "", err
	}
	_, err := s.act(ctx, control.Order{Action: "done"})
	return "closed", err
}

func stepWebReports(ctx context.Context, s *stage) (string, error) {
	want := "accepted attempt rescheduled done accepted done"
	told := func() string {
		var types []string
		for _, r := range s.lab.Reports(webID) {
			types = append(types, r.Type)
		}
		return strings.Join(types, " ")
	}
	s.seq = 0 // the last may have come already
	_, err := s.happens(ctx, func(lab.Event) bool { return told() == want }, "the report of everything")
	if err != nil {
		return "", fmt.Errorf("%w: it got %s", err, told())
	}
	return told(), nil
}
