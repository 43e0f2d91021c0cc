package store

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// oldFile makes a database of a former schema from its text.
func oldFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ringback.db")
	c, err := connect(source(path, false, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	script, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.script(string(script)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return path
}

// schemaOf is how the tables and indexes of a store are made.
func schemaOf(t *testing.T, s *Store) (all []string) {
	t.Helper()
	err := s.Reader.do(func(c *conn) (err error) {
		all, err = list(c, value[string], "SELECT name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestMigrate takes a database of each schema that landed to the newest one: it has
// what it had, and its tables are made like those of a new store. Today's schema has a
// text too: a step that landed is never changed.
func TestMigrate(t *testing.T) {
	texts, err := filepath.Glob("testdata/schema/*.sql")
	if err != nil || len(texts) != Schema() {
		t.Fatalf("there are %d texts of schemas, and %d schemas: keep one of each (%v)", len(texts), Schema(), err)
	}
	fresh := schemaOf(t, openStore(t, filepath.Join(t.TempDir(), "new.db"), Options{}))
	for n, text := range texts {
		t.Run(filepath.Base(text), func(t *testing.T) {
			path := oldFile(t, text)
			s := openStore(t, path, Options{})
			if got := schemaOf(t, s); !slices.Equal(got, fresh) {
				t.Errorf("the schema differs from a new one's:\n%s\n---\n%s", strings.Join(got, "\n"), strings.Join(fresh, "\n"))
			}
			holdsOldRows(t, s, n+1)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			holdsOldRows(t, openStore(t, path, Options{}), n+1) // and nothing is done a second time
		})
	}
}

// holdsOldRows looks at what the text of a schema in testdata/schema put into a
// database.
func holdsOldRows(t *testing.T, s *Store, schema int) {
	t.Helper()
	i, _, err := s.Interaction("i1")
	if err != nil || i.Name != "山田 太郎" || i.Attempts != 2 || string(i.Armed) != "null" || i.Created.UnixMilli() != 1815074325000 || i.Closed.IsZero() {
		t.Errorf("%+v %v", i, err)
	}
	for _, f := range []HistoryFilter{{Text: "郎"}, {Text: "請求"}, {Text: "03-1234"}, {Text: "山", Kind: "voicecallback", E164: "+81312345678"}} {
		if got := must[[]Interaction](t)(s.History(f)); len(got) != 1 || got[0].ID != "i1" {
			t.Errorf("%+v: %+v", f, got)
		}
	}
	for _, f := range []CallbackFilter{{Text: "田太"}, {Text: "後で", States: []CallbackState{CallbackScheduled}, Scope: "personal"}, {E164: "+81312345678"}} {
		if got := must[[]Callback](t)(s.Callbacks(f)); len(got) != 1 || got[0].Key != "cb-1" {
			t.Errorf("%+v: %+v", f, got)
		}
	}
	if open := must[[]Interaction](t)(s.OpenInteractions()); len(open) != 1 || open[0].ID != "i2" {
		t.Errorf("%+v", open)
	}
	if due := must[time.Time](t)(s.NextDue()); due.UnixMilli() != 1815080000000 {
		t.Errorf("%v", due)
	}
	if waiting, failed, err := s.CountReports(); waiting != 1 || failed != 1 || err != nil {
		t.Errorf("%d %d %v", waiting, failed, err)
	}
	sizes := []int{len(must[[]Attempt](t)(s.Attempts("i1"))), len(must[[]HistoryEvent](t)(s.Timeline("i1"))), len(must[[]Recent](t)(s.Recents(0))),
		len(must[[]Response](t)(s.Responses("", ""))), len(must[[]Blocked](t)(s.BlockedList())), len(must[[]Favourite](t)(s.Favourites())), len(must[[]Report](t)(s.Reports(ReportFilter{})))}
	if !reflect.DeepEqual(sizes, []int{2, 2, 1, 1, 1, 1, 3}) {
		t.Errorf("attempts, events, calls, responses, blocked, favourites, reports: %v", sizes)
	}
	got, call := must[[]Recording](t)(s.Recordings("i1")), must[[]HistoryCall](t)(s.Calls("i1"))[0]
	switch {
	case schema < 6 && (len(got) != 0 || call.Suite+call.Keying != ""):
		t.Errorf("what that schema did not have: %+v, %+v", got, call)
	case schema >= 6 && (len(got) != 1 || got[0].File != "/srv/rec/i1.wav" || got[0].Duration != 34*time.Second || call.Suite != "AES_CM_128_HMAC_SHA1_80" || call.Keying != "dtls"):
		t.Errorf("%+v, %+v", got, call)
	}
	for _, text := range []string{"山", "タロ", "vip", "1234-5678"} {
		if k := must[[]Contact](t)(s.SearchContacts(text, "", 0)); len(k) != 1 || k[0].ID != 7 || len(k[0].Points) != 2 {
			t.Errorf("%s: %+v", text, k)
		}
	}
}

// A migration that does not come to its end leaves the file as it was.
func TestMigrate_FailsWhole(t *testing.T) {
	path := oldFile(t, "testdata/schema/0001.sql")
	c, err := connect(source(path, false, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	scripts := must[[]string](t)(steps())
	err = c.within("BEGIN IMMEDIATE", func(c *conn) error { return upgrade(c, 1, append(slices.Clone(scripts), "DROP TABLE nowhere")) })
	if err == nil {
		t.Error("no error")
	}
	if v, err := version(c); v != 1 || err != nil {
		t.Errorf("schema %d %v", v, err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	holdsOldRows(t, openStore(t, path, Options{}), 1)
}
