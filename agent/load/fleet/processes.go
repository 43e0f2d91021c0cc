package fleet

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"ringback/agent/load"
)

// Processes are generators that run as processes of this machine.
type Processes struct {
	losses chan Loss
	all    []*exec.Cmd
	done   sync.WaitGroup
}

// StartProcesses starts one for each of n parts, as command makes it. They are in
// process groups of their own: a Ctrl-C reaches them by way of the coordinator.
func StartProcesses(n int, command func(load.Part) *exec.Cmd) (*Processes, error) {
	p := &Processes{losses: make(chan Loss, n)}
	for i := range n {
		cmd := command(load.Part{Index: i, Of: n})
		said := &lastWords{}
		cmd.Stderr = said
		ownGroup(cmd)
		if err := cmd.Start(); err != nil {
			p.Close(0)
			return nil, fmt.Errorf("start generator %v: %w", load.Part{Index: i, Of: n}, err)
		}
		p.all = append(p.all, cmd)
		p.done.Go(func() {
			err := cmd.Wait()
			why := "its process has ended"
			if err != nil {
				why = fmt.Sprintf("its process ended: %v: %s", err, said)
			}
			p.losses <- Loss{i, strings.TrimSuffix(why, ": ")}
		})
	}
	return p, nil
}

// Losses tells of each that has ended; whether it was before its time the
// coordinator knows.
func (p *Processes) Losses() <-chan Loss { return p.losses }

// PIDs are their process ids, by index.
func (p *Processes) PIDs() []int {
	var all []int
	for _, cmd := range p.all {
		all = append(all, cmd.Process.Pid)
	}
	return all
}

// Close interrupts those that are there still, since nobody coordinates them any more:
// one that has not joined would look for a coordinator as long as it may. It waits for
// all to end, and ends those that have not after the grace.
func (p *Processes) Close(grace time.Duration) {
	for _, cmd := range p.all {
		_ = cmd.Process.Signal(os.Interrupt) // fails where it has ended
	}
	late := time.AfterFunc(grace, func() {
		for _, cmd := range p.all {
			_ = cmd.Process.Kill()
		}
	})
	defer late.Stop()
	p.done.Wait()
}

// lastWords keeps the end of what a process wrote.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

// maxWords bounds what is kept.
const maxWords = 2048

// Write implements io.Writer.
func (w *lastWords) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text...)
	w.text = bytes.Clone(w.text[max(0, len(w.text)-maxWords):])
	return len(text), nil
}

// String is its last line.
func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(w.text)), "\n")
	return lines[len(lines)-1]
}
