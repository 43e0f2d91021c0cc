package store

import "time"

// SQLite appends each commit to the log beside the file, and takes the log into the
// file now and then, by itself within a commit. That writes pages all over a big
// file: with a million interactions one commit in sixty took 50 to 120 ms. Here a
// goroutine does it, on a connection of its own; commits go on beside it.
const (
	checkpointEvery = 64    // commits, about a thousand pages
	logPages        = 32768 // from here on a commit does it itself: the goroutine has not come to it
)

// checkpointer works until Close.
func (s *Store) checkpointer() {
	for {
		select {
		case <-s.quit:
			return
		case <-s.logged:
			if _, err := s.log.exec("PRAGMA wal_checkpoint(PASSIVE)"); err != nil {
				s.o.Log.Warn("store: the log was not taken into the file", "file", s.path, "error", err)
			}
		}
	}
}

// committed counts the commits of the writer, and wakes the checkpointer.
func (s *Store) committed() {
	if s.commits++; s.log != nil && s.commits%checkpointEvery == 0 {
		select {
		case s.logged <- struct{}{}:
		default: // it is at it
		}
	}
}

// A search index takes each commit as a segment of its own, and merges segments from
// time to time, by itself within a commit: one in thirty took 50 ms with a million
// interactions. The schema turns that off; the writer does it in steps while no
// update has come for a while. Where updates never pause the index does it all the
// same when sixteen segments have gathered.
const (
	tidyPause = 25 * time.Millisecond // without an update
	tidyStep  = 16                    // pages of each index
)

// tidy does one step of merging and reports whether there is more to do. It is the
// writer's.
func (s *Store) tidy() (more bool) {
	c := <-s.write
	defer func() { s.write <- c }()
	err := c.within("BEGIN IMMEDIATE", func(c *conn) (err error) {
		more, err = merge(c, tidyStep)
		return err
	})
	if err != nil {
		s.o.Log.Warn("store: the search indexes were not merged", "file", s.path, "error", err)
		return false
	}
	return more
}

// merge merges segments of each search index until some pages are written.
func merge(c *conn, pages int) (more bool, err error) {
	for _, t := range searched {
		before, _, err := one(c, value[int], "SELECT total_changes()")
		if err != nil {
			return false, err
		}
		if _, err := c.exec("INSERT INTO "+t+"_search ("+t+"_search, rank) VALUES ('merge', ?)", pages); err != nil {
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
