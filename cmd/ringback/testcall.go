package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/scenario"
)

const (
	testTalk = 10 * time.Second // a call without --duration waits so long for its expectations
	testLook = 3 * time.Second  // and lasts so long without any
	testEnd  = 5 * time.Second  // for the hang-up
)

// testCommand is `ringback test`, which does nothing by itself.
func testCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "scripted calls and scenarios without a running agent", ArgsUsage: "call|answer|run|schema",
		Description: `$ ringback test call 601 --expect "tone 1004" --expect "mos > 4.0"
ok  sip:601@pbx.example.com  answered 200 after 31 ms, 1.2 s`,
		Subcommands: []*cli.Command{testCallCommand(sh), testAnswerCommand(sh), testRunCommand(sh), testSchemaCommand(sh)},
		Action: func(c *cli.Context) error {
			what := "what to do is missing"
			if c.Args().Present() {
				what = fmt.Sprintf("there is no %q", strings.Join(c.Args().Slice(), " "))
			}
			return usageError("test: %s: it is call, answer, run or schema", what).withHint("usage: ringback test call TARGET, ringback test answer, or: ringback test run FILE")
		},
	}
}

func testFlags() []cli.Flag {
	flags := append(accountFlags(), mediaFlags()...)
	return append(flags,
		&cli.StringFlag{Name: "play", Usage: "what the far end hears, a WAV `FILE`"},
		&cli.StringFlag{Name: "record", Usage: "what the far end says, into a WAV `FILE`"},
		&cli.StringFlag{Name: "dtmf", Usage: "`DIGITS` to send once the call is up"},
		&cli.StringSliceFlag{Name: "expect", Usage: "what has to be so, an `EXPR` such as 'tone 1004', 'dtmf 1234', 'audio > 2s', 'mos > 4.0', silence; may be repeated"},
		&cli.DurationFlag{Name: "duration", Usage: "how long the call lasts, a `DURATION`; without it until all expectations are met"},
	)
}

// testCallCommand is `ringback test call`.
func testCallCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "call", Usage: "call a target, listen, hang up, and give a verdict", ArgsUsage: "TARGET",
		Flags: append(testFlags(),
			&cli.StringFlag{Name: "code", Usage: "the final SIP `CODE` that is expected: 200, or 486 for a busy one"},
			&cli.BoolFlag{Name: "register", Usage: "register first"},
		),
		Description: `$ ringback test call 601 --expect "tone 1004" --expect "mos > 4.0"
ok  sip:601@pbx.example.com  answered 200 after 31 ms, 1.2 s
    PCMU  rx 58  tx 60  lost 0  late 0  made up 0  jitter 0.4 ms  MOS 4.4, listening 4.4 narrowband
    ok  tone 1004: 1004 Hz for 0.9 s
    ok  mos > 4.0: 4.4`,
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 || strings.TrimSpace(c.Args().First()) == "" {
				return usageError("TARGET is missing or more than one: %q", strings.Join(c.Args().Slice(), " ")).withHint("usage: ringback test call TARGET [--expect EXPR]")
			}
			return sh.testCall(c, c.Args().First())
		},
	}
}

// testAnswerCommand is `ringback test answer`.
func testAnswerCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "answer", Usage: "register, take one call, listen, hang up, and give a verdict",
		Flags: append(testFlags(), &cli.StringFlag{Name: "code", Usage: "refuse the call with this SIP `CODE`, such as 486"}),
		Description: `$ ringback test answer --aor sip:1002@pbx.example.com --expect "audio > 2s" --timeout 60s
ok  sip:1001@pbx.example.com  answered 200 after 4210 ms, 2.3 s
    PCMU  rx 115  tx 116  lost 0  late 0  made up 0  jitter 0.6 ms  MOS 4.4, listening 4.4 narrowband
    ok  audio > 2s: 2.1 s`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback test answer [--expect EXPR]")
			}
			return sh.testCall(c, "")
		},
	}
}

// trial is one test call.
type trial struct {
	*oneshot
	answer  bool
	target  string
	code    int // wanted; 0: an answer
	dtmf    string
	expects []scenario.Expectation
	talk    time.Duration
	whole   bool // lasts for talk, whatever is met before
	begun   time.Time
	call    agent.CallID     // the first that an event names
	record  *scenario.Record // of this call; nil: there is none yet
}

// testCall makes or takes one call and prints the verdict.
func (sh *shell) testCall(c *cli.Context, target string) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	t := &trial{answer: target == "", target: target, dtmf: c.String("dtmf"), talk: testLook}
	if err := t.read(c); err != nil {
		return err
	}
	cfg, err := sh.loadConfig(c)
	if err != nil {
		return err
	}
	if err := t.configure(c, &cfg); err != nil {
		return err
	}
	ctx, cancel := t.patience(c)
	defer cancel()
	if t.oneshot, err = startOneshot(context.WithoutCancel(ctx), cfg, log); err != nil {
		return err
	}
	t.begun = time.Now()
	err = t.run(ctx)
	v := t.verdict()
	if ended := t.close(); err == nil {
		err = ended
	}
	return sh.testVerdict(c, t, v, err)
}

// patience is --timeout. Without it the standard one begins after the time that
// the call was given.
func (t *trial) patience(c *cli.Context) (context.Context, context.CancelFunc) {
	if t.whole && !c.IsSet("timeout") {
		return context.WithTimeout(c.Context, standardTimeout+t.talk)
	}
	return patience(c)
}

// read takes the flags that are about the call.
func (t *trial) read(c *cli.Context) error {
	for _, text := range c.StringSlice("expect") {
		e, err := scenario.ParseExpectation(text)
		if err != nil {
			return usageError("flag --expect %q: %v", text, err).withHint("forms:\n  %s", strings.Join(scenario.ExpectForms(), "\n  "))
		}
		t.expects = append(t.expects, e)
	}
	if err := agent.CheckDigits(t.dtmf); t.dtmf != "" && err != nil {
		return usageError("flag --dtmf %q: %s", t.dtmf, err.Message).withHint("%s", err.Hint)
	}
	if c.IsSet("code") {
		code, err := scenario.FinalCode(c.String("code"))
		if err != nil {
			return usageError("flag --code %v", err)
		}
		t.code = code
	}
	if slices.ContainsFunc(t.expects, scenario.Expectation.CanComplete) {
		t.talk = testTalk
	}
	if c.IsSet("duration") {
		if t.talk, t.whole = c.Duration("duration"), true; t.talk <= 0 {
			return usageError("flag --duration %v: it is more than 0", t.talk)
		}
	}
	return nil
}

// configure makes the account's agent one for a test: a headset of files where
// they are given, silence where nothing is said.
func (t *trial) configure(c *cli.Context, cfg *agent.Config) error {
	play, record := c.String("play"), c.String("record")
	switch {
	case c.IsSet("audio") && (play != "" || record != ""):
		return usageError("flags --audio and --play or --record: one of them says what is heard").withHint("--audio file:IN.wav,OUT.wav is the same as --play IN.wav --record OUT.wav")
	case play != "" || record != "":
		if play != "" {
			if _, err := os.Stat(play); err != nil {
				return usageError("flag --play: %v", err)
			}
		}
		cfg.Audio.Headset = []string{"file:" + play + "," + record}
	case !c.IsSet("audio"):
		cfg.Audio.Headset = []string{"null"}
	}
	cfg.Audio.Ring = []string{"null"}
	cfg.Headset = agent.HeadsetConfig{NoiseSuppression: "off"} // what is measured is what came
	cfg.Channels.WrapUp = 0
	if t.answer {
		cfg.Channels.Start = "ready"
		if t.code >= 300 {
			cfg.Callbacks.RejectCode = t.code
		}
		return nil
	}
	cfg.Channels.Start = "not-ready"
	cfg.Account.Register = c.Bool("register")
	return nil
}

// run makes the call, from the first message to the last.
func (t *trial) run(ctx context.Context) error {
	if t.answer {
		return t.take(ctx)
	}
	if t.agent.Config().Account.Register {
		if err := t.register(ctx); err != nil {
			return err
		}
	} else if err := t.until(ctx, func(agent.Event) bool { return true }); err != nil {
		return err // the first event tells that the agent has started at all
	}
	t.begun = time.Now()
	if err := t.do(ctx, "dial", map[string]any{"target": t.target}); err != nil {
		return err
	}
	if err := t.until(ctx, t.decided); err != nil {
		return err
	}
	return t.converse(ctx)
}

// register waits until the account is registered: no call can come before.
func (t *trial) register(ctx context.Context) error {
	s, err := t.registered(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s = t.agent.State().Registration
		f := &failure{code: exitTimedOut, name: "timeout", message: fmt.Sprintf("%s is not registered: %s", clean(s.AOR), clean(cmp.Or(s.Reason, "no answer in time")))}
		return f.withHint("check the address, the transport (--transport) and the firewall; ringback doctor looks at each")
	}
	if err != nil {
		return err
	}
	return notRegistered(s)
}

func notRegistered(s agent.RegistrationState) error {
	if s.State == "registered" {
		return nil
	}
	f := &failure{code: answerCode(s.Code), name: "not_registered", message: fmt.Sprintf("%s is not registered: %d %s", clean(s.AOR), s.Code, clean(s.Reason))}
	return f
}

// take waits for a call and accepts it, or refuses it with the wanted code.
func (t *trial) take(ctx context.Context) error {
	if err := t.register(ctx); err != nil {
		return err
	}
	t.begun = time.Now()
	if err := t.until(ctx, func(e agent.Event) bool { return e.Type == agent.OfferReceived }); err != nil {
		return err
	}
	action := "accept"
	if t.code >= 300 {
		action = "reject"
	}
	if err := t.do(ctx, action, nil); err != nil {
		return err
	}
	if action == "reject" {
		return t.until(ctx, func(e agent.Event) bool { return e.Type == agent.OfferRejected || e.Type == agent.InteractionDone })
	}
	if err := t.until(ctx, t.decided); err != nil {
		return err
	}
	return t.converse(ctx)
}

// converse lets the call last, and hangs up.
func (t *trial) converse(ctx context.Context) error {
	if t.current().State == agent.CallPhaseEnded {
		return nil
	}
	sent := make(chan error, 1)
	sent <- nil
	if t.dtmf != "" {
		<-sent
		go func() { sent <- t.do(ctx, "dtmf", map[string]any{"digits": t.dtmf}) }()
	}
	talk, cancel := context.WithTimeout(ctx, t.talk)
	err := t.until(talk, func(e agent.Event) bool { return t.current().State == agent.CallPhaseEnded || !t.whole && t.met() })
	cancel()
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var cut error // the call did not last as long as it was to
	if t.whole {
		cut = ctx.Err()
	}
	if err := <-sent; err != nil && t.current().State != agent.CallPhaseEnded {
		return err
	}
	if t.current().State == agent.CallPhaseEnded {
		return nil
	}
	ending, done := context.WithTimeout(context.WithoutCancel(ctx), testEnd)
	defer done()
	if err := t.do(ending, "end", nil); err != nil {
		return err
	}
	return errors.Join(cut, t.until(ending, func(agent.Event) bool { return t.current().State == agent.CallPhaseEnded }))
}

// decided is true once the call is answered or over.
func (t *trial) decided(agent.Event) bool {
	s := t.current().State
	return s == agent.CallPhaseConnected || s == agent.CallPhaseEnded
}

// met says whether all expectations are met that a call can complete before its
// end. Without such a one the call lasts its time.
func (t *trial) met() bool {
	any := false
	for _, e := range t.expects {
		if !e.CanComplete() {
			continue
		}
		if t.record == nil || !t.record.Meets(e, time.Now(), t.came()) {
			return false
		}
		any = true
	}
	return any
}

// came are the SIP messages of the call that came in.
func (t *trial) came() []string { return scenario.CameIn(t.agent, t.call) }

// do performs an action on the one interaction there is.
func (t *trial) do(ctx context.Context, name string, args map[string]any) error {
	text, err := marshal(args)
	if err != nil {
		return err
	}
	if _, refused := t.agent.Do(ctx, name, text); refused != nil {
		return refused
	}
	return nil
}

// until reads events, measures what they tell, and returns at the first that is
// the one.
func (t *trial) until(ctx context.Context, is func(agent.Event) bool) error {
	for {
		if t.call != "" && is(agent.Event{}) {
			return nil
		}
		// What is heard grows with time, without an event.
		look, cancel := context.WithTimeout(ctx, meterTime)
		e, err := t.next(look)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return err
		}
		t.note(e)
		if is(e) {
			return nil
		}
	}
}

// note takes what an event tells about the call.
func (t *trial) note(e agent.Event) {
	if e.Call != "" && t.call == "" {
		t.call, t.record = e.Call, scenario.NewRecord(e.Call)
		if !t.answer { // whose call began when it came
			t.record.Begun = t.begun
		}
		t.record.Take()
	}
	if t.record != nil {
		t.record.Note(e)
	}
}

// current is the call as it stands.
func (t *trial) current() agent.CallState {
	c, _ := t.agent.State().Call(t.call)
	return c
}
