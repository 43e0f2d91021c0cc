// Package libsrtp is the judge of SRTP: Cisco's library, which most other phones and
// gateways protect with. It is built with the tag libsrtp and needs libsrtp2-dev (BSD,
// for tests only: nothing of it is in the phone).
//
// Goroutines: none; a Context belongs to one. Outside: libsrtp2 by cgo.
package libsrtp
