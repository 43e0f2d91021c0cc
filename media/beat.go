package media

import "math"

// How a beat is followed: within some seconds at first, then by what it does in half a
// minute. One that is off by beatLost seconds, or was silent for so long, begins anew.
const (
	beatFast   = 1.0 // Hz, of the loop that follows it
	beatSlow   = 0.05
	beatFastIn = 2.0  // seconds
	beatSettle = 0.3  // seconds in which sound servers fill their own buffers
	beatLost   = 0.06 // seconds
	beatWindow = 5.0  // seconds: what was seen counts for one to two of them
)

// beat is the pace of one side of a ring: samples move in bursts, more or less on time,
// and the line through them says when each would have moved by an even clock (a
// delay-locked loop, after F. Adriaensen, 2005). Times are seconds.
type beat struct {
	rate  float64 // samples a second, by the media clock
	moves int     // so far
	began float64
	at    float64 // when all that has moved had moved, on the line
	slope float64 // by which a sample takes longer than at rate
	last  float64 // when samples really moved

	chunk, late, early peak // what a burst is, and how far it was off the line, in seconds
}

// move takes note of n samples that move now, and says whether the beat begins anew.
func (b *beat) move(now float64, n int) (anew bool) {
	length := float64(n) / b.rate
	off := now - b.at - length*(1+b.slope)
	if b.moves == 0 || math.Abs(off) > beatLost+length || now-b.last > 2*(beatLost+length) {
		*b = beat{rate: b.rate, moves: 1, began: now, at: now, last: now}
		b.chunk.see(now, length)
		return true
	}
	b.last = now
	b.moves++
	b.chunk.see(now, length)
	if now-b.began < beatSettle {
		b.at = now
		return false
	}
	b.late.see(now, off)
	b.early.see(now, -off)
	hz := beatSlow
	if now-b.began < beatFastIn {
		hz = beatFast
	}
	w := 2 * math.Pi * hz * length
	b.at += length*(1+b.slope) + math.Sqrt2*w*off
	b.slope += w * w * off / length
	return false
}

// alive says that samples move still, and again: a first move may be of any kind.
func (b *beat) alive(now float64) bool {
	return b.moves > 1 && now-b.last <= 2*(beatLost+b.chunk.most())
}

// peak is the most of the last window or two, at least 0.
type peak struct {
	now, before float64
	ends        float64
}

func (p *peak) see(now, v float64) {
	if now >= p.ends {
		p.before, p.now = p.now, 0
		if now >= p.ends+beatWindow {
			p.before = 0
		}
		p.ends = now + beatWindow
	}
	p.now = max(p.now, v)
}

func (p *peak) most() float64 { return max(p.now, p.before) }
