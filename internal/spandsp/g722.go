//go:build spandsp

package spandsp

/*
#cgo pkg-config: spandsp
#include <stdlib.h>
#include <stdint.h>
#include <tiffio.h>
#include <spandsp.h>
*/
import "C"

import "unsafe"

// Encode is the G.722 code at 64 kbit/s of 16 kHz samples, from a fresh start.
func Encode(pcm []int16) []byte {
	s := C.g722_encode_init(nil, 64000, 0)
	defer C.g722_encode_free(s)
	out := make([]byte, len(pcm)/2+1)
	n := C.g722_encode(s, (*C.uint8_t)(unsafe.Pointer(&out[0])), (*C.int16_t)(unsafe.Pointer(&pcm[0])), C.int(len(pcm)))
	return out[:n]
}

// Decode is the 16 kHz samples of a G.722 code at 64 kbit/s, from a fresh start.
func Decode(code []byte) []int16 {
	s := C.g722_decode_init(nil, 64000, 0)
	defer C.g722_decode_free(s)
	out := make([]int16, 2*len(code)+2)
	n := C.g722_decode(s, (*C.int16_t)(unsafe.Pointer(&out[0])), (*C.uint8_t)(unsafe.Pointer(&code[0])), C.int(len(code)))
	return out[:n]
}
