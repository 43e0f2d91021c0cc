package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/internal/lab"
)

const (
	demoUser    = "1001"
	demoProfile = "demo"
	offerPause  = time.Second // between an interaction's end and the next offer
	demoGoodbye = 5 * time.Second
	webEvery    = 3 // every so manieth callback comes without a call
)

// demoCommand is `ringback demo`.
func demoCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "an embedded PBX with callbacks, and an agent to take them",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "script", Usage: "play the whole job by itself, print what was measured, and end"},
			&cli.StringSliceFlag{Name: "audio", Usage: "headset, a preference `LIST`: portaudio[:NAME], tone:HZ, file:IN.wav,OUT.wav, null"},
		},
		Description: `$ ringback demo --script
 1  registered                  0.02 s  sip:1001@127.0.0.1:41022
 2  callback offered            0.05 s  山田 太郎 +81312345678, order 4711
 ...
demo: all 32 steps done in 13 s`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback demo [--script]")
			}
			if c.Bool("script") {
				return sh.demoScript(c)
			}
			return sh.demoLive(c)
		},
	}
}

// bench is the lab and the agent of a demo.
type bench struct {
	lab *lab.Lab
	run *running
}

// openBench starts a lab on free ports of loopback and an agent registered with
// it. Close it whatever happens.
func openBench(ctx context.Context, at place, queue lab.QueuePolicy, headset []string, log *slog.Logger) (*bench, error) {
	l, err := lab.Start(ctx, lab.Config{Queue: queue, Hears: []float64{agentHz}, Log: log.With("part", "lab")})
	if err != nil {
		return nil, err
	}
	b := &bench{lab: l}
	b.run, err = startAgent(ctx, at, b.config(headset), log)
	if err == nil {
		if err = b.run.started(ctx); err != nil || ctx.Err() != nil {
			b.run = nil // it has ended
		}
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// config is the account of demoUser at the lab.
func (b *bench) config(headset []string) agent.Config {
	cfg := agent.DefaultConfig()
	at := b.lab.Addr("udp").String()
	cfg.Account.AOR, cfg.Account.Registrar = "sip:"+demoUser+"@"+at, "sip:"+at
	cfg.Account.Display, cfg.Account.Bind = "Demo agent", "127.0.0.1"
	for _, u := range b.lab.Users() {
		if u.Name == demoUser {
			cfg.Account.Password = agent.Secret(string(u.Password))
		}
	}
	for _, e := range b.lab.Extensions() {
		if strings.HasPrefix(e.Number, "200") { // the colleagues
			cfg.Team = append(cfg.Team, agent.TeamEntry{Name: e.Name, Target: e.Number, Kind: agent.TeamAgent, Presence: true})
		}
	}
	cfg.Audio.Headset = headset
	cfg.Channels.StartWeb = "ready"
	cfg.Callbacks.ReportTo = "sip:callbacks@" + at
	cfg.Dispositions.Codes = []string{"sold", "no-interest", "call-again"}
	cfg.Channels.NotReadyReasons = []string{"break", "lunch", "training"}
	cfg.Numbers.Region = "JP"
	return cfg
}

// close ends the agent, then the lab, which so sees it unregister.
func (b *bench) close() error {
	var err error
	if b.run != nil {
		b.run.stop()
		err = b.run.wait()
	}
	ctx, cancel := context.WithTimeout(context.Background(), demoGoodbye)
	defer cancel()
	return errors.Join(err, b.lab.Close(ctx))
}

// demoLive runs the demo until it is interrupted: it offers callbacks and shows
// what happens.
func (sh *shell) demoLive(c *cli.Context) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	headset := []string{"portaudio", "null"}
	if c.IsSet("audio") {
		headset = agent.SplitDevices(strings.Join(c.StringSlice("audio"), ","))
	}
	profile := demoProfile
	if c.IsSet("profile") {
		profile = c.String("profile")
	}
	at, err := sh.placeOf(profile)
	if err != nil {
		return err
	}
	if err := forgetDemo(at); err != nil {
		return err
	}
	b, err := openBench(c.Context, at, lab.QueuePolicy{}, headset, log)
	if err != nil {
		return err
	}
	sh.result(c, agentResult{Schema: "ringback.demo-agent/1", Profile: profile, AOR: b.run.agent.Config().Account.AOR, Socket: b.run.socket}, demoText(sh.self, profile, b.lab))
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		sh.demoFeed(context.WithoutCancel(c.Context), b.run.agent, sh.self+" --profile "+profile)
	}()
	failed := b.offerCallbacks(c.Context)
	err = b.close()
	<-shown
	return errors.Join(failed, err)
}

// demoMark is a file in the folder of a demo's store, which so may be thrown away.
const demoMark = "a-demo-keeps-nothing"

// forgetDemo throws away what the demo before this one kept: its PBX is gone. A demo
// that runs now is left alone, and so is a folder that no demo made.
func forgetDemo(at place) error {
	if at.state == "" {
		return nil
	}
	mark := filepath.Join(at.state, demoMark)
	if _, err := os.Stat(mark); err == nil && !runs(at) {
		if err := os.RemoveAll(at.state); err != nil {
			return fmt.Errorf("forget the demo before: %w", err)
		}
	} else if _, err := os.Stat(at.state); err == nil {
		return nil
	}
	if err := os.MkdirAll(at.state, 0o700); err != nil {
		return fmt.Errorf("make the demo's folder: %w (set XDG_STATE_HOME to a folder that you may write to)", err)
	}
	return os.WriteFile(mark, nil, 0o600)
}

// runs reports whether an agent serves a place's socket.
func runs(at place) bool {
	conn, err := net.DialTimeout("unix", at.socket, time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// demoFeed shows what happens, and what a newcomer types at each offer.
func (sh *shell) demoFeed(ctx context.Context, a *agent.Agent, command string) {
	sh.feedOf(ctx, a, func(e agent.Event) []string {
		lines := feedLines(e)
		in, _ := a.State().Interaction(e.Interaction)
		switch e.Type {
		case agent.OfferReceived:
			lines = append(lines, fmt.Sprintf("\n  %s wants to be called back. Take it:  %s accept\n", clean(in.Contact.Name), command))
		case agent.PresenceChanged: // the start of a demo is busy enough
			return nil
		}
		return lines
	})
}

// offerCallbacks offers one callback after the other, each a little after the
// one before is done, until ctx ends or the agent does.
func (b *bench) offerCallbacks(ctx context.Context) error {
	events := b.run.agent.Since(0)
	next, id := 0, ""
	offer := func() (err error) {
		all := demoCallbacks(time.Now())
		if next++; next%webEvery == 0 && b.orderWeb(ctx, next) {
			id = ""
			return nil
		}
		id, err = b.lab.Offer(all[(next-next/webEvery-1)%len(all)])
		return err
	}
	for {
		e, err := events.Next(ctx)
		if err != nil {
			return nil // the end was asked for, or the agent says why it ended
		}
		first := e.Type == agent.RegistrationRegistered && next == 0
		if !first && !(e.Type == agent.InteractionDone && (id == "" || b.taken(id))) {
			continue
		}
		if !first && !pause(ctx, offerPause) {
			return nil
		}
		if err := offer(); err != nil {
			return fmt.Errorf("offer callback: %w", err)
		}
	}
}

// orderWeb orders a web callback; false when the agent does not take it now.
func (b *bench) orderWeb(ctx context.Context, n int) bool {
	code, err := b.lab.Send(ctx, demoUser, "application/json", demoOrder(fmt.Sprintf("web-%d", n)))
	return err == nil && code == 200
}

// taken says whether a callback has left the queue: one that was rejected has
// not, and the PBX offers it again by itself.
func (b *bench) taken(id string) bool {
	for _, e := range b.lab.Log().Since(0) {
		if e.Callback == id && (e.Type == lab.CallbackAccepted || e.Type == lab.CallbackAbandoned) {
			return true
		}
	}
	return false
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// demoCallbacks are one of each type, and contacts of all sorts.
func demoCallbacks(now time.Time) []lab.Callback {
	tokyo := time.FixedZone("JST", 9*3600)
	return []lab.Callback{
		{Type: "scheduled", Number: "+81312345678", Name: "山田 太郎", DesiredTime: now.In(tokyo).Truncate(time.Minute), Timezone: "Asia/Tokyo",
			Origin: "web", Reason: "order 4711: when will it come?", Attempt: 1, Data: map[string]any{"order": "4711", "customer": "gold"}},
		{Type: "immediate", Number: "+4930123456", Name: "Ada Example", Origin: "ivr", Reason: "speaks to you in a voice",
			RequestedAt: now.Add(-3 * time.Minute), Contact: &lab.Behaviour{Say: lab.Speech()}},
		{Type: "preview", Number: "+14155550100", Name: "Grace Preview", Origin: "mobile", Reason: "read first, then accept: only then is she called",
			Instructions: "ask for the contract number", Contact: &lab.Behaviour{Ring: time.Second, Say: lab.Tone(lab.ContactHz)}},
		{Type: "delayed", Number: "+33140000000", Name: "Écho Délayé", Origin: "ivr", Reason: "says what you say", Contact: &lab.Behaviour{Say: lab.Echo()}},
		{Type: "immediate", Number: "+390612345", Name: "Dante Tasti", Origin: "web", Reason: "presses 42#", Contact: &lab.Behaviour{Press: "42#"}},
	}
}

// demoText is what a newcomer reads: what is there and what to type.
func demoText(self, profile string, l *lab.Lab) string {
	var b strings.Builder
	r := self + " --profile " + profile
	fmt.Fprintf(&b, "A PBX is at %s, and agent %s is registered with it. A callback comes in a moment.\n\nIn a second terminal:\n\n", l.Addr("udp"), demoUser)
	var t table
	for _, row := range [][2]string{
		{"status", "what is offered, and what you can do"},
		{"accept", "take it; the event feed here shows the rest"},
		{"hold", "and: resume, mute, unmute, end"},
		{"dtmf '12#'", "send digits"},
		{"consult 2001", "call a colleague; then: consult swap, consult transfer, consult conference, consult end"},
		{"transfer 2001", "send the contact there; 2002 refuses, 2003 does not answer, 2004 is busy"},
		{"conference 2001", "all three together"},
		{"team", "the colleagues, and who of them is on the phone"},
		{"dispose sold", "and: note TEXT, case KEY=VALUE"},
		{"reschedule --at +1m --personal", "call again later: it comes back to you; without --personal the team gets it"},
		{"done", "close it: the next callback is offered"},
		{"call", "every third callback comes from a web page: accept opens its preview, call dials"},
		{"dial 600", "an echo; 601 a tone, 602 a voice, 603 music, 605 sends digits, 610 is busy"},
		{"trace", "the SIP ladder; of one interaction with its id"},
	} {
		t.row("  "+r+" "+row[0], row[1])
	}
	b.WriteString(t.String())
	b.WriteString("\nCtrl-C ends it.\n")
	return b.String()
}
