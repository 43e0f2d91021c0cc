package scenario

import (
	"context"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
)

const twoTalk = `
steps:
  - phone: a
    do: dial
    with: {target: 1002, headers: [{name: X-Case, value: "4711"}]}
  - {phone: b, wait: offer}
  - {phone: b, do: accept, until: connected}
  - parallel:
      - - {phone: a, wait: tone 660}
      - - {phone: b, wait: tone 440}
  - {phone: b, expect: [tone 440, both-ways, answer < 2s, clean], within: 3s}
  - repeat: 2
    steps:
      - {phone: a, do: dtmf, with: {digits: "1${n}"}}
      - {phone: b, wait: "dtmf 1${n}"}
  - {phone: a, do: hold, until: on-hold}
  - {phone: b, wait: tone 392, capture: {id: call.sip_call_id}}
  - {phone: a, expect: [state held, state on-hold]}
  - {phone: a, do: resume, until: connected}
  - {phone: a, do: end, until: ready-to-call}
  - {phone: b, wait: call ended, expect: [dtmf 1112, mos > 4]}
`

func TestRun_TwoPhonesTalk(t *testing.T) {
	inBed(t, lab.Config{}, func(b *bed) {
		rep := b.run(context.Background(), phones("a", "b")+twoTalk)
		if !rep.OK {
			t.Fatalf("%s", rep.Text())
		}
		if len(rep.Phones) != 2 || len(rep.Phones[1].Calls) != 1 {
			t.Fatalf("phones %+v", rep.Phones)
		}
		v := rep.Phones[1].Calls[0]
		if v.State != "answered" || v.Code != 200 || v.Digits != "1112" || len(v.Expectations) != 6 || v.Quality.RXPackets == 0 {
			t.Errorf("verdict %+v", v)
		}
		for _, p := range rep.Phones {
			if p.Registration != "unregistered" {
				t.Errorf("%s is %s at the end", p.Name, p.Registration)
			}
		}
		if len(b.lab.Bindings("1001"))+len(b.lab.Bindings("1002")) != 0 {
			t.Error("a registration was left behind")
		}
	})
}

func TestRun_EndsCleanlyWhenItIsInterrupted(t *testing.T) {
	inBed(t, lab.Config{}, func(b *bed) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(10*time.Second, cancel)
		begun := time.Now()
		rep := b.run(ctx, phones("a")+`
steps:
  - {phone: a, do: dial, with: {target: 601}, until: connected}
  - {pause: 10m}
`)
		if rep.OK || rep.Failure == nil || rep.Failure.Err != context.Canceled || rep.Failure.Message != "interrupted" || rep.Failure.Line == 0 {
			t.Errorf("failure %+v", rep.Failure)
		}
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("it took %v to end", took)
		}
		if _, err := b.lab.Log().Wait(context.Background(), 0, lab.Is(lab.CallEnded, "")); err != nil || len(b.lab.Bindings("1001")) != 0 {
			t.Errorf("a call or a registration was left behind: %v", err)
		}
	})
}

func TestRun_Failures(t *testing.T) {
	for _, row := range []struct{ name, steps, want string }{
		{"an action that is not allowed", `  - {phone: a, do: hold}`, "hold: there is no open interaction"},
		{"a refusal that was not expected", `  - {phone: a, do: dial, with: {target: 610}, until: connected}`, "486"},
		{"a wait that is in vain", "  - {phone: a, wait: offer, timeout: 2s}", "timed out"},
		{"a success that was to fail", `  - {phone: a, do: dial, with: {target: 601}, until: connected, fails: busy}`, "dial has to fail with busy, and it worked"},
		{"a branch", "  - parallel:\n      - - {pause: 50s}\n      - - {phone: a, wait: offer, timeout: 2s}", "timed out"},
		{"a value that is not there", `  - {phone: a, do: dial, with: {target: 601}, capture: {x: result.nothing}}`, "there is no nothing; there are"},
		{"loops in loops", "  - repeat: 1000\n    steps:\n      - {repeat: 1000, steps: [{pause: 1ms}]}", "more than 10000 steps were taken"},
		{"the whole takes too long", "  - {pause: 59s}\n  - {pause: 59s}", "the time of the scenario, 1m0s, is over"},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBed(t, lab.Config{}, func(b *bed) {
				begun := time.Now()
				rep := b.run(context.Background(), phones("a")+"steps:\n"+row.steps+"\n")
				if rep.OK || rep.Failure == nil || !strings.Contains(rep.Failure.Message, row.want) {
					t.Errorf("failure %+v, want %q\n%s", rep.Failure, row.want, rep.Text())
				}
				if took := time.Since(begun); took > 70*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestRun_AnUnmetExpectationIsToldAndTheStoryGoesOn(t *testing.T) {
	inBed(t, lab.Config{}, func(b *bed) {
		rep := b.run(context.Background(), phones("a")+`steps:
  - {phone: a, do: dial, with: {target: 601}, until: connected}
  - {phone: a, expect: [tone 620, tone 1004], within: 2s}
  - {phone: a, do: end, until: ready-to-call}
`)
		if rep.OK || rep.Failure != nil || len(rep.Steps) != 3 {
			t.Errorf("%s", rep.Text())
		}
		if unmet := rep.Unmet(); len(unmet) != 1 || !strings.HasPrefix(unmet[0], "a: tone 620: 1004 Hz for ") {
			t.Errorf("unmet %q", unmet)
		}
	})
}
