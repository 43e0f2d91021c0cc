//go:build libsrtp

package libsrtp

/*
#cgo pkg-config: libsrtp2
#include <stdlib.h>
#include <string.h>
#include <srtp2/srtp.h>

static srtp_t begin(int profile, int outbound, const unsigned char *key, int *status) {
	srtp_policy_t p;
	memset(&p, 0, sizeof p);
	static int ready = 0; // the library is begun once for a process
	*status = ready ? 0 : srtp_init();
	ready = *status == 0;
	switch (profile) {
	case 1: srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p.rtp); srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p.rtcp); break;
	case 2: srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&p.rtp); srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&p.rtcp); break;
	case 7: srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtp); srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtcp); break;
	case 8: srtp_crypto_policy_set_aes_gcm_256_16_auth(&p.rtp); srtp_crypto_policy_set_aes_gcm_256_16_auth(&p.rtcp); break;
	default: *status = srtp_err_status_bad_param; return NULL;
	}
	p.ssrc.type = outbound ? ssrc_any_outbound : ssrc_any_inbound;
	p.key = (unsigned char *)key;
	p.window_size = 128;
	srtp_t s = NULL;
	if (*status == 0) *status = srtp_create(&s, &p);
	return s;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Context protects or opens one direction under one master key.
type Context struct{ s C.srtp_t }

// New begins one. profile is the number of RFC 5764 and RFC 7714; key is the master key
// and its salt.
func New(profile uint16, outbound bool, key []byte) (*Context, error) {
	out := C.int(0)
	if outbound {
		out = 1
	}
	held := C.CBytes(key)
	defer C.free(held)
	var status C.int
	s := C.begin(C.int(profile), out, (*C.uchar)(held), &status)
	if status != 0 {
		return nil, fmt.Errorf("libsrtp: status %d", status)
	}
	return &Context{s}, nil
}

// Close ends it.
func (c *Context) Close() { C.srtp_dealloc(c.s) }

// Protect and Open are of RTP, the others of RTCP; the packet is not changed.
func (c *Context) Protect(b []byte) ([]byte, error) {
	return work(b, func(p unsafe.Pointer, n *C.int) C.srtp_err_status_t { return C.srtp_protect(c.s, p, n) })
}

// Open authenticates and decrypts.
func (c *Context) Open(b []byte) ([]byte, error) {
	return work(b, func(p unsafe.Pointer, n *C.int) C.srtp_err_status_t { return C.srtp_unprotect(c.s, p, n) })
}

// ProtectControl protects a compound RTCP packet.
func (c *Context) ProtectControl(b []byte) ([]byte, error) {
	return work(b, func(p unsafe.Pointer, n *C.int) C.srtp_err_status_t { return C.srtp_protect_rtcp(c.s, p, n) })
}

// OpenControl authenticates and decrypts it.
func (c *Context) OpenControl(b []byte) ([]byte, error) {
	return work(b, func(p unsafe.Pointer, n *C.int) C.srtp_err_status_t { return C.srtp_unprotect_rtcp(c.s, p, n) })
}

func work(b []byte, do func(unsafe.Pointer, *C.int) C.srtp_err_status_t) ([]byte, error) {
	p := C.malloc(C.size_t(len(b) + 256)) // room for a trailer; libsrtp wants it aligned
	defer C.free(p)
	copy(unsafe.Slice((*byte)(p), len(b)), b)
	n := C.int(len(b))
	if status := do(p, &n); status != 0 {
		return nil, fmt.Errorf("libsrtp: status %d", status)
	}
	return C.GoBytes(p, n), nil
}
