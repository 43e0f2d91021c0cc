package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ringback/sip/message"
)

// bare is a UDP socket that is used by its system calls, without waiting. The runtime's
// poller does not know its descriptor: it has a thread woken for each datagram that comes,
// whether somebody waits for it or not (a tenth of what a call costs). Whoever uses it sees to it
// that it is not closed meanwhile.
type bare struct {
	fd  uintptr
	six bool
	in  [batchMost]incoming
	hs  [batchMost]header
}

// incoming is the room of one message.
type incoming struct {
	name unix.RawSockaddrInet6
	iov  unix.Iovec
	data []byte // of the system only as far as it is written
}

// header is struct mmsghdr of the system.
type header struct {
	msg unix.Msghdr
	n   uint32
}

// newBare has a descriptor of its own for a socket; nil where none is to be had.
func newBare(raw syscall.RawConn) *bare {
	b := &bare{}
	var failed error
	err := raw.Control(func(fd uintptr) {
		family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err == nil && family != unix.AF_INET && family != unix.AF_INET6 {
			err = unix.EAFNOSUPPORT
		}
		if failed = err; err != nil {
			return
		}
		b.six = family == unix.AF_INET6
		own, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
		b.fd, failed = uintptr(own), err
	})
	if err != nil || failed != nil {
		return nil
	}
	for i := range b.in {
		in, h := &b.in[i], &b.hs[i].msg
		in.data = make([]byte, message.MaxMessage+1)
		in.iov.Base = &in.data[0]
		in.iov.SetLen(len(in.data))
		h.Name, h.Iov = (*byte)(unsafe.Pointer(&in.name)), &in.iov
		h.SetIovlen(1)
	}
	return b
}

// watched is the same socket, known to the runtime's poller.
func (b *bare) watched() (*net.UDPConn, syscall.RawConn, error) {
	own, err := unix.FcntlInt(b.fd, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	f := os.NewFile(uintptr(own), "udp")
	defer f.Close()
	pc, err := net.FilePacketConn(f)
	if err != nil {
		return nil, nil, err
	}
	udp, ok := pc.(*net.UDPConn)
	if !ok {
		pc.Close()
		return nil, nil, fmt.Errorf("socket is a %T", pc)
	}
	raw, err := udp.SyscallConn()
	return udp, raw, err
}

func (b *bare) close() { _ = unix.Close(int(b.fd)) }

// receive reads what has come, batchMost at most, and says how many that is.
func (b *bare) receive() (int, error) {
	for i := range b.hs {
		b.hs[i].msg.Namelen = unix.SizeofSockaddrInet6
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, b.fd, uintptr(unsafe.Pointer(&b.hs)), batchMost, unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, os.NewSyscallError("recvmmsg", errno)
}

// message is one of those, valid until the next receive.
func (b *bare) message(i int) (data []byte, from netip.AddrPort) {
	in := &b.in[i]
	return in.data[:b.hs[i].n], addrOf(&in.name)
}

// write sends one datagram. It waits for room for a moment; where none comes the datagram is
// lost, as on the way: who wants it to arrive sends it again.
func (b *bare) write(data []byte, to netip.AddrPort) error {
	var name unix.RawSockaddrInet6
	size := b.address(&name, to)
	if size == 0 {
		return os.NewSyscallError("sendto", unix.EAFNOSUPPORT)
	}
	for {
		_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, b.fd, uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&name)), size)
		switch {
		case errno == 0:
			return nil
		case errno == unix.EINTR:
		case errno != unix.EAGAIN:
			return os.NewSyscallError("sendto", errno)
		case !b.writable():
			return nil
		}
	}
}

// writable waits until the system takes a datagram; false when it does not.
func (b *bare) writable() bool {
	const most = 100 // milliseconds
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLOUT}}, most)
	return n > 0 || errors.Is(err, unix.EINTR)
}

// address writes an address as the system has it, and returns its size there; 0 where the
// socket has no such addresses.
func (b *bare) address(name *unix.RawSockaddrInet6, to netip.AddrPort) uintptr {
	ip := to.Addr()
	if !b.six {
		if ip = ip.Unmap(); !ip.Is4() {
			return 0
		}
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		four.Family, four.Addr = unix.AF_INET, ip.As4()
		setPort(&four.Port, to.Port())
		return unix.SizeofSockaddrInet4
	}
	name.Family, name.Addr = unix.AF_INET6, ip.As16()
	setPort(&name.Port, to.Port())
	if zone := ip.Zone(); zone != "" {
		name.Scope_id = scopeOf(zone)
	}
	return unix.SizeofSockaddrInet6
}

func addrOf(name *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])
	if name.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr), port)
	}
	ip := netip.AddrFrom16(name.Addr).Unmap()
	if name.Scope_id != 0 {
		ip = ip.WithZone(zoneOf(name.Scope_id))
	}
	return netip.AddrPortFrom(ip, port)
}

func setPort(to *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(to))[:], port)
}

// zoneOf is what package net calls the zone of a link-local address.
func zoneOf(scope uint32) string {
	if i, err := net.InterfaceByIndex(int(scope)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(scope), 10)
}

func scopeOf(zone string) uint32 {
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	scope, _ := strconv.ParseUint(zone, 10, 32) // 0 leaves it to the system
	return uint32(scope)
}
