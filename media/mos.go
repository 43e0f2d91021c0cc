package media

import "math"

// quality is what a listener would give, 1 to 4.5, by the E-model made short
// (after ITU-T G.107): what loss, late
// packets, codec and delay take off. 0 when nothing was received.
func (s *Session) quality(st *Stats) float64 {
	if st.RxPackets == 0 || st.Expected == 0 {
		return 0
	}
	missing := math.Max(0, float64(st.Lost)+float64(st.Duplicates)) + float64(st.Late)
	loss := 100 * math.Min(1, missing/float64(st.Expected))
	delay := st.RTTMS/2 + st.DelayMS + 20
	return mos(rFactor(delay, loss, s.tx.codec.MOSImpair, s.tx.codec.MOSLoss))
}

// rFactor is the transmission rating for a one-way delay in ms, a loss in
// percent, and a codec's impairment and robustness.
func rFactor(delay, loss, impair, robust float64) float64 {
	id := 0.024 * delay
	if delay > 177.3 {
		id += 0.11 * (delay - 177.3)
	}
	if robust <= 0 {
		robust = 1
	}
	return 93.2 - id - (impair + (95-impair)*loss/(loss+robust))
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
