package media

import (
	"sync/atomic"
	"time"

	"ringback/media/audio"
)

// drop is why a received packet was not played.
type drop uint8

const (
	dropMalformed drop = iota
	dropEarly
	dropStranger
	dropPayloadType
	dropUndecodable
	dropControl
	dropControlMalformed
	dropDuplicate
	dropLate
	dropUnauthentic // SRTP: its tag is wrong, or it is not protected
	dropReplay      // SRTP: it was there before, or is too old to tell
	dropStreams     // SRTP: of an SSRC too many
	dropStray       // of another SSRC, sequence or time than the stream's, and not followed by a second one
	dropCauses
)

func (d drop) String() string {
	return [...]string{"malformed", "early", "stranger", "payload_type", "undecodable", "rtcp_on_rtp", "rtcp_malformed", "duplicate", "late",
		"unauthentic", "replay", "too_many_streams", "stray"}[d]
}

// drops are those of one session, and with them those of all that an engine had.
type drops struct {
	n   [dropCauses]uint64
	all *[dropCauses]atomic.Uint64
}

func (d *drops) count(cause drop) {
	d.n[cause]++
	d.all[cause].Add(1)
}

// Stats is how a session fares. Durations are in milliseconds, levels in dBFS.
type Stats struct {
	Codec         string            `json:"codec"`
	Remote        string            `json:"remote,omitempty"`
	RxPackets     uint64            `json:"rx_packets"` // taken from the peer, duplicates included
	TxPackets     uint64            `json:"tx_packets"`
	TxFailed      uint64            `json:"tx_failed"` // refused by our own system
	Lost          int64             `json:"lost"`      // expected less received (RFC 3550 A.3)
	Expected      uint64            `json:"expected"`
	Late          uint64            `json:"late"`
	Duplicates    uint64            `json:"duplicates"`
	Concealed     uint64            `json:"concealed"`      // frames made up
	Waited        uint64            `json:"waited"`         // packets that came late and were played all the same
	Discarded     uint64            `json:"discarded"`      // packets given up to catch up, or without room
	AcceleratedMS float64           `json:"accelerated_ms"` // sound made shorter to catch up, and longer to wait
	DeceleratedMS float64           `json:"decelerated_ms"`
	Resyncs       uint64            `json:"resyncs"` // SSRC changes, jumps and restarts
	JitterMS      float64           `json:"jitter_ms"`
	DelayMS       float64           `json:"delay_ms"` // target of the jitter buffer
	RTTMS         float64           `json:"rtt_ms"`   // 0: not known
	RemoteLoss    float64           `json:"remote_loss"`
	RemoteJitMS   float64           `json:"remote_jitter_ms"`
	RxLevel       float64           `json:"rx_level"`
	TxLevel       float64           `json:"tx_level"`
	MOS           float64           `json:"mos"` // of the conversation, by the E-model; 0: nothing received
	MOSListening  float64           `json:"mos_listening"`
	MOSScale      string            `json:"mos_scale,omitempty"` // of both: ScaleNarrow or ScaleWide
	MouthToEarMS  float64           `json:"mouth_to_ear_ms"`
	BurstRatio    float64           `json:"burst_ratio"`             // 1: losses are random
	RemoteMOS     float64           `json:"remote_mos"`              // of listening; 0: not known
	RemoteMOSBy   string            `json:"remote_mos_by,omitempty"` // ByXR or ByReports: from where it is known
	RemoteLate    float64           `json:"remote_late"`             // share of our packets that came too late there
	LastRx        time.Time         `json:"last_rx,omitzero"`
	RTCPSent      uint64            `json:"rtcp_sent"`
	RTCPRecv      uint64            `json:"rtcp_received"`
	Suite         string            `json:"suite,omitempty"`   // of SRTP; empty: not encrypted
	Dropped       map[string]uint64 `json:"dropped,omitempty"` // by cause
}

// SoundRate is the sample rate in Hz of what is said and heard with the peer, whichever
// is higher; 0 before a codec was agreed on.
func (s *Session) SoundRate() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	rate := 0
	if s.tx.on {
		rate = s.tx.codec.SampleRate
	}
	if last := s.rx.last; last != nil {
		rate = max(rate, last.codec.SampleRate)
	}
	return rate
}

// Stats returns the figures of now.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	rx, tx, c := &s.rx, &s.tx, &s.control
	st := Stats{
		Codec:     tx.name(),
		RxPackets: rx.count.before.received + rx.count.received,
		TxPackets: tx.packets, TxFailed: tx.failures,
		Lost: rx.count.lost(), Expected: rx.count.before.expected + rx.count.expected(),
		JitterMS: milliseconds(rx.count.jitter()), RTTMS: milliseconds(c.rtt),
		RemoteLoss: float64(c.lossThey) / 256, RemoteJitMS: milliseconds(c.jitThey),
		RxLevel: audio.SilenceDBFS, TxLevel: audio.SilenceDBFS,
		LastRx: s.alive.last, RTCPSent: c.sent, RTCPRecv: c.received,
	}
	if c := s.secrecy.agreed; c != nil {
		st.Suite = string(c.Suite)
	}
	if to := s.link.source.target(); to.IsValid() {
		st.Remote = to.String()
	}
	if rx.buffer != nil {
		k := rx.buffer.Counters()
		st.Late, st.Duplicates, st.Concealed, st.Resyncs = k.Late, k.Duplicates, k.Lost, k.Resyncs
		st.Waited, st.Discarded = k.Waited, k.Discarded+k.Overflows
		st.AcceleratedMS, st.DeceleratedMS = rx.milliseconds(k.Accelerated), rx.milliseconds(k.Decelerated)
		st.DelayMS = milliseconds(rx.buffer.Target())
		st.RxLevel = rx.level.DBFS()
	}
	if tx.packets > 0 {
		tx.meet()
		st.TxLevel = tx.level.DBFS()
	}
	for cause, n := range rx.drops.n {
		if n > 0 {
			if st.Dropped == nil {
				st.Dropped = map[string]uint64{}
			}
			st.Dropped[drop(cause).String()] = n
		}
	}
	if q := s.rate(); st.RxPackets > 0 {
		st.MOS, st.MOSListening, st.MouthToEarMS = mos(q.conversation), mos(q.listening), q.delayMS
		st.MOSScale, st.BurstRatio = q.scale, rx.losses.burstRatio()
	}
	switch far := &c.far; {
	case far.told:
		st.RemoteMOS, st.RemoteLate, st.RemoteMOSBy = far.listening, far.discarded, ByXR
	case c.sentThen > 0 && tx.codec.SampleRate > 0:
		st.RemoteMOS, st.RemoteMOSBy = mos(remoteRating(tx.codec, c.lostThey, c.sentThen)), ByReports
	}
	return st
}

// milliseconds are those of timestamp units.
func (r *receiver) milliseconds(units uint64) float64 {
	return float64(units) * 1000 / float64(r.clock)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
