package store

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// A store without search indexes keeps the statements that were used last, and those
// whose rows are being read.
func TestPrepare_KeepsThoseUsedLast(t *testing.T) {
	c, err := connect(source("", false, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	c.unsearched = true
	read := func(n int) error {
		v, found, err := one(c, value[int], fmt.Sprintf("SELECT %d", n))
		if err == nil && (!found || v != n) {
			err = fmt.Errorf("SELECT %d gave %d", n, v)
		}
		return err
	}
	rows := 0
	err = c.query(func(row) error {
		rows++
		var errs []error
		for n := range 2 * briefStmts {
			errs = append(errs, read(n), read(7))
		}
		return errors.Join(errs...)
	}, "SELECT 1 UNION SELECT 2 UNION SELECT 3")
	if err != nil || rows != 3 {
		t.Errorf("%d rows of 3, %v", rows, err)
	}
	if len(c.stmts) != briefStmts || c.stmts[briefStmts-1].query != "SELECT 7" || c.stmts[briefStmts-2].query != fmt.Sprintf("SELECT %d", 2*briefStmts-1) {
		t.Errorf("%d statements are kept, want %d: %v", len(c.stmts), briefStmts, c.stmts)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}
