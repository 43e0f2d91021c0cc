package store

import "time"

// perSecond is how many keys a second has; more records of the same second take
// keys of the next one.
const perSecond = 64

// keyOf is the first key of a time: interactions and callbacks have the time of
// their creation as the key, so that newest first is the order of the table and
// of its search index, and a span of time is a span of keys in both.
func keyOf(t time.Time) int64 { return t.Unix() * perSecond }

// freeKey is the first free key for a record made at t.
func (tx *Tx) freeKey(table string, t time.Time) (int64, error) {
	key := keyOf(t)
	for {
		last, found, err := one(tx.c, value[int64],
			"SELECT seq FROM "+table+" WHERE seq >= ? AND seq < ? ORDER BY seq DESC LIMIT 1", key, key+perSecond)
		if err != nil || !found {
			return key, err
		}
		if last+1 < key+perSecond {
			return last + 1, nil
		}
		key += perSecond
	}
}

// keySpan is the span of keys of a span of time. Its end is generous, since keys
// may be moved to later seconds: times decide as well.
func keySpan(from, until time.Time) (low, high int64) {
	low, high = -1<<62, 1<<62
	if !from.IsZero() {
		low = keyOf(from)
	}
	if !until.IsZero() {
		high = keyOf(until.Add(24 * time.Hour))
	}
	return low, high
}

// timeSpan is a span of time in stamps: from and until are within it and not,
// zero is open.
func timeSpan(from, until time.Time) (low, high int64) {
	low, high = -1<<62, 1<<62
	if !from.IsZero() {
		low = from.UnixMilli()
	}
	if !until.IsZero() {
		high = until.UnixMilli()
	}
	return low, high
}
