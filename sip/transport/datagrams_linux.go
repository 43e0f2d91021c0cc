package transport

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"ringback/sip/message"
)

const (
	batchTick = time.Millisecond          // between two reads of a busy socket
	batchMost = 32                        // messages of one read of a busy socket
	busyAfter = 16                        // reads in a row, each less than a tick after the one before, until a socket is busy
	quietFor  = time.Second               // of less than quietMost messages, until it is no longer
	quietMost = int(quietFor / batchTick) // one a tick: looking for them costs as much as being woken by each
)

// rooms are for one message of a quiet socket each, from when it has come until it is taken:
// a thousand phones in one process wait for one, and do not need 64 kB each for that.
var rooms = sync.Pool{New: func() any {
	room := make([]byte, message.MaxMessage+1)
	return &room
}}

// batches is a socket of Linux. Whoever is sent many messages has the reader, the loop
// and a thread of each woken for every one of them; so a socket that stays busy leaves the
// runtime's poller (bare), and is looked at once a millisecond, for all that has come by then.
// A phone's few messages are read as they come.
type batches struct {
	mu     sync.RWMutex // held to write udp, bare and closed, and to use bare
	udp    *net.UDPConn // while quiet; the last one while busy
	bare   *bare        // while busy
	closed bool

	// The reader's.
	raw   syscall.RawConn // of udp
	clock napper          // of a busy socket
	last  time.Time       // when it was read last; zero: more may wait
	dense int             // reads in a row within a tick
	since time.Time       // since when came counts
	came  int             // messages of a busy socket
}

func newBatches(udp *net.UDPConn) *batches {
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil
	}
	return &batches{udp: udp, raw: raw}
}

func (b *batches) read(take func([]byte, netip.AddrPort, time.Time)) error {
	if b.bare != nil {
		return b.readMany(take)
	}
	if err := waitReadable(b.raw); err != nil {
		return err
	}
	room := rooms.Get().(*[]byte)
	defer rooms.Put(room)
	n, from, err := b.udp.ReadFromUDPAddrPort(*room)
	now := time.Now()
	if b.dense++; now.Sub(b.last) >= batchTick {
		b.dense = 0
	}
	if b.last = now; b.dense >= busyAfter {
		b.becomeBusy(now)
	}
	if err == nil {
		take((*room)[:n], unmapped(from), now)
	}
	return err
}

func (b *batches) readMany(take func([]byte, netip.AddrPort, time.Time)) error {
	if since := time.Since(b.last); since < batchTick {
		b.clock.nap(batchTick - since)
	}
	n, err := b.receive()
	now := time.Now()
	if b.last = now; n == batchMost {
		b.last = time.Time{}
	}
	if err != nil {
		if errors.Is(err, net.ErrClosed) {
			b.clock.close()
		}
		return err
	}
	for i := range n {
		data, from := b.bare.message(i)
		take(data, from, now)
	}
	if b.came += n; now.Sub(b.since) > quietFor {
		if b.came < quietMost {
			b.becomeQuiet()
		}
		b.since, b.came = now, 0
	}
	return nil
}

func (b *batches) receive() (int, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return 0, net.ErrClosed
	}
	return b.bare.receive()
}

// becomeBusy takes the socket out of the poller; it stays there where it cannot be taken.
func (b *batches) becomeBusy(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dense = 0
	if b.closed {
		return
	}
	if b.bare = newBare(b.raw); b.bare != nil {
		_ = b.udp.Close() // the socket lives on in bare
		b.clock, b.since, b.came = newNapper(), now, 0
	}
}

// becomeQuiet gives the socket back to the poller.
func (b *batches) becomeQuiet() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	udp, raw, err := b.bare.watched()
	if err != nil {
		return // no descriptor is free: it is read as it is
	}
	b.bare.close()
	b.udp, b.raw, b.bare, b.last = udp, raw, nil, time.Time{}
	b.clock.close()
}

func (b *batches) write(data []byte, to netip.AddrPort) error {
	for {
		udp, err := b.writeBare(data, to)
		if udp == nil {
			return err
		}
		_, err = udp.WriteToUDPAddrPort(data, to)
		if !errors.Is(err, net.ErrClosed) || !b.left(udp) {
			return err
		}
	}
}

// writeBare writes to a busy socket, or gives back the quiet one: that may wait for room,
// and is not to hold up others meanwhile.
func (b *batches) writeBare(data []byte, to netip.AddrPort) (*net.UDPConn, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	switch {
	case b.closed:
		return nil, net.ErrClosed
	case b.bare != nil:
		return nil, b.bare.write(data, to)
	}
	return b.udp, nil
}

// left says that the socket is no longer udp, which was closed for that reason.
func (b *batches) left(udp *net.UDPConn) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return !b.closed && (b.bare != nil || b.udp != udp)
}

func (b *batches) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	_ = b.udp.Close()
	if b.bare != nil {
		b.bare.close()
	}
}

// waitReadable waits until a socket has a datagram to read, or its end.
func waitReadable(raw syscall.RawConn) error {
	return raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), nil, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return !errors.Is(err, syscall.EAGAIN)
	})
}
