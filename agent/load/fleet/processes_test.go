//go:build unix

package fleet

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringback/agent/load"
)

// What a process of this test is, when it is not the test itself.
const (
	roleVar  = "FLEET_TEST_ROLE" // "coordinator", or a part, as 1/3
	planVar  = "FLEET_TEST_PLAN"
	urlVar   = "FLEET_TEST_NATS"
	tokenVar = "FLEET_TEST_TOKEN"
)

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(m.Run())
	}
	p, err := load.ParsePlan([]byte(os.Getenv(planVar)))
	if err == nil {
		if role == "coordinator" {
			var once sync.Once
			_, err = coordinateProcesses(p, func([]int) {}, func(s *load.Snapshot) {
				if s.Result().Report().Began >= 30 {
					once.Do(func() { fmt.Println(calling) })
				}
			})
		} else {
			err = generateHere(p, role)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func generateHere(p *load.Plan, role string) error {
	part, err := load.ParsePart(role, nil)
	if err != nil {
		return err
	}
	c := Config{Link: Link{URL: os.Getenv(urlVar), Token: os.Getenv(tokenVar)}, Run: "processes", Wait: 20 * time.Second, Beat: beat}
	return Generate(context.Background(), p, part, c, load.Options{Shards: 1})
}

// coordinateProcesses is a whole test with three processes, as `ringback load --generators 3`.
func coordinateProcesses(p *load.Plan, started func(pids []int), look func(*load.Snapshot)) (*load.Result, error) {
	s, err := StartServer()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	link := s.Link()
	all, err := threeProcesses(link)
	if err != nil {
		return nil, err
	}
	defer all.Close(30 * time.Second)
	started(all.PIDs())
	return Coordinate(context.Background(), p, Coordination{Config: Config{Link: link, Run: "processes", Wait: 20 * time.Second, Beat: beat}, Generators: 3, OnProgress: look, Losses: all.Losses()})
}

func threeProcesses(l Link) (*Processes, error) {
	return StartProcesses(3, func(part load.Part) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Stdout = os.Stdout
		cmd.Env = append(os.Environ(), roleVar+"="+part.String(), urlVar+"="+l.URL, tokenVar+"="+l.Token)
		return cmd
	})
}

func processPlan(t *testing.T, far, calls string) *load.Plan {
	t.Helper()
	text := fmt.Sprintf("account: {registrar: 'sip:%s', bind: 127.0.0.1}\nusers: {first: 2001, count: 12}\nlateness: 5s\ncalls: {to: ['sip:601@%s'], %s}\nthresholds: ['failures == 0']\n", far, far, calls)
	t.Setenv(planVar, text)
	p, err := load.ParsePlan([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProcesses_OneReport(t *testing.T) {
	p := processPlan(t, farEnd(t), "rate: 60, for: 2s, talk: {mean: 300ms}")
	r, err := coordinateProcesses(p, func([]int) {}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Report(); !got.OK || got.Began != 120 || len(r.Generators) != 3 {
		t.Errorf("%+v", got)
	}
}

// A process that is killed in the middle: it is named with the signal, what it had up
// is lost, and the others hang up.
func TestProcesses_OneIsKilled(t *testing.T) {
	left := 0
	far := farEndWith(t, func(n int) bool { return n >= left }) // since it was last heard there are more
	p := processPlan(t, far, "rate: 60, for: 1h, talk: {mean: 1h}")
	var pids []int
	killed := false
	r, err := coordinateProcesses(p, func(all []int) { pids = all }, func(s *load.Snapshot) {
		counts := func(g load.Generator) bool { return g.Index == 1 && len(g.Lateness) > 0 }
		if r := s.Result(); !killed && r.Report().Began >= 30 && slices.ContainsFunc(r.Generators, counts) {
			killed = true
			if err := syscall.Kill(pids[1], syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	got := r.Report()
	if got.Valid || r.Generators[1].Lost != "its process ended: signal: killed" || r.Generators[1].LostCalls == 0 || got.LeftCalls != 0 {
		t.Errorf("%+v\n%+v", got, r.Generators)
	}
	t.Logf("%q", got.Why)
	if left = r.Generators[1].LostCalls; got.Began-got.Answered > 60 {
		t.Errorf("%+v", got)
	}
}

// A NATS server that dies while the coordinator lives: both sides say so, and each
// generator hangs up by itself.
func TestProcesses_NATSIsGone(t *testing.T) {
	p := processPlan(t, farEnd(t), "rate: 60, for: 1h, talk: {mean: 1h}") // at which no call may be left
	server := newOutside(t)
	link := Link{URL: server.now.ClientURL()}
	all, err := threeProcesses(link)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close(30 * time.Second)
	var told []string
	gone := false
	c := Coordination{Config: Config{Link: link, Run: "processes", Wait: 20 * time.Second, Beat: beat}, Generators: 3, OnPhase: func(text string) { told = append(told, text) }}
	c.OnProgress = func(s *load.Snapshot) {
		silent := func(g load.Generator) bool { return len(g.Lateness) == 0 }
		if r := s.Result(); !gone && r.Report().Began >= 30 && len(r.Generators) == 3 && !slices.ContainsFunc(r.Generators, silent) {
			gone = true
			server.goes()
		}
	}
	r, err := Coordinate(t.Context(), p, c)
	if err != nil {
		t.Fatal(err)
	}
	got := r.Report()
	if want := "aborted: the NATS server at " + link.URL + " was not reached for 1.6s"; got.Valid || got.Why[0] != want || got.Rate < 10 {
		t.Errorf("%.1f calls/s, %q, want %q", got.Rate, got.Why, want)
	}
	if want := "the NATS server at " + link.URL + " is gone: if it is not back in 1.6s the run ends"; !slices.Contains(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
	for range 3 {
		l := <-all.Losses()
		want := fmt.Sprintf("its process ended: exit status 1: hand over the result of generator %v, which has hung up: the NATS server at %s is not reached", load.Part{Index: l.Index, Of: 3}, link.URL)
		if l.Why != want {
			t.Errorf("%q, want %q", l.Why, want)
		}
	}
}

// A coordinator that is killed: its generators hang up and end by themselves.
func TestProcesses_CoordinatorIsKilled(t *testing.T) {
	processPlan(t, farEnd(t), "rate: 60, for: 1h, talk: {mean: 1h}") // at which no call may be left
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVar+"=coordinator")
	out, err := cmd.StdoutPipe() // which its generators have as well
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != calling+"\n" {
		t.Fatal(line, err)
	}
	_ = cmd.Process.Kill()
	if _, err := io.Copy(io.Discard, out); err != nil { // until the last of them has ended
		t.Error(err)
	}
	_ = cmd.Wait()
}

// calling is what a coordinator's process says once calls are up.
const calling = "calling"
