package store

import "strings"

// selection is a query over interactions or callbacks on its way.
type selection struct {
	from  string
	key   string // where the key is read from
	order string
	where []string
	args  []any
}

func (q *selection) and(condition string, args ...any) {
	q.where, q.args = append(q.where, condition), append(q.args, args...)
}

// search goes by the search index of a table, from its newest row on, so that a
// limit ends it early. Each list of tags that has one that is not empty narrows it,
// and so does a number. False: nothing in the text can be searched for.
func (q *selection) search(table, text, e164 string, lists ...[]string) bool {
	match := textQuery(text, "text")
	if match == "" {
		return false
	}
	if digits := digitsOf(e164); digits != "" {
		lists = append(lists, []string{digits})
	}
	for _, words := range lists {
		if tags(words...) != "" {
			match += " AND " + oneOf(words...)
		}
	}
	index := table + "_search"
	q.from, q.key, q.order = index+" CROSS JOIN "+table+" ON seq = "+index+".rowid", index+".rowid", index+".rowid DESC"
	q.and(index+" MATCH ?", match)
	return true
}

func (q *selection) sql(columns string, limit int) (query string, args []any) {
	where := "true"
	if len(q.where) > 0 {
		where = strings.Join(q.where, " AND ")
	}
	return "SELECT " + columns + " FROM " + q.from + " WHERE " + where + " ORDER BY " + q.order + " LIMIT ?", append(q.args, atMost(limit))
}

func anys[T any](list []T) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = v
	}
	return all
}
