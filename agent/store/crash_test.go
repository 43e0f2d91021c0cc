package store

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashRounds is how often a process is killed; where the time is over before, as
// under the race detector on a busy machine, it is at least crashLeast times.
const (
	crashRounds = 200
	crashLeast  = 30
	crashTime   = time.Minute
	crashLook   = 10 // rounds from one look at all rows to the next
)

// The environment of the process that is to be killed: its file, and where it ends
// itself: the number of a commit, negative before it and positive after it, 0 never.
const (
	crashFile  = "RINGBACK_STORE_CRASH"
	crashPoint = "RINGBACK_STORE_CRASH_AT"
)

// TestCrash runs this program again and kills it, from outside at a random moment
// or from inside at a commit, and looks afterwards whether all that was
// acknowledged is there, and each update whole or not at all.
func TestCrash(t *testing.T) {
	if path := os.Getenv(crashFile); path != "" {
		crashChild(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), FileName)
	r := rand.New(rand.NewPCG(3, 2026))
	acknowledged := map[int]string{} // steps by number, "a" or "ab"
	round, began := 0, time.Now()
	for ; round < crashRounds && (round < crashLeast || time.Since(began) < crashTime); round++ {
		at := 0
		if round%2 == 0 {
			at = (1 + r.IntN(12)) * (1 - 2*r.IntN(2))
		}
		lines := crash(t, path, at, r.IntN(20), time.Duration(r.IntN(4000))*time.Microsecond)
		for _, line := range lines {
			n, err := strconv.Atoi(line[1:])
			if err != nil || strings.Contains(acknowledged[n], line[:1]) || line[0] == 'b' && acknowledged[n] != "a" {
				t.Fatalf("round %d: %q is out of order after %q: %v", round, line, acknowledged[n], err)
			}
			acknowledged[n] += line[:1]
		}
		if round%crashLook == 0 {
			lookAfterCrash(t, path, acknowledged)
		}
		if t.Failed() {
			t.Fatalf("in round %d, killed at %d after %d lines", round, at, len(lines))
		}
	}
	lookAfterCrash(t, path, acknowledged)
	if t.Logf("%d rounds, %d numbers acknowledged", round, len(acknowledged)); len(acknowledged) < round {
		t.Error("they are too few")
	}
}

// crashChild works until it is killed: an interaction with its callback and report
// in one update, their end in the next, and a line for each that was acknowledged.
func crashChild(t *testing.T, path string) {
	at, err := strconv.Atoi(os.Getenv(crashPoint))
	if err != nil {
		t.Fatal(err)
	}
	commits := 0
	die := func(point string, before bool) {
		if before {
			commits++
		}
		if at == -commits && before || at == commits && !before {
			self, err := os.FindProcess(os.Getpid())
			if err != nil || self.Kill() != nil {
				t.Error("cannot kill itself")
			}
			select {}
		}
	}
	s := openStore(t, path, Options{Commit: die})
	for {
		var n uint64
		update(t, s, func(tx *Tx) (err error) {
			if n, err = tx.ReserveIDs("day", 1); err != nil {
				return err
			}
			key := fmt.Sprint(n)
			return errors.Join(tx.PutInteraction(Interaction{ID: "i" + key, Callback: key, Name: "山田"}), tx.PutCallback(Callback{Key: key, State: CallbackOpen, Interaction: "i" + key}),
				tx.PutReport(Report{ID: key + "a", Callback: key}))
		})
		fmt.Printf("\na%d\n", n)
		update(t, s, func(tx *Tx) error {
			key := fmt.Sprint(n)
			return errors.Join(tx.PutInteraction(Interaction{ID: "i" + key, Callback: key, Note: "終", Closed: noon}), tx.PutCallback(Callback{Key: key, State: CallbackDone, Interaction: "i" + key}),
				tx.PutReport(Report{ID: key + "b", Callback: key}))
		})
		fmt.Printf("\nb%d\n", n)
	}
}

// crash runs the process until it has said some lines and a little longer, or until
// it ends itself, and returns its lines.
func crash(t *testing.T, path string, at, after int, longer time.Duration) (lines []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrash$")
	cmd.Env = append(os.Environ(), crashFile+"="+path, crashPoint+"="+strconv.Itoa(at))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var killer *time.Timer
	kill := func() {
		if at == 0 && killer == nil {
			killer = time.AfterFunc(longer, func() { _ = cmd.Process.Kill() })
		}
	}
	if after == 0 {
		kill() // while it opens the file
	}
	said := bufio.NewScanner(out)
	for said.Scan() {
		if line := said.Text(); line != "" {
			if line[0] != 'a' && line[0] != 'b' {
				t.Fatalf("it says %q", line)
			}
			lines = append(lines, line)
		}
		if len(lines) >= after {
			kill()
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 && exit.ExitCode() != 1 {
		t.Fatalf("it was not killed: %v", err)
	}
	return lines
}

// lookAfterCrash opens the store as the next agent would, and looks at all of it.
func lookAfterCrash(t *testing.T, path string, acknowledged map[int]string) {
	t.Helper()
	s := openStore(t, path, Options{})
	defer s.Close()
	if problems, err := s.Check(); len(problems) > 0 || err != nil {
		t.Errorf("%q %v", problems, err)
	}
	reports := map[string]string{}
	last := int64(0)
	for _, p := range must[[]Report](t)(s.Reports(ReportFilter{})) {
		reports[p.Callback] += strings.TrimPrefix(p.ID, p.Callback)
		if p.Seq <= last {
			t.Errorf("report %s is out of order", p.ID)
		}
		last = p.Seq
	}
	interactions := map[string]Interaction{}
	for _, i := range must[[]Interaction](t)(s.History(HistoryFilter{})) {
		interactions[i.Callback] = i
	}
	callbacks := must[[]Callback](t)(s.Callbacks(CallbackFilter{}))
	if len(callbacks) != len(interactions) || len(callbacks) != len(reports) {
		t.Errorf("%d callbacks, %d interactions, reports of %d", len(callbacks), len(interactions), len(reports))
	}
	states := map[string]CallbackState{}
	for _, b := range callbacks {
		states[b.Key] = b.State
		i, over := interactions[b.Key], b.State == CallbackDone
		if want := map[bool]string{false: "a", true: "ab"}[over]; reports[b.Key] != want || i.Closed.IsZero() == over || (i.Note == "終") != over {
			t.Errorf("half of an update: callback %s is %s, reports %q, interaction %+v", b.Key, b.State, reports[b.Key], i)
		}
	}
	for n, steps := range acknowledged {
		state := states[strconv.Itoa(n)]
		if state == "" || steps == "ab" && state != CallbackDone {
			t.Errorf("%d was acknowledged to %q and is %q", n, steps, state)
		}
	}
}
