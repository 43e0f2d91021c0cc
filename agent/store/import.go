package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// ErrExport says that what is to be imported is no whole export.
var ErrExport = errors.New("this is no whole export of a store")

// Imported says what an import did, in rows by table.
type Imported struct {
	Whole   bool           // the store was empty and is now equal to the exported one
	Taken   map[string]int // new or changed here
	Known   map[string]int // here already
	LeftOut map[string]int // of no use in a store that is in use
}

// Import reads an export. An empty store becomes equal to the exported one. One
// that is in use gets its contacts, responses, do-not-call list and favourites
// beside its own, and leaves the rest out: its interactions, callbacks and reports
// belong to another phone. An export of a former schema is brought up to date.
// Errors wrap ErrExport and name the line; then nothing was changed.
func (s *Store) Import(r io.Reader) (done Imported, err error) {
	dir, err := os.MkdirTemp(s.folder(), ".ringback-import-*")
	if err != nil {
		return Imported{}, fault("import beside", s.path, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, FileName)
	if err := s.unpack(path, r); err != nil {
		return Imported{}, err
	}
	from, err := Open(path, Options{Log: s.o.Log, Patience: s.o.Patience}) // of today's schema from here on
	if err != nil {
		return Imported{}, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	empty := false
	err = s.reading(func(c *conn) (err error) {
		empty, err = isEmpty(c)
		return err
	})
	switch {
	case err != nil:
		return Imported{}, err
	case empty:
		return s.become(from)
	}
	return s.merge(from)
}

func (s *Store) folder() string {
	if s.path == "" {
		return os.TempDir()
	}
	return filepath.Dir(s.path)
}

// isEmpty reports whether nothing of worth is in a store. Counters do not matter.
func isEmpty(c *conn) (bool, error) {
	all, err := tables(c)
	for _, t := range all {
		if err != nil || t == "counter" {
			continue
		}
		var one []int
		if one, err = list(c, value[int], "SELECT 1 FROM "+t+" LIMIT 1"); len(one) > 0 {
			return false, err
		}
	}
	return err == nil, err
}

// unpack makes a file of the schema that an export has, with its rows.
func (s *Store) unpack(path string, r io.Reader) error {
	in := &importer{dec: json.NewDecoder(r), line: 1}
	in.dec.UseNumber()
	head, err := in.head(s.path)
	if err != nil {
		return err
	}
	scripts, err := steps()
	if err != nil {
		return err
	}
	if err := ownFile(path); err != nil {
		return fault("import by", path, err)
	}
	c, err := connect(source(path, false, time.Second))
	if err != nil {
		return fault("import by", path, err)
	}
	err = c.within("BEGIN IMMEDIATE", func(c *conn) error {
		if err := upgrade(c, 0, scripts[:head.Version]); err != nil {
			return err
		}
		if err := insertAll(c, in); err != nil {
			return err
		}
		if head.Version < len(scripts) {
			return nil // the next ones fill the search
		}
		return fillSearch(&Tx{c: c})
	})
	return errors.Join(err, c.close())
}

// importer reads the lines of an export.
type importer struct {
	dec  *json.Decoder
	line int // the next one, as far as each value has a line of its own
	rows int
}

// importLine is any line of an export.
type importLine struct {
	exportHead
	exportRow
	exportTail
}

func (in *importer) next() (l importLine, err error) {
	if err = in.dec.Decode(&l); err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return l, in.fail(err)
	}
	in.line++
	return l, nil
}

func (in *importer) fail(err error) error {
	return fmt.Errorf("import line %d: %w: %w", in.line, ErrExport, err)
}

func (in *importer) head(file string) (exportHead, error) {
	l, err := in.next()
	if err != nil {
		return exportHead{}, err
	}
	switch {
	case l.Schema != exportSchema || l.Version < 1:
		in.line = 1
		return exportHead{}, in.fail(fmt.Errorf("it begins with the schema %q, not %s", l.Schema, exportSchema))
	case l.Version > Schema():
		return exportHead{}, &NewerSchemaError{File: file, Version: l.Version, Ours: Schema()}
	}
	return l.exportHead, nil
}

// each calls fn for each row until the tail.
func (in *importer) each(fn func(exportRow) error) error {
	for {
		l, err := in.next()
		if err != nil {
			return err
		}
		if l.End {
			if l.Rows != in.rows {
				return in.fail(fmt.Errorf("it has %d rows, its end says %d", in.rows, l.Rows))
			}
			return nil
		}
		in.rows++
		if err := fn(l.exportRow); err != nil {
			in.line--
			return in.fail(err)
		}
	}
}

// insertAll writes the rows of an export into tables that hold nothing of worth.
func insertAll(c *conn, in *importer) error {
	known, err := tables(c)
	if err != nil {
		return err
	}
	for _, query := range []string{"PRAGMA defer_foreign_keys = ON", "DELETE FROM counter"} {
		if _, err := c.exec(query); err != nil {
			return err
		}
	}
	names, sequenced := map[string][]string{"sqlite_sequence": {"name", "seq"}}, false
	return in.each(func(row exportRow) (err error) {
		if row.Table == "sqlite_sequence" && !sequenced { // the rows before have left numbers of their own there
			sequenced = true
			if _, err := c.exec("DELETE FROM sqlite_sequence"); err != nil {
				return err
			}
		}
		if names[row.Table] == nil {
			if !slices.Contains(known, row.Table) {
				return fmt.Errorf("there is no table %q", row.Table)
			}
			if names[row.Table], err = columns(c, row.Table); err != nil {
				return err
			}
		}
		return c.insert(row.Table, names[row.Table], row.Row)
	})
}

// become makes an empty store equal to another one, in one transaction.
func (s *Store) become(from *Store) (Imported, error) {
	done := Imported{Whole: true}
	if err := from.reading(func(c *conn) (err error) { done.Taken, err = sizes(c); return err }); err != nil {
		return Imported{}, err
	}
	pipe, to := io.Pipe()
	var writer sync.WaitGroup
	writer.Go(func() {
		_, err := from.Export(to)
		to.CloseWithError(err)
	})
	in := &importer{dec: json.NewDecoder(pipe), line: 1}
	in.dec.UseNumber()
	_, err := in.head(s.path)
	if err == nil {
		err = s.UpdateNamed("import", func(tx *Tx) error {
			if empty, err := isEmpty(tx.c); !empty {
				return errors.Join(err, errors.New("import: the store has just come into use: do it again"))
			}
			return tx.takeAll(in)
		})
	}
	err = errors.Join(err, pipe.Close())
	writer.Wait()
	if err != nil {
		return Imported{}, err
	}
	return done, nil
}

// takeAll fills an empty store. An agent may have reserved ids in it already: those
// are not given out again.
func (tx *Tx) takeAll(in *importer) error {
	given := map[string]uint64{}
	err := tx.c.query(func(r row) error {
		var kind string
		var next uint64
		err := r.Scan(&kind, &next)
		given[kind] = next
		return err
	}, "SELECT kind, next FROM counter")
	if err != nil {
		return err
	}
	if err := insertAll(tx.c, in); err != nil {
		return err
	}
	for kind, next := range given {
		if err := tx.SkipIDs(kind, next); err != nil {
			return err
		}
	}
	return fillSearch(tx)
}

// sizes counts the rows of each table that has some.
func sizes(c *conn) (map[string]int, error) {
	all, err := tables(c)
	counts := map[string]int{}
	for _, t := range all {
		if err == nil {
			counts[t], _, err = one(c, value[int], "SELECT count(*) FROM "+t)
		}
		if counts[t] == 0 {
			delete(counts, t)
		}
	}
	return counts, err
}
