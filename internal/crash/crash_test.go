package crash

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/store"
	"ringback/internal/lab"
	"ringback/media/audio"
)

// check looks at the store after a death: it is sound, what was acknowledged is
// there, and each callback is in exactly one place.
func (d *day) check() {
	d.Helper()
	s, err := store.Open(filepath.Join(d.life.Dir, "ringback.db"), store.Options{})
	if err != nil {
		d.Fatal(err)
	}
	defer s.Close()
	if problems, err := s.Check(); err != nil || len(problems) > 0 {
		d.Errorf("the store is not sound: %v %v", problems, err)
	}
	open, err := s.OpenInteractions()
	if err != nil {
		d.Fatal(err)
	}
	held := map[string]int{}
	for _, in := range open {
		if in.Callback != "" {
			held[in.Callback]++
		}
	}
	for key, w := range d.known {
		row, have, err := s.Callback(key)
		if err != nil {
			d.Fatal(err)
		}
		if w.taken && !have {
			d.Errorf("%s was acknowledged and is lost", key)
		}
		if want := map[bool]int{true: 1}[have && row.State == store.CallbackOpen]; held[key] != want {
			d.Errorf("%s is %q, and %d interactions have it", key, row.State, held[key])
		}
	}
	d.checkNotes(s)
	d.checkRecordings(s)
}

// checkRecordings holds that a file with sound has its row, and that what a row names
// can be read, whatever the moment of the death.
func (d *day) checkRecordings(s *store.Store) {
	rows, err := s.UnendedRecordings()
	ended, err2 := s.OldRecordings(time.Now().Add(time.Hour), 10_000)
	if err := errors.Join(err, err2); err != nil {
		d.Fatal(err)
	}
	ours := map[string]bool{}
	for _, r := range append(rows, ended...) {
		ours[r.File] = true
		data, err := os.ReadFile(r.File)
		if err != nil {
			d.Errorf("the file of %s: %v", r.ID, err)
			continue
		}
		if clip, err := audio.ReadWAV(bytes.NewReader(data)); err != nil || clip.Channels != 2 {
			d.Errorf("%s cannot be read: %v", r.File, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(d.life.Dir, "recordings", "*"))
	if err != nil {
		d.Fatal(err)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			d.Fatal(err)
		}
		if info, err := audio.ReadWAVInfo(f); err == nil && info.Frames > 0 && !ours[path] {
			d.Errorf("%s holds sound, and the store does not know of it", path)
		}
		_ = f.Close()
	}
}

// checkNotes holds that the last acknowledged note is there, or one that was
// written after it and was not acknowledged.
func (d *day) checkNotes(s *store.Store) {
	for id, notes := range d.notes {
		in, have, err := s.Interaction(id)
		if err != nil || !have {
			d.Errorf("%s is lost: %v", id, err)
			continue
		}
		if !slices.Contains(notes, in.Note) {
			d.Errorf("the note of %s is %q, it may be one of %q", id, in.Note, notes)
		}
	}
}

// lastTypes are the reports after which a callback is where it is.
var lastTypes = map[store.CallbackState][]string{
	store.CallbackDone:     {"done"},
	store.CallbackReturned: {"rejected", "missed", "cancelled", "withdrawn"},
	store.CallbackHanded:   {"done", "rescheduled", "rejected", "missed"},
}

// checkReports holds that each report arrived, in order, and that the PBX knows
// where each callback is.
func (d *day) checkReports() {
	d.Helper()
	s, err := store.Open(filepath.Join(d.life.Dir, "ringback.db"), store.Options{})
	if err != nil {
		d.Fatal(err)
	}
	defer s.Close()
	for key := range d.known {
		row, have, err := s.Callback(key)
		if err != nil || !have {
			continue // the PBX has kept it
		}
		last, seq := "", 0
		seen := map[string]bool{}
		for _, r := range d.lab.Reports(key) {
			if seen[r.ID] {
				continue
			}
			seen[r.ID] = true
			if r.Seq != seq+1 {
				d.Errorf("%s: report %d (%s) came after %d", key, r.Seq, r.Type, seq)
			}
			last, seq = r.Type, r.Seq
		}
		if want, has := lastTypes[row.State]; has && !slices.Contains(want, last) {
			d.Errorf("%s is %s, and the last that the PBX heard is %q", key, row.State, last)
		}
	}
}

// checkCalls holds that no contact was called more often than the agent asked.
func (d *day) checkCalls() {
	d.Helper()
	started := map[string]int{}
	for _, e := range d.lab.Log().Since(0) {
		if e.Type == lab.CallStarted && e.Party == "1001" {
			started[e.Peer]++
		}
	}
	for key, w := range d.known {
		if started[w.number] > w.calls {
			d.Errorf("the contact of %s was called %d times, asked for %d times", key, started[w.number], w.calls)
		}
	}
}

// scenes lead to each commit point that the code names.
var scenes = map[string]func(*day) bool{
	"order-refused": func(d *day) bool {
		return d.do("not-ready", map[string]any{"channel": "webcallback"}) && d.order() != ""
	},
	"ids":             func(*day) bool { return true },
	"forget":          func(*day) bool { return true }, // at the start
	"ids.return":      func(d *day) bool { d.child.end(); return true },
	"restore":         func(*day) bool { return true }, // see openings
	"report":          func(d *day) bool { return d.preview() },
	"report-retry":    func(d *day) bool { return d.do("outbox-retry", nil) },
	"report-rejected": func(d *day) bool { d.offer(""); return d.offered() && d.do("reject", nil) },
	"report-missed":   func(d *day) bool { d.offer(""); return d.offered() },
	"order":           func(d *day) bool { d.order(); return true },
	"accept":          func(d *day) bool { return d.preview() },
	"attempt":         func(d *day) bool { return d.called() },
	"call-ended":      func(d *day) bool { return d.called() },
	"note":            func(d *day) bool { return d.preview() && d.note() },
	"case": func(d *day) bool {
		return d.preview() && d.do("case", map[string]any{"values": map[string]string{"k": "v"}})
	},
	"disposition": func(d *day) bool { return d.preview() && d.do("dispose", map[string]any{"code": "sold"}) },
	"result":      func(d *day) bool { return d.called() && d.do("result", map[string]any{"result": "machine"}) },
	"reschedule":  func(d *day) bool { return d.preview() && d.do("reschedule", map[string]any{"at": "+1h"}) },
	"reschedule-dropped": func(d *day) bool {
		return d.preview() && d.do("reschedule", map[string]any{"at": "+1h"}) && d.do("reschedule", map[string]any{"drop": true})
	},
	"retry-dropped": func(d *day) bool { return d.called() && d.do("result", map[string]any{"result": "wrong number"}) },
	"done":          func(d *day) bool { return d.called() && d.do("done", nil) },
	"history":       func(d *day) bool { return d.preview() },
	"recording":     func(d *day) bool { return d.talks() && d.do("record-start", nil) },
	"recording-paused": func(d *day) bool {
		return d.talks() && d.do("record-start", nil) && d.do("record-pause", nil)
	},
	"recording-ended": func(d *day) bool {
		return d.talks() && d.do("record-start", nil) && d.do("record-stop", nil)
	},
	"recording-mended": func(*day) bool { return true }, // see openings
	"returned":         (*day).rejects,
	"handed-over":      func(d *day) bool { return d.scheduled() && d.offered() && d.do("reject", nil) },
	"claim": func(d *day) bool {
		d.order()
		return d.offered() && d.do("accept", nil) && d.do("reschedule", map[string]any{"at": "+1h"}) && d.do("done", nil) &&
			d.do("callbacks-claim", map[string]any{"callback": fmt.Sprintf("w-%d", d.made)})
	},
}

// openings are what has to happen in a life before the scene's.
var openings = map[string]func(*day) bool{
	"restore":          func(d *day) bool { return d.preview() },
	"report-retry":     func(d *day) bool { return d.preview() },
	"recording-mended": func(d *day) bool { return d.talks() && d.do("record-start", nil) },
}

// unvisited are points to which no scene leads, with the reason.
var unvisited = map[string]string{
	"attempt-failed":       "the machine has no ports left, or the like; a story has it",
	"dial-failed":          "the same for a plain call",
	"ids.take-over":        "once, from the file of an older phone; agent/ids_test.go has it",
	"offer-closed":         "an accept that crosses a CANCEL; a story in virtual time has it",
	"recordings-forgotten": "no recording is old enough; a story in virtual time has it",
	"report-":              "the beginning of the names that end with a type of report",
}

// TestCrash_EveryCommitPoint kills the agent before and after each commit that the
// code names.
func TestCrash_EveryCommitPoint(t *testing.T) {
	t.Parallel()
	points := namedPoints(t)
	for _, point := range points {
		if scenes[point] == nil && unvisited[point] == "" {
			t.Errorf("point %q has neither a scene nor a reason", point)
		}
	}
	d := newDay(t, 1)
	for _, point := range slices.Sorted(maps.Keys(scenes)) {
		scene := scenes[point]
		if !slices.Contains(points, point) && !strings.HasPrefix(point, "report-") {
			t.Errorf("there is a scene for %q, and no such point", point)
		}
		for _, before := range []bool{true, false} {
			if opening := openings[point]; opening != nil {
				d.round(d.life, opening)
			}
			l := d.life
			l.Point, l.Before, l.Nth = point, before, 1
			d.round(l, func(d *day) bool {
				// What a scene before has left in the PBX's queue, or for later, may get in the way: once more then.
				for tries := 3; !scene(d) && tries > 0 && d.idle(); tries-- {
				}
				if !d.child.dies() {
					t.Errorf("the scene of %q does not lead there: %+v", point, d.now())
				}
				return true
			})
			d.clean()
		}
	}
	d.finish()
}

// clean ends what a scene left open, so that the next begins with an idle agent.
func (d *day) clean() { d.round(d.life, (*day).idle) }

// idle ends all that is open now.
func (d *day) idle() bool {
	for {
		in, found := d.open()
		if !found {
			return d.child.alive()
		}
		if in.State == "offered" && !d.do("accept", map[string]any{"interaction": string(in.ID)}) {
			continue
		}
		d.do("end", map[string]any{"interaction": string(in.ID)})
		if !d.do("done", map[string]any{"interaction": string(in.ID)}) && !d.child.alive() {
			return false
		}
	}
}

// rejects refuses the offer of an order that is made for it: a callback of a scene before,
// which comes due meanwhile, is neither taken for it nor left in its way.
func (d *day) rejects() bool {
	for d.idle() {
		if key := d.order(); d.known[key].taken {
			id, offered := d.offeredAs(key)
			return offered && d.do("reject", map[string]any{"interaction": string(id)})
		}
	}
	return false
}

// offeredAs waits until the callback is offered, and says as which interaction.
func (d *day) offeredAs(key string) (id agent.InteractionID, offered bool) {
	offered = d.child.until(func(s agent.State) bool {
		for _, in := range s.Interactions {
			if in.State == agent.PhaseOffered && in.Callback != nil && in.Callback.ID == key {
				id = in.ID
				return true
			}
		}
		return false
	})
	return id, offered
}

// TestCrash_RandomDays kills the agent at random moments of random days.
func TestCrash_RandomDays(t *testing.T) {
	t.Parallel()
	rounds := 100
	if text := os.Getenv("RINGBACK_CRASH_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	const days = 4 // side by side: a day waits far more than it works
	var made, arrived atomic.Int64
	t.Run("days", func(t *testing.T) {
		for day := range days {
			t.Run(strconv.Itoa(day), func(t *testing.T) {
				t.Parallel()
				m, a := randomRounds(t, uint64(20+day), rounds/days)
				made.Add(int64(m))
				arrived.Add(int64(a))
			})
		}
	})
	t.Logf("%d rounds, %d callbacks, %d reports arrived", rounds, made.Load(), arrived.Load())
	if int(arrived.Load()) < rounds/2 {
		t.Error("these days were too quiet to prove anything")
	}
}

// randomRounds is a day of so many lives; how many callbacks it had, and reports of them.
func randomRounds(t *testing.T, seed uint64, rounds int) (made, arrived int) {
	d := newDay(t, seed)
	points := slices.Sorted(maps.Keys(scenes))
	for range rounds {
		l := d.life
		if d.chance.IntN(3) > 0 { // else it dies wherever it is after the steps
			l.Point, l.Before, l.Nth = points[d.chance.IntN(len(points))], d.chance.IntN(2) == 0, 1+d.chance.Int64N(3)
		}
		d.round(l, d.randomDay(3+d.chance.IntN(12)))
		if t.Failed() {
			return 0, 0
		}
	}
	d.finish()
	return d.made, len(d.lab.Reports(""))
}

// namedPoints reads the names of all commits from the source of package agent.
func namedPoints(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../agent/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no source: ", err)
	}
	found := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, is := n.(*ast.CallExpr)
			if !is {
				return true
			}
			sel, is := call.Fun.(*ast.SelectorExpr)
			if !is || !slices.Contains([]string{"amend", "save", "moveEntry", "UpdateNamed"}, sel.Sel.Name) {
				return true
			}
			for _, arg := range call.Args {
				if point := literal(arg); point != "" {
					found[point] = true
				}
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(found))
}

// literal is the text of a string literal, or of the one that a sum begins with.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.BinaryExpr:
		return literal(e.X)
	}
	return ""
}
