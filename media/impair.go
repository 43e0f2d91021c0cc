package media

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Impairment is how badly the network treats media, for tests: the session's own
// code does not know of it. The zero value harms nothing.
type Impairment struct {
	Loss    float64       // share of the packets that are lost, 0 to 1
	Burst   int           // packets that are lost together; 0 and 1: each by itself
	Jitter  time.Duration // a packet is late by 0 to this, evenly
	Reorder float64       // share of the packets that the one behind overtakes, 0 to 1
	In, Out bool          // what comes, what goes
}

// Harms says whether the impairment does anything.
func (i Impairment) Harms() bool {
	return (i.In || i.Out) && (i.Loss > 0 || i.Jitter > 0 || i.Reorder > 0)
}

// overtaken is by how much a packet is late that the next one overtakes: more than
// the 20 ms from one to the next.
const overtaken = 30 * time.Millisecond

// impairedSocket loses and delays datagrams of a socket. Reads are the shard's;
// what is sent late goes out from a timer's goroutine, so that writes have a lock.
type impairedSocket struct {
	inner   socket
	how     Impairment
	in, out fate
	late    []arrival // read, and not due yet

	mu     sync.Mutex // of inner's writes
	closed bool
}

type arrival struct {
	data []byte
	from netip.AddrPort
	due  time.Time
}

// fate decides about the packets of one direction.
type fate struct {
	rng  *rand.Rand
	left int // packets of this burst that are still to be lost
}

// of says whether a packet is lost, and how late it is otherwise. A burst begins so
// seldom that the share of what is lost stays the same.
func (f *fate) of(how Impairment) (lost bool, late time.Duration) {
	burst := max(1, how.Burst)
	switch {
	case f.left > 0:
		f.left--
		return true, 0
	case how.Loss > 0 && f.rng.Float64() < beginsBurst(how.Loss, float64(burst)):
		f.left = burst - 1
		return true, 0
	}
	if how.Jitter > 0 {
		late = time.Duration(f.rng.Int64N(int64(how.Jitter)))
	}
	if how.Reorder > 0 && f.rng.Float64() < how.Reorder {
		late += overtaken
	}
	return false, late
}

// beginsBurst is how likely a packet begins a burst, so that loss is the share of
// all: of 1/p packets that come before a burst and the burst itself, loss is lost.
func beginsBurst(loss, burst float64) float64 {
	if loss >= 1 {
		return 1
	}
	return loss / (burst*(1-loss) + loss)
}

// socket is how a session reads and writes one of its ports.
func (e *Engine) socket(conn net.PacketConn) socket {
	return impair(newSocket(conn, &e.tasks), e.cfg.Impair)
}

// impair wraps a socket.
func impair(s socket, how Impairment) socket {
	if !how.Harms() {
		return s
	}
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }
	return &impairedSocket{inner: s, how: how, in: fate{rng: rng()}, out: fate{rng: rng()}}
}

func (s *impairedSocket) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	if !s.how.In {
		return s.inner.read(b, now)
	}
	for {
		n, from, at, ok := s.inner.read(b, now)
		if !ok {
			break
		}
		lost, late := s.in.of(s.how)
		if !lost {
			s.late = append(s.late, arrival{append([]byte(nil), b[:n]...), from, at.Add(late)})
		}
	}
	first := -1
	for i, a := range s.late {
		if !a.due.After(now) && (first < 0 || a.due.Before(s.late[first].due)) {
			first = i
		}
	}
	if first < 0 {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	a := s.late[first]
	s.late = append(s.late[:first], s.late[first+1:]...)
	return copy(b, a.data), a.from, a.due, true
}

// write says that it sent what is lost, as a network does.
func (s *impairedSocket) write(b []byte, to netip.AddrPort) error {
	var lost bool
	var late time.Duration
	if s.how.Out {
		lost, late = s.out.of(s.how)
	}
	switch {
	case lost:
		return nil
	case late == 0:
		return s.send(b, to)
	}
	data := append([]byte(nil), b...)
	time.AfterFunc(late, func() { _ = s.send(data, to) }) // nobody is told of what a network loses
	return nil
}

func (s *impairedSocket) send(b []byte, to netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return s.inner.write(b, to)
}

func (s *impairedSocket) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.inner.close()
}
