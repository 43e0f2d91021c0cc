package media

import (
	"math"

	"ringback/media/jitter"
)

// leastGap is how many packets in a row must have come for a burst of losses to be over
// (RFC 3611 section 4.7.2, Gmin).
const leastGap = 16

// judgedBehind is how far behind the newest packet one is taken for lost: what the
// network reorders by less is none.
const judgedBehind = 32

// losses is the pattern in which packets of a stream were lost, or came too late to be
// played, counted as transitions between gaps (single losses) and bursts.
type losses struct {
	started bool
	next    int64  // to be judged
	late    uint64 // of the last 64, by their number: came too late

	packets, lost, discarded     uint64
	run                          uint64 // played since the last loss
	inBurst                      uint64 // lost in this burst so far
	c11, c13, c14, c22, c23, c33 float64
	lossRuns, lossRunsSum        uint64 // losses in a row, and packets in them
	lastLost                     bool
}

// restart forgets the place in the sequence, not the pattern.
func (l *losses) restart(first int64) { l.started, l.next, l.late = true, first, 0 }

// tooLate notes that a packet came and cannot be played any more.
func (l *losses) tooLate(ext int64) { l.late |= 1 << (uint64(ext) % 64) }

// judge counts the packets up to judgedBehind before the newest.
func (l *losses) judge(b *jitter.Buffer) {
	newest := b.Sequence()
	if !l.started || newest-l.next > 200 {
		l.restart(newest)
	}
	for ; l.next <= newest-judgedBehind; l.next++ {
		bit := uint64(1) << (uint64(l.next) % 64)
		late := l.late&bit != 0
		l.late &^= bit
		l.count(!b.Seen(l.next), late)
	}
}

func (l *losses) count(lost, discarded bool) {
	l.packets++
	if lost {
		l.lost++
	} else if discarded {
		l.discarded++
	}
	if !lost && !discarded {
		l.run++
		l.lastLost = false
		return
	}
	l.lossRunsSum++
	if !l.lastLost {
		l.lossRuns++
	}
	l.lastLost = true
	switch {
	case l.run >= leastGap:
		if l.inBurst == 1 {
			l.c14++
		} else {
			l.c13++
		}
		l.inBurst = 1
		l.c11 += float64(l.run)
	case l.run == 0:
		l.inBurst++
		l.c33++
	default:
		l.inBurst++
		l.c23++
		l.c22 += float64(l.run - 1)
	}
	l.run = 0
}

// share of packets that were lost or too late, 0 to 1.
func (l *losses) share() float64 {
	return float64(l.lost+l.discarded) / math.Max(1, float64(l.packets))
}

// burstRatio is the mean length of a loss by what it would be at random (ITU-T G.107
// section 7.2.4): 1 at random, more in bursts.
func (l *losses) burstRatio() float64 {
	if l.lossRuns == 0 {
		return 1
	}
	mean := float64(l.lossRunsSum) / float64(l.lossRuns)
	return math.Max(1, mean*(1-l.share()))
}

// bursts are the densities (0 to 1) of losses in bursts and in gaps, and the mean
// length of both in packets (RFC 3611 section 4.7.2).
func (l *losses) bursts() (burstDensity, gapDensity, burst, gap float64) {
	if l.c11+l.c14 > 0 {
		gapDensity = l.c14 / (l.c11 + l.c14)
	}
	if l.c13 == 0 {
		return 0, gapDensity, 0, float64(l.packets)
	}
	all := l.c11 + l.c14 + 2*l.c13 + l.c22 + 2*l.c23 + l.c33
	p32 := l.c23 / (l.c13 + l.c23 + l.c33)
	p23 := 1.0
	if l.c22+l.c23 >= 1 {
		p23 = 1 - l.c22/(l.c22+l.c23)
	}
	gap = (l.c11 + l.c14 + l.c13) / l.c13
	return p23 / (p23 + p32), gapDensity, math.Max(0, all/l.c13-gap), gap
}
