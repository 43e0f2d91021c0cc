package transport

import (
	"net"
	"net/netip"
	"time"

	"ringback/sip/message"
)

// datagrams is how a UDP socket is used. One goroutine reads; the others may call from
// anywhere.
type datagrams interface {
	// read waits for datagrams and hands over what has come, each with the time at
	// which they were read; data is valid within take. net.ErrClosed after close.
	read(take func(data []byte, from netip.AddrPort, at time.Time)) error
	// write sends one datagram; it keeps nothing of data.
	write(data []byte, to netip.AddrPort) error
	close()
}

func newDatagrams(pc net.PacketConn) datagrams {
	if udp, ok := pc.(*net.UDPConn); ok {
		if b := newBatches(udp); b != nil {
			return b
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

// write has no copy of the address where the socket allows it.
func (s *singles) write(data []byte, to netip.AddrPort) error {
	if udp, ok := s.pc.(*net.UDPConn); ok {
		_, err := udp.WriteToUDPAddrPort(data, to)
		return err
	}
	_, err := s.pc.WriteTo(data, net.UDPAddrFromAddrPort(to))
	return err
}

func (s *singles) close() { _ = s.pc.Close() }

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
