package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/media"
	"ringback/media/codec"
	"ringback/media/headset"
	"ringback/sip"
)

// knownCodecs are the names that may stand in audio.codecs; those that this
// build cannot do are passed over as long as one is left.
var knownCodecs = []string{"opus", "g722", "pcmu", "pcma", "l16", "l16/16000", "l16/8000"}

func oneOf(field, value string, set ...string) error {
	if slices.Contains(set, value) {
		return nil
	}
	return &ConfigError{Field: field, Value: value, Why: "is not known", Remedy: "write one of " + strings.Join(set, ", ")}
}

func between(field string, value, least, most time.Duration) error {
	if value >= least && value <= most {
		return nil
	}
	return &ConfigError{Field: field, Value: value.String(), Why: "is out of range", Remedy: "write " + least.String() + " to " + most.String()}
}

func within(field string, value, least, most int) error {
	if value >= least && value <= most {
		return nil
	}
	return &ConfigError{Field: field, Value: strconv.Itoa(value), Why: "is out of range", Remedy: fmt.Sprintf("write %d to %d", least, most)}
}

// Validate names the first field that cannot work, its value and the remedy. The
// error is a *ConfigError.
func (c *Config) Validate() error {
	for _, check := range []func() error{c.validateAccount, c.validateAddresses, c.validateAudio, c.validateHeadset, c.validateDTMF,
		c.validateCalls, c.validateCallbacks, c.validateChannels, c.validateReschedule, c.validateInformation, c.validateTeam, c.validateStore, c.validateRecording} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// validateRecords checks what Records need.
func (c *Config) validateRecords() error { return first(c.validateTeam(), c.validateInformation()) }

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) validateAccount() error {
	a := &c.Account
	if a.AOR == "" {
		return &ConfigError{Field: "account.aor", Why: "is missing", Remedy: "write it like sip:1001@pbx.example.com (flag --aor, RINGBACK_ACCOUNT_AOR)"}
	}
	aor, err := parseTarget(a.AOR, "")
	if err != nil || aor.User == "" {
		return &ConfigError{Field: "account.aor", Value: a.AOR, Why: "is no SIP address of a user", Remedy: "write it like sip:1001@pbx.example.com"}
	}
	if strings.ContainsAny(a.Display, "\r\n\x00") {
		return &ConfigError{Field: "account.display", Value: a.Display, Why: "has control characters", Remedy: "remove them"}
	}
	if (a.CertFile == "") != (a.KeyFile == "") {
		return &ConfigError{Field: "account.cert_file", Value: a.CertFile, Why: "certificate and key belong together", Remedy: "give cert_file and key_file, or neither"}
	}
	if !strings.HasPrefix(a.WSPath, "/") || strings.ContainsFunc(a.WSPath, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return &ConfigError{Field: "account.ws_path", Value: a.WSPath, Why: "is no path", Remedy: "write it like /ws"}
	}
	for _, name := range a.Algorithms {
		if err := oneOf("account.algorithms", name, "SHA-512-256", "SHA-256", "MD5"); err != nil {
			return err
		}
	}
	return first(
		oneOf("account.transport", strings.ToLower(a.Transport), "udp", "tcp", "tls", "ws", "wss", sip.Auto),
		between("account.expires", a.Expires, 10*time.Second, 24*time.Hour),
		between("account.keepalive", a.Keepalive, 0, time.Hour))
}

func (c *Config) validateAddresses() error {
	for _, f := range []struct{ field, value string }{
		{"account.registrar", c.Account.Registrar}, {"account.proxy", c.Account.Proxy}, {"callbacks.report_to", c.Callbacks.ReportTo},
	} {
		if f.value == "" {
			continue
		}
		if uri, err := parseTarget(f.value, ""); err != nil || uri.Host == "" {
			return &ConfigError{Field: f.field, Value: f.value, Why: "is no SIP address", Remedy: "write it like sip:pbx.example.com"}
		}
	}
	if _, _, err := splitBind(c.Account.Bind); err != nil {
		return &ConfigError{Field: "account.bind", Value: c.Account.Bind, Why: "is no IP address", Remedy: "write ADDRESS or ADDRESS:PORT, such as 127.0.0.21 or [::1]:5060"}
	}
	if _, _, err := splitPorts(c.Media.Ports); err != nil {
		return &ConfigError{Field: "media.ports", Value: c.Media.Ports, Why: err.Error(), Remedy: "write FIRST-LAST, such as 20000-20999"}
	}
	if !slices.Contains(media.PacketTimes(), c.Media.Ptime) {
		return &ConfigError{Field: "media.ptime", Value: c.Media.Ptime.String(), Why: "is no packet time", Remedy: "write 10ms, 20ms, 30ms, 40ms or 60ms"}
	}
	return first(between("media.timeout", c.Media.Timeout, 0, 24*time.Hour), c.validateEncryption())
}

// splitBind reads ADDRESS[:PORT]; the zero address when empty.
func splitBind(bind string) (netip.Addr, uint16, error) {
	if bind == "" {
		return netip.Addr{}, 0, nil
	}
	if at, err := netip.ParseAddrPort(bind); err == nil {
		return at.Addr(), at.Port(), nil
	}
	addr, err := netip.ParseAddr(strings.Trim(bind, "[]"))
	return addr, 0, err
}

// MediaPorts is the range that sound is received on; zero: the engine's own.
func (c *Config) MediaPorts() (media.PortRange, error) {
	first, last, err := splitPorts(c.Media.Ports)
	return media.PortRange{Min: first, Max: last}, err
}

// splitPorts reads FIRST-LAST; zeros when empty.
func splitPorts(text string) (first, last uint16, err error) {
	if text == "" {
		return 0, 0, nil
	}
	from, to, _ := strings.Cut(text, "-")
	low, err := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	if err != nil {
		return 0, 0, err
	}
	high, err := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	if err != nil {
		return 0, 0, err
	}
	if low < 1024 || high < low+3 {
		return 0, 0, errors.New("needs four ports or more, above 1023")
	}
	return uint16(low), uint16(high), nil
}

func (c *Config) validateAudio() error {
	if len(c.Audio.Headset) == 0 {
		return &ConfigError{Field: "audio.headset", Why: "is empty", Remedy: "name a device; null is none"}
	}
	if c.Audio.RingInCall && len(c.Audio.Ring) == 0 {
		return &ConfigError{Field: "audio.ring_in_call", Value: "true", Why: "has nothing to ring on but the headset", Remedy: "name a device in audio.ring, or leave it out"}
	}
	for _, name := range c.Audio.Codecs {
		if err := oneOf("audio.codecs", strings.ToLower(name), knownCodecs...); err != nil {
			return err
		}
	}
	if len(c.codecs()) == 0 {
		return &ConfigError{Field: "audio.codecs", Value: strings.Join(c.Audio.Codecs, ","), Why: "has none that this build can do", Remedy: "add pcmu or pcma"}
	}
	return c.validateOpus()
}

func (c *Config) validateOpus() error {
	rate, complexity := c.Opus.BitRate, c.Opus.Complexity
	switch {
	case rate != 0 && (rate < codec.MinOpusBitRate || rate > codec.MaxOpusBitRate):
		return &ConfigError{Field: "opus.bit_rate", Value: strconv.Itoa(rate), Why: "is out of range", Remedy: "write 6000 to 510000 bit/s, or 0 for the default"}
	case complexity < 1 || complexity > codec.MaxOpusComplexity:
		return &ConfigError{Field: "opus.complexity", Value: strconv.Itoa(complexity), Why: "is out of range", Remedy: "write 1 to 10"}
	}
	return nil
}

// opus is what the media room needs of it.
func (c *Config) opus() codec.OpusConfig {
	o := c.Opus
	return codec.OpusConfig{BitRate: o.BitRate, Complexity: o.Complexity, NoFEC: !o.FEC, DTX: o.DTX, CBR: o.CBR}
}

// codecs are the configured codecs that this build can send.
func (c *Config) codecs() []string {
	var names []string
	for _, name := range c.Audio.Codecs {
		if media.Sends(name) {
			names = append(names, strings.ToUpper(name))
		}
	}
	return names
}

func (c *Config) validateHeadset() error {
	h := c.Headset
	for _, f := range []struct {
		field              string
		value, least, most int
	}{
		{"headset.microphone_gain", h.MicrophoneGain, -headset.MaxGain, headset.MaxGain},
		{"headset.volume", h.Volume, -headset.MaxGain, headset.MaxGain},
		{"headset.side_tone", h.SideTone, headset.MinSideTone, 0},
		{"headset.ceiling", h.Ceiling, headset.MinCeiling, 0},
	} {
		if f.value < f.least || f.value > f.most {
			return &ConfigError{Field: f.field, Value: strconv.Itoa(f.value), Why: "is out of range", Remedy: fmt.Sprintf("write %d to %d dB", f.least, f.most)}
		}
	}
	return oneOf("headset.noise_suppression", h.NoiseSuppression, headset.NoiseGrades()...)
}

// headset is what the media room needs of it: what this build can do.
func (c *Config) headset() headset.Config {
	h := c.Headset
	sound := headset.Config{HighPass: h.HighPass, MicrophoneGain: h.MicrophoneGain, Volume: h.Volume, SideTone: h.SideTone, Ceiling: h.Ceiling}
	if headset.Library {
		sound.EchoCancellation, sound.AutoGain = h.EchoCancellation, h.AutoGain
		sound.NoiseSuppression, _ = headset.ParseNoiseSuppression(h.NoiseSuppression) // validated
	}
	return sound
}

// ring is no louder than the headset's ceiling: it may be the headset itself that rings.
func (c *Config) ring() headset.Config { return headset.Config{Ceiling: c.Headset.Ceiling} }

// secondEar hears at the headset's ceiling and volume, and nothing of its own.
func (c *Config) secondEar() headset.Config {
	return headset.Config{Volume: c.Headset.Volume, Ceiling: c.Headset.Ceiling}
}

// unheard names what is wished for the headset and not in this build.
func (h HeadsetConfig) unheard() (names []string) {
	if headset.Library {
		return nil
	}
	if h.EchoCancellation {
		names = append(names, "headset.echo_cancellation")
	}
	if h.NoiseSuppression != headset.NoiseOff.String() {
		names = append(names, "headset.noise_suppression")
	}
	if h.AutoGain {
		names = append(names, "headset.auto_gain")
	}
	return names
}

func (c *Config) validateDTMF() error {
	return first(
		oneOf("dtmf.method", c.DTMF.Method, "rfc4733", "info", "inband"),
		between("dtmf.duration", c.DTMF.Duration, 40*time.Millisecond, 8*time.Second),
		between("dtmf.gap", c.DTMF.Gap, 40*time.Millisecond, 8*time.Second))
}

func (c *Config) validateCalls() error {
	return first(
		oneOf("calls.when_not_ready", c.Calls.WhenNotReady, "refuse", "offer"),
		oneOf("calls.redirect", c.Calls.Redirect, "follow", "refuse"),
		oneOf("calls.transfer", c.Calls.Transfer, "refer", "ring-first"),
		oneOf("calls.refer", c.Calls.Refer, "ask", "accept", "refuse"),
		oneOf("calls.replaces", c.Calls.Replaces, "accept", "refuse"),
		between("calls.ring_timeout", c.Calls.RingTimeout, 0, time.Hour),
		within("calls.conference_parties", c.Calls.ConferenceParties, 1, MaxConferenceParties))
}

// isToken reports whether a text is a token of RFC 3261 25.1.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-.!%*_+`'~", rune(c)) {
			return false
		}
	}
	return s != ""
}
