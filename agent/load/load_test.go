package load

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/sip"
)

const (
	generatorIP = "192.0.2.10"
	farIP       = "192.0.2.20"
)

// story runs fn in virtual time; what it leaves behind fails it.
func story(t *testing.T, fn func(t *testing.T, n *simnet.Net)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Seed(1))
		defer n.Close()
		fn(t, n)
	})
}

// plan reads a plan, with the far end and the generator's address filled in.
func plan(t *testing.T, text string) *Plan {
	t.Helper()
	p, err := ParsePlan([]byte("account: {registrar: 'sip:" + farIP + ":5060', bind: " + generatorIP + "}\nseed: 1\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(ctx context.Context, t *testing.T, n *simnet.Net, p *Plan, watch func(*Snapshot)) *Report {
	t.Helper()
	host := n.Host(generatorIP)
	result, err := Run(ctx, p, Options{Network: host, Media: host, Shards: 2, OnProgress: watch})
	if err != nil {
		t.Fatal(err)
	}
	r := result.Report()
	t.Logf("%+v %+v", r, r.Agents)
	return r
}

func respond(t *testing.T, n *simnet.Net, p ResponderPlan) *Responder {
	t.Helper()
	host := n.Host(farIP)
	p.Listen, p.Seed = []string{farIP + ":5060"}, 1
	r, err := StartResponder(p, Options{Network: host, Media: host})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const users = "users: {first: 2001, count: 10}\n"

func TestLoad_OpenRate(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone, Ring: 300 * time.Millisecond})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 20, for: 30s, ramp: 10s, talk: {mean: 2s, spread: exponential}}\n"+
			"thresholds: ['p99(setup) < 50ms', 'answer.p50 < 400ms', 'failures == 0', 'answered > 490']\n")
		r := run(t.Context(), t, n, p, nil)
		// 10 s of a ramp are half of what they would be: 100, and 20 s at 20/s.
		if !r.OK || !r.Valid || r.Began != 500 || r.Answered != 500 || r.Failed != 0 || r.Dropped != 0 || r.LeftCalls != 0 {
			t.Errorf("%+v", r)
		}
		if r.Answer.P50 < 300 || r.Answer.P99 > 320 || r.Setup.P99 > 20 {
			t.Errorf("answer %+v, setup %+v", r.Answer, r.Setup)
		}
		if got := far.Answers(); got.Came != 500 || got.Answered != 500 || got.Refused+got.Active != 0 {
			t.Errorf("the far end: %+v", got)
		}
		far.Close()
	})
}

// A call that a generator begins late has taken the time since it was due (the correction of
// coordinated omission), and the generator's own lateness is told beside it.
func TestLoad_ALateCallCountsFromWhenItWasDue(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 1, talk: {mean: 1s}}\n")
		s, err := newShard(shardConfig{plan: p, users: []user{{name: "2001"}}, network: n.Host(generatorIP), sources: []source{{generatorIP, 0}}, log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		const stalled = 300 * time.Millisecond
		ended := make(chan struct{})
		s.loop.Post(func() { s.begin(s.loop.Now().Add(-stalled), 0, func() { close(ended) }) })
		<-ended
		_ = s.loop.Do(t.Context(), func() {
			for name, h := range map[string]*hdrhistogram.Histogram{"setup": s.tally.setup, "answer": s.tally.answer, "late": s.tally.late} {
				if took := time.Duration(h.Min()) * time.Microsecond; h.TotalCount() != 1 || took < stalled-time.Millisecond || took > stalled+50*time.Millisecond {
					t.Errorf("%s is %v", name, took)
				}
			}
		})
		s.close(t.Context())
		far.Close()
	})
}

func TestLoad_Concurrency(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], concurrency: 25, for: 60s, talk: {mean: 4s}, think: {mean: 1s}}\n")
		top := 0
		r := run(t.Context(), t, n, p, func(s *Snapshot) { top = max(top, s.tally.active) })
		if !r.OK || r.Began < 295 || r.Began > 300 || top != 25 { // 25 calls every 5 s
			t.Errorf("%d at a time, %+v", top, r)
		}
		far.Close()
	})
}

// Each share of a far end that refuses is named, and no more than that.
func TestLoad_Causes(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone, Busy: 0.2, Refuse: 0.1, Mute: 0.1})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 10, for: 40s, ring: 5s, talk: {mean: 1s}}\nthresholds: ['failures < 30%', 'failures < 200']\n")
		r := run(t.Context(), t, n, p, nil)
		got := map[string]int{}
		for _, c := range r.Causes {
			got[c.Text] = c.Count
		}
		if r.Began != 400 || r.Answered+r.Failed != 400 || len(got) != 3 {
			t.Errorf("%+v", r)
		}
		for text, want := range map[string]int{"486 Busy Here": 80, "503 Service Unavailable": 40, "no-answer": 40} {
			found := 0
			for cause, count := range got {
				if strings.HasPrefix(cause, text) || strings.Contains(cause, "487") && text == "no-answer" {
					found = count
				}
			}
			if found < want*6/10 || found > want*14/10 {
				t.Errorf("%s: %d of about %d: %v", text, found, want, got)
			}
		}
		if r.OK || r.Thresholds[0].OK || !r.Thresholds[1].OK {
			t.Errorf("thresholds %+v", r.Thresholds)
		}
		if far.Answers().Active != 0 {
			t.Errorf("the far end still has %+v", far.Answers())
		}
		far.Close()
	})
}

// The media of each call is judged: a lossy way is heard, and a far end that says
// nothing is named.
func TestLoad_Media(t *testing.T) {
	for _, row := range []struct {
		name  string
		loss  float64
		media string
		check func(r *Report) bool
	}{
		{"clean", 0, MediaTone, func(r *Report) bool {
			return r.OK && r.Silent == 0 && r.Sounded == 60 && r.MOS.P5 > 4 && r.Loss.P99 == 0
		}},
		{"lossy", 0.05, MediaTone, func(r *Report) bool {
			return !r.OK && r.Silent == 0 && r.MOS.P50 < 4 && r.Loss.P50 > 3 && r.Loss.P50 < 8
		}},
		{"silent", 0, MediaNone, func(r *Report) bool { return !r.OK && r.Silent == r.Sounded && r.Sounded == 60 }},
	} {
		t.Run(row.name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				far := respond(t, n, ResponderPlan{Media: row.media, Codecs: []string{"pcmu"}})
				n.OneWay(farIP, generatorIP, simnet.Link{Latency: 5 * time.Millisecond, Loss: row.loss})
				p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 6, for: 10s, talk: {mean: 8s}, media: tone}\nthresholds: ['mos.p5 > 4.0', 'silent == 0']\n")
				if r := run(t.Context(), t, n, p, nil); !row.check(r) {
					t.Errorf("%+v", r)
				}
				far.Close()
			})
		})
	}
}

// Users register, with digest, keep registered, and are gone at the end; one whose
// password is wrong is counted with its cause.
func TestLoad_Registrations(t *testing.T) {
	for name, row := range map[string]struct {
		password string
		ok       bool
		ready    int
	}{"all": {"ringback-1001", true, 1}, "wrong password": {"another", false, 0}} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				pbx, err := lab.Start(t.Context(), lab.Config{Network: n.Host(farIP), IP: netip.MustParseAddr(farIP), Listen: []sip.Listen{{Transport: "udp", Address: farIP + ":5060"}},
					Users: []lab.User{{Name: "1001", Password: "ringback-1001"}}})
				if err != nil {
					t.Fatal(err)
				}
				p := plan(t, "users: {first: 1001, count: 1}\nregister: true\ncalls: {for: 20m}\nthresholds: ['registration.failures == 0']\n")
				p.Users.PasswordFile = filepath.Join(t.TempDir(), "secret")
				if err := os.WriteFile(p.Users.PasswordFile, []byte(row.password+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				r := run(t.Context(), t, n, p, nil)
				if r.OK != row.ok || r.Registered != row.ready || r.LeftRegistrations != 0 {
					t.Errorf("%+v", r)
				}
				if !row.ok && (len(r.Refusals) != 1 || r.Refusals[0].Count != 1) {
					t.Errorf("refusals %+v", r.Refusals)
				}
				if len(pbx.Bindings("1001")) != 0 {
					t.Errorf("left at the PBX: %v", pbx.Bindings("1001"))
				}
				_ = pbx.Close(context.Background())
			})
		})
	}
}

// A run that is interrupted leaves nothing, and says what it saw.
func TestLoad_Interrupted(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 10, for: 1h, talk: {mean: 1h}}\n")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		r := run(ctx, t, n, p, nil)
		if r.OK || r.Began < 99 || r.Began > 101 || r.LeftCalls != 0 || r.Failed != 0 || time.Since(began) > 12*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), r)
		}
		if len(r.Steered) != 1 || r.Steered[0].String() != "interrupted after 10.0 s: the rest of the plan was not done" {
			t.Errorf("the report says %v", r.Steered)
		}
		synctest.Wait()
		if far.Answers().Active != 0 {
			t.Errorf("the far end still has %+v", far.Answers())
		}
		p = plan(t, users+"register: true\ncalls: {to: ['sip:601@192.0.2.20'], rate: 10, for: 1h}\nthresholds: ['failures < 5%']\n")
		ctx, cancel = context.WithTimeout(t.Context(), 15*time.Millisecond) // it registers still
		defer cancel()
		if r := run(ctx, t, n, p, nil); len(r.Steered) != 1 || r.Steered[0].String() != "interrupted before calls began" || fmt.Sprint(r.Why) != "[failures < 5%: nothing was counted interrupted before calls began]" {
			t.Errorf("the report says %v", r.Steered)
		}
		far.Close()
	})
}

func TestLoad_AbortOn(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone, Refuse: 1})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 10, for: 1h}\nabort_on: ['failures > 50%']\n")
		began := time.Now()
		r := run(t.Context(), t, n, p, nil)
		if r.OK || len(r.Why) != 1 || !strings.HasPrefix(r.Why[0], "aborted: failures > 50%: it is 100%") || time.Since(began) > 5*time.Second {
			t.Errorf("after %v: %+v", time.Since(began), r)
		}
		far.Close()
	})
}

// A far end that is not there: each call fails with its cause, and the run ends.
func TestLoad_NobodyThere(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 1, for: 5s, ring: 60s}\n")
		r := run(t.Context(), t, n, p, nil)
		if r.Began != 5 || r.Answered != 0 || r.LeftCalls != 0 || len(r.Causes) != 1 || r.Failed != 5 {
			t.Errorf("%+v", r)
		}
	})
}

// due is when call n of a plan without steps is.
func due(t interface{ Fatalf(string, ...any) }, n int, rate float64, ramp time.Duration) time.Duration {
	at, comes := profileOf(CallsPlan{Rate: rate, Ramp: ramp, For: maxTime}.Levels()).comes(float64(n))
	if !comes {
		t.Fatalf("call %d never comes", n)
	}
	return at
}

func TestDue(t *testing.T) {
	for _, row := range []struct {
		n    int
		want time.Duration
	}{{0, 0}, {25, 5 * time.Second}, {100, 10 * time.Second}, {120, 11 * time.Second}} {
		if got := due(t, row.n, 20, 10*time.Second); row.n != 25 && got != row.want || row.n == 25 && got != 5*time.Second {
			t.Errorf("call %d at %v, want %v", row.n, got, row.want)
		}
	}
	if got := due(t, 50, 10, 0); got != 5*time.Second {
		t.Errorf("without a ramp: %v", got)
	}
}

// Whatever is wrong with a plan, it says at which line and column.
func TestParsePlan_SaysWhere(t *testing.T) {
	const account = "account: {registrar: 'sip:p'}\nusers: {first: 1}\n"
	for _, row := range []struct{ text, want string }{
		{"", `[1:1] account.registrar`},
		{"# a remark\n", `[1:1] account.registrar`},
		{"a: [", `[1:4]`},
		{"account:\n  registrar: 'x y'\n", `[2:14] account.registrar: x y`},
		{"account:\n  registrar: sip:p\n  transport: pigeon\n", `[3:14] account.transport`},
		{"users: {first: 1}\ncalls: {rate: 1}", `[1:1] account.registrar`},
		{account + "calls:\n  rate: 1\n", `[3:1] calls.to`},
		{account + "calls:\n  rate: 1\n  to:\n  - sip:1@p\n  - x\n", `[7:5] calls.to: x`},
		{account + "calls:\n  for: soon\n", `[4:8] calls.for: soon: write a duration`},
		{account + "calls: {talk: {mean: long}}\n", `[3:22] calls.talk.mean: long: write a duration`},
		{account + "calls:\n  talk:\n    spread: wide\n  to: ['sip:1@p']\n  rate: 1\n", `[5:13] calls.talk.spread`},
		{account + "agents:\n  hold: 120%\n", `[4:9] agents.hold: 120%: write a share`},
		{account + "agents:\n  hold: {x: 1}\n", `[4:3] agents.hold: {x: 1}: write a share`},
		{account + "agents:\n  for: soon\n", `[4:8] agents.for: soon: write a duration`},
		{account + "register: true\nthresholds:\n- calls > 1\n- p99(pain) < 1\n", `[6:3] thresholds: threshold "p99(pain) < 1"`},
		{account + "calls:\n  to: ['sip:1@p']\n  steps:\n  - {rate: 1, for: 1s}\n  - {rate: 2, for: soon}\n", `[7:20] calls.steps[1].for: soon: write a duration`},
		{account + "calls:\n  to: ['sip:1@p']\n  steps:\n  - {rate: 1, for: 1s}\n  - {rate: 2, for: 1s, ramp: 2s}\n", `[7:30] calls.steps[1].ramp: 2s: write at most`},
		{account + "calls:\n  to: ['sip:1@p']\n  steps:\n  - {rate: 1, for: 1s}\n  - {rate: 2}\n", `[7:6] calls.steps[1].for: 0s: write 1ms to`},
		{account + "calls:\n  to: ['sip:1@p']\n  steps:\n  - {rate: 1, for: 1s, thresholds: [failures == 0, registration.failures == 0]}\n", `[6:52] calls.steps[0].thresholds: registration.failures == 0: registration.failures is counted for the whole run only`},
		{account + "calls:\n  to: ['sip:1@p']\n  for: 5s\n  steps: [{rate: 1, for: 1s}]\n", `[5:8] calls.for: beside steps: each step says`},
		{account + "calls:\n  to: ['sip:1@p']\n  rate: 5\n  steps: [{rate: 1, for: 1s}]\n", `[6:3] calls.steps: 1 steps beside rate, concurrency or ramp`},
		{account + "calls:\n  to: ['sip:1@p']\n  steps: [{rate: 1, for: 1s}, {concurrency: 1, for: 1s}]\n", `[5:3] calls.steps: rates and concurrencies: write steps of one kind`},
		{account + "calls:\n  to: ['sip:1@p']\n  steps: [{for: 1s}]\n", `[5:3] calls.steps: pauses only`},
		{account + "calls:\n  to: ['sip:1@p']\n  steps: [{rate: 1, concurrency: 2, for: 1s}]\n", `[5:34] calls.steps[0].concurrency: 2: write a rate or a concurrency`},
		{account + "calls:\n  steps: [{rate: 1, for: 1s}]\n", `[3:1] calls.to`},
		{account + "register: true\nabort_on: [calls > 1, x]\n", `[4:23] abort_on: threshold "x"`},
	} {
		if _, err := ParsePlan([]byte(row.text)); err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%q: %v, want %s", row.text, err, row.want)
		}
	}
}

func TestParsePlan_SaysWhatIsWrong(t *testing.T) {
	const account = "account: {registrar: 'sip:p'}\nusers: {first: 1}\n"
	for _, row := range []struct{ text, want string }{
		{"calls: {rte: 5}", `[1:9]`},
		{"calls: {rate: x}", `[1:15]`},
		{"account: &a {registrar: 'sip:p'}\nusers: *a", `[1:10] tags, anchors and aliases are not taken`},
		{"users: {first: 1}\ncalls: {rate: 1}", "account.registrar"},
		{"account: {registrar: 'sip:p'}\ncalls: {rate: 1}", "users.first"},
		{account, "write a rate, a concurrency, steps, agents, or register: true"},
		{account + "calls: {rate: 1}", "calls.to"},
		{account + "calls: {rate: 1, concurrency: 1}", "not both"},
		{account + "calls: {rate: 1, to: ['x']}", "calls.to: x"},
		{account + "calls: {rate: 1, to: ['sip:1@p'], for: 1s, ramp: 2s}", "calls.ramp: 2s"},
		{account + "calls: {rate: 1, to: ['sip:1@p'], talk: {spread: wide}}", "exponential"},
		{account + "calls: {rate: 1, to: ['sip:1@p'], media: film}", "echo or file"},
		{account + "register: true\nthresholds: ['p99(pain) < 5ms']", `there is no "pain"`},
		{account + "register: true\nthresholds: ['setup < 5ms']", "a percentile"},
		{account + "register: true\nthresholds: ['p99(setup) < 5']", "no duration"},
		{account + "register: true\nthresholds: ['p200(setup) < 5ms']", "a percentile"},
		{account + "register: true\nthresholds: ['failures = 5']", "METRIC < LIMIT"},
		{account + "register: true\nabort_on: ['p9(failures) > 5%']", "no percentiles"},
	} {
		if _, err := ParsePlan([]byte(row.text)); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %s", row.text, err, row.want)
		}
	}
}

// What is lost on the way is sent again, and counted on both sides; on a good network
// nothing is.
func TestLoad_Resent(t *testing.T) {
	for loss, want := range map[float64]bool{0: false, 0.2: true} {
		story(t, func(t *testing.T, n *simnet.Net) {
			n.Link(generatorIP, farIP, simnet.Link{Loss: loss})
			far := respond(t, n, ResponderPlan{Media: MediaNone})
			r := run(t.Context(), t, n, plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 20, for: 5s, talk: {mean: 1s}}\n"), nil)
			answers := far.Answers()
			far.Close()
			if (r.Self.Resent > 0) != want || (answers.Resent > 0) != want {
				t.Errorf("loss %v: %d messages were sent again, %d by the far end", loss, r.Self.Resent, answers.Resent)
			}
		})
	}
}

// Users come at one pace, however many loops they are on.
func TestLoad_RegistersAtOnePace(t *testing.T) {
	for _, shards := range []int{1, 2, 5} {
		story(t, func(t *testing.T, n *simnet.Net) {
			far, host := respond(t, n, ResponderPlan{Media: MediaNone}), n.Host(generatorIP)
			p := plan(t, "users: {first: 2001, count: 800}\nregister: true\ncalls: {for: 1s}\n")
			result, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: shards})
			if err != nil {
				t.Fatal(err)
			}
			took := result.Generators[0].Start.Sub(result.Generators[0].Began)
			if want := 800 * time.Second / registerRate; took < want*9/10 || took > want*11/10 || result.Report().Registered != 800 {
				t.Errorf("%d loops: %d users were registered after %v, want about %v", shards, result.Report().Registered, took, want)
			}
			far.Close()
		})
	}
}
