package media

import (
	"time"

	"github.com/pion/rtcp"
)

// reception is what is counted of a received stream, as RFC 3550 Appendix A.3
// and A.8 count it.
type reception struct {
	started       bool
	ssrc          uint32
	base, most    int64 // extended sequence numbers
	received      uint64
	expectedPrior uint64
	receivedPrior uint64

	clock    int // Hz
	epoch    time.Time
	transit  int64
	hasTime  bool
	jitter16 int64 // 16 times the jitter, in timestamp units

	before struct{ expected, received uint64 } // of streams before this one
}

// restart begins with another stream; its first packet is counted by packet.
func (r *reception) restart(ssrc uint32, first int64, clock int) {
	if r.started {
		r.before.expected += r.expected()
		r.before.received += r.received
	}
	before := r.before
	*r = reception{started: true, ssrc: ssrc, base: first, most: first - 1, clock: clock}
	r.before = before
}

// packet counts one packet: most is the greatest extended number so far.
func (r *reception) packet(most int64) {
	r.received++
	r.most = max(r.most, most)
}

// timing follows the interarrival jitter (A.8). Packets of telephone-event are
// left out: their timestamps stand still.
func (r *reception) timing(ts uint32, at time.Time) {
	if r.epoch.IsZero() {
		r.epoch = at
	}
	gone := at.Sub(r.epoch)
	arrival := int64(gone/time.Second)*int64(r.clock) + int64(gone%time.Second)*int64(r.clock)/int64(time.Second)
	transit := int64(int32(uint32(arrival) - ts))
	if r.hasTime {
		d := int64(int32(uint32(transit) - uint32(r.transit)))
		if d < 0 {
			d = -d
		}
		r.jitter16 += d - (r.jitter16+8)>>4
	}
	r.transit, r.hasTime = transit, true
}

func (r *reception) expected() uint64 {
	if !r.started {
		return 0
	}
	return uint64(r.most - r.base + 1)
}

// lost is expected less received, over all streams; duplicates may make it less
// than nothing, which RFC 3550 section 6.4.1 wants.
func (r *reception) lost() int64 {
	return int64(r.before.expected+r.expected()) - int64(r.before.received+r.received)
}

func (r *reception) jitter() time.Duration {
	if r.clock == 0 {
		return 0
	}
	return time.Duration(r.jitter16>>4) * time.Second / time.Duration(r.clock)
}

// report is the block for the next RTCP packet, and starts the next interval.
func (r *reception) report() rtcp.ReceptionReport {
	expected := r.expected()
	lost := int64(expected) - int64(r.received)
	expectedNow, receivedNow := expected-r.expectedPrior, r.received-r.receivedPrior
	r.expectedPrior, r.receivedPrior = expected, r.received
	fraction := uint8(0)
	if lostNow := int64(expectedNow) - int64(receivedNow); expectedNow > 0 && lostNow > 0 {
		fraction = uint8(min(255, lostNow<<8/int64(expectedNow)))
	}
	return rtcp.ReceptionReport{
		SSRC:               r.ssrc,
		FractionLost:       fraction,
		TotalLost:          uint32(min(max(lost, 0), 1<<23-1)),
		LastSequenceNumber: uint32(r.most),
		Jitter:             uint32(r.jitter16 >> 4),
	}
}
