package store

// SearchContacts finds contacts that have every word of a text in their name,
// reading, note, addresses or numbers, or the run of digits in one of their
// numbers. Those whose name or reading begins with the text come first, then the
// older ones. limit 0: all.
func (r Reader) SearchContacts(text, digits string, limit int) (all []Contact, err error) {
	var queries []string
	if folded := fold(text); folded != "" {
		queries = append(queries, wordQuery(folded, "{name reading} : ^ "))
	}
	any := textQuery(text, "name reading other")
	if digits = digitsOf(digits); digits != "" {
		if any != "" {
			any += " OR "
		}
		any += digitQuery(digits)
	}
	if any != "" {
		queries = append(queries, any)
	}
	err = r.do(func(c *conn) error {
		var ids []int64
		for _, q := range queries {
			if limit <= 0 || len(ids) < limit {
				if ids, err = c.matches(ids, q, limit); err != nil {
					return err
				}
			}
		}
		for _, id := range ids {
			k, found, err := c.contact("id = ?", id)
			if err != nil {
				return err
			}
			if found {
				all = append(all, k)
			}
		}
		return nil
	})
	return all, err
}

// matches adds the contacts that match a query and are not in ids yet, up to limit
// in all.
func (c *conn) matches(ids []int64, query string, limit int) ([]int64, error) {
	seen := make(map[int64]bool, len(ids))
	for _, id := range ids {
		seen[id] = true
	}
	more, err := list(c, value[int64], "SELECT rowid FROM contact_search WHERE contact_search MATCH ? ORDER BY rowid LIMIT ?", query, atMost(limit))
	for _, id := range more {
		if !seen[id] && (limit <= 0 || len(ids) < limit) {
			ids = append(ids, id)
		}
	}
	return ids, err
}
