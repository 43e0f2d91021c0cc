package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/control"
	"ringback/internal/lab"
)

// stepTime is how long one step of the script may take on a busy machine.
const stepTime = 15 * time.Second

// agentHz is what the agent of the script says.
const agentHz = 440

// stage is where the script is played: the bench, and what the steps share.
type stage struct {
	*bench
	seq         int                 // of the lab's log, at the step's beginning
	interaction agent.InteractionID // the one at work
	party       agent.CallID        // the colleague in a conference
}

// step is one thing that an agent does. It returns what was measured.
type step struct {
	name string
	do   func(ctx context.Context, s *stage) (string, error)
}

// stepResult is what a step prints with --json.
type stepResult struct {
	Schema   string `json:"schema"`
	Number   int    `json:"number"`
	Step     string `json:"step"`
	OK       bool   `json:"ok"`
	MS       int64  `json:"ms"`
	Measured string `json:"measured"`
	Error    string `json:"error,omitempty"`
}

// scriptResult is the last object that the script prints with --json.
type scriptResult struct {
	Schema string `json:"schema"`
	OK     bool   `json:"ok"`
	Steps  int    `json:"steps"`
	Failed string `json:"failed"`
	MS     int64  `json:"ms"`
}

// expectation is a step that was done and did not have the effect that it
// should: exit code 9.
type expectation struct{ text string }

func (e *expectation) Error() string { return e.text }

func expect(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return &expectation{fmt.Sprintf(format, args...)}
}

// demoScript plays the whole job.
func (sh *shell) demoScript(c *cli.Context) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	begun := time.Now()
	queue := lab.QueuePolicy{Pause: 300 * time.Millisecond}
	headset := []string{fmt.Sprintf("tone:%d", agentHz)}
	if c.IsSet("audio") {
		return usageError("flag --audio is not for --script: its agent says a tone that is measured")
	}
	at, leave, err := sh.scriptPlace(c)
	if err != nil {
		return err
	}
	defer leave()
	b, err := openBench(c.Context, at, queue, headset, log)
	if err != nil {
		return err
	}
	s := &stage{bench: b}
	steps := scriptSteps()
	number, failed := 0, error(nil)
	for i, st := range steps {
		if number = i + 1; failed == nil {
			failed = sh.playStep(c, s, number, st)
		}
	}
	if failed == nil {
		number++
		failed = sh.playStep(c, s, number, step{"unregistered and ended", stepLeave})
	} else {
		failed = errors.Join(failed, b.close())
	}
	return sh.scriptVerdict(c, number, failed, time.Since(begun))
}

// scriptPlace is a folder for this one script, so that any number of them run
// side by side; with --profile it is the profile's, for others to watch.
func (sh *shell) scriptPlace(c *cli.Context) (place, func(), error) {
	if c.IsSet("profile") {
		at, err := sh.placeOf(c.String("profile"))
		return at, func() {}, err
	}
	dir, err := os.MkdirTemp("", "ringback-demo-")
	if err != nil {
		return place{}, nil, fmt.Errorf("make folder for the demo: %w", err)
	}
	return place{socket: filepath.Join(dir, demoProfile+".sock")}, func() { _ = os.RemoveAll(dir) }, nil
}

func (sh *shell) playStep(c *cli.Context, s *stage, number int, st step) error {
	ctx, cancel := context.WithTimeout(c.Context, stepTime)
	defer cancel()
	begun := time.Now()
	s.seq = s.lab.Log().Last()
	measured, err := st.do(ctx, s)
	err = plainly(err)
	took := time.Since(begun)
	r := stepResult{Schema: "ringback.demo-step/1", Number: number, Step: st.name, OK: err == nil, MS: took.Milliseconds(), Measured: measured}
	text := fmt.Sprintf("%2d  %-30s %6.2f s  %s", number, st.name, took.Seconds(), measured)
	if err != nil {
		r.Error = err.Error()
		text = fmt.Sprintf("%2d  %-30s FAILED    %v", number, st.name, err)
	}
	sh.result(c, r, text)
	if err != nil {
		return fmt.Errorf("step %d, %s: %w", number, st.name, err)
	}
	return nil
}

func (sh *shell) scriptVerdict(c *cli.Context, steps int, failed error, took time.Duration) error {
	r := scriptResult{Schema: "ringback.demo/1", OK: failed == nil, Steps: steps, MS: took.Milliseconds()}
	text := fmt.Sprintf("demo: all %d steps done in %.1f s", steps, took.Seconds())
	if failed != nil {
		r.Failed = failed.Error()
		text = "demo: failed"
	}
	sh.result(c, r, text)
	if failed == nil {
		return nil
	}
	var unmet *expectation
	if errors.As(failed, &unmet) {
		return &failure{code: exitExpectation, name: "expectation", message: failed.Error(), told: true}
	}
	return &failure{code: exitFailed, name: "failed", message: failed.Error(), told: true}
}

// act performs an action on the interaction at work and waits for a state.
func (s *stage) act(ctx context.Context, o control.Order) (control.Outcome, error) {
	if s.interaction != "" && o.Channel == "" && o.Action != "dial" {
		args := map[string]any{"interaction": s.interaction}
		for name, value := range o.Args {
			args[name] = value
		}
		o.Args = args
	}
	return control.Perform(ctx, s.run.client, o)
}

// until waits for an expression of `ringback wait`.
func (s *stage) until(ctx context.Context, expr string) (control.Met, error) {
	e, err := control.ParseExpr(expr)
	if err != nil {
		return control.Met{}, err
	}
	return control.Wait(ctx, s.run.client, e, control.WaitOptions{})
}

// state is how the interaction at work stands.
func (s *stage) state(ctx context.Context) (agent.InteractionState, agent.State, error) {
	all, err := s.run.client.State(ctx)
	if err != nil {
		return agent.InteractionState{}, all, err
	}
	i, found := all.Interaction(s.interaction)
	return i, all, expect(found, "interaction %s is gone", s.interaction)
}

// hears waits until parties of the lab hear tones: pairs of party and Hz. What
// they hear already counts.
func (s *stage) hears(ctx context.Context, party string, hz int) error {
	for _, now := range s.lab.Heard(party).Now {
		if now == hz {
			return nil
		}
	}
	if err := s.lab.WaitTone(ctx, s.seq, party, hz); err != nil {
		return &expectation{fmt.Sprintf("%s does not hear %d Hz: %v", party, hz, err)}
	}
	return nil
}

// quiet waits until a party does not hear a tone any more.
func (s *stage) quiet(ctx context.Context, party string, hz int) error {
	hears := false
	for _, now := range s.lab.Heard(party).Now {
		hears = hears || now == hz
	}
	if !hears {
		return nil
	}
	if err := s.lab.WaitQuiet(ctx, s.seq, party, hz); err != nil {
		return &expectation{fmt.Sprintf("%s still hears %d Hz: %v", party, hz, err)}
	}
	return nil
}

// agentHears waits until the agent hears a tone.
func (s *stage) agentHears(ctx context.Context, hz int) error {
	if _, err := s.until(ctx, fmt.Sprintf("tone %d", hz)); err != nil {
		return &expectation{fmt.Sprintf("the agent does not hear %d Hz: %v", hz, err)}
	}
	return nil
}

// happens waits for an event of the lab since the step began.
func (s *stage) happens(ctx context.Context, match func(lab.Event) bool, what string) (lab.Event, error) {
	e, err := s.lab.Log().Wait(ctx, s.seq, match)
	if err != nil {
		return e, &expectation{fmt.Sprintf("%s did not happen: %v", what, err)}
	}
	return e, nil
}
