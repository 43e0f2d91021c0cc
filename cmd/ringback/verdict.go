package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent/control"
	"ringback/agent/scenario"
)

// verdict is what the call came to.
func (t *trial) verdict() scenario.Verdict {
	if t.record == nil {
		v := scenario.NewRecord("").Verdict(time.Now())
		v.OK, v.Target, v.Asked, v.State, v.Cause = false, t.target, t.asked(), "failed", "no call was made"
		if t.answer {
			v.State, v.Cause = "unanswered", "no call came"
		}
		return v
	}
	now, came := time.Now(), t.came()
	t.record.Look(t.current())
	expects := t.expects
	if t.code > 0 {
		if e, err := scenario.ParseExpectation("code " + strconv.Itoa(t.code)); err == nil {
			expects = append(expects, e)
		}
	}
	for _, e := range expects {
		t.record.Expect(e, now, came)
	}
	v := t.record.Verdict(now)
	v.Asked = t.asked()
	if v.Target == "" {
		v.Target = t.target
	}
	return v
}

func (t *trial) asked() string {
	if t.answer {
		return "test answer"
	}
	return "test call"
}

// testVerdict prints the verdict and gives it its exit code.
func (sh *shell) testVerdict(c *cli.Context, t *trial, v scenario.Verdict, err error) error {
	timedOut := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !timedOut {
		v.OK, v.Cause = false, asFailure(err).message
	}
	if timedOut {
		v.OK = false
	}
	sh.result(c, v, v.Text())
	if v.OK {
		return nil
	}
	f := &failure{code: exitFailed, name: "failed", message: "test " + v.State + ": " + v.Cause, told: true}
	switch {
	case timedOut:
		f.code, f.name = exitTimedOut, "timeout"
	case err != nil:
		f = asFailure(err)
		f.told = true
	case v.Unmet() && (v.State == "answered" || v.ExpectsCode()):
		f.code, f.name, f.message = exitExpectation, "expectation", clean(v.Failed())
	default:
		f.code = asFailure(control.Ended(t.current())).code
	}
	if f.code == exitUnauthed && f.hint == "" {
		f.hint = "check the username and the password (--password-file, RINGBACK_PASSWORD)"
	}
	return f
}

func marshal(args map[string]any) (json.RawMessage, error) {
	if args == nil {
		return nil, nil
	}
	text, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("write arguments: %w", err)
	}
	return text, nil
}
