package store

import "fmt"

// ReserveIDs gives out n numbers, from first on, that this store never gave out
// before. The first ever is 1.
func (tx *Tx) ReserveIDs(kind string, n uint64) (first uint64, err error) {
	next, _, err := one(tx.c, value[uint64],
		"INSERT INTO counter (kind, next) VALUES (?1, ?2 + 1) ON CONFLICT (kind) DO UPDATE SET next = next + ?2 RETURNING next", kind, n)
	return next - n, err
}

// SkipIDs sees to it that numbers below next are not given out any more.
func (tx *Tx) SkipIDs(kind string, next uint64) error {
	if next == 0 {
		return fmt.Errorf("skip ids: %s numbers begin at 1", kind)
	}
	return tx.exec("INSERT INTO counter (kind, next) VALUES (?1, ?2) ON CONFLICT (kind) DO UPDATE SET next = max(next, ?2)", kind, next)
}

// ReturnIDs takes back the numbers from next to limit, the end of what was reserved
// last, when nothing was reserved since.
func (tx *Tx) ReturnIDs(kind string, next, limit uint64) error {
	return tx.exec("UPDATE counter SET next = ? WHERE kind = ? AND next = ?", next, kind, limit)
}
