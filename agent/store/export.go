package store

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// exportSchema is the name of the form that Export writes.
const exportSchema = "ringback.store/1"

// The lines of an export. Times in rows are milliseconds since 1970 in UTC.
type (
	exportHead struct {
		Schema  string    `json:"schema"`
		Version int       `json:"version"` // of the tables
		Time    time.Time `json:"time"`
	}
	exportRow struct {
		Table string         `json:"table"`
		Row   map[string]any `json:"row"`
	}
	exportTail struct {
		End  bool `json:"end"`
		Rows int  `json:"rows"`
	}
)

// Export writes all tables as JSON lines, as they are at one moment: a head that
// names the form, a row of a table in each line, and a tail that counts them, so
// that one that was cut off is seen. The search indexes are left out.
func (s *Store) Export(w io.Writer) (rows int, err error) {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err = s.reading(func(c *conn) error {
		v, err := version(c)
		if err != nil {
			return err
		}
		if err := enc.Encode(exportHead{exportSchema, v, s.o.Now().UTC()}); err != nil {
			return err
		}
		all, err := tables(c)
		if err != nil {
			return err
		}
		for _, t := range append(all, "sqlite_sequence") {
			if err := c.rows(t, func(row map[string]any) error { rows++; return enc.Encode(exportRow{t, row}) }); err != nil {
				return err
			}
		}
		return enc.Encode(exportTail{true, rows})
	})
	if err != nil {
		return rows, err
	}
	return rows, out.Flush()
}

// tables lists the tables that hold what cannot be computed, by name.
func tables(c *conn) ([]string, error) {
	return list(c, value[string], `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE '%\_search%' ESCAPE '\' ORDER BY name`)
}

// rows reads a whole table, a map for each row, without NULLs.
func (c *conn) rows(table string, each func(map[string]any) error) error {
	rows, err := c.c.QueryContext(context.Background(), "SELECT * FROM "+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := make(map[string]any, len(names))
		for i, name := range names {
			if values[i] != nil {
				row[name] = values[i]
			}
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// columns lists the columns of a table; none: there is no such table.
func columns(c *conn, table string) ([]string, error) {
	return list(c, value[string], "SELECT name FROM pragma_table_info(?)", table)
}

// insert writes a row of an export. Its names are those of the table, or it is
// refused.
func (c *conn) insert(table string, known []string, row map[string]any) error {
	var names []string
	var values []any
	for _, name := range known {
		v, given := row[name]
		if !given {
			continue
		}
		if n, isNumber := v.(json.Number); isNumber {
			i, err := n.Int64()
			if err != nil {
				return fmt.Errorf("column %s: %w", name, err)
			}
			v = i
		}
		names, values = append(names, name), append(values, v)
	}
	if len(names) != len(row) || len(names) == 0 {
		return fmt.Errorf("table %s has the columns %s, the row has others", table, strings.Join(known, ", "))
	}
	_, err := c.exec("INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES (?"+strings.Repeat(", ?", len(names)-1)+")", values...)
	return err
}
