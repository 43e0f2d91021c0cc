package load

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

// vars are the columns of a row, by their names.
type vars map[string]string

// variable is {name} in a text of a plan.
var variable = regexp.MustCompile(`\{([a-zA-Z][a-zA-Z0-9_-]*)\}`)

// in puts the values of rows, of which the first that has one counts, in the place of
// {name}.
func in(text string, rows ...vars) string {
	if !strings.Contains(text, "{") {
		return text
	}
	return variable.ReplaceAllStringFunc(text, func(found string) string {
		for _, row := range rows {
			if value, known := row[found[1:len(found)-1]]; known {
				return value
			}
		}
		return found
	})
}

// variables are the names that a text asks for.
func variables(text string) []string {
	var names []string
	for _, found := range variable.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	return names
}

// maxRows bounds a table.
const maxRows = 1_000_000

// readTable reads a CSV file whose first line names the columns; lines that begin with #
// are left out. Cells are not repeated in errors: they may be passwords.
func readTable(field, path string) (columns []string, rows []vars, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", field, err)
	}
	defer f.Close()
	lines := csv.NewReader(f)
	lines.Comment, lines.TrimLeadingSpace = '#', true
	if columns, err = lines.Read(); err != nil {
		return nil, nil, fmt.Errorf("%s %s: no line that names the columns: %w", field, path, err)
	}
	for i, name := range columns {
		name = strings.ToLower(strings.TrimSpace(name))
		if !variable.MatchString("{"+name+"}") || slices.Contains(columns[:i], name) {
			return nil, nil, fmt.Errorf("%s %s: column %d is called %q: write a name of letters, digits, _ and - for each, and none twice", field, path, i+1, name)
		}
		columns[i] = name
	}
	for {
		cells, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var bad *csv.ParseError
			if errors.As(err, &bad) {
				return nil, nil, fmt.Errorf("%s %s, line %d: %w", field, path, bad.Line, bad.Err)
			}
			return nil, nil, fmt.Errorf("%s %s: %w", field, path, err)
		}
		row := vars{}
		for i, cell := range cells {
			row[columns[i]] = strings.TrimSpace(cell)
		}
		if rows = append(rows, row); len(rows) > maxRows {
			return nil, nil, fmt.Errorf("%s %s: more than %d rows", field, path, maxRows)
		}
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("%s %s: holds no row", field, path)
	}
	return columns, rows, nil
}

// every is each of-th of rows, from the i-th on: a shard's part. With fewer rows than
// shards they are shared.
func every(rows []vars, i, of int) []vars {
	if len(rows) < of {
		return rows
	}
	var mine []vars
	for ; i < len(rows); i += of {
		mine = append(mine, rows[i])
	}
	return mine
}
