package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// The log goes into the file beside the commits, and the search indexes are merged
// while nothing else is done.
func TestUpkeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, filepath.Join(t.TempDir(), FileName), Options{})
		commit := func(n int) {
			update(t, s, func(tx *Tx) error {
				return tx.PutInteraction(Interaction{ID: fmt.Sprint("i", n), Name: fmt.Sprint("山田", n)})
			})
		}
		size := func() int64 {
			info, err := os.Stat(s.Path())
			if err != nil {
				t.Fatal(err)
			}
			return info.Size()
		}
		segments := func() (n int) {
			err := s.Reader.do(func(c *conn) (err error) {
				n, _, err = one(c, value[int], "SELECT count(DISTINCT segid) FROM interaction_search_idx")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
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
		many := segments()
		<-time.After(time.Minute)
		synctest.Wait()
		if few := segments(); few >= many || few > 4 {
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
