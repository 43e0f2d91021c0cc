//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le)

package media

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawSocket reads and writes with the system call itself, without waiting and
// without the runtime's poller, and takes the kernel's arrival time.
type rawSocket struct {
	conn    *net.UDPConn
	raw     syscall.RawConn
	six     bool
	readFn  func(fd uintptr) bool
	writeFn func(fd uintptr) bool

	// The arguments and results of one call, so that nothing is allocated.
	in, out struct {
		msg  unix.Msghdr
		iov  unix.Iovec
		name unix.RawSockaddrInet6
	}
	control [64]byte
	n       int
	errno   syscall.Errno
	to      netip.AddrPort
	toLen   uint32
}

// newRawSocket returns nil where the socket cannot be used directly.
func newRawSocket(conn *net.UDPConn) socket {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	s := &rawSocket{conn: conn, raw: raw}
	fit := false
	err = raw.Control(func(fd uintptr) {
		family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		fit = err == nil && (family == unix.AF_INET || family == unix.AF_INET6)
		s.six = family == unix.AF_INET6
		// Without arrival times the time of reading is taken: less exact, not wrong.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	if err != nil || !fit {
		return nil
	}
	s.readFn, s.writeFn = s.recv, s.send
	return s
}

func (s *rawSocket) recv(fd uintptr) bool {
	n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&s.in.msg)), unix.MSG_DONTWAIT)
	s.n, s.errno = int(n), errno
	return true
}

func (s *rawSocket) send(fd uintptr) bool {
	_, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&s.out.msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	s.errno = errno
	return true
}

func (s *rawSocket) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	in := &s.in
	in.iov.Base = &b[0]
	in.iov.SetLen(len(b))
	in.msg = unix.Msghdr{
		Name: (*byte)(unsafe.Pointer(&in.name)), Namelen: unix.SizeofSockaddrInet6,
		Iov: &in.iov, Control: &s.control[0],
	}
	in.msg.SetIovlen(1)
	in.msg.SetControllen(len(s.control))
	// An ICMP answer to what was sent is reported once and taken off: try again.
	for range 2 {
		if err := s.raw.Read(s.readFn); err != nil {
			return 0, netip.AddrPort{}, time.Time{}, false
		}
		if s.errno == 0 {
			return s.n, s.from(), s.arrival(now), true
		}
		if s.errno == unix.EAGAIN {
			break
		}
	}
	return 0, netip.AddrPort{}, time.Time{}, false
}

func (s *rawSocket) from() netip.AddrPort {
	name := &s.in.name
	port := name.Port>>8 | name.Port<<8 // network order on a little-endian machine
	if name.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), port)
}

// arrival turns the kernel's wall clock into a time of ours, within the second
// before now.
func (s *rawSocket) arrival(now time.Time) time.Time {
	length := int(s.in.msg.Controllen)
	if length < unix.CmsgLen(int(unsafe.Sizeof(unix.Timespec{}))) {
		return now
	}
	head := (*unix.Cmsghdr)(unsafe.Pointer(&s.control[0]))
	if head.Level != unix.SOL_SOCKET || head.Type != unix.SO_TIMESTAMPNS {
		return now
	}
	stamp := *(*unix.Timespec)(unsafe.Pointer(&s.control[unix.CmsgLen(0)]))
	age := now.Sub(time.Unix(stamp.Unix()))
	if age < -20*time.Millisecond || age > time.Second {
		return now // the wall clock was set
	}
	return now.Add(-age)
}

func (s *rawSocket) write(b []byte, to netip.AddrPort) error {
	if to != s.to {
		s.address(to)
	}
	out := &s.out
	out.iov.Base = &b[0]
	out.iov.SetLen(len(b))
	out.msg = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&out.name)), Namelen: s.toLen, Iov: &out.iov}
	out.msg.SetIovlen(1)
	if err := s.raw.Write(s.writeFn); err != nil {
		return fmt.Errorf("send to %s: %w", to, err)
	}
	if s.errno != 0 {
		return s.errno
	}
	return nil
}

func (s *rawSocket) address(to netip.AddrPort) {
	s.to = to
	name := &s.out.name
	*name = unix.RawSockaddrInet6{Port: to.Port()>>8 | to.Port()<<8}
	if s.six {
		name.Family, name.Addr, s.toLen = unix.AF_INET6, to.Addr().As16(), unix.SizeofSockaddrInet6
		return
	}
	four := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
	four.Family, s.toLen = unix.AF_INET, unix.SizeofSockaddrInet4
	if to.Addr().Unmap().Is4() {
		four.Addr = to.Addr().Unmap().As4()
	}
}

func (s *rawSocket) close() { _ = s.conn.Close() }
