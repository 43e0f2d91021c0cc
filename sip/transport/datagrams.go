package transport

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"

	"ringback/sip/message"
)

// datagrams is how a UDP socket is read. One reader; net.ErrClosed after the socket's
// end.
type datagrams interface {
	// read waits for datagrams and hands over what has come, each with the time at
	// which they were read; data is valid within take.
	read(take func(data []byte, from netip.AddrPort, at time.Time)) error
}

func newDatagrams(pc net.PacketConn) datagrams {
	if udp, ok := pc.(*net.UDPConn); ok && runtime.GOOS == "linux" {
		if raw, err := udp.SyscallConn(); err == nil {
			return &batches{udp: udp, raw: raw, batch: ipv4.NewPacketConn(udp)}
		}
	}
	return &singles{pc: pc, buf: make([]byte, message.MaxMessage+1)}
}

// singles reads one at a time, as every system and the in-memory network can.
type singles struct {
	pc  net.PacketConn
	buf []byte
}

func (s *singles) read(take func([]byte, netip.AddrPort, time.Time)) error {
	n, from, err := s.pc.ReadFrom(s.buf)
	if err == nil {
		take(s.buf[:n], addrPortOf(from), time.Now())
	}
	return err
}

const (
	batchTick = time.Millisecond // between two reads of a busy socket
	batchMost = 32               // messages of one read of a busy socket
	busyAfter = 16               // reads in a row, each less than a tick after the one before, until a socket is busy
	quietFor  = time.Second      // of messages that each come alone, until it is no longer
)

// rooms are for one message of a quiet socket each, from when it has come until it is taken:
// a thousand phones in one process wait for one, and do not need 64 kB each for that.
var rooms = sync.Pool{New: func() any {
	room := make([]byte, message.MaxMessage+1)
	return &room
}}

// batches reads a socket of Linux. Whoever is sent many messages has the reader, the loop
// and a thread of each woken for every one of them; so a socket that stays busy is read
// once a millisecond, all that has come by then at once (recvmmsg). A phone's few messages
// are read as they come.
type batches struct {
	udp   *net.UDPConn
	raw   syscall.RawConn
	batch *ipv4.PacketConn
	many  []ipv4.Message // nil: not busy
	clock napper         // of a busy socket
	last  time.Time      // when it was read last; zero: more may wait
	dense int            // reads in a row within a tick
	alone time.Time      // since when each came alone
}

func (b *batches) read(take func([]byte, netip.AddrPort, time.Time)) error {
	if b.many != nil {
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
		b.many, b.clock = make([]ipv4.Message, batchMost), newNapper()
		for i := range b.many {
			b.many[i].Buffers = [][]byte{make([]byte, message.MaxMessage+1)} // of the system only as far as it is written
		}
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
	n, err := b.batch.ReadBatch(b.many, 0)
	now := time.Now()
	if b.last = now; n == len(b.many) {
		b.last = time.Time{}
	}
	if err != nil {
		if errors.Is(err, net.ErrClosed) {
			b.clock.close()
		}
		return err
	}
	for i := range n {
		m := &b.many[i]
		take(m.Buffers[0][:m.N], addrPortOf(m.Addr), now)
	}
	switch {
	case n > 1:
		b.alone = time.Time{}
	case b.alone.IsZero():
		b.alone = now
	case now.Sub(b.alone) > quietFor:
		b.many, b.alone, b.dense = nil, time.Time{}, 0
		b.clock.close()
	}
	return nil
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// inbox is what one read of a socket brought, on its way to the loop in one piece.
type inbox struct {
	s    *socket
	list []Inbound
	room [1]Inbound // of the list: most reads bring one message
}

func (s *socket) newInbox() *inbox {
	b := &inbox{s: s}
	b.list = b.room[:0]
	return b
}

func (b *inbox) post() {
	if n := len(b.list); n > 0 && !b.s.l.cfg.Loop.Post(b.run) {
		b.s.waiting.Add(-int64(n))
	}
}

// run hands the messages up. One that panics, which the loop recovers, costs that
// message only.
func (b *inbox) run() {
	defer b.post()
	for len(b.list) > 0 {
		in := b.list[0]
		b.list = b.list[1:]
		b.s.waiting.Add(-1)
		b.s.l.cfg.OnMessage(in)
	}
}
