package book

import (
	"slices"
	"strings"
	"time"

	"ringback/agent/phone"
	"ringback/agent/store"
)

// Blocked is a number that must not be called.
type Blocked struct {
	Number string    `json:"number"` // E.164, or as it is dialled
	Shown  string    `json:"shown"`
	Reason string    `json:"reason"`
	Added  time.Time `json:"added"`
	Name   string    `json:"name"` // of the contact that has it
}

// maxReason is the longest reason in bytes.
const maxReason = 1024

// Blocked lists the do-not-call list, the newest entry first: those with a run of
// digits in the number or a word in the reason or the contact's name. Empty: all.
func (b *Book) Blocked(text string) ([]Blocked, error) {
	all, err := b.store.BlockedList()
	if err != nil {
		return nil, err
	}
	list := []Blocked{}
	run := b.runOf(text)
	for _, row := range all {
		entry, err := b.blocked(row)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(text) == "" || run != "" && strings.Contains(phone.Digits(row.E164), run) || hasWords(row.Reason+" "+entry.Name, text) {
			list = append(list, entry)
		}
	}
	return list, nil
}

func (b *Book) blocked(row store.Blocked) (Blocked, error) {
	c, _, err := b.ByNumber(row.E164)
	return Blocked{Number: row.E164, Shown: b.show(row.E164, row.E164), Reason: row.Reason, Added: row.Added, Name: c.Name}, err
}

// dialled is a number as the do-not-call list and the phone compare it.
func (b *Book) dialled(number string) (string, error) {
	if e164 := b.numbers.E164(number); e164 != "" {
		return e164, nil
	}
	if digits := phone.Digits(number); digits != "" && len(digits) <= 15 && !strings.ContainsFunc(number, isLetter) {
		return digits, nil
	}
	return "", Invalid("number: %q is no telephone number", number).hint("write it like 03-1234-5678 or +81312345678")
}

// Block puts a number on the do-not-call list, or changes the reason.
func (b *Book) Block(number, reason string) (Blocked, error) {
	dialled, err := b.dialled(number)
	if err != nil {
		return Blocked{}, err
	}
	if reason = clean(reason, false); len(reason) > maxReason {
		return Blocked{}, Invalid("reason: %d bytes are too many", len(reason)).hint("write at most %d", maxReason)
	}
	row := store.Blocked{E164: dialled, Reason: reason, Added: b.now()}
	err = b.store.UpdateNamed("block", func(tx *store.Tx) (err error) {
		if err = tx.Block(row); err == nil {
			row, _, err = tx.IsBlocked(dialled)
		}
		return err
	})
	if err != nil {
		return Blocked{}, err
	}
	return b.blocked(row)
}

// Unblock takes a number off the do-not-call list.
func (b *Book) Unblock(number string) (Blocked, error) {
	dialled, err := b.dialled(number)
	if err != nil {
		return Blocked{}, err
	}
	row, found, err := b.store.IsBlocked(dialled)
	if err == nil && !found {
		err = NotFound("%s is not on the do-not-call list", number).hint("see: ringback blocked")
	}
	if err != nil {
		return Blocked{}, err
	}
	if err := b.store.UpdateNamed("unblock", func(tx *store.Tx) error { return tx.Unblock(dialled) }); err != nil {
		return Blocked{}, err
	}
	return b.blocked(row)
}

// Favourite is a target that the agent keeps at hand.
type Favourite struct {
	Target string `json:"target"` // what is dialled
	Shown  string `json:"shown"`
	Name   string `json:"name"`
}

// maxFavourites is how many an agent keeps.
const maxFavourites = 500

func (b *Book) favourite(f store.Favourite) Favourite {
	return Favourite{Target: f.Target, Shown: b.show(f.Target, ""), Name: f.Name}
}

// Favourites lists the favourites that have every word of a text, by name.
func (b *Book) Favourites(text string) ([]Favourite, error) {
	all, err := b.store.Favourites()
	list := []Favourite{}
	for _, f := range all {
		if b.matches(text, f.Name, f.Target) {
			list = append(list, b.favourite(f))
		}
	}
	return list, err
}

// AddFavourite keeps a target at hand, or changes its name. Without a name it gets
// the contact's.
func (b *Book) AddFavourite(target, name string) (Favourite, error) {
	target, name = clean(target, false), clean(name, false)
	if e164 := b.numbers.E164(target); e164 != "" {
		target = e164
	}
	if target == "" || len(target) > maxValue || len(name) > maxName {
		return Favourite{}, Invalid("target: %q cannot be kept", target).hint("write an extension, a number or a SIP URI")
	}
	if name == "" {
		c, found, err := b.ByNumber(target)
		if err != nil {
			return Favourite{}, err
		}
		if name = target; found {
			name = c.Name
		}
	}
	f := store.Favourite{Target: target, Name: name}
	err := b.store.UpdateNamed("favourite", func(tx *store.Tx) error {
		all, err := tx.Favourites()
		if err != nil {
			return err
		}
		if len(all) >= maxFavourites && !slices.ContainsFunc(all, func(old store.Favourite) bool { return old.Target == target }) {
			return Invalid("there are %d favourites already", len(all)).hint("remove one")
		}
		return tx.PutFavourite(f)
	})
	return b.favourite(f), err
}

// RemoveFavourite forgets a favourite, named by its target or its name.
func (b *Book) RemoveFavourite(which string) (Favourite, error) {
	all, err := b.store.Favourites()
	if err != nil {
		return Favourite{}, err
	}
	e164 := b.numbers.E164(which)
	at := slices.IndexFunc(all, func(f store.Favourite) bool {
		return f.Target == which || e164 != "" && f.Target == e164 || f.Name == which
	})
	if at < 0 {
		return Favourite{}, NotFound("there is no favourite %q", which).hint("see: ringback favourites")
	}
	return b.favourite(all[at]), b.store.UpdateNamed("favourite-delete", func(tx *store.Tx) error { return tx.DeleteFavourite(all[at].Target) })
}
