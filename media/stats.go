package media

import (
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
	dropDuplicate
	dropLate
	dropCauses
)

func (d drop) String() string {
	return [...]string{"malformed", "early", "stranger", "payload_type", "undecodable", "rtcp_on_rtp", "duplicate", "late"}[d]
}

type drops [dropCauses]uint64

func (d *drops) count(cause drop) { d[cause]++ }

// Stats is how a session fares. Durations are in milliseconds, levels in dBFS.
type Stats struct {
	Codec       string            `json:"codec"`
	Remote      string            `json:"remote,omitempty"`
	RxPackets   uint64            `json:"rx_packets"` // taken from the peer, duplicates included
	TxPackets   uint64            `json:"tx_packets"`
	TxFailed    uint64            `json:"tx_failed"` // refused by our own system
	Lost        int64             `json:"lost"`      // expected less received (RFC 3550 A.3)
	Expected    uint64            `json:"expected"`
	Late        uint64            `json:"late"`
	Duplicates  uint64            `json:"duplicates"`
	Concealed   uint64            `json:"concealed"` // frames made up
	Resyncs     uint64            `json:"resyncs"`   // SSRC changes, jumps and restarts
	JitterMS    float64           `json:"jitter_ms"`
	DelayMS     float64           `json:"delay_ms"` // target of the jitter buffer
	RTTMS       float64           `json:"rtt_ms"`   // 0: not known
	RemoteLoss  float64           `json:"remote_loss"`
	RemoteJitMS float64           `json:"remote_jitter_ms"`
	RxLevel     float64           `json:"rx_level"`
	TxLevel     float64           `json:"tx_level"`
	MOS         float64           `json:"mos"` // 0: nothing received
	LastRx      time.Time         `json:"last_rx,omitzero"`
	RTCPSent    uint64            `json:"rtcp_sent"`
	RTCPRecv    uint64            `json:"rtcp_received"`
	Dropped     map[string]uint64 `json:"dropped,omitempty"` // by cause
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
	if to := s.link.source.target(); to.IsValid() {
		st.Remote = to.String()
	}
	if rx.buffer != nil {
		k := rx.buffer.Counters()
		st.Late, st.Duplicates, st.Concealed, st.Resyncs = k.Late, k.Duplicates, k.Lost, k.Resyncs
		st.DelayMS = milliseconds(rx.buffer.Target())
		st.RxLevel = rx.level.DBFS()
	}
	if tx.packets > 0 {
		st.TxLevel = tx.level.DBFS()
	}
	for cause, n := range rx.drops {
		if n > 0 {
			if st.Dropped == nil {
				st.Dropped = map[string]uint64{}
			}
			st.Dropped[drop(cause).String()] = n
		}
	}
	st.MOS = s.quality(&st)
	return st
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
