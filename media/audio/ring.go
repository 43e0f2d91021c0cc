package audio

import "sync/atomic"

// cacheLine keeps the two ends of a Ring from slowing each other down.
const cacheLine = 64

// Ring is a queue of samples between one writing and one reading goroutine,
// without locks and without allocation after NewRing.
type Ring struct {
	buf  []int16
	mask uint64
	_    [cacheLine]byte
	head atomic.Uint64 // next to read; written by the reader only
	_    [cacheLine]byte
	tail atomic.Uint64 // next to write; written by the writer only
}

// NewRing returns a ring that holds at least capacity samples (rounded up to a
// power of two, at least 2).
func NewRing(capacity int) *Ring {
	size := uint64(2)
	for size < uint64(max(capacity, 2)) {
		size *= 2
	}
	return &Ring{buf: make([]int16, size), mask: size - 1}
}

// Cap is the number of samples that fit.
func (r *Ring) Cap() int { return len(r.buf) }

// Len is the number of samples waiting. Any goroutine.
func (r *Ring) Len() int {
	head := r.head.Load() // first: the tail can only be later
	return int(r.tail.Load() - head)
}

// Free is the room left. Any goroutine.
func (r *Ring) Free() int { return len(r.buf) - r.Len() }

// Write appends as much of p as fits and says how much that was. Writer only.
func (r *Ring) Write(p []int16) int {
	tail := r.tail.Load()
	n := min(len(p), len(r.buf)-int(tail-r.head.Load()))
	at := int(tail & r.mask)
	first := copy(r.buf[at:], p[:n])
	copy(r.buf, p[first:n])
	r.tail.Store(tail + uint64(n))
	return n
}

// Read takes up to len(p) samples and says how many it took. Reader only.
func (r *Ring) Read(p []int16) int {
	head := r.head.Load()
	n := min(len(p), int(r.tail.Load()-head))
	at := int(head & r.mask)
	first := copy(p[:n], r.buf[at:])
	copy(p[first:n], r.buf)
	r.head.Store(head + uint64(n))
	return n
}

// Skip drops up to n samples and says how many it dropped. Reader only.
func (r *Ring) Skip(n int) int {
	head := r.head.Load()
	n = min(n, int(r.tail.Load()-head))
	r.head.Store(head + uint64(n))
	return n
}
