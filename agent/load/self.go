package load

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// selfMark is where the generator's own cost is counted from.
type selfMark struct {
	at    time.Time
	cpu   time.Duration
	drops map[string]uint64 // of sockets, by inode

	dropped atomic.Uint64 // when it was last looked at
	next    time.Time     // when it may be again; of who looks
}

func measureSelf() *selfMark { return &selfMark{at: time.Now(), cpu: cpuTime(), drops: drops()} }

// lookShare bounds what looking at the sockets costs: the system lists all of them,
// and a run may have thousands.
const lookShare = 100

// look looks at what the sockets have dropped so far, unless that would cost more than
// a hundredth of a core. One goroutine.
func (m *selfMark) look() {
	began := time.Now()
	if began.Before(m.next) {
		return
	}
	m.dropped.Store(m.lost())
	m.next = began.Add(lookShare * time.Since(began))
}

// lost are the datagrams that were dropped after the mark by sockets that are open.
func (m *selfMark) lost() (all uint64) {
	for inode, n := range drops() {
		if n > m.drops[inode] {
			all += n - m.drops[inode]
		}
	}
	return all
}

// Self is the generator's own cost, and what it lost itself. Zero where the system
// does not tell.
type Self struct {
	CPU     float64 `json:"cpu_seconds"`
	Cores   float64 `json:"cores"`   // CPU per second
	Dropped uint64  `json:"dropped"` // datagrams that its own signalling sockets had no room for (Linux)
	Resent  uint64  `json:"resent"`  // SIP messages that it sent again; those of agents are not counted
}

// plus is what two generators cost that ran side by side.
func (s Self) plus(o Self) Self {
	return Self{CPU: s.CPU + o.CPU, Cores: s.Cores + o.Cores, Dropped: s.Dropped + o.Dropped, Resent: s.Resent + o.Resent}
}

// cost is the CPU that was used after the mark, and what was dropped by the last look.
func (m *selfMark) cost() Self {
	s := Self{CPU: (cpuTime() - m.cpu).Seconds(), Dropped: m.dropped.Load()}
	if t := time.Since(m.at).Seconds(); t > 0 {
		s.Cores = s.CPU / t
	}
	return s
}

// lookLast looks once more, whatever it costs; the sockets have to be open still.
func (m *selfMark) lookLast() { m.dropped.Store(m.lost()) }

// drops are the datagrams that sockets of this process had no room for, by inode,
// as /proc/net/udp tells.
func drops() map[string]uint64 {
	mine := map[string]bool{}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	for _, fd := range fds {
		to, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if inode, ok := strings.CutPrefix(to, "socket:["); err == nil && ok {
			mine[strings.TrimSuffix(inode, "]")] = true
		}
	}
	all := map[string]uint64{}
	for _, path := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			cells := strings.Fields(lines.Text())
			if len(cells) < 13 || !mine[cells[9]] {
				continue
			}
			if n, err := strconv.ParseUint(cells[12], 10, 64); err == nil {
				all[cells[9]] = n
			}
		}
		_ = f.Close()
	}
	return all
}

func (s Self) String() string {
	return fmt.Sprintf("%.1f s of CPU (%.2f cores), %d datagrams dropped by its own signalling sockets, %d messages sent again", s.CPU, s.Cores, s.Dropped, s.Resent)
}

// stepCosts is the CPU that each step of a plan took. Any goroutine.
type stepCosts struct {
	mu   sync.Mutex
	done []float64     // seconds, of those that are over
	mark time.Duration // CPU when the one that runs began
	runs bool
}

func (c *stepCosts) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mark, c.runs = cpuTime(), true
}

func (c *stepCosts) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.runs = append(c.done, (cpuTime()-c.mark).Seconds()), false
}

// each are the seconds of the steps so far, the one that runs included.
func (c *stepCosts) each() []float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := append([]float64(nil), c.done...)
	if c.runs {
		all = append(all, (cpuTime() - c.mark).Seconds())
	}
	return all
}
