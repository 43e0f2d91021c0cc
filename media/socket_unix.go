//go:build (darwin || freebsd || netbsd || openbsd || dragonfly || linux) && !(linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le))

package media

import (
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rawSocket reads without waiting; it sends through the net package, which does
// not wait for a datagram either.
type rawSocket struct {
	conn   *net.UDPConn
	raw    syscall.RawConn
	readFn func(fd uintptr) bool
	buf    []byte
	n      int
	from   unix.Sockaddr
	err    error
}

func newRawSocket(conn *net.UDPConn) socket {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	s := &rawSocket{conn: conn, raw: raw}
	s.readFn = func(fd uintptr) bool {
		s.n, s.from, s.err = unix.Recvfrom(int(fd), s.buf, unix.MSG_DONTWAIT)
		return true
	}
	return s
}

func (s *rawSocket) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	s.buf = b
	if err := s.raw.Read(s.readFn); err != nil || s.err != nil {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	switch from := s.from.(type) {
	case *unix.SockaddrInet4:
		return s.n, netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port)), now, true
	case *unix.SockaddrInet6:
		return s.n, plain(netip.AddrPortFrom(netip.AddrFrom16(from.Addr), uint16(from.Port))), now, true
	}
	return s.n, netip.AddrPort{}, now, true
}

func (s *rawSocket) write(b []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err
}

func (s *rawSocket) close() { _ = s.conn.Close() }
