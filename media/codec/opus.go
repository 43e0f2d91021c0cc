package codec

import (
	"strconv"
	"strings"
	"time"

	"ringback/media/audio"
)

// The limits of RFC 7587 section 6.1 and what is sent unless the configuration
// says otherwise.
const (
	MinOpusBitRate     = 6000
	MaxOpusBitRate     = 510000
	DefaultOpusBitRate = 32000
	MaxOpusComplexity  = 10
	defaultComplexity  = 9
	mostOpusBytes      = 1275 // of one frame, RFC 6716 section 3.4
	mostOpusSamples    = 5760 // 120 ms at 48 kHz, RFC 6716 section 3.2.5
)

// OpusConfig is how Opus is sent, within what the peer asks for. The zero value
// takes the defaults: 32 kbit/s at most and on average, complexity 9, in-band FEC
// as far as the peer loses packets, no DTX, variable bit rate.
type OpusConfig struct {
	BitRate    int  // bit/s, 6,000 to 510,000; named, it is also asked of the peer
	Complexity int  // 1 to 10
	NoFEC      bool // neither sent nor asked for
	DTX        bool // pauses are not sent, nor need the peer send them
	CBR        bool // constant bit rate, both ways
}

// Tuner is an Encoder with choices.
type Tuner interface {
	// Tune sets how it encodes from now on: as configured, within the peer's
	// parameters (fmtp).
	Tune(cfg OpusConfig, fmtp string) error
	// Losing says what share of packets (0 to 1) the peer lost lately.
	Losing(share float64) error
}

// Hider is a Decoder that makes up lost sound by itself.
type Hider interface {
	// Hide appends samples in place of a packet that did not come. next is the
	// payload behind it, which may carry it a second time; nil when it is not here.
	// On an error dst is returned as it was.
	Hide(dst audio.Frame, samples int, next []byte) (audio.Frame, error)
}

// opus is RFC 7587 over RFC 6716: always 48 kHz and two channels in SDP, one
// channel in fact.
func opus() Codec {
	return Codec{
		Name: "opus", PayloadType: 111, ClockRate: audio.Rate48k, SampleRate: audio.Rate48k, Channels: 2,
		Ptime: 20 * time.Millisecond, MOSLoss: 25.1, MOSImpair: 0, // see doc.go
		Ptimes:     []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond},
		newEncoder: opusEncoders(), newDecoder: newOpusDecoder,
	}
}

// Params is the fmtp that this side says of the codec (RFC 7587 section 6.1), without
// what is so by default: an INVITE by UDP is to stay below 1,300 octets. Empty for
// codecs without.
func (c Codec) Params(cfg OpusConfig) string {
	if c.Name != "opus" {
		return ""
	}
	var said []string
	say := func(word string, on bool) {
		if on {
			said = append(said, word)
		}
	}
	say("useinbandfec=1", !cfg.NoFEC)
	say("usedtx=1", cfg.DTX)
	say("cbr=1", cfg.CBR)
	say("maxaveragebitrate="+strconv.Itoa(cfg.BitRate), cfg.BitRate > 0)
	return strings.Join(said, ";")
}

// opusWish is what a peer wants to get, as far as it is followed here.
type opusWish struct {
	playback int // Hz; more than that is wasted on it
	bitRate  int // bit/s on average at most; 0: as much as you like
	fec      bool
	dtx      bool // it was not refused
	cbr      bool
}

// parseOpus reads an fmtp. What is missing or cannot be read has the default of
// RFC 7587 section 6.1, but for usedtx, where no word is no objection.
func parseOpus(fmtp string) opusWish {
	w := opusWish{playback: audio.Rate48k, dtx: true}
	for _, pair := range strings.Split(fmtp, ";") {
		name, value, _ := strings.Cut(pair, "=")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "maxplaybackrate":
			if n >= audio.Rate8k && n <= audio.Rate48k {
				w.playback = n
			}
		case "maxaveragebitrate":
			w.bitRate = min(max(n, MinOpusBitRate), MaxOpusBitRate)
		case "useinbandfec":
			w.fec = n == 1
		case "usedtx":
			w.dtx = n == 1
		case "cbr":
			w.cbr = n == 1
		}
	}
	return w
}

// within is what is sent: the configuration, within the peer's wish.
func (cfg OpusConfig) within(w opusWish) OpusConfig {
	if cfg.BitRate == 0 {
		cfg.BitRate = DefaultOpusBitRate
	}
	if w.bitRate > 0 {
		cfg.BitRate = min(cfg.BitRate, w.bitRate)
	}
	if cfg.Complexity == 0 {
		cfg.Complexity = defaultComplexity
	}
	cfg.NoFEC = cfg.NoFEC || !w.fec
	cfg.DTX = cfg.DTX && w.dtx
	cfg.CBR = cfg.CBR || w.cbr
	return cfg
}
