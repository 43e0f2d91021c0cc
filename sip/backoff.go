package sip

import "time"

const (
	firstBackOff   = time.Second
	mostBackOff    = 24 * time.Second // with what a registration's probe waits: every 30 s
	mostRetryAfter = time.Hour
)

// backOff makes the pauses between the tries of what fails.
type backOff struct {
	failing int           // failures in a row
	wait    time.Duration // what the far end asked for the next time, up to mostRetryAfter; zero: nothing
}

// next is the pause after one more failure: what the far end asked for, else 1 s
// doubling up to 24 s, jittered. The first of the longest pauses is drawn from the
// whole of it and the later ones differ little, so that phones that lost their PBX
// together come back evenly over half a minute (R06).
func (b *backOff) next(u *UA) time.Duration {
	if b.wait > 0 {
		return b.wait + u.lot(b.wait/10)
	}
	b.failing++
	switch n := b.failing - 1; {
	case n < 5:
		return u.jittered(firstBackOff << n)
	case n == 5:
		return u.lot(mostBackOff)
	}
	return mostBackOff*17/20 + u.lot(mostBackOff*3/20)
}

// reset begins anew.
func (b *backOff) reset() { *b = backOff{} }

// jittered is between half of d and d (RFC 5626 4.5).
func (u *UA) jittered(d time.Duration) time.Duration {
	return d/2 + u.lot(d/2)
}

// lot is a random time up to d, in milliseconds.
func (u *UA) lot(d time.Duration) time.Duration {
	return time.Duration(u.pick(int(d/time.Millisecond)+1)) * time.Millisecond
}
