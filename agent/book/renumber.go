package book

import (
	"context"
	"slices"

	"ringback/agent/store"
)

// renumberBatch is how many contacts one transaction renumbers.
const renumberBatch = 200

// Renumber reads the telephone numbers of all contacts again: by the rules of the
// region that is configured now, which may be another than when they were kept, and
// of the numbering plans that are known now. It says how many contacts it changed.
func (b *Book) Renumber(ctx context.Context) (int, error) {
	var stale []store.Contact
	err := b.eachContact(ctx, func(k store.Contact) error {
		if k, changed := b.renumber(k); changed {
			stale = append(stale, k)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for batch := range slices.Chunk(stale, renumberBatch) {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		err := b.store.UpdateNamed("contacts-renumber", func(tx *store.Tx) error {
			for _, k := range batch {
				now, there, err := tx.Contact(k.ID)
				if err != nil {
					return err
				}
				if now, changed := b.renumber(now); there && changed {
					if _, err := tx.PutContact(now); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		n += len(batch)
	}
	return n, nil
}

// renumber is a contact with its numbers read again. The time of its last change
// stays: nobody has changed it.
func (b *Book) renumber(k store.Contact) (store.Contact, bool) {
	changed := false
	for i, p := range k.Points {
		if p.Kind != PointPhone || b.numbers.Is(p.Value, p.E164) {
			continue
		}
		if !changed {
			k.Points, changed = slices.Clone(k.Points), true
		}
		k.Points[i].E164 = b.numbers.E164(p.Value)
	}
	return k, changed
}
