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

// What a call takes and gives is on the stack, which is in the processor's cache: of thousands
// of sockets, each worked on every 20 ms, nothing is.

func (s *rawSocket) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	var in struct {
		msg     unix.Msghdr
		iov     unix.Iovec
		name    unix.RawSockaddrInet6
		control [64]byte
	}
	in.iov.Base = &b[0]
	in.iov.SetLen(len(b))
	in.msg.Name, in.msg.Iov, in.msg.Control = (*byte)(unsafe.Pointer(&in.name)), &in.iov, &in.control[0]
	in.msg.SetIovlen(1)
	// An ICMP answer to what was sent is reported once and taken off: try again.
	for range 2 {
		in.msg.Namelen = unix.SizeofSockaddrInet6
		in.msg.SetControllen(len(in.control))
		n, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, s.fd, uintptr(unsafe.Pointer(&in.msg)), unix.MSG_DONTWAIT)
		if errno == 0 {
			return int(n), cameFrom(&in.name), cameAt(in.control[:in.msg.Controllen], now), true
		}
		if errno == unix.EAGAIN {
			break
		}
	}
	return 0, netip.AddrPort{}, time.Time{}, false
}

func cameFrom(name *unix.RawSockaddrInet6) netip.AddrPort {
	port := name.Port>>8 | name.Port<<8 // network order on a little-endian machine
	if name.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr).Unmap(), port)
}

// cameAt turns the kernel's wall clock in a control message into a time of ours, within the
// second before now.
func cameAt(control []byte, now time.Time) time.Time {
	if len(control) < unix.CmsgLen(int(unsafe.Sizeof(unix.Timespec{}))) {
		return now
	}
	head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	if head.Level != unix.SOL_SOCKET || head.Type != unix.SO_TIMESTAMPNS {
		return now
	}
	stamp := *(*unix.Timespec)(unsafe.Pointer(&control[unix.CmsgLen(0)]))
	age := now.Sub(time.Unix(stamp.Unix()))
	if age < -20*time.Millisecond || age > time.Second {
		return now // the wall clock was set
	}
	return now.Add(-age)
}

func (s *rawSocket) write(b []byte, to netip.AddrPort) error {
	name := unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: to.Port()>>8 | to.Port()<<8}
	length := uintptr(unix.SizeofSockaddrInet6)
	if s.six {
		name.Addr = to.Addr().As16()
	} else {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&name))
		four.Family, length = unix.AF_INET, unix.SizeofSockaddrInet4
		if to.Addr().Unmap().Is4() {
			four.Addr = to.Addr().Unmap().As4()
		}
	}
	_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, s.fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&name)), length)
	if errno != 0 {
		return errno
	}
	return nil
}

func (s *rawSocket) close() {
	if s.fd != closedFD {
		_ = unix.Close(int(s.fd))
		s.fd = closedFD
	}
}
