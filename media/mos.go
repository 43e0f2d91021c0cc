package media

import (
	"math"

	"ringback/media/codec"
)

// The E-model with its defaults: what is left of the full rating after delay, codec and
// losses. There are two scales, and a score on the one says nothing on the other: that of
// narrow-band calls (ITU-T G.107, 2015), on which a telephone is as good as can be, and
// that of wide-band calls (G.107.1), on which it would be no better than 3.7. A call is
// rated on the scale of the codec that is received.
const (
	fullRating = 93.2 // Ro - Is with the defaults of G.107 table 3
	fullWide   = 129  // the same of G.107.1
	wideShare  = 1.29 // by which a wide-band R is divided before it becomes a MOS (G.107.1 Annex A)
	wideRate   = 16000
	packetMS   = 20 // of sound gathered before it is sent
)

// The scales of a rating, as they are told.
const (
	ScaleNarrow = "narrowband"
	ScaleWide   = "wideband"
)

// rating is what was received as the E-model rates it.
type rating struct {
	listening, conversation float64 // R, 0 to 100 on its scale: without and with the delay
	delayMS                 float64 // mouth to ear
	scale                   string
}

// rate is zero when nothing was received.
func (s *Session) rate() rating {
	rx := &s.rx
	if rx.buffer == nil || rx.count.received+rx.count.before.received == 0 {
		return rating{}
	}
	c := s.tx.codec
	if rx.last != nil {
		c = rx.last.codec
	}
	impairment := lossImpairment(c.MOSImpair, c.MOSLoss, 100*rx.losses.share(), rx.losses.burstRatio())
	delay := milliseconds(s.control.rtt)/2 + milliseconds(rx.buffer.Target()) + packetMS
	if far := &s.control.far; far.told {
		delay += math.Max(0, far.endMS-packetMS) / 2
	}
	return rated(c.SampleRate >= wideRate, impairment, delay)
}

// rated puts impairment and delay in ms on one of the scales.
func rated(wide bool, impairment, delay float64) rating {
	full, share, scale := fullRating, 1.0, ScaleNarrow
	if wide {
		full, share, scale = fullWide, wideShare, ScaleWide
	}
	left := full - impairment
	return rating{listening: left / share, conversation: (left - delayImpairment(delay)) / share, delayMS: delay, scale: scale}
}

// From where it is known how the peer hears us.
const (
	ByXR      = "rtcp-xr" // it says so (RFC 3611 4.7)
	ByReports = "rtcp"    // estimated from the losses that its receiver reports count (RFC 3550 6.4.2)
)

// remoteRating is how a peer listens to us that lost so many of the packets that we had sent:
// the losses taken as random, its jitter buffer's own not known.
func remoteRating(c codec.Codec, lost, sent uint64) float64 {
	share := min(1, float64(lost)/float64(sent))
	return rated(c.SampleRate >= wideRate, lossImpairment(c.MOSImpair, c.MOSLoss, 100*share, 1), 0).listening
}

// lossImpairment is Ie,eff (G.107 section 7.2.4): of a codec with the impairment Ie and
// the robustness Bpl, at a loss in percent with a burst ratio.
func lossImpairment(ie, bpl, loss, burst float64) float64 {
	if bpl <= 0 {
		bpl = 1
	}
	return ie + (95-ie)*loss/(loss/burst+bpl)
}

// delayImpairment is Idd (G.107 section 7.2.3) of a one-way delay in ms.
func delayImpairment(delay float64) float64 {
	if delay <= 100 {
		return 0
	}
	x := math.Log2(delay / 100)
	return 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
}

// mos turns a rating into a mean opinion score (ITU-T G.107 Annex B).
func mos(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return 1 + 0.035*r + 7e-6*r*(r-60)*(100-r)
}
