package store

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// openStore opens a store that the test closes. path "": in memory. It has more patience
// with a disk than a phone, unless the test is about that.
func openStore(t testing.TB, path string, o Options) *Store {
	t.Helper()
	if o.Patience == 0 && path != "" {
		o.Patience = time.Minute
	}
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// both runs a test on a store in memory and on one in a file.
func both(t *testing.T, test func(t *testing.T, s *Store)) {
	now := func() time.Time { return noon }
	t.Run("memory", func(t *testing.T) { test(t, openStore(t, "", Options{Now: now})) })
	t.Run("file", func(t *testing.T) {
		test(t, openStore(t, filepath.Join(t.TempDir(), "ringback.db"), Options{Now: now}))
	})
}

func update(t testing.TB, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// must passes a value on and ends the test at an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestOpen_FilesAreTheOwnersOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b%20?#&", "山田")
	s := openStore(t, filepath.Join(dir, "ringback.db"), Options{})
	update(t, s, func(tx *Tx) error { return tx.Block(Blocked{E164: "+1"}) })
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d files, want the database, -wal and -shm: %v %v", len(entries), entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v %v", info.Mode(), err)
	}
}

func TestOpen_ALaxFileIsClosedToOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ringback.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	openStore(t, path, Options{})
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestOpen_NewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ringback.db")
	s := openStore(t, path, Options{})
	update(t, s, func(tx *Tx) error { return tx.exec("PRAGMA user_version = 99") })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, Options{})
	var newer *NewerSchemaError
	if !errors.As(err, &newer) || newer.Version != 99 || newer.Ours != Schema() || newer.File != path {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{path, "99", "update ringback"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, path := range []string{"", filepath.Join(t.TempDir(), "ringback.db")} {
			s := openStore(t, path, Options{})
			update(t, s, func(tx *Tx) error { return tx.PutInteraction(Interaction{ID: "i1"}) })
			i, found, err := s.Interaction("i1")
			if err != nil || !found || !i.Created.Equal(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) {
				t.Errorf("%+v %v %v", i, found, err)
			}
		}
	})
}

func TestUpdate_AFailureChangesNothing(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		own := errors.New("own")
		for name, fn := range map[string]func(*Tx) error{
			"error": func(tx *Tx) error { return errors.Join(tx.PutCallback(Callback{Key: "a", State: CallbackOpen}), own) },
			"panic": func(tx *Tx) error { _ = tx.PutCallback(Callback{Key: "a", State: CallbackOpen}); panic("oh") },
			"state": func(tx *Tx) error {
				return errors.Join(tx.PutCallback(Callback{Key: "a", State: CallbackOpen}), tx.PutCallback(Callback{Key: "b", State: "nowhere"}))
			},
		} {
			if err := s.Update(fn); err == nil || name == "error" && !errors.Is(err, own) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if all, err := s.Callbacks(CallbackFilter{}); err != nil || len(all) != 0 {
			t.Errorf("%v %v", all, err)
		}
		update(t, s, func(tx *Tx) error { return tx.PutCallback(Callback{Key: "a", State: CallbackOpen}) })
	})
}

func TestUpdate_ClosedStore(t *testing.T) {
	s := openStore(t, "", Options{})
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if _, err := s.OpenInteractions(); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestUpdate_NamesItsCommits(t *testing.T) {
	var calls []string
	s := openStore(t, "", Options{Commit: func(point string, before bool) {
		calls = append(calls, point+map[bool]string{true: " before", false: " after"}[before])
	}})
	if err := s.UpdateNamed("done", func(*Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.UpdateNamed("never", func(*Tx) error { return errors.New("no") }); err == nil {
		t.Fatal("no error")
	}
	if !reflect.DeepEqual(calls, []string{"done before", "done after"}) {
		t.Errorf("%q", calls)
	}
}

// A disk that hangs in a commit costs its caller the patience, the next ones
// nothing, and is forgotten when it answers again.
func TestUpdate_SlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(chan struct{})
		s := openStore(t, "", Options{Commit: func(point string, before bool) {
			if point == "slow" && before {
				<-disk
			}
		}})
		began := time.Now()
		if err := s.UpdateNamed("slow", func(tx *Tx) error { return tx.Block(Blocked{E164: "+1"}) }); !errors.Is(err, ErrSlow) {
			t.Fatalf("%v", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("gave up after %v", took)
		}
		if err := s.Update(func(*Tx) error { return nil }); !errors.Is(err, ErrSlow) || time.Since(began) != 2*time.Second {
			t.Errorf("the next one: %v after %v", err, time.Since(began))
		}
		close(disk)
		synctest.Wait()
		update(t, s, func(tx *Tx) error { return tx.Block(Blocked{E164: "+2"}) })
		if _, blocked, err := s.IsBlocked("+2"); !blocked || err != nil {
			t.Errorf("afterwards: %v %v", blocked, err)
		}
	})
}

// One that has not come to its commit when the patience is over is rolled back.
func TestUpdate_SlowFunctionIsRolledBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, "", Options{})
		err := s.Update(func(tx *Tx) error {
			defer func() { <-time.After(time.Minute) }()
			return tx.Block(Blocked{E164: "+1"})
		})
		if !errors.Is(err, ErrSlow) {
			t.Fatalf("%v", err)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if _, blocked, err := s.IsBlocked("+1"); blocked || err != nil {
			t.Errorf("%v %v", blocked, err)
		}
	})
}

func TestReserveIDs(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		reserve := func(kind string, n uint64) (first uint64) {
			update(t, s, func(tx *Tx) (err error) { first, err = tx.ReserveIDs(kind, n); return err })
			return first
		}
		got := []uint64{reserve("call", 64), reserve("call", 1), reserve("interaction", 2), reserve("call", 1)}
		if !reflect.DeepEqual(got, []uint64{1, 65, 1, 66}) {
			t.Errorf("%v", got)
		}
		for _, next := range []uint64{100, 50} {
			update(t, s, func(tx *Tx) error { return tx.SkipIDs("call", next) })
		}
		if n := reserve("call", 1); n != 100 {
			t.Errorf("after a skip: %d", n)
		}
		reserve("call", 9) // 101 to 109
		update(t, s, func(tx *Tx) error { return errors.Join(tx.ReturnIDs("call", 105, 110), tx.ReturnIDs("call", 1, 110)) })
		if n := reserve("call", 1); n != 105 {
			t.Errorf("after some were returned: %d", n)
		}
	})
}

func TestInteraction(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		i := Interaction{ID: "i7", Kind: "voicecallback", Channel: "voice", Callback: "cb-9", Name: "山田 太郎", Number: "03-1234-5678", E164: "+81312345678",
			Body: json.RawMessage(`{"a":1}`), Case: json.RawMessage(`{"k":"v"}`), Created: noon.Add(time.Millisecond)}
		update(t, s, func(tx *Tx) error { return tx.PutInteraction(i) })
		i.Note, i.Disposition, i.Result, i.Outcome, i.Attempts = "後で", "sold", "answered", "done", 2
		i.Armed, i.Created = json.RawMessage("null"), noon // Created stays as it was
		update(t, s, func(tx *Tx) error { return tx.PutInteraction(i) })
		i.Created = noon.Add(time.Millisecond)
		if open, err := s.OpenInteractions(); err != nil || !reflect.DeepEqual(open, []Interaction{i}) {
			t.Errorf("open: %+v %v", open, err)
		}
		i.Closed = noon.Add(time.Hour)
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.PutInteraction(i), tx.PutInteraction(Interaction{ID: "i8", E164: i.E164, Note: "neu"}))
		})
		if got, found, err := s.Interaction("i7"); err != nil || !found || !reflect.DeepEqual(got, i) {
			t.Errorf("%+v %v", got, err)
		}
		if open, err := s.OpenInteractions(); err != nil || len(open) != 1 || open[0].ID != "i8" {
			t.Errorf("open: %+v %v", open, err)
		}
		if _, found, err := s.Interaction("i9"); found || err != nil {
			t.Errorf("i9: %v %v", found, err)
		}
		notes := must[[]PastNote](t)(s.PastNotes(i.E164, 0))
		if len(notes) != 2 || notes[0].Interaction != "i8" || notes[1] != (PastNote{"i7", i.Created, "後で", "sold"}) {
			t.Errorf("%+v", notes)
		}
		if notes := must[[]PastNote](t)(s.PastNotes("", 0)); len(notes) != 0 {
			t.Errorf("of no number: %+v", notes)
		}
	})
}

func TestCallback_IsInOnePlace(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		b := Callback{Key: "cb-1", Channel: "webcallback", Kind: "webcallback", Source: "message", State: CallbackWaiting, Name: "山田 太郎",
			Number: "03-1234-5678", E164: "+81312345678", Zone: "Asia/Tokyo", Reason: "asked for later", Scope: "personal", Created: noon, Updated: noon,
			Body: json.RawMessage(`{"data":{"k":"v"}}`)}
		for _, state := range []CallbackState{CallbackWaiting, CallbackOpen, CallbackScheduled, CallbackHanded, CallbackReturned, CallbackDone, CallbackScheduled} {
			b.State, b.Attempts, b.Due = state, b.Attempts+1, noon.Add(time.Hour)
			update(t, s, func(tx *Tx) error { return tx.PutCallback(b) })
			if got, found, err := s.Callback(b.Key); err != nil || !found || !reflect.DeepEqual(got, b) {
				t.Fatalf("%+v %v", got, err)
			}
			if all, err := s.Callbacks(CallbackFilter{States: []CallbackState{state}}); err != nil || len(all) != 1 {
				t.Errorf("%s: %v %v", state, all, err)
			}
		}
	})
}

func TestCallbacks_Filter(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		if due, err := s.NextDue(); err != nil || !due.IsZero() {
			t.Errorf("of none: %v %v", due, err)
		}
		update(t, s, func(tx *Tx) error {
			return errors.Join(
				tx.PutCallback(Callback{Key: "late", State: CallbackScheduled, Scope: "personal", Name: "鈴木 花子", Number: "0312345678", Due: noon.Add(2 * time.Hour), Created: noon}),
				tx.PutCallback(Callback{Key: "soon", State: CallbackScheduled, Scope: "personal", Name: "ヤマダ", E164: "+81312345678", Due: noon.Add(time.Hour), Created: noon.Add(time.Minute)}),
				tx.PutCallback(Callback{Key: "team", State: CallbackHanded, Scope: "team", Name: "山田 太郎", Due: noon, Created: noon.Add(2 * time.Minute)}),
				tx.PutCallback(Callback{Key: "past", State: CallbackDone, Name: "Müller", Reason: "違う番号", Due: noon, Created: noon.Add(-time.Hour)}))
		})
		for _, row := range []struct {
			f    CallbackFilter
			want string
		}{
			{CallbackFilter{}, "team soon late past"},
			{CallbackFilter{Limit: 2}, "team soon"},
			{CallbackFilter{States: []CallbackState{CallbackScheduled}}, "soon late"},
			{CallbackFilter{States: []CallbackState{CallbackDone, CallbackHanded}}, "team past"},
			{CallbackFilter{DueBefore: noon.Add(90 * time.Minute)}, "soon"},
			{CallbackFilter{Scope: "team"}, "team"},
			{CallbackFilter{E164: "+81312345678"}, "soon"},
			{CallbackFilter{Text: "やま"}, "soon"},
			{CallbackFilter{Text: "山"}, "team"},
			{CallbackFilter{Text: "muller"}, "past"},
			{CallbackFilter{Text: "番号"}, "past"},
			{CallbackFilter{Text: "03-1234"}, "soon late"},
			{CallbackFilter{Text: "03-1234", States: []CallbackState{CallbackScheduled, CallbackOpen}}, "soon late"},
			{CallbackFilter{Text: "!"}, ""},
		} {
			var keys []string
			for _, b := range must[[]Callback](t)(s.Callbacks(row.f)) {
				keys = append(keys, b.Key)
			}
			if got := strings.Join(keys, " "); got != row.want {
				t.Errorf("%+v: %q, want %q", row.f, got, row.want)
			}
		}
		if due, err := s.NextDue(); err != nil || !due.Equal(noon.Add(time.Hour)) {
			t.Errorf("%v %v", due, err)
		}
	})
}

func TestAttempts(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		first := Attempt{Interaction: "i1", N: 1, Callback: "cb", Call: "c1", Number: "0312345678", E164: "+81312345678", Started: noon, Ended: noon.Add(time.Second), Code: 486, Cause: "busy", Result: "busy"}
		second := Attempt{Interaction: "i1", N: 2, Started: noon.Add(time.Minute)}
		other := Attempt{Interaction: "i2", N: 1, Callback: "cb", Started: noon.Add(time.Hour)}
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.PutAttempt(second), tx.PutAttempt(first), tx.PutAttempt(other), tx.PutAttempt(first))
		})
		if got := must[[]Attempt](t)(s.Attempts("i1")); !reflect.DeepEqual(got, []Attempt{first, second}) {
			t.Errorf("%+v", got)
		}
		if got := must[[]Attempt](t)(s.CallbackAttempts("cb")); !reflect.DeepEqual(got, []Attempt{first, other}) {
			t.Errorf("%+v", got)
		}
	})
}

func TestReports(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		put := func(id, callback string) {
			t.Helper()
			update(t, s, func(tx *Tx) error {
				return tx.PutReport(Report{ID: id, Callback: callback, Kind: "done", Body: json.RawMessage(`{}`)})
			})
		}
		ids := func(all []Report, err error) string {
			t.Helper()
			var list []string
			for _, p := range must[[]Report](t)(all, err) {
				list = append(list, p.ID)
			}
			return strings.Join(list, " ")
		}
		for _, id := range []string{"a1", "b1", "a2", "b2", "c1"} {
			put(id, id[:1])
		}
		move := func(id string, state ReportState, at time.Time) {
			t.Helper()
			update(t, s, func(tx *Tx) error { return tx.MoveReport(id, state, 3, noon.Add(time.Minute), "503", "text/plain", at) })
		}
		move("a1", ReportDelivered, noon.Add(time.Second))
		move("b1", ReportWaiting, time.Time{})
		move("c1", ReportFailed, time.Time{})
		put("a1", "a") // known: left as it is
		for what, row := range map[string][2]string{
			"all":     {"a1 b1 a2 b2 c1", ids(s.Reports(ReportFilter{}))},
			"waiting": {"b1 a2 b2", ids(s.Reports(ReportFilter{States: []ReportState{ReportWaiting}}))},
			"over":    {"a1 c1", ids(s.Reports(ReportFilter{States: []ReportState{ReportDelivered, ReportFailed}}))},
			"limit":   {"a1 b1", ids(s.Reports(ReportFilter{Limit: 2}))},
			"of b":    {"b1 b2", ids(s.Reports(ReportFilter{Callback: "b"}))},
			"after":   {"a2 b2", ids(s.Reports(ReportFilter{After: 2, States: []ReportState{ReportWaiting}}))},
			"first":   {"b1 a2", ids(s.FirstReports())},
		} {
			if row[0] != row[1] {
				t.Errorf("%s: %q, want %q", what, row[1], row[0])
			}
		}
		if waiting, failed, err := s.CountReports(); waiting != 3 || failed != 1 || err != nil {
			t.Errorf("%d %d %v", waiting, failed, err)
		}
		got := must[[]Report](t)(s.Reports(ReportFilter{Callback: "a", Limit: 1}))[0]
		want := Report{Seq: 1, ID: "a1", Callback: "a", Kind: "done", Body: json.RawMessage(`{}`), Created: got.Created, State: ReportDelivered, Tries: 3,
			NextTry: noon.Add(time.Minute), Delivered: noon.Add(time.Second), LastError: "503", ContentType: "text/plain"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v", got)
		}
	})
}

func TestBlocked(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.Block(Blocked{"+81312345678", "asked", noon}), tx.Block(Blocked{"+81312345678", "asked again", noon.Add(1)}), tx.Block(Blocked{"+1", "", noon.Add(time.Hour)}))
		})
		if b, blocked, err := s.IsBlocked("+81312345678"); err != nil || !blocked || b != (Blocked{"+81312345678", "asked again", noon}) {
			t.Errorf("%+v %v %v", b, blocked, err)
		}
		if all, err := s.BlockedList(); err != nil || len(all) != 2 || all[0].E164 != "+1" {
			t.Errorf("%+v %v", all, err)
		}
		update(t, s, func(tx *Tx) error { return tx.Unblock("+81312345678") })
		if _, blocked, err := s.IsBlocked("+81312345678"); err != nil || blocked {
			t.Errorf("%v %v", blocked, err)
		}
	})
}

func TestContactByNumber(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		k := Contact{Name: "山田 太郎", Reading: "ヤマダ タロウ", Zone: "Asia/Tokyo", Note: "VIP", Updated: noon,
			Points: []Point{{"phone", "work", "03-1234-5678", "+81312345678"}, {"mail", "", "yamada@example.jp", ""}}}
		update(t, s, func(tx *Tx) (err error) { k.ID, err = tx.PutContact(k); return err })
		if got, found, err := s.ContactByNumber("+81312345678"); err != nil || !found || !reflect.DeepEqual(got, k) {
			t.Errorf("%+v %v", got, err)
		}
		k.Points = k.Points[1:]
		update(t, s, func(tx *Tx) (err error) { _, err = tx.PutContact(k); return err })
		if got, found, err := s.Contact(k.ID); err != nil || !found || !reflect.DeepEqual(got, k) {
			t.Errorf("%+v %v", got, err)
		}
		for _, number := range []string{"+81312345678", ""} {
			if _, found, err := s.ContactByNumber(number); found || err != nil {
				t.Errorf("%q: %v %v", number, found, err)
			}
		}
		update(t, s, func(tx *Tx) error { return tx.DeleteContact(k.ID) })
		if _, found, err := s.Contact(k.ID); found || err != nil {
			t.Errorf("%v %v", found, err)
		}
	})
}

func BenchmarkOpenMemory(b *testing.B) {
	for b.Loop() {
		s, err := Open("", Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// A store without search indexes takes every record and forgets it as any other; a search
// in it fails.
func TestUnsearched(t *testing.T) {
	s := openStore(t, "", Options{Unsearched: true})
	long := noon.Add(-time.Hour)
	update(t, s, func(tx *Tx) error {
		id, err := tx.PutContact(Contact{Name: "Sato"})
		return errors.Join(err, tx.DeleteContact(id),
			tx.PutInteraction(Interaction{ID: "i1", Kind: "call", Name: "Sato", Note: "a", Created: long, Closed: long}),
			tx.PutCallback(Callback{Key: "cb-1", State: CallbackDone, Name: "Sato", Created: long, Updated: long}))
	})
	if all, err := s.History(HistoryFilter{}); err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
	if all, err := s.History(HistoryFilter{Text: "Sato"}); err == nil {
		t.Errorf("found %v", all)
	}
	if problems, err := s.Check(); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	update(t, s, func(tx *Tx) error {
		gone, err := tx.Forget(Retention{History: noon, Notes: noon}, 10)
		if gone.Interactions != 1 || gone.Callbacks != 1 {
			t.Errorf("forgotten: %+v", gone)
		}
		return err
	})
}
