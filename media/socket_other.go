//go:build !(darwin || freebsd || netbsd || openbsd || dragonfly || linux)

package media

import "net"

// newRawSocket returns nil: this system's sockets are read by a goroutine each.
func newRawSocket(*net.UDPConn) socket { return nil }
