package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// full is a store with something in every table, as the texts in testdata have.
func full(t *testing.T) *Store {
	t.Helper()
	return openStore(t, oldFile(t, "testdata/schema/0001.sql"), Options{Now: func() time.Time { return noon }})
}

func export(t testing.TB, s *Store) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Export(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExport_ImportedIsEqual(t *testing.T) {
	from := full(t)
	update(t, from, func(tx *Tx) error { // a number that was given out and is not there any more
		id, err := tx.PutContact(Contact{Name: "gone"})
		return errors.Join(err, tx.DeleteContact(id),
			tx.PutRecording(Recording{ID: "r-1", File: "/rec/青.wav", Interaction: "i2", Call: "c2", Started: noon, Ended: noon, Pauses: json.RawMessage("[]")}))
	})
	text := export(t, from)
	for _, table := range must[[]string](t)(tablesOf(from)) {
		if !strings.Contains(text, `{"table":"`+table+`"`) {
			t.Errorf("%s is not exported, or the store has none: fill it in testdata/schema", table)
		}
	}
	both(t, func(t *testing.T, to *Store) {
		update(t, to, func(tx *Tx) error { _, err := tx.ReserveIDs("call", 64); return err }) // as an agent that has just begun
		done := must[Imported](t)(to.Import(strings.NewReader(text)))
		if !done.Whole || done.Taken["interaction"] != 2 || done.Taken["point"] != 2 || len(done.LeftOut) != 0 {
			t.Errorf("%+v", done)
		}
		if got := export(t, to); got != text {
			t.Errorf("the export of the import differs:\n%s\n---\n%s", got, text)
		}
		holdsOldRows(t, to, 1)
		if problems, err := to.Check(); len(problems) > 0 || err != nil {
			t.Errorf("%q %v", problems, err)
		}
		update(t, to, func(tx *Tx) error {
			if id, err := tx.PutContact(Contact{Name: "new"}); id != 9 || err != nil {
				t.Errorf("contact %d %v: the number of a deleted one was given out again", id, err)
			}
			return nil
		})
	})
}

// An agent that runs on an empty store while it is filled does not give out an id
// twice.
func TestImport_KeepsTheIDsThatWereGiven(t *testing.T) {
	text := export(t, full(t))
	to := openStore(t, "", Options{})
	update(t, to, func(tx *Tx) error { _, err := tx.ReserveIDs("call", 1000); return err })
	must[Imported](t)(to.Import(strings.NewReader(text)))
	for kind, want := range map[string]uint64{"call": 1001, "interaction": 65} {
		update(t, to, func(tx *Tx) error {
			if first, err := tx.ReserveIDs(kind, 1); first != want || err != nil {
				t.Errorf("%s %d %v, want %d", kind, first, err, want)
			}
			return nil
		})
	}
}

func tablesOf(s *Store) (all []string, err error) {
	err = s.Reader.do(func(c *conn) error { all, err = tables(c); return err })
	return all, err
}

// An export of each schema that landed can still be read.
func TestImport_FormerSchema(t *testing.T) {
	texts, _ := filepath.Glob("testdata/schema/*.sql")
	for n, text := range texts {
		t.Run(filepath.Base(text), func(t *testing.T) {
			from := openStore(t, oldFile(t, text), Options{ReadOnly: true})
			lines := export(t, from)
			to := openStore(t, "", Options{})
			if done := must[Imported](t)(to.Import(strings.NewReader(lines))); !done.Whole {
				t.Errorf("%+v", done)
			}
			holdsOldRows(t, to, n+1)
		})
	}
}

func TestImport_IntoAUsedStore(t *testing.T) {
	text := export(t, full(t))
	both(t, func(t *testing.T, to *Store) {
		update(t, to, func(tx *Tx) error {
			_, err := tx.PutContact(Contact{Name: "山田太郎", Note: "own", Points: []Point{{"phone", "", "+81312345678", "+81312345678"}}})
			_, err2 := tx.PutResponse(Response{Category: "opening", Title: "挨拶", Text: "old", Language: "ja"})
			return errors.Join(err, err2, tx.PutInteraction(Interaction{ID: "i1", Name: "mine"}), tx.PutFavourite(Favourite{"2001", "my own"}))
		})
		want := Imported{Taken: map[string]int{"contact": 1, "response": 1, "blocked": 1}, Known: map[string]int{"favourite": 1},
			LeftOut: map[string]int{"interaction": 2, "callback": 2, "attempt": 2, "report": 3, "event": 2, "call": 1}}
		if got := must[Imported](t)(to.Import(strings.NewReader(text))); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v\nwant %+v", got, want)
		}
		k, _, err := to.Contact(1)
		if err != nil || k.Note != "own" || k.Reading != "ヤマダ タロウ" || len(k.Points) != 2 {
			t.Errorf("%+v %v", k, err)
		}
		if i, _, err := to.Interaction("i1"); i.Name != "mine" || err != nil {
			t.Errorf("%+v %v", i, err)
		}
		if p := must[[]Response](t)(to.Responses("", "")); len(p) != 1 || p[0].Text != "お電話ありがとうございます" {
			t.Errorf("%+v", p)
		}
		if f := must[[]Favourite](t)(to.Favourites()); len(f) != 1 || f[0].Name != "my own" {
			t.Errorf("%+v", f)
		}
		want.Taken, want.Known = map[string]int{}, map[string]int{"contact": 1, "response": 1, "blocked": 1, "favourite": 1}
		if got := must[Imported](t)(to.Import(strings.NewReader(text))); !reflect.DeepEqual(got, want) {
			t.Errorf("a second time: %+v", got)
		}
	})
}

func TestImport_OtherContactsOfTheSameName(t *testing.T) {
	from := openStore(t, "", Options{})
	update(t, from, func(tx *Tx) error {
		for _, k := range []Contact{{Name: "山田", Points: phone("2", "")}, {Name: "山田", Points: phone("1", "")}, {Name: "鈴木"}, {Name: "山田", Points: phone("03", "+813")}} {
			if _, err := tx.PutContact(k); err != nil {
				return err
			}
		}
		return nil
	})
	text := export(t, from)
	to := openStore(t, "", Options{})
	update(t, to, func(tx *Tx) error {
		_, err := tx.PutContact(Contact{Name: "山田", Points: phone("1", "")})
		_, err2 := tx.PutContact(Contact{Name: "鈴木"})
		return errors.Join(err, err2)
	})
	if got := must[Imported](t)(to.Import(strings.NewReader(text))); got.Taken["contact"] != 2 || got.Known["contact"] != 2 {
		t.Errorf("%+v", got)
	}
}

// What is no whole export changes nothing, and the error says where it ends.
func TestImport_Refuses(t *testing.T) {
	text := export(t, full(t))
	lines := strings.SplitAfter(text, "\n")
	head, row := lines[0], lines[1]
	for name, bad := range map[string]struct{ text, says string }{
		"nothing":            {"", "line 1"},
		"other form":         {`{"schema":"vcard/4","version":1}` + "\n", "vcard/4"},
		"no form":            {"BEGIN:VCARD\n", "line 1"},
		"cut off":            {strings.Join(lines[:len(lines)-2], ""), fmt.Sprintf("line %d", len(lines)-1)},
		"cut in a line":      {text[:len(text)/2], "unexpected"},
		"a row is missing":   {head + strings.Join(lines[2:], ""), "rows"},
		"a row twice":        {head + row + text[len(head):], "line 3"},
		"unknown table":      {head + `{"table":"sqlite_master","row":{"name":"x"}}` + "\n", "sqlite_master"},
		"unknown column":     {head + `{"table":"counter","row":{"kind":"x","next) VALUES (1,1); --":1}}` + "\n", "counter"},
		"wrong type":         {head + `{"table":"counter","row":{"kind":"x","next":"many"}}` + "\n", "line 2"},
		"point of no one":    {head + `{"table":"point","row":{"contact":5,"n":0,"kind":"","label":"","value":"","e164":""}}` + "\n" + `{"end":true,"rows":1}`, "FOREIGN KEY"},
		"state that is none": {head + strings.Replace(text[len(head):], `"state":"scheduled"`, `"state":"lost"`, 1), "CHECK"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, filepath.Join(t.TempDir(), FileName), Options{})
			before := export(t, s)
			_, err := s.Import(strings.NewReader(bad.text))
			if err == nil || !strings.Contains(err.Error(), bad.says) {
				t.Errorf("%v, want %q", err, bad.says)
			}
			if after := export(t, s); after[strings.Index(after, "\n"):] != before[strings.Index(before, "\n"):] {
				t.Errorf("something was changed: %s", after)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.Path()), ".ringback*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
	newer := strings.Replace(head, fmt.Sprintf(`"version":%d`, Schema()), `"version":99`, 1)
	var e *NewerSchemaError
	if _, err := openStore(t, "", Options{}).Import(strings.NewReader(newer)); !errors.As(err, &e) || e.Version != 99 {
		t.Errorf("%v", err)
	}
}

func TestBackup(t *testing.T) {
	for name, s := range map[string]*Store{"file": full(t), "memory": openStore(t, "", Options{})} {
		t.Run(name, func(t *testing.T) {
			if name == "memory" {
				must[Imported](t)(s.Import(strings.NewReader(export(t, full(t)))))
			}
			dir := t.TempDir()
			path := filepath.Join(dir, "it's a backup.db")
			if err := s.Backup(path, false); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			if err := s.Backup(path, false); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) {
				t.Errorf("over an old one: %v", err)
			}
			update(t, s, func(tx *Tx) error { return tx.Block(Blocked{E164: "+1"}) })
			if err := s.Backup(path, true); err != nil {
				t.Error(err)
			}
			if err := s.Backup(filepath.Join(dir, "no", "folder.db"), false); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v", err)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("left behind: %v", entries)
			}
			copied := openStore(t, path, Options{})
			if _, blocked, err := copied.IsBlocked("+1"); !blocked || err != nil {
				t.Errorf("%v %v", blocked, err)
			}
			if got, want := body(export(t, copied)), body(export(t, s)); got != want {
				t.Errorf("the copy differs:\n%s\n---\n%s", got, want)
			}
		})
	}
}

// body is an export without its head, which has the time.
func body(export string) string { return export[strings.Index(export, "\n"):] }

// A backup that is made while the agent writes has each update whole or not.
func TestBackup_WhileWriting(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), FileName), Options{})
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Update(func(tx *Tx) error {
				return errors.Join(tx.PutInteraction(Interaction{ID: fmt.Sprint("i", n), Callback: fmt.Sprint(n)}), tx.PutCallback(Callback{Key: fmt.Sprint(n), State: CallbackOpen}))
			}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for n := range 5 {
		path := filepath.Join(t.TempDir(), "backup.db")
		if err := s.Backup(path, false); err != nil {
			t.Fatal(err)
		}
		copied := openStore(t, path, Options{})
		interactions, callbacks := must[[]Interaction](t)(copied.OpenInteractions()), must[[]Callback](t)(copied.Callbacks(CallbackFilter{}))
		if len(interactions) != len(callbacks) {
			t.Errorf("backup %d: %d interactions and %d callbacks", n, len(interactions), len(callbacks))
		}
		if problems, err := copied.Check(); len(problems) > 0 || err != nil {
			t.Errorf("%q %v", problems, err)
		}
	}
	close(stop)
	writer.Wait()
}

func TestCheck_FindsWhatIsWrong(t *testing.T) {
	s := full(t)
	if problems, err := s.Check(); len(problems) > 0 || err != nil {
		t.Fatalf("%q %v", problems, err)
	}
	update(t, s, func(tx *Tx) error { return tx.exec("DELETE FROM contact_search WHERE rowid = 7") })
	if problems, err := s.Check(); len(problems) != 1 || !strings.Contains(problems[0], "contact") || err != nil {
		t.Errorf("%q %v", problems, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := connect(source(s.Path(), false, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.script("PRAGMA foreign_keys = OFF; DELETE FROM contact"); err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if problems, err := openStore(t, s.Path(), Options{}).Check(); len(problems) != 2 || !strings.Contains(problems[0], "point") || err != nil {
		t.Errorf("%q %v", problems, err)
	}
}

func TestReadOnly(t *testing.T) {
	path := oldFile(t, "testdata/schema/0001.sql")
	s := openStore(t, path, Options{ReadOnly: true})
	if err := s.Update(func(*Tx) error { return nil }); !errors.Is(err, ErrReadOnly) {
		t.Errorf("%v", err)
	}
	if err := s.Backup(filepath.Join(t.TempDir(), "backup.db"), false); err != nil {
		t.Error(err)
	}
	if problems, err := s.Check(); err != nil {
		t.Errorf("%q %v", problems, err)
	}
	err := s.Reader.do(func(c *conn) error {
		if v, err := version(c); v != 1 || err != nil {
			t.Errorf("the schema was brought to %d: %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	missing := filepath.Join(t.TempDir(), "missing.db")
	if _, err := Open(missing, Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the file was made")
	}
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(empty, Options{ReadOnly: true}); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}

func TestForget(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		old, young := noon.Add(-48*time.Hour), noon.Add(-time.Hour)
		before := noon.Add(-24 * time.Hour)
		put := func(tx *Tx, id string, created, closed time.Time, callback CallbackState, report ReportState) error {
			b := Callback{Key: "cb-" + id, State: callback, Name: "山田 " + id, Created: created, Updated: created}
			i := Interaction{ID: id, Callback: b.Key, Name: b.Name, Note: "秘密", Created: created, Closed: closed, Body: json.RawMessage("{}")}
			err := errors.Join(tx.PutInteraction(i), tx.PutCallback(b), tx.PutAttempt(Attempt{Interaction: id, N: 1}),
				tx.PutCall(HistoryCall{ID: "c-" + id, Interaction: id, Started: created}), tx.AppendHistory([]HistoryEvent{{Interaction: id, Seq: 1, Time: created}}))
			if report != "" {
				err = errors.Join(err, tx.PutReport(Report{ID: "r-" + id, Callback: b.Key, State: report, Created: created}), tx.MoveReport("r-"+id, report, 1, time.Time{}, "", "", created))
			}
			return err
		}
		update(t, s, func(tx *Tx) error {
			return errors.Join(put(tx, "over", old, old, CallbackDone, ReportDelivered), put(tx, "team", old, old, CallbackHanded, ""), put(tx, "back", old, old, CallbackReturned, ""),
				put(tx, "open", old, time.Time{}, CallbackDone, ""), put(tx, "later", old, old, CallbackScheduled, ReportDelivered), put(tx, "unsent", old, old, CallbackDone, ReportWaiting),
				put(tx, "lost", old, old, CallbackDone, ReportFailed), put(tx, "young", young, young, CallbackDone, ReportDelivered),
				tx.PutCall(HistoryCall{ID: "stray", Started: old}), tx.AppendHistory([]HistoryEvent{{Seq: 1, Time: old}, {Seq: 2, Time: young}}))
		})
		var sum Forgotten
		for rounds := 0; ; rounds++ {
			var f Forgotten
			update(t, s, func(tx *Tx) (err error) { f, err = tx.Forget(Retention{History: before}, 1); return err })
			sum.Interactions, sum.Callbacks, sum.Reports, sum.Calls = sum.Interactions+f.Interactions, sum.Callbacks+f.Callbacks, sum.Reports+f.Reports, sum.Calls+f.Calls
			if !f.More {
				break
			}
			if rounds > 20 {
				t.Fatal("it never ends")
			}
		}
		if sum != (Forgotten{Interactions: 5, Callbacks: 3, Reports: 2, Calls: 1}) {
			t.Errorf("%+v", sum)
		}
		var ids []string
		for _, i := range must[[]Interaction](t)(s.History(HistoryFilter{Text: "山田"})) {
			ids = append(ids, i.ID)
			for what, n := range map[string]int{"attempts": len(must[[]Attempt](t)(s.Attempts(i.ID))), "calls": len(must[[]HistoryCall](t)(s.Calls(i.ID))),
				"events": len(must[[]HistoryEvent](t)(s.Timeline(i.ID))), "callbacks": len(must[[]Callback](t)(s.Callbacks(CallbackFilter{Text: i.ID})))} {
				if n != 1 {
					t.Errorf("%s has %d %s", i.ID, n, what)
				}
			}
		}
		if got := strings.Join(ids, " "); got != "young later open" {
			t.Errorf("kept: %s", got)
		}
		for _, key := range []string{"cb-unsent", "cb-lost"} { // where their reports belong to
			if _, found, err := s.Callback(key); !found || err != nil {
				t.Errorf("%s is gone: %v", key, err)
			}
		}
		for _, gone := range []string{"over", "team", "back", "unsent", "lost"} {
			if n := len(must[[]Attempt](t)(s.Attempts(gone))) + len(must[[]HistoryCall](t)(s.Calls(gone))) + len(must[[]HistoryEvent](t)(s.Timeline(gone))); n != 0 {
				t.Errorf("%s left %d things behind", gone, n)
			}
		}
		if events := must[[]HistoryEvent](t)(s.Timeline("")); len(events) != 1 || events[0].Seq != 2 {
			t.Errorf("%+v", events)
		}
		update(t, s, func(tx *Tx) error { // nobody is there who could be told
			f, err := tx.Forget(Retention{History: before, Untold: before}, 100)
			if f != (Forgotten{Untold: 1, Callbacks: 1}) {
				t.Errorf("%+v", f)
			}
			return err
		})
		update(t, s, func(tx *Tx) error {
			f, err := tx.Forget(Retention{Notes: before}, 100)
			if f != (Forgotten{Notes: 1}) {
				t.Errorf("%+v", f)
			}
			return err
		})
		for _, i := range must[[]Interaction](t)(s.History(HistoryFilter{})) {
			if kept := i.ID == "young" || i.ID == "open"; kept != (i.Note != "") {
				t.Errorf("%s: note %q", i.ID, i.Note)
			}
		}
		if all := must[[]Interaction](t)(s.History(HistoryFilter{Text: "秘密"})); len(all) != 2 {
			t.Errorf("%d are found by their note", len(all))
		}
		if problems, err := s.Check(); len(problems) > 0 || err != nil {
			t.Errorf("%q %v", problems, err)
		}
	})
}
