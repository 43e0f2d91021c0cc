//go:build !linux

package transport

import "syscall"

// waitReadable does not wait: the read that follows does.
func waitReadable(syscall.RawConn) error { return nil }
