package media

import (
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
)

const (
	rtcpEvery    = 5  // ticks between two looks at the RTCP port
	rtcpSeldom   = 25 // where nobody is told of what is seen there: when it came is known all the same
	rtcpInterval = 5 * time.Second
	ntpOffset    = 2208988800 // seconds from 1900 to 1970
	maxControl   = 32         // RTCP datagrams in one look
)

// control is the RTCP side of a session (RFC 3550 section 6).
type control struct {
	next     time.Time // of our next report; zero: not yet
	sent     uint64
	received uint64
	lastSR   uint32 // middle of the NTP time of the peer's last SR
	lastSRAt time.Time
	rtt      time.Duration
	hasRTT   bool
	lossThey uint8         // fraction of ours that the peer lost, of 256
	lostThey uint64        // in all
	sentThen uint64        // by us, when it said so; 0: it has said nothing
	jitThey  time.Duration // of ours, as the peer measured it
	left     bool          // the peer said BYE
	far      farMetrics
}

func newCNAME() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// start begins to report, the first time after half an interval (section 6.2).
func (c *control) start(now time.Time) {
	if c.next.IsZero() {
		c.next = now.Add(spreadOut(rtcpInterval / 2))
	}
}

// spreadOut draws from half to one and a half times d (section 6.3.1), so that
// the reports of many calls do not fall together.
func spreadOut(d time.Duration) time.Duration {
	return d/2 + mathrand.N(d)
}

// ntp is t as an NTP timestamp (section 4).
func ntp(t time.Time) uint64 {
	seconds := uint64(t.Unix() + ntpOffset)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}

// report sends a report when it is due. Reports go on while the call is on hold.
func (s *Session) report(now time.Time) {
	c := &s.control
	if c.next.IsZero() || now.Before(c.next) {
		return
	}
	c.next = now.Add(spreadOut(rtcpInterval))
	s.sendControl(now, nil)
}

// sendBye ends our part, when anything was sent at all (section 6.3.7).
func (s *Session) sendBye(now time.Time) {
	if s.tx.packets == 0 && s.control.sent == 0 {
		return
	}
	s.sendControl(now, &rtcp.Goodbye{Sources: []uint32{s.tx.header.SSRC}})
}

// controlTarget is where RTCP goes: by mux to the RTP address, to the port that
// was learned with it, or where the SDP says. Zero: nowhere.
func (s *Session) controlTarget() netip.AddrPort {
	l := &s.link
	if !l.source.target().IsValid() {
		return netip.AddrPort{}
	}
	if l.mux {
		return l.source.target()
	}
	if s.hands != nil {
		return netip.AddrPort{} // the keys of the other port would be others (RFC 5764 section 4.1.2)
	}
	return l.rtcpTo
}

func (s *Session) sendControl(now time.Time, bye *rtcp.Goodbye) {
	to := s.controlTarget()
	if !to.IsValid() || to.Addr().IsUnspecified() || to.Port() == 0 {
		return
	}
	packets := []rtcp.Packet{s.senderOrReceiverReport(now), &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: s.tx.header.SSRC,
		Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: s.cfg.CNAME}},
	}}}}
	if xr := s.metrics(); xr != nil {
		packets = append(packets, xr)
	}
	if bye != nil {
		packets = append(packets, bye)
	}
	b, err := rtcp.Marshal(packets)
	if err == nil {
		b, err = s.secrecy.sealControl(b)
	}
	if err != nil {
		s.log.Debug("write rtcp", "error", err)
		return
	}
	port := s.rtcp
	if s.link.mux {
		port = s.rtp
	}
	if err := port.write(b, to); err == nil {
		s.control.sent++
	}
}

// senderOrReceiverReport is an SR when something was sent in the last two
// intervals, otherwise an RR (section 6.4).
func (s *Session) senderOrReceiverReport(now time.Time) rtcp.Packet {
	var blocks []rtcp.ReceptionReport
	if s.rx.count.started {
		block := s.rx.count.report()
		if c := &s.control; !c.lastSRAt.IsZero() {
			block.LastSenderReport = c.lastSR
			block.Delay = uint32(now.Sub(c.lastSRAt) * 65536 / time.Second)
		}
		blocks = append(blocks, block)
	}
	t := &s.tx
	if t.packets == 0 || now.Sub(t.lastAt) > 2*rtcpInterval {
		return &rtcp.ReceiverReport{SSRC: t.header.SSRC, Reports: blocks}
	}
	since := now.Sub(t.lastAt)
	return &rtcp.SenderReport{
		SSRC:        t.header.SSRC,
		NTPTime:     ntp(now),
		RTPTime:     t.lastTS + uint32(since*time.Duration(t.codec.ClockRate)/time.Second),
		PacketCount: uint32(t.packets),
		OctetCount:  uint32(t.octets),
		Reports:     blocks,
	}
}

func (s *Session) readRTCP(now time.Time) {
	for range maxControl {
		b := s.borrow().in[:]
		n, from, at, ok := s.rtcp.read(b, now)
		if !ok {
			return
		}
		if isCheck(s.path.control.agent, b[:n], from) {
			continue
		}
		if !s.link.ready || !s.link.source.isPeer(from, s.link.rtcpTo) {
			s.rx.drops.count(dropStranger)
			continue
		}
		if s.onControl(b[:n], at) && s.link.source.learned {
			s.link.rtcpTo = from // the same translator maps this port, too
		}
	}
}

// onControl takes one datagram of the peer's, and reports whether it could be
// authenticated where that is to be.
func (s *Session) onControl(b []byte, at time.Time) bool {
	b, why, ok := s.secrecy.openControl(b)
	if !ok {
		s.rx.drops.count(why)
		return false
	}
	s.onRTCP(b, at)
	return true
}

// onRTCP takes one compound packet of the peer. What is wrong with it is
// counted, and changes nothing.
func (s *Session) onRTCP(b []byte, at time.Time) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		s.rx.drops.count(dropControlMalformed)
		return
	}
	c := &s.control
	c.received++
	s.alive.control = at
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			if s.isPlayed(p.SSRC) {
				c.lastSR, c.lastSRAt = uint32(p.NTPTime>>16), at
			}
			s.onReports(p.SSRC, p.Reports, at)
		case *rtcp.ReceiverReport:
			s.onReports(p.SSRC, p.Reports, at)
		case *rtcp.ExtendedReport:
			s.onMetrics(p)
		case *rtcp.Goodbye:
			s.onBye(p)
		}
	}
}

// isPlayed says that ssrc is the stream being received. Others keep no state, so
// that a peer cannot fill the memory with them.
func (s *Session) isPlayed(ssrc uint32) bool {
	return !s.rx.count.started || s.rx.count.ssrc == ssrc
}

// lostBy is how many were lost, of a number with a sign in 24 bits: below 0 more came than
// were sent, since some came twice (RFC 3550 6.4.1).
func lostBy(r rtcp.ReceptionReport) uint64 {
	const negative = 1 << 23
	if r.TotalLost >= negative {
		return 0
	}
	return uint64(r.TotalLost)
}

func (s *Session) onReports(by uint32, blocks []rtcp.ReceptionReport, at time.Time) {
	c, known := &s.control, false
	for _, r := range blocks {
		if r.SSRC != s.tx.header.SSRC {
			continue
		}
		known = true
		s.troubles.reportOfOurs(by, r.LastSequenceNumber, s.tx.packets)
		c.lossThey, c.lostThey, c.sentThen = r.FractionLost, lostBy(r), s.tx.packets
		s.tx.losing(float64(r.FractionLost) / 256)
		if clock := s.tx.codec.ClockRate; clock > 0 {
			c.jitThey = time.Duration(r.Jitter) * time.Second / time.Duration(clock)
		}
		if r.LastSenderReport == 0 {
			continue
		}
		// RFC 3550 section 6.4.1: A - LSR - DLSR, in 1/65536 seconds.
		gone := int32(uint32(ntp(at)>>16) - r.LastSenderReport - r.Delay)
		if gone >= 0 && gone < 60<<16 {
			c.rtt, c.hasRTT = time.Duration(gone)*time.Second/65536, true
		}
	}
	if !known {
		s.troubles.reportWithout(by, s.tx.packets)
	}
}

func (s *Session) onBye(bye *rtcp.Goodbye) {
	for _, ssrc := range bye.Sources {
		if !s.rx.count.started || ssrc != s.rx.count.ssrc || s.control.left {
			continue
		}
		s.control.left = true
		s.out.add(PeerLeft{Reason: bye.Reason})
	}
}
