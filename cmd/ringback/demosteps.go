package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"ringback/agent"
	"ringback/agent/control"
	"ringback/internal/lab"
)

const (
	yamada    = "+81312345678"
	colleague = "2001"
)

// scriptSteps is an agent's job from the first callback to the last.
func scriptSteps() []step {
	return append([]step{
		{"registered", stepRegistered},
		{"callback offered", stepOffered},
		{"rejected: back in the queue", stepRejected},
		{"accepted", stepAccepted},
		{"talk", stepTalk},
		{"hold", stepHold},
		{"resume", stepResume},
		{"mute, unmute", stepMute},
		{"digits sent", stepDigitsSent},
		{"digits received", stepDigitsReceived},
		{"consultation refused", stepConsultRefused},
		{"consultation", stepConsult},
		{"swap", stepSwap},
		{"conference of both", stepConsultConference},
		{"party dropped", stepDrop},
		{"consultation to transfer", stepConsultTransfer},
		{"disposition, note, done", stepDone},
		{"transfer to a busy target", stepTransferBusy},
		{"instant conference", stepConference},
		{"instant transfer", stepTransfer},
		{"contact gave up while offered", stepCancelled},
		{"not ready: refused", stepNotReady},
		{"a busy number dialled", stepDialBusy},
		{"an echo dialled", stepDialEcho},
	}, webSteps()...)
}

func stepRegistered(ctx context.Context, s *stage) (string, error) {
	met, err := s.until(ctx, "registered")
	if err != nil {
		return "", err
	}
	r := met.State.Registration
	if r.Expires == nil {
		return r.AOR, nil
	}
	return fmt.Sprintf("%s for %.0f s", r.AOR, time.Until(*r.Expires).Seconds()), nil
}

func stepOffered(ctx context.Context, s *stage) (string, error) {
	_, err := s.lab.Offer(lab.Callback{ID: "cb-1", Type: "scheduled", Number: yamada, Name: "山田 太郎", Timezone: "Asia/Tokyo", Origin: "web",
		DesiredTime: time.Now().Truncate(time.Second), Reason: "order 4711", Data: map[string]any{"order": "4711"}})
	if err != nil {
		return "", err
	}
	if err := s.take(ctx); err != nil {
		return "", err
	}
	i, _, err := s.state(ctx)
	if err != nil {
		return "", err
	}
	if i.Callback == nil {
		return "", expect(false, "the offer has no callback data")
	}
	return fmt.Sprintf("%s %s, %s, %s", i.Contact.Name, i.Contact.Number, i.Callback.Type, i.Callback.Reason), errors.Join(
		expect(i.Contact.Name == "山田 太郎" && i.Contact.Number == yamada, "the contact is %q %q", i.Contact.Name, i.Contact.Number),
		expect(i.Callback.ID == "cb-1" && i.Callback.Type == "scheduled" && i.Callback.DesiredTime != nil, "the callback is %+v", *i.Callback),
		expect(fmt.Sprint(i.Case["order"]) == "4711", "the case data is %v", i.Case))
}

// take waits for an offer and makes it the interaction at work.
func (s *stage) take(ctx context.Context) error {
	met, err := s.until(ctx, "offer")
	if err != nil {
		return err
	}
	for _, i := range met.State.Interactions {
		if i.State == agent.PhaseOffered {
			s.interaction = i.ID
		}
	}
	return nil
}

func stepRejected(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "reject", Args: map[string]any{"reason": "wrong language"}}); err != nil {
		return "", err
	}
	e, err := s.happens(ctx, lab.Is(lab.CallbackRejected, demoUser), "the rejection")
	if err != nil {
		return "", err
	}
	first := s.interaction
	if err := s.take(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("the PBX got %d and offers it again, as %s", e.Code, s.interaction), expect(e.Code == 603 && s.interaction != first, "the code was %d, the interaction %s", e.Code, s.interaction)
}

func stepAccepted(ctx context.Context, s *stage) (string, error) {
	_, err := s.act(ctx, control.Order{Action: "accept", Until: "connected"})
	if err != nil {
		return "", err
	}
	_, err = s.happens(ctx, lab.Is(lab.CallbackAccepted, demoUser), "the acceptance")
	return string(s.interaction) + " is connected", err
}

func stepTalk(ctx context.Context, s *stage) (string, error) {
	if err := errors.Join(s.agentHears(ctx, lab.ContactHz), s.hears(ctx, yamada, agentHz)); err != nil {
		return "", err
	}
	text := fmt.Sprintf("agent hears %d Hz, contact hears %d Hz at %.0f dBFS", lab.ContactHz, agentHz, s.lab.Heard(yamada).Level)
	_, all, err := s.state(ctx)
	for _, c := range all.Calls {
		if c.Interaction == s.interaction && c.State == agent.CallPhaseConnected {
			text += ", " + c.Codec
		}
	}
	return text, err
}

func stepHold(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "hold", Until: "on-hold"}); err != nil {
		return "", err
	}
	if err := errors.Join(s.quiet(ctx, yamada, agentHz), s.hears(ctx, yamada, lab.MusicHz)); err != nil {
		return "", err
	}
	_, err := s.until(ctx, "silence 300ms")
	return "contact hears music, agent hears nothing", err
}

func stepResume(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "resume", Until: "connected"}); err != nil {
		return "", err
	}
	return "both hear each other again", errors.Join(s.hears(ctx, yamada, agentHz), s.agentHears(ctx, lab.ContactHz))
}

func stepMute(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "mute"}); err != nil {
		return "", err
	}
	if err := s.quiet(ctx, yamada, agentHz); err != nil {
		return "", err
	}
	s.seq = s.lab.Log().Last()
	if _, err := s.act(ctx, control.Order{Action: "unmute"}); err != nil {
		return "", err
	}
	return "contact heard nothing, then the agent again", s.hears(ctx, yamada, agentHz)
}

func stepDigitsSent(ctx context.Context, s *stage) (string, error) {
	const digits = "159*0#D"
	if _, err := s.act(ctx, control.Order{Action: "dtmf", Args: map[string]any{"digits": digits}}); err != nil {
		return "", err
	}
	_, err := s.happens(ctx, func(lab.Event) bool { return strings.HasSuffix(s.lab.Heard(yamada).Digits, digits) }, "the arrival of "+digits)
	return "contact got " + s.lab.Heard(yamada).Digits, err
}

func stepDigitsReceived(ctx context.Context, s *stage) (string, error) {
	if err := s.lab.Press(yamada, "42#"); err != nil {
		return "", err
	}
	_, err := s.until(ctx, "dtmf 42#")
	return "agent got 42#", err
}

func stepConsultRefused(ctx context.Context, s *stage) (string, error) {
	_, err := s.act(ctx, control.Order{Action: "consult", Args: map[string]any{"target": "2002"}, NewCall: true, Until: "connected"})
	var unmet *control.UnmetError
	var refused *agent.ActionError
	if !errors.As(err, &unmet) && !errors.As(err, &refused) {
		return "", expect(false, "2002 did not refuse: %v", err)
	}
	if _, err := s.until(ctx, "on-hold "+string(s.interaction)); err != nil {
		return "", err
	}
	return "603; the contact is here, on hold", s.hears(ctx, yamada, lab.MusicHz)
}

func stepConsult(ctx context.Context, s *stage) (string, error) {
	o, err := s.act(ctx, control.Order{Action: "consult", Args: map[string]any{"target": colleague}, NewCall: true, Until: "connected"})
	if err != nil {
		return "", err
	}
	s.party = o.Call
	return "agent and colleague hear each other, the contact hears music", errors.Join(
		s.agentHears(ctx, lab.ColleagueHz), s.hears(ctx, colleague, agentHz), s.hears(ctx, yamada, lab.MusicHz))
}

func stepSwap(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "consult-swap"}); err != nil {
		return "", err
	}
	return "agent and contact hear each other, the colleague does not hear the agent", errors.Join(
		s.hears(ctx, yamada, agentHz), s.agentHears(ctx, lab.ContactHz), s.quiet(ctx, colleague, agentHz))
}

func stepConsultConference(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "consult-conference", Until: "conference"}); err != nil {
		return "", err
	}
	return "each hears both others", s.threeHear(ctx)
}

// threeHear waits until agent, contact and colleague all hear the other two.
func (s *stage) threeHear(ctx context.Context) error {
	return errors.Join(
		s.hears(ctx, yamada, agentHz), s.hears(ctx, yamada, lab.ColleagueHz),
		s.hears(ctx, colleague, agentHz), s.hears(ctx, colleague, lab.ContactHz),
		s.agentHears(ctx, lab.ContactHz), s.agentHears(ctx, lab.ColleagueHz))
}

func stepDrop(ctx context.Context, s *stage) (string, error) {
	if s.party == "" {
		return "", expect(false, "the consultation told no call id")
	}
	if _, err := s.act(ctx, control.Order{Action: "conference-drop", Args: map[string]any{"party": s.party}, Until: "connected"}); err != nil {
		return "", err
	}
	return "agent and contact stay", errors.Join(s.quiet(ctx, yamada, lab.ColleagueHz), s.hears(ctx, yamada, agentHz))
}

func stepConsultTransfer(ctx context.Context, s *stage) (string, error) {
	if _, err := s.act(ctx, control.Order{Action: "consult", Args: map[string]any{"target": colleague}, NewCall: true, Until: "connected"}); err != nil {
		return "", err
	}
	if _, err := s.act(ctx, control.Order{Action: "consult-transfer", Until: "ready-to-call"}); err != nil {
		return "", err
	}
	return "contact and colleague hear each other, the agent is free", errors.Join(
		s.hears(ctx, yamada, lab.ColleagueHz), s.hears(ctx, colleague, lab.ContactHz))
}

func stepDone(ctx context.Context, s *stage) (string, error) {
	for _, o := range []control.Order{
		{Action: "dispose", Args: map[string]any{"code": "sold"}},
		{Action: "note", Args: map[string]any{"text": "wants it in blue 青"}},
		{Action: "case", Args: map[string]any{"values": map[string]string{"colour": "blue"}}},
	} {
		if _, err := s.act(ctx, o); err != nil {
			return "", err
		}
	}
	i, _, err := s.state(ctx)
	if err != nil {
		return "", err
	}
	if err := expect(i.Disposition == "sold" && strings.Contains(i.Note, "青") && fmt.Sprint(i.Case["colour"]) == "blue", "the record is %q %q %v", i.Disposition, i.Note, i.Case); err != nil {
		return "", err
	}
	if _, err := s.act(ctx, control.Order{Action: "done"}); err != nil {
		return "", err
	}
	_, err = s.until(ctx, "ready")
	return "sold; the voice channel is ready again", err
}
