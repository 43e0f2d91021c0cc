package store

import (
	"slices"
	"strings"
)

// Response is a standard text to read out.
type Response struct {
	ID       int64 // given by the store
	Category string
	Title    string
	Text     string
	Language string // ja, en
}

func scanResponse(r row) (p Response, err error) {
	return p, r.Scan(&p.ID, &p.Category, &p.Title, &p.Text, &p.Language)
}

// PutResponse writes a response and returns its id. ID 0 is a new one.
func (tx *Tx) PutResponse(p Response) (id int64, err error) {
	id, _, err = one(tx.c, value[int64], `INSERT INTO response (id, category, title, text, language) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
		category = excluded.category, title = excluded.title, text = excluded.text, language = excluded.language RETURNING id`,
		number(p.ID), p.Category, p.Title, p.Text, p.Language)
	return id, err
}

// number is an id in the file, nil for a new one.
func number(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// DeleteResponse removes a response.
func (tx *Tx) DeleteResponse(id int64) error { return tx.exec("DELETE FROM response WHERE id = ?", id) }

// Responses lists those of a category (empty: of all) that have every word of a
// text in their title or text, in the order of category and title. There are a few
// hundred of them, so that all are looked at.
func (r Reader) Responses(category, text string) (all []Response, err error) {
	words := strings.Fields(text)
	err = r.do(func(c *conn) error {
		return c.query(func(r row) error {
			p, err := scanResponse(r)
			if err == nil && hasWords(fold(p.Title+" "+p.Text), words) {
				all = append(all, p)
			}
			return err
		}, "SELECT id, category, title, text, language FROM response WHERE ?1 = '' OR category = ?1 ORDER BY category, title, id", category)
	})
	return all, err
}

func hasWords(folded string, words []string) bool {
	for _, w := range words {
		if !slices.ContainsFunc(variants(fold(w)), func(v string) bool { return strings.Contains(folded, v) }) {
			return false
		}
	}
	return true
}

// Matches reports whether a text has every word of a query, as the searches compare
// them: in any width and case, hiragana for katakana, one way of writing a name for
// another. The empty query matches.
func Matches(text, query string) bool { return hasWords(fold(text), strings.Fields(query)) }
