package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// says reports whether an error is of a kind, names the file and says what to do.
func says(t *testing.T, err, kind error, file string) {
	t.Helper()
	remedy := ""
	for _, r := range remedies {
		if errors.Is(r.is, kind) {
			remedy = r.remedy
		}
	}
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), remedy) {
		t.Errorf("%v\nwant: %v, the file %s, and what to do: %s", err, kind, file, remedy)
	}
}

// filled is the path of a store with n interactions, closed.
func filled(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	s := openStore(t, path, Options{})
	update(t, s, func(tx *Tx) error {
		for i := range n {
			if err := tx.PutInteraction(Interaction{ID: fmt.Sprint("i", i), Name: "山田 太郎", Note: strings.Repeat("x", 500)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDamaged_NoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, Options{})
	says(t, err, ErrDamaged, path)
}

// All but the first pages are overwritten: the store opens, but whoever meets one of
// them is told, and Check finds it.
func TestDamaged_InTheMiddle(t *testing.T) {
	path := filled(t, 300)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 100)
	if _, err := f.ReadAt(head, 0); err != nil {
		t.Fatal(err)
	}
	pageSize, pages := int64(binary.BigEndian.Uint16(head[16:])), int64(binary.BigEndian.Uint32(head[28:]))
	for page := pages / 4; page < pages; page++ {
		if _, err := f.WriteAt([]byte(strings.Repeat("\xff", int(pageSize))), page*pageSize); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, path, Options{})
	_, err = s.History(HistoryFilter{})
	says(t, err, ErrDamaged, path)
	if problems, err := s.Check(); len(problems) == 0 || err != nil {
		t.Errorf("%q %v", problems, err)
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	says(t, s.Backup(backup, false), ErrDamaged, backup)
}

// A file that may not grow stands for a full disk on any machine.
func TestFull_NothingAcknowledgedIsLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	s := openStore(t, path, Options{})
	limit := func(pages int) {
		c := <-s.write
		defer func() { s.write <- c }()
		if err := c.script(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(100)
	acknowledged := fillUp(t, s, ErrFull)
	limit(1 << 30)
	holds(t, s, acknowledged)
	update(t, s, func(tx *Tx) error { return tx.PutInteraction(Interaction{ID: "after"}) })
}

// fillUp writes interactions, each with its callback, until the store fails, and
// says how many were acknowledged.
func fillUp(t *testing.T, s *Store, want error) int {
	t.Helper()
	for n := 0; n < 10_000; n++ {
		err := s.Update(func(tx *Tx) error {
			return errors.Join(tx.PutInteraction(Interaction{ID: fmt.Sprint("i", n), Note: strings.Repeat("x", 2000)}),
				tx.PutCallback(Callback{Key: fmt.Sprint(n), State: CallbackOpen, Reason: strings.Repeat("y", 2000)}))
		})
		if err != nil {
			says(t, err, want, s.Path())
			return n
		}
	}
	t.Fatal("it never gets full")
	return 0
}

// holds looks whether n interactions and callbacks are there, and no more.
func holds(t *testing.T, s *Store, n int) {
	t.Helper()
	if n == 0 {
		t.Error("nothing was ever acknowledged")
	}
	if got, callbacks := len(must[[]Interaction](t)(s.OpenInteractions())), len(must[[]Callback](t)(s.Callbacks(CallbackFilter{}))); got != n || callbacks != n {
		t.Errorf("%d interactions and %d callbacks are there, %d were acknowledged", got, callbacks, n)
	}
	if problems, err := s.Check(); len(problems) > 0 || err != nil {
		t.Errorf("%q %v", problems, err)
	}
}

// A file that becomes read-only while it is open.
func TestReadOnly_WhileOpen(t *testing.T) {
	path := filled(t, 3)
	s := openStore(t, path, Options{})
	query := func(on int) {
		c := <-s.write
		defer func() { s.write <- c }()
		if err := c.script(fmt.Sprintf("PRAGMA query_only = %d", on)); err != nil {
			t.Fatal(err)
		}
	}
	query(1)
	err := s.Update(func(tx *Tx) error { return tx.Block(Blocked{E164: "+1"}) })
	says(t, err, ErrReadOnly, path)
	if n := len(must[[]Interaction](t)(s.OpenInteractions())); n != 3 {
		t.Errorf("%d are read", n)
	}
	query(0)
	update(t, s, func(tx *Tx) error { return tx.Block(Blocked{E164: "+1"}) })
}

func TestReadOnly_NoFile(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, FileName), Options{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("in a file: %v", err)
	}
}

// Another program that holds the file costs half of the patience, and is said.
func TestBusy(t *testing.T) {
	path := filled(t, 1)
	s := openStore(t, path, Options{Patience: 200_000_000})
	other := openStore(t, path, Options{})
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- other.Update(func(tx *Tx) error {
			close(held)
			<-release
			return tx.Block(Blocked{E164: "+1"})
		})
	}()
	<-held
	says(t, s.Update(func(tx *Tx) error { return tx.Block(Blocked{E164: "+2"}) }), ErrSlow, path)
	if n := len(must[[]Interaction](t)(s.OpenInteractions())); n != 1 {
		t.Errorf("%d are read", n)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	update(t, s, func(tx *Tx) error { return tx.Block(Blocked{E164: "+2"}) })
	if all := must[[]Blocked](t)(s.BlockedList()); len(all) != 2 {
		t.Errorf("%+v", all)
	}
}
