package media

import (
	"time"

	"github.com/pion/rtp"

	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/jitter"
)

// What nobody hears is received as the rest: it is counted, and the jitter buffer plays it
// out, so that all figures are those of one who hears it. But it is neither kept nor
// decoded: its level is taken as it comes, and where sound would be made shorter or longer
// by a period of its pitch, it is as if any period did.

// measures says that what comes need not be decoded, since every format tells its level.
func (r *receiver) measures() bool {
	for _, in := range r.inbound {
		if _, ok := in.decoder.(codec.Measurer); !ok {
			return false
		}
	}
	return r.nobody
}

// measured is what a packet holds that nobody hears.
type measured struct {
	samples   int // 0: it cannot be read
	units     int
	sum, most int64
}

// measure looks into a packet of sound.
func (r *receiver) measure(p *rtp.Packet) (m measured) {
	in := &r.coming
	var err error
	if m.samples, m.sum, m.most, err = in.measurer.Measure(p.Payload); err != nil || m.samples == 0 {
		r.drops.count(dropUndecodable)
		return measured{units: r.clock / 50}
	}
	m.units = m.samples
	if in.clock != in.rate {
		m.units = m.samples * in.clock / in.rate
	}
	r.perPacket = m.units
	r.long = m.samples >= audio.FrameSamples(in.rate)
	return m
}

// met takes the level of what was measured, where it is to be played.
func (r *receiver) met(m measured, outcome jitter.Outcome) {
	if m.samples > 0 && (outcome == jitter.Queued || outcome == jitter.Resynced) {
		r.level.AddSquares(m.samples, m.sum, m.most)
	}
}

// pass is frame where nobody hears what comes.
func (r *receiver) pass(now time.Time, receives bool) {
	if r.buffer == nil {
		return
	}
	for range maxItems {
		if r.passed >= r.samples {
			break
		}
		item := r.buffer.Next(now, r.passed*r.clock/r.rate)
		r.leave(item)
		if item.Off != 0 {
			r.paceUnheard(item.Off)
		}
	}
	r.passed -= min(r.samples, r.passed)
	if !receives {
		r.level.AddSquares(r.samples, 0, 0)
	}
}

// leave passes over the sound of one item.
func (r *receiver) leave(item jitter.Item) {
	units := item.Units
	switch item.Kind {
	case jitter.Play:
		if units == 0 { // it was kept, for one who heard it
			units = r.clock / 50
		}
		r.buffer.Played(units)
		if i := r.formats[item.PayloadType]; i >= 0 {
			r.last = &r.inbound[i]
		}
	case jitter.Silence, jitter.Empty:
		r.level.AddSquares(r.samples, 0, 0)
	}
	r.passed += max(1, units*r.rate/r.clock)
}

// paceUnheard is pace where nobody hears it.
func (r *receiver) paceUnheard(off int) {
	most := min(max(off, -off)*r.rate/r.clock, r.samples, audio.LongestPeriod(r.rate))
	n := 0
	if off > 0 {
		if r.leaveAhead(r.samples + most) {
			n = most
		}
	} else {
		r.leaveAhead(2 * most)
		n = -most
	}
	r.passed -= n
	r.buffer.Changed(n * r.clock / r.rate)
}

// leaveAhead is ahead where nobody hears it.
func (r *receiver) leaveAhead(n int) bool {
	for r.passed < n {
		item, ok := r.buffer.Following()
		if !ok {
			return false
		}
		r.leave(item)
	}
	return true
}
