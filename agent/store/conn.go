package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// conn is one connection with the statements that it has prepared. One goroutine
// uses it at a time.
type conn struct {
	db    *sql.DB // of this one connection
	c     *sql.Conn
	stmts []*stmt // the one used last at the end

	unsearched bool // it has no search indexes, and keeps no more than briefStmts
}

// stmt is a prepared statement.
type stmt struct {
	query string
	rows  int // that are being read: it cannot be closed meanwhile (database/sql)
	*sql.Stmt
}

// briefStmts is how many statements a store without search indexes keeps prepared, of the 37
// that an agent uses: each holds 2 to 20 kB, which a load test has a thousand times, and
// takes 60 us to prepare.
const briefStmts = 8

// source writes a file's name as SQLite wants it: a URI, so that no character of
// the path means anything.
func source(path string, readOnly bool, busy time.Duration) string {
	values := url.Values{"_pragma": {"busy_timeout(" + strconv.FormatInt(busy.Milliseconds(), 10) + ")", "foreign_keys(1)", "synchronous(FULL)",
		"temp_store(memory)"}} // a read-only or empty root folder, as that of the headless image, has no /tmp
	if path == "" {
		return "file::memory:?" + values.Encode()
	}
	if readOnly {
		values.Add("_pragma", "query_only(1)")
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	at := url.URL{Path: path}
	return "file://" + at.EscapedPath() + "?" + values.Encode()
}

func connect(dsn string) (*conn, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	c, err := db.Conn(context.Background())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &conn{db: db, c: c}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.c.Close(), c.db.Close())...)
}

// prepare keeps each statement, of which the room has a fixed number; without search
// indexes those that were used last.
func (c *conn) prepare(query string) (*stmt, error) {
	if i := slices.IndexFunc(c.stmts, func(s *stmt) bool { return s.query == query }); i >= 0 {
		s := c.stmts[i]
		c.stmts = append(slices.Delete(c.stmts, i, i+1), s)
		return s, nil
	}
	made, err := c.c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	if c.unsearched && len(c.stmts) >= briefStmts {
		if idle := slices.IndexFunc(c.stmts, func(s *stmt) bool { return s.rows == 0 }); idle >= 0 {
			_ = c.stmts[idle].Close() // how its last use ended was told then
			c.stmts = slices.Delete(c.stmts, idle, idle+1)
		}
	}
	s := &stmt{query: query, Stmt: made}
	c.stmts = append(c.stmts, s)
	return s, nil
}

// exec runs one statement.
func (c *conn) exec(query string, args ...any) (sql.Result, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), args...)
}

// execUntil runs one statement, which the end of the context interrupts. SQLite takes back
// the transaction that it is in then.
func (c *conn) execUntil(ctx context.Context, query string, args ...any) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(ctx, args...)
	return err
}

// unsynced runs fn, whose commits do not wait for the disk: the next one that does takes
// them along. No statement is prepared for it: the pragma works while it is prepared.
func (c *conn) unsynced(fn func() error) error {
	if err := c.script("PRAGMA synchronous = NORMAL"); err != nil {
		return err
	}
	return errors.Join(fn(), c.script("PRAGMA synchronous = FULL"))
}

// script runs any number of statements without arguments.
func (c *conn) script(text string) error {
	_, err := c.c.ExecContext(context.Background(), text)
	return err
}

// query calls scan for each row.
func (c *conn) query(scan func(row) error, query string, args ...any) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	s.rows++
	defer func() { s.rows-- }()
	rows, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// row is what a record is read from.
type row interface{ Scan(dest ...any) error }

// one reads the first row of a query; false: there is none.
func one[T any](c *conn, scan func(row) (T, error), query string, args ...any) (T, bool, error) {
	list, err := list(c, scan, query, args...)
	if len(list) == 0 || err != nil {
		var none T
		return none, false, err
	}
	return list[0], true, nil
}

// list reads all rows of a query.
func list[T any](c *conn, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	var all []T
	err := c.query(func(r row) error {
		v, err := scan(r)
		all = append(all, v)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// value scans a row of one column.
func value[T any](r row) (v T, err error) { return v, r.Scan(&v) }

// stamp is a time in the file: milliseconds, nil for none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// instant reads a stamp.
type instant struct{ to *time.Time }

func (i instant) Scan(v any) error {
	var ms sql.NullInt64
	if err := ms.Scan(v); err != nil {
		return err
	}
	*i.to = time.Time{}
	if ms.Valid {
		*i.to = time.UnixMilli(ms.Int64).UTC()
	}
	return nil
}

// text is JSON in the file, nil for none.
func text(j json.RawMessage) any {
	if len(j) == 0 {
		return nil
	}
	return string(j)
}

func raw(j *json.RawMessage) *[]byte { return (*[]byte)(j) }

// atMost is a LIMIT; 0 and less: all.
func atMost(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}
