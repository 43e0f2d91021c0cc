package main

import (
	"context"
	"errors"
	"fmt"

	"ringback/agent"
	"ringback/agent/control"
	"ringback/internal/lab"
)

// The second half of the script: a new callback, and what else a day brings.

func stepTransferBusy(ctx context.Context, s *stage) (string, error) {
	if _, err := s.lab.Offer(lab.Callback{ID: "cb-2", Number: yamada, Name: "山田 太郎"}); err != nil {
		return "", err
	}
	if err := s.take(ctx); err != nil {
		return "", err
	}
	if _, err := s.act(ctx, control.Order{Action: "accept", Until: "connected"}); err != nil {
		return "", err
	}
	_, err := s.act(ctx, control.Order{Action: "transfer", Args: map[string]any{"target": "2004"}, Until: "transferred"})
	if err == nil {
		return "", expect(false, "a transfer to a busy target worked")
	}
	if _, err := s.until(ctx, "on-hold "+string(s.interaction)); err != nil {
		return "", err
	}
	if _, err := s.act(ctx, control.Order{Action: "resume", Until: "connected"}); err != nil {
		return "", err
	}
	return "the contact stayed on hold and was taken back", errors.Join(s.hears(ctx, yamada, agentHz), s.agentHears(ctx, lab.ContactHz))
}

func stepConference(ctx context.Context, s *stage) (string, error) {
	o, err := s.act(ctx, control.Order{Action: "conference", Args: map[string]any{"target": colleague}, NewCall: true, Until: "conference"})
	if err != nil {
		return "", err
	}
	s.party = o.Call
	if err := s.threeHear(ctx); err != nil {
		return "", err
	}
	if s.party == "" {
		return "", expect(false, "the conference told no call id")
	}
	_, err = s.act(ctx, control.Order{Action: "conference-drop", Args: map[string]any{"party": s.party}, Until: "connected"})
	return "each heard both others", err
}

func stepTransfer(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "transfer", Args: map[string]any{"target": colleague}, Until: "ready-to-call"}); err != nil {
		return "", err
	}
	if err := errors.Join(s.hears(ctx, yamada, lab.ColleagueHz), s.hears(ctx, colleague, lab.ContactHz)); err != nil {
		return "", err
	}
	if _, err := s.act(ctx, control.Order{Action: "done"}); err != nil {
		return "", err
	}
	_, err := s.until(ctx, "ready")
	return "contact and colleague hear each other", err
}

func stepCancelled(ctx context.Context, s *stage) (string, error) {
	id, err := s.lab.Offer(lab.Callback{Number: "+4930123456", Name: "Ada"})
	if err != nil {
		return "", err
	}
	if err := s.take(ctx); err != nil {
		return "", err
	}
	if err := s.lab.GiveUp(id); err != nil {
		return "", err
	}
	_, err = s.until(ctx, "offer.cancelled")
	return "the offer was taken away", err
}

func stepNotReady(ctx context.Context, s *stage) (string, error) {
	not := control.Order{Action: "not-ready", Args: map[string]any{"reason": "lunch"}, Channel: agent.ChannelVoice, Until: "not-ready"}
	if _, err := s.act(ctx, not); err != nil {
		return "", err
	}
	id, err := s.lab.Offer(lab.Callback{Number: "+4930123456", Name: "Ada"})
	if err != nil {
		return "", err
	}
	e, err := s.happens(ctx, lab.Is(lab.CallbackRejected, demoUser), "the refusal")
	if err != nil {
		return "", err
	}
	if err := s.lab.GiveUp(id); err != nil {
		return "", err
	}
	if _, err := s.act(ctx, control.Order{Action: "ready", Channel: agent.ChannelVoice, Until: "ready"}); err != nil {
		return "", err
	}
	return fmt.Sprintf("the PBX got %d", e.Code), expect(e.Code == 480, "the code was %d, not 480", e.Code)
}

// dial calls a number as an interaction of its own.
func (s *stage) dial(ctx context.Context, number string) error {
	o, err := s.act(ctx, control.Order{Action: "dial", Args: map[string]any{"target": number}, NewCall: true, Until: "connected"})
	s.interaction = o.Interaction
	return err
}

func stepDialBusy(ctx context.Context, s *stage) (string, error) {
	err := s.dial(ctx, "610")
	if err == nil {
		return "", expect(false, "a busy number answered")
	}
	if code := asFailure(err).code; code != exitRejected {
		return "", expect(false, "the exit code is %d, not %d: %v", code, exitRejected, err)
	}
	_, done := s.act(ctx, control.Order{Action: "done"})
	return err.Error(), done
}

func stepDialEcho(ctx context.Context, s *stage) (string, error) {
	if err := s.dial(ctx, "600"); err != nil {
		return "", err
	}
	if err := s.agentHears(ctx, agentHz); err != nil {
		return "", err
	}
	if _, err := s.act(ctx, control.Order{Action: "end", Until: "ready-to-call"}); err != nil {
		return "", err
	}
	_, err := s.act(ctx, control.Order{Action: "done"})
	return "agent heard itself", err
}

// stepLeave ends the agent and the lab, in that order.
func stepLeave(ctx context.Context, s *stage) (string, error) {
	s.run.stop()
	e, err := s.happens(ctx, lab.Is(lab.Unregistered, demoUser), "the unregistration")
	return e.Text, errors.Join(err, s.close())
}
