package store

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"modernc.org/sqlite"
)

func interactionNamed(n int) Interaction {
	return Interaction{ID: fmt.Sprint("i", n), Name: fmt.Sprint("山田", n)}
}

// segments counts those of the interactions' search index.
func segments(t *testing.T, s *Store) (n int) {
	t.Helper()
	err := s.Reader.do(func(c *conn) (err error) {
		n, _, err = one(c, value[int], "SELECT count(DISTINCT segid) FROM interaction_search_idx")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The log goes into the file beside the commits, and the search indexes are merged
// while nothing else is done.
func TestUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, filepath.Join(t.TempDir(), FileName), Options{})
		commit := func(n int) {
			update(t, s, func(tx *Tx) error {
				return tx.PutInteraction(interactionNamed(n))
			})
		}
		size := func() int64 {
			info, err := os.Stat(s.Path())
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		before := size()
		for n := range checkpointEvery {
			commit(n)
		}
		synctest.Wait()
		if after := size(); after <= before {
			t.Errorf("the file has %d bytes after %d commits, as before: its log was not taken into it", after, checkpointEvery)
		}
		for n := range 10 {
			commit(100 + n)
		}
		many := segments(t, s)
		s.atLog.Store(true)
		<-time.After(time.Minute)
		if n := segments(t, s); n != many {
			t.Errorf("%d segments, %d before: they were merged while the log was taken into the file", n, many)
		}
		s.atLog.Store(false)
		<-time.After(time.Minute)
		synctest.Wait()
		if few := segments(t, s); few >= many || few > 4 {
			t.Errorf("%d segments after a rest, %d before", few, many)
		}
		if all := must[[]Interaction](t)(s.History(HistoryFilter{Text: "山田"})); len(all) != checkpointEvery+10 {
			t.Errorf("%d are found", len(all))
		}
		if problems, err := s.Check(); len(problems) > 0 || err != nil {
			t.Errorf("%q %v", problems, err)
		}
	})
}

// pageWritten is called within the writer's transaction for each page that goes into the search
// index of a test's store.
var pageWritten struct {
	sync.Once
	fn atomic.Value // func()
}

// onPage has fn called for each page that goes into the index of the interactions.
func onPage(t *testing.T, s *Store, fn func()) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		return tx.exec("CREATE TEMP TRIGGER page AFTER INSERT ON main.interaction_search_data BEGIN SELECT page_written(); END")
	})
	pageWritten.fn.Store(fn)
	t.Cleanup(func() { pageWritten.fn.Store(func() {}) })
}

// An update that comes while the search indexes are merged ends that at once: what was
// merged in this step is taken back, and merged later.
func TestUpkeep_GivesWay(t *testing.T) {
	pageWritten.Do(func() {
		sqlite.MustRegisterScalarFunction("page_written", 0, func(*sqlite.FunctionContext, []driver.Value) (driver.Value, error) {
			pageWritten.fn.Load().(func())()
			return nil, nil
		})
	})
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, filepath.Join(t.TempDir(), FileName), Options{})
		for n := range 10 {
			update(t, s, func(tx *Tx) error { return tx.PutInteraction(interactionNamed(n)) })
		}
		before, merging, on := segments(t, s), make(chan struct{}), make(chan struct{})
		onPage(t, s, sync.OnceFunc(func() { close(merging); <-on }))
		<-merging // after the pause
		done := make(chan error, 1)
		go func() {
			done <- s.Update(func(tx *Tx) error {
				if level, _, err := one(tx.c, value[int], "PRAGMA synchronous"); level != 2 || err != nil {
					t.Errorf("the commit after a step has synchronous %d (%v), want 2, FULL", level, err)
				}
				return tx.PutInteraction(interactionNamed(10))
			})
		}()
		synctest.Wait() // it waits
		close(on)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if after := segments(t, s); after != before+1 {
			t.Errorf("%d segments, want the %d from before and one more: the update waited until they were merged", after, before)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if few := segments(t, s); few > 4 {
			t.Errorf("%d segments after a rest", few)
		}
		if all := must[[]Interaction](t)(s.History(HistoryFilter{Text: "山田"})); len(all) != 11 {
			t.Errorf("%d are found", len(all))
		}
		if problems, err := s.Check(); len(problems) > 0 || err != nil {
			t.Errorf("%q %v", problems, err)
		}
	})
}

// While one update hangs, one that waits behind it gives up after its own patience,
// and afterwards nothing is left of it.
func TestUpdate_BehindASlowOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(chan struct{})
		s := openStore(t, "", Options{Commit: func(point string, before bool) {
			if point == "slow" && before {
				<-disk
			}
		}})
		began := time.Now()
		slow := make(chan error, 1)
		go func() { slow <- s.UpdateNamed("slow", func(tx *Tx) error { return tx.Block(Blocked{E164: "+1"}) }) }()
		<-time.After(time.Second)
		err := s.Update(func(tx *Tx) error { return tx.Block(Blocked{E164: "+2"}) })
		if took := time.Since(began); !errors.Is(err, ErrSlow) || took != 3*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if err := <-slow; !errors.Is(err, ErrSlow) {
			t.Errorf("%v", err)
		}
		close(disk)
		synctest.Wait()
		update(t, s, func(tx *Tx) error { return tx.Block(Blocked{E164: "+3"}) })
		if all := must[[]Blocked](t)(s.BlockedList()); len(all) != 2 { // +1 was in its commit already
			t.Errorf("%+v", all)
		}
	})
}
