package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/internal/lab"
)

// labPBX is the lab PBX of a scenario, worked by the words of its steps.
type labPBX struct{ *lab.Lab }

// labWord is a row of what a step may say to it.
type labWord struct {
	name, rest string
	do         func(ctx context.Context, p labPBX, rest []string) error
}

func labWords() []labWord {
	party := func(name string, do func(labPBX, string) error) labWord {
		return labWord{name, "PARTY", func(_ context.Context, p labPBX, rest []string) error { return do(p, rest[0]) }}
	}
	return []labWord{
		{"offer", "KEY=VALUE...", func(_ context.Context, p labPBX, rest []string) error { return p.offer(rest) }},
		{"order", "USER JSON", func(ctx context.Context, p labPBX, rest []string) error { return p.order(ctx, rest) }},
		{"press", "PARTY DIGITS", func(_ context.Context, p labPBX, rest []string) error { return p.Press(rest[0], rest[1]) }},
		party("hangup", func(p labPBX, who string) error { return p.HangUp(who) }),
		party("giveup", func(p labPBX, who string) error { return p.GiveUp(who) }),
		party("hold", func(p labPBX, who string) error { return p.Hold(who, lab.HoldSendOnly) }),
		party("unhold", func(p labPBX, who string) error { return p.Unhold(who) }),
		{"hears", "PARTY HZ", func(ctx context.Context, p labPBX, rest []string) error { return p.tone(ctx, rest, true) }},
		{"quiet", "PARTY HZ", func(ctx context.Context, p labPBX, rest []string) error { return p.tone(ctx, rest, false) }},
		{"got", "PARTY DIGITS", func(ctx context.Context, p labPBX, rest []string) error { return p.got(ctx, rest) }},
	}
}

// startLabPBX starts a lab on a free port of loopback.
func startLabPBX(ctx context.Context, log *slog.Logger) (labPBX, error) {
	l, err := lab.Start(ctx, lab.Config{Queue: lab.QueuePolicy{Pause: 300 * time.Millisecond}, Hears: []float64{440, 660, 880}, Log: log.With("part", "lab")})
	return labPBX{l}, err
}

// Do does what the words say.
func (p labPBX) Do(ctx context.Context, words []string) error {
	var forms []string
	for _, w := range labWords() {
		forms = append(forms, w.name+" "+w.rest)
		if len(words) == 0 || w.name != words[0] {
			continue
		}
		if need := len(strings.Fields(w.rest)); len(words)-1 < need {
			return fmt.Errorf("the lab PBX: write %s %s", w.name, w.rest)
		}
		return w.do(ctx, p, words[1:])
	}
	return fmt.Errorf("the lab PBX does not know %q: it knows %s", strings.Join(words, " "), strings.Join(forms, ", "))
}

// password is that of a user of the lab.
func (p labPBX) password(user string) (string, bool) {
	for _, u := range p.Users() {
		if u.Name == user {
			return string(u.Password), true
		}
	}
	return "", false
}

func (p labPBX) offer(pairs []string) error {
	cb := lab.Callback{Type: "immediate"}
	fields := map[string]*string{"id": &cb.ID, "type": &cb.Type, "number": &cb.Number, "name": &cb.Name, "reason": &cb.Reason,
		"origin": &cb.Origin, "first_leg": &cb.FirstLeg, "instructions": &cb.Instructions, "timezone": &cb.Timezone}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case ok && name == "time":
			in, err := time.ParseDuration(value)
			if err != nil {
				return fmt.Errorf("the lab PBX: time=%s is no duration from now, such as -5m", value)
			}
			cb.DesiredTime = time.Now().Add(in)
		case ok && fields[name] != nil:
			*fields[name] = value
		default:
			return fmt.Errorf("the lab PBX: %q is no KEY=VALUE of an offer, such as id=cb-1 type=immediate name=Sato", pair)
		}
	}
	_, err := p.Offer(cb)
	return err
}

// order sends a user a web callback.
func (p labPBX) order(ctx context.Context, rest []string) error {
	code, err := p.Send(ctx, rest[0], "application/json", strings.Join(rest[1:], " "))
	if err == nil && code >= 300 {
		err = fmt.Errorf("the order got %d", code)
	}
	return err
}

func (p labPBX) tone(ctx context.Context, rest []string, on bool) error {
	hz, err := strconv.Atoi(rest[1])
	if err != nil {
		return fmt.Errorf("the lab PBX: %q is no frequency", rest[1])
	}
	hears := func(lab.Event) bool { return slices.Contains(p.Heard(rest[0]).Now, hz) == on }
	if hears(lab.Event{}) {
		return nil
	}
	if _, err := p.Log().Wait(ctx, 0, hears); err != nil {
		return fmt.Errorf("%s hears %v, and not as was waited for %d Hz: %w", rest[0], p.Heard(rest[0]).Now, hz, ctx.Err())
	}
	return nil
}

func (p labPBX) got(ctx context.Context, rest []string) error {
	got := func(lab.Event) bool { return strings.Contains(p.Heard(rest[0]).Digits, rest[1]) }
	if got(lab.Event{}) {
		return nil
	}
	if _, err := p.Log().Wait(ctx, 0, got); err != nil {
		return fmt.Errorf("%s got %q, not %s: %w", rest[0], p.Heard(rest[0]).Digits, rest[1], ctx.Err())
	}
	return nil
}

// checkAddress reads the address of another PBX.
func checkAddress(text string) error {
	if _, err := netip.ParseAddrPort(text); err == nil {
		return nil
	}
	if strings.ContainsAny(text, " \t\r\n@;<>/\"") || text == "" || strings.HasPrefix(text, "sip:") {
		return usageError("flag --pbx %q: it is an address such as 127.0.0.1:5060, or a name", text)
	}
	return nil
}
