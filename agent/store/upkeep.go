package store

import (
	"context"
	"time"
)

// SQLite appends each commit to the log beside the file, and takes the log into the
// file now and then, by itself within a commit. That writes pages all over a big
// file: with a million interactions one commit in sixty took 50 to 120 ms. Here a
// goroutine does it, on a connection of its own; commits go on beside it.
const (
	checkpointEvery = 64 // commits, about a thousand pages
	checkpointTries = 8
	logPages        = 32768 // from here on a commit does it itself: the goroutine has not come to it
)

// checkpointer works until Close.
func (s *Store) checkpointer() {
	for {
		select {
		case <-s.quit:
			return
		case <-s.logged:
			if err := s.takeLog(); err != nil {
				s.o.Log.Warn("store: the log was not taken into the file", "file", s.path, "error", err)
			}
			s.atLog.Store(false)
		}
	}
}

// takeLog takes the log into the file, and once more what was written to it meanwhile:
// SQLite begins the log anew only where all of it has been taken, and it would grow until a
// commit has to take it. What comes by then is little; a reader who stays keeps it as it is.
func (s *Store) takeLog() error {
	for range checkpointTries {
		rest, _, err := one(s.log, func(r row) (rest int, err error) {
			var busy, all, taken int
			err = r.Scan(&busy, &all, &taken)
			return all - taken, err
		}, "PRAGMA wal_checkpoint(PASSIVE)")
		if err != nil || rest == 0 {
			return err
		}
	}
	return nil
}

// committed counts what the writer has written to the log, in usual commits, and wakes the
// checkpointer.
func (s *Store) committed(n int) {
	if s.commits += n; s.log != nil && s.commits >= checkpointEvery && s.atLog.CompareAndSwap(false, true) {
		s.commits = 0
		s.logged <- struct{}{}
	}
}

// A search index takes each commit as a segment of its own, and merges segments from
// time to time, by itself within a commit: one in thirty took 50 ms with a million
// interactions. The schema turns that off; the writer does it in steps while no
// update has come for a while. Where updates never pause the index does it all the
// same when sixteen segments have gathered.
//
// A step cannot be made short: a gram that is in many rows is merged whole, which takes
// 30 ms and more. So an update that comes meanwhile interrupts it. Nor does a step wait
// for the disk, on which the next commit would wait too: what a crash takes of it is
// merged again, and the log keeps the order.
const (
	tidyPause = 25 * time.Millisecond // without an update
	tidyPages = 16                    // of each index, in one step
	tidySize  = 16                    // commits that write as much as a step
)

// tidy does one step of merging and reports whether there is more to do. It does none
// while the log is taken into the file: SQLite begins the log anew only where all of it
// has been taken, and it would grow until a commit has to take it all. It is the writer's.
func (s *Store) tidy() (more bool) {
	if s.atLog.Load() {
		return true
	}
	ctx, end := s.giveWay()
	defer end()
	c := <-s.write
	defer func() { s.write <- c }()
	err := c.unsynced(func() error {
		return c.within("BEGIN IMMEDIATE", func(c *conn) (err error) {
			more, err = merge(ctx, c, tidyPages)
			return err
		})
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return true // what it did was taken back
	case err != nil:
		s.o.Log.Warn("store: the search indexes were not merged", "file", s.path, "error", err)
		return false
	}
	s.committed(tidySize)
	return more
}

// giveWay makes a context that ends as soon as an update waits for the writer.
func (s *Store) giveWay() (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupt = cancel; s.waiting > 0 {
		cancel()
	}
	return ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.interrupt = nil
		cancel()
	}
}

// awaited counts the updates that the writer has not taken yet, and interrupts what it
// does in a pause.
func (s *Store) awaited(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting += n; s.waiting > 0 && s.interrupt != nil {
		s.interrupt()
	}
}

// merge merges segments of each search index until some pages are written, or the
// context ends.
func merge(ctx context.Context, c *conn, pages int) (more bool, err error) {
	for _, t := range searched {
		before, _, err := one(c, value[int], "SELECT total_changes()")
		if err != nil {
			return false, err
		}
		if err := c.execUntil(ctx, "INSERT INTO "+t+"_search ("+t+"_search, rank) VALUES ('merge', ?)", pages); err != nil {
			return false, err
		}
		after, _, err := one(c, value[int], "SELECT total_changes()")
		if err != nil {
			return false, err
		}
		more = more || after-before >= 2 // the statement itself counts as one
	}
	return more, nil
}
