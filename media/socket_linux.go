//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le)

package media

import (
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawSocket reads and writes with the system call itself, without waiting, and
// takes the kernel's arrival time. Its descriptor is not known to the runtime's
// poller, which would be woken for each datagram that comes (a tenth of the cost
// of a call). It is used and closed under the session's lock only, so that the
// number is never another file's.
type rawSocket struct {
	fd  uintptr // closedFD once closed
	six bool

	// The arguments and results of one call, so that nothing is allocated.
	in, out struct {
		msg  unix.Msghdr
		iov  unix.Iovec
		name unix.RawSockaddrInet6
	}
	control [64]byte
	to      netip.AddrPort
	toLen   uint32
}

const closedFD = ^uintptr(0)

// newRawSocket takes the socket of conn over and closes conn. It returns nil, and
// leaves conn alone, where the socket cannot be used directly.
func newRawSocket(conn *net.UDPConn) socket {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	s := &rawSocket{fd: closedFD}
	err = raw.Control(func(fd uintptr) {
		family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil || (family != unix.AF_INET && family != unix.AF_INET6) {
			return
		}
		s.six = family == unix.AF_INET6
		// Without arrival times the time of reading is taken: less exact, not wrong.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		if own, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			s.fd = uintptr(own)
		}
	})
	if err != nil || s.fd == closedFD {
		return nil
	}
	_ = conn.Close() // takes it out of the poller; the socket lives on in our descriptor
	return s
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
		n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, s.fd, uintptr(unsafe.Pointer(&in.msg)), unix.MSG_DONTWAIT)
		if errno == 0 {
			return int(n), s.from(), s.arrival(now), true
		}
		if errno == unix.EAGAIN {
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
	_, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, s.fd, uintptr(unsafe.Pointer(&out.msg)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if errno != 0 {
		return errno
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

func (s *rawSocket) close() {
	if s.fd != closedFD {
		_ = unix.Close(int(s.fd))
		s.fd = closedFD
	}
}
