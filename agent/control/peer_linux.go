package control

import (
	"net"
	"syscall"
)

// peerUID is the user at the other end of a unix socket, as the kernel saw it when it
// connected (SO_PEERCRED); false when it cannot be told.
func peerUID(c net.Conn) (uid uint32, known bool) {
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		cred, failed := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if failed == nil {
			uid, known = cred.Uid, true
		}
	})
	return uid, known && err == nil
}
