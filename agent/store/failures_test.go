package store

import (
	"errors"
	"fmt"
	"testing"
)

// What the file did not do is counted by its cause; what a caller did wrong is not.
func TestFailuresAreCountedByCause(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind.word, func(t *testing.T) {
			s := openStore(t, "", Options{})
			err := s.Update(func(*Tx) error { return fmt.Errorf("write: %w", kind.is) })
			if err == nil {
				t.Fatal("no error")
			}
			for word, n := range s.Failures() {
				if n != 0 != (word == kind.word) {
					t.Errorf("%s is %d after %v", word, n, err)
				}
			}
		})
	}
	s := openStore(t, "", Options{})
	if err := s.Update(func(*Tx) error { return errors.New("a mistake of the caller's") }); err == nil {
		t.Error("no error")
	}
	for word, n := range s.Failures() {
		if n != 0 {
			t.Errorf("%s is %d after a caller's mistake", word, n)
		}
	}
}
