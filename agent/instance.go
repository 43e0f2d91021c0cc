package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"ringback/agent/store"
)

// instanceFile keeps the instance in the state directory.
const instanceFile = "instance"

// openInstance is what the phone calls itself at its registrar, the same in each of its
// lives (RFC 5626 4.1): a binding that a crash left behind is replaced by the next
// registration, and not added to. It is made once, and again when its file is damaged.
// Without a state directory it is a new one each time.
func openInstance(dir string) (string, error) {
	fresh := uuid.New().URN()
	if dir == "" {
		return fresh, nil
	}
	path := filepath.Join(dir, instanceFile)
	text, err := readLimited(path, 256)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the phone's instance id: %w", err)
	}
	if kept, err := uuid.Parse(strings.TrimSpace(string(text))); err == nil {
		return kept.URN(), nil
	}
	err = store.Replace(path, func(f *os.File) error {
		_, err := f.WriteString(fresh + "\n")
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep the phone's instance id: %w", err)
	}
	return fresh, nil
}
