package media

import (
	"math"

	"github.com/pion/rtcp"

	"ringback/media/audio"
	"ringback/media/jitter"
)

// unknown is what RFC 3611 section 4.7 writes where nothing is known.
const unknown = 127

// mostMOS is the greatest that a peer may claim, in tenths (RFC 3611 section 4.7.5).
const mostMOS = 50

// farMetrics is what the peer's last VoIP metrics block (RFC 3611 section 4.7) said of
// what it hears of us.
type farMetrics struct {
	told                    bool
	lost, discarded         float64 // share of our packets, 0 to 1
	listening, conversation float64 // MOS; 0: it does not know
	endMS                   float64 // delay in the peer itself, both ways
}

// metrics is the block of what we hear of the peer; nil before there is something.
func (s *Session) metrics() rtcp.Packet {
	rx := &s.rx
	if !rx.count.started || rx.buffer == nil || rx.losses.packets == 0 {
		return nil
	}
	q, l := s.rate(), &rx.losses
	burstDensity, gapDensity, burst, gap := l.bursts()
	ms := float64(audio.FrameTime.Milliseconds()) // what a packet holds of most senders
	if rx.perPacket > 0 {
		ms = float64(rx.perPacket) * 1000 / float64(rx.clock)
	}
	target := milliseconds(rx.buffer.Target())
	most := rx.delay
	if most <= 0 {
		most = jitter.DefaultMax
	}
	return &rtcp.ExtendedReport{SenderSSRC: s.tx.header.SSRC, Reports: []rtcp.ReportBlock{&rtcp.VoIPMetricsReportBlock{
		SSRC:     rx.count.ssrc,
		LossRate: share256(float64(l.lost) / float64(l.packets)), DiscardRate: share256(float64(l.discarded) / float64(l.packets)),
		BurstDensity: share256(burstDensity), GapDensity: share256(gapDensity),
		BurstDuration: short16(burst * ms), GapDuration: short16(gap * ms),
		RoundTripDelay: short16(milliseconds(s.control.rtt)), EndSystemDelay: short16(target + 2*packetMS),
		SignalLevel: uint8(int8(max(-90, rx.level.DBFS()))), NoiseLevel: unknown, RERL: unknown, Gmin: leastGap,
		RFactor: uint8(min(max(q.conversation, 0), 100)), ExtRFactor: unknown,
		MOSLQ: tenths(mos(q.listening)), MOSCQ: tenths(mos(q.conversation)),
		RXConfig:  0xF1, // enhanced concealment, adaptive buffer that follows two packets
		JBNominal: short16(target), JBMaximum: short16(target), JBAbsMax: short16(milliseconds(most)),
	}}}
}

func share256(x float64) uint8   { return uint8(min(max(256*x, 0), 255)) }
func short16(x float64) uint16   { return uint16(min(max(x, 0), 65535)) }
func tenths(score float64) uint8 { return uint8(math.Round(10 * score)) }

// onMetrics takes what the peer says of us; what it says of others, and anything else in
// an extended report, is passed over.
func (s *Session) onMetrics(x *rtcp.ExtendedReport) {
	for _, block := range x.Reports {
		b, ok := block.(*rtcp.VoIPMetricsReportBlock)
		if !ok || b.SSRC != s.tx.header.SSRC {
			continue
		}
		s.control.far = farMetrics{
			told: true, lost: float64(b.LossRate) / 256, discarded: float64(b.DiscardRate) / 256,
			listening: score(b.MOSLQ), conversation: score(b.MOSCQ), endMS: min(float64(b.EndSystemDelay), 2000),
		}
	}
}

func score(tenths uint8) float64 {
	if tenths < 10 || tenths > mostMOS {
		return 0
	}
	return float64(tenths) / 10
}
