package agent

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/agent/phone"
	"ringback/agent/schedule"
)

// knownCodecs are the names that may stand in audio.codecs; those that this
// build cannot do are passed over as long as one is left.
var knownCodecs = []string{"opus", "g722", "pcmu", "pcma"}

var builtCodecs = []string{"g722", "pcmu", "pcma"}

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

// Validate names the first field that cannot work, its value and the remedy. The
// error is a *ConfigError.
func (c *Config) Validate() error {
	for _, check := range []func() error{c.validateAccount, c.validateAddresses, c.validateAudio, c.validateDTMF,
		c.validateCalls, c.validateCallbacks, c.validateChannels, c.validateReschedule, c.validateInformation, c.validateTeam, c.validateStore} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// validateRecords checks what Records need.
func (c *Config) validateRecords() error { return first(c.validateTeam(), c.validateInformation()) }

// validateStore: less than an hour would forget what the agent has just done.
func (c *Config) validateStore() error {
	for _, keep := range []struct {
		field string
		value time.Duration
	}{{"store.keep_history", c.Store.KeepHistory}, {"store.keep_notes", c.Store.KeepNotes}} {
		if keep.value == 0 {
			continue
		}
		if err := between(keep.field, keep.value, time.Hour, 100*365*24*time.Hour); err != nil {
			return err
		}
	}
	return nil
}

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
	for _, name := range a.Algorithms {
		if err := oneOf("account.algorithms", name, "SHA-512-256", "SHA-256", "MD5"); err != nil {
			return err
		}
	}
	return first(
		oneOf("account.transport", strings.ToLower(a.Transport), "udp", "tcp", "tls"),
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
	return between("media.timeout", c.Media.Timeout, 0, 24*time.Hour)
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
		return 0, 0, &ConfigError{Why: "needs four ports or more, above 1023"}
	}
	return uint16(low), uint16(high), nil
}

func (c *Config) validateAudio() error {
	if len(c.Audio.Headset) == 0 {
		return &ConfigError{Field: "audio.headset", Why: "is empty", Remedy: "name a device; null is none"}
	}
	for _, name := range c.Audio.Codecs {
		if err := oneOf("audio.codecs", strings.ToLower(name), knownCodecs...); err != nil {
			return err
		}
	}
	if len(c.codecs()) == 0 {
		return &ConfigError{Field: "audio.codecs", Value: strings.Join(c.Audio.Codecs, ","), Why: "has none that this build can do", Remedy: "add pcmu or pcma"}
	}
	return nil
}

// codecs are the configured codecs that this build can do.
func (c *Config) codecs() []string {
	var names []string
	for _, name := range c.Audio.Codecs {
		if slices.Contains(builtCodecs, strings.ToLower(name)) {
			names = append(names, strings.ToUpper(name))
		}
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
		between("calls.ring_timeout", c.Calls.RingTimeout, 0, time.Hour))
}

func (c *Config) validateCallbacks() error {
	b := &c.Callbacks
	for _, f := range []struct {
		field string
		code  int
	}{{"callbacks.reject_code", b.RejectCode}, {"callbacks.not_ready_code", b.NotReadyCode}} {
		if f.code < 400 || f.code > 699 {
			return &ConfigError{Field: f.field, Value: strconv.Itoa(f.code), Why: "is no refusal", Remedy: "write a SIP code from 400 to 699"}
		}
	}
	if b.MissedLimit < 0 {
		return &ConfigError{Field: "callbacks.missed_offers_to_not_ready", Value: strconv.Itoa(b.MissedLimit), Why: "is negative", Remedy: "write 0 for never"}
	}
	if _, _, err := b.autoAnswer(); err != nil {
		return &ConfigError{Field: "callbacks.auto_answer", Value: b.AutoAnswer, Why: "is not known", Remedy: "write off, header, or a duration such as 3s"}
	}
	for name, header := range b.Headers {
		if err := oneOf("callbacks.headers", name, callbackFields()...); err != nil {
			return err
		}
		if !isToken(header) {
			return &ConfigError{Field: "callbacks.headers." + name, Value: header, Why: "is no header name", Remedy: "write one like X-Callback-Id"}
		}
	}
	if b.ReportSize < 600 || b.ReportSize > 60_000 {
		return &ConfigError{Field: "callbacks.report_size", Value: strconv.Itoa(b.ReportSize), Why: "is out of range", Remedy: "write 600 to 60000 bytes"}
	}
	return first(
		between("callbacks.report_age", b.ReportAge, time.Minute, 365*24*time.Hour),
		between("callbacks.offer_timeout", b.OfferTimeout, time.Second, 10*time.Minute))
}

// autoAnswer reads the setting: whether a header decides, or always after a time.
func (b *CallbacksConfig) autoAnswer() (byHeader bool, after time.Duration, err error) {
	switch b.AutoAnswer {
	case "off":
		return false, -1, nil
	case "header":
		return true, -1, nil
	}
	after, err = time.ParseDuration(b.AutoAnswer)
	if err == nil && (after < 0 || after > 10*time.Minute) {
		err = strconv.ErrRange
	}
	return false, after, err
}

func (c *Config) validateChannels() error {
	for _, text := range slices.Concat(c.Channels.NotReadyReasons, c.Dispositions.Codes) {
		if strings.TrimSpace(text) == "" {
			return &ConfigError{Field: "channels.not_ready_reasons or dispositions.codes", Why: "has an empty entry", Remedy: "remove it"}
		}
	}
	if c.Dispositions.Mandatory && len(c.Dispositions.Codes) == 0 {
		return &ConfigError{Field: "dispositions.mandatory", Value: "true", Why: "there are no codes to choose from", Remedy: "list them in dispositions.codes"}
	}
	return first(
		between("channels.wrap_up", c.Channels.WrapUp, 0, 24*time.Hour),
		oneOf("channels.start", c.Channels.Start, "ready", "not-ready"),
		oneOf("channels.start_webcallback", c.Channels.StartWeb, "ready", "not-ready"),
		c.validateQueueCodes())
}

// validateQueueCodes checks what the PBX's queue is told with.
func (c *Config) validateQueueCodes() error {
	ch := &c.Channels
	for name, code := range ch.PBX {
		if err := oneOf("channels.pbx", name, "login", "logout", "pause", "unpause"); err != nil {
			return err
		}
		if err := checkCode("channels.pbx."+name, code); err != nil {
			return err
		}
	}
	known := slices.Concat(ch.NotReadyReasons, []string{missedReason, channelACW, channelDND, channelNotReady})
	for reason, code := range ch.PBXReasons {
		if len(ch.NotReadyReasons) > 0 && !slices.Contains(known, reason) {
			return &ConfigError{Field: "channels.pbx_reasons", Value: reason, Why: "is no reason", Remedy: "write one of " + strings.Join(known, ", ")}
		}
		if err := checkCode("channels.pbx_reasons."+reason, code); err != nil {
			return err
		}
	}
	switch {
	case (ch.PBX["pause"] == "") != (ch.PBX["unpause"] == ""):
		return &ConfigError{Field: "channels.pbx", Why: "pause and unpause belong together", Remedy: "give both codes, or neither"}
	case len(ch.PBXReasons) > 0 && ch.PBX["pause"] == "":
		return &ConfigError{Field: "channels.pbx_reasons", Why: "there is no pause code for all other reasons", Remedy: "give channels.pbx.pause and unpause"}
	case ch.PBXExit == "logout" && ch.PBX["logout"] == "", slices.Contains([]string{"pause", "unpause"}, ch.PBXExit) && ch.PBX["pause"] == "":
		return &ConfigError{Field: "channels.pbx_exit", Value: ch.PBXExit, Why: "there is no code for it", Remedy: "give it in channels.pbx"}
	}
	return first(
		oneOf("channels.pbx_by", ch.PBXBy, "call", "message"),
		oneOf("channels.pbx_exit", ch.PBXExit, "", "unpause", "pause", "logout", "none"))
}

func checkCode(field, code string) error {
	if _, err := parseTarget(code, "pbx.example.com"); err != nil {
		return &ConfigError{Field: field, Value: code, Why: "cannot be dialled", Remedy: `write a feature code such as "*46", or a SIP URI`}
	}
	return nil
}

func (c *Config) validateReschedule() error {
	r := &c.Reschedule
	if _, err := phone.New(c.Numbers.Region); err != nil {
		return &ConfigError{Field: "numbers.region", Value: c.Numbers.Region, Why: "has no telephone numbers", Remedy: "write the two letters of a country, such as JP"}
	}
	if _, err := r.rules(); err != nil {
		return err
	}
	if r.MaxDays < 0 || r.MaxDays > 3650 {
		return &ConfigError{Field: "reschedule.max_days", Value: strconv.Itoa(r.MaxDays), Why: "is out of range", Remedy: "write 0 (no bound) to 3650"}
	}
	if r.Zone != "" && zoneNamed(r.Zone) == nil {
		return &ConfigError{Field: "reschedule.zone", Value: r.Zone, Why: "is not known", Remedy: "write an IANA name such as Asia/Tokyo"}
	}
	for _, preset := range r.Presets {
		if _, err := schedule.Read(preset, time.Now(), time.UTC); err != nil {
			return &ConfigError{Field: "reschedule.presets", Value: preset, Why: "is no time", Remedy: "write it like " + schedule.Forms}
		}
	}
	if b := c.Callbacks; b.Retries < 0 || b.Retries > 20 {
		return &ConfigError{Field: "callbacks.retries", Value: strconv.Itoa(b.Retries), Why: "is out of range", Remedy: "write 0 (none) to 20"}
	}
	for _, f := range []struct {
		field string
		value time.Duration
	}{{"callbacks.retry_busy", c.Callbacks.RetryBusy}, {"callbacks.retry_no_answer", c.Callbacks.RetryNoAnswer},
		{"callbacks.retry_machine", c.Callbacks.RetryMachine}, {"reschedule.personal_to_team", r.PersonalToTeam}} {
		if err := between(f.field, f.value, 0, 30*24*time.Hour); err != nil {
			return err
		}
	}
	return between("reschedule.again", r.Again, time.Second, 24*time.Hour)
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
