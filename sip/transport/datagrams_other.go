//go:build !linux

package transport

import "net"

// newBatches is for Linux.
func newBatches(*net.UDPConn) datagrams { return nil }
