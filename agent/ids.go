package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"ringback/agent/store"
)

// idBlock is how many ids are set aside in the store at a time, so that a crash
// loses numbers and never gives one out twice.
const idBlock = 64

// ids gives out the ids of a profile. It is the loop's.
type ids struct {
	store        *store.Store
	interactions counter
	calls        counter
	report       func(error)
}

// counter is the block of one kind: numbers from next to below limit are ours.
type counter struct {
	kind        string
	next, limit uint64
}

// openIDs sets a block of each kind aside. What a former version kept in ids.json
// of the state directory is taken over. report gets errors of later blocks.
func openIDs(s *store.Store, dir string, report func(error)) (*ids, error) {
	i := &ids{store: s, interactions: counter{kind: "interaction"}, calls: counter{kind: "call"}, report: report}
	if err := takeOver(s, dir); err != nil {
		return nil, err
	}
	return i, errors.Join(i.refill(&i.interactions), i.refill(&i.calls))
}

// takeOver moves the counters of ids.json into the store, once.
func takeOver(s *store.Store, dir string) error {
	path := filepath.Join(dir, "ids.json")
	text, err := readLimited(path, 4096)
	if dir == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read ids: %w", err)
	}
	var file struct {
		Interaction uint64 `json:"interaction"`
		Call        uint64 `json:"call"`
	}
	if err := json.Unmarshal(text, &file); err != nil || file.Interaction == 0 || file.Call == 0 {
		return fmt.Errorf("read ids: %s is damaged; write {\"interaction\":N,\"call\":N} with numbers above those in use into it", path)
	}
	err = s.UpdateNamed("ids.take-over", func(tx *store.Tx) error {
		return errors.Join(tx.SkipIDs("interaction", file.Interaction), tx.SkipIDs("call", file.Call))
	})
	if err != nil {
		return err
	}
	return os.Remove(path)
}

func (i *ids) interaction() InteractionID {
	return InteractionID("i" + strconv.FormatUint(i.take(&i.interactions), 10))
}

func (i *ids) call() CallID { return CallID("c" + strconv.FormatUint(i.take(&i.calls), 10)) }

// take gives out the next number, and sets the next block aside when half of this
// one is gone: a store that fails for a while costs nothing.
func (i *ids) take(c *counter) uint64 {
	if c.next+idBlock/2 >= c.limit {
		if err := i.refill(c); err != nil {
			i.report(err)
		}
	}
	n := c.next
	c.next++
	return n
}

// refill sets a block aside. When it does not follow on ours, as somebody else took
// the numbers between, we go on in the new one.
func (i *ids) refill(c *counter) error {
	kind, reserved := c.kind, make(chan uint64, 1) // a late update must not touch c
	err := i.store.UpdateNamed("ids", func(tx *store.Tx) error {
		first, err := tx.ReserveIDs(kind, idBlock)
		reserved <- first
		return err
	})
	if err != nil {
		return err
	}
	first := <-reserved
	if first != c.limit {
		c.next = first
	}
	c.limit = first + idBlock
	return nil
}

// close gives back what was set aside and not used.
func (i *ids) close() error {
	interactions, calls := i.interactions, i.calls
	return i.store.UpdateNamed("ids.return", func(tx *store.Tx) error {
		return errors.Join(tx.ReturnIDs(interactions.kind, interactions.next, interactions.limit),
			tx.ReturnIDs(calls.kind, calls.next, calls.limit))
	})
}
