package agent

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/agent/phone"
	"ringback/agent/schedule"
)

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

// validateStore: less than an hour would forget what the agent has just done.
func (c *Config) validateStore() error {
	for _, keep := range []struct {
		field string
		value time.Duration
	}{{"store.keep_history", c.Store.KeepHistory}, {"store.keep_notes", c.Store.KeepNotes}, {"store.keep_recordings", c.Store.KeepRecordings}} {
		if keep.value == 0 {
			continue
		}
		if err := between(keep.field, keep.value, time.Hour, 100*365*24*time.Hour); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) validateRecording() error {
	r := &c.Recording
	if r.Folder != "" && !filepath.IsAbs(r.Folder) && !strings.HasPrefix(r.Folder, "~/") {
		return &ConfigError{Field: "recording.folder", Value: r.Folder, Why: "is no whole path", Remedy: "write it like /srv/recordings or ~/recordings"}
	}
	if r.ToneHz < 300 || r.ToneHz > 3400 {
		return &ConfigError{Field: "recording.consent_tone_hz", Value: strconv.Itoa(r.ToneHz), Why: "is out of range", Remedy: "write 300 to 3400, such as 1400"}
	}
	return first(
		oneOf("recording.start", r.Start, recordNever, recordCallbacks, recordAlways),
		between("recording.consent_tone_length", r.ToneLength, 50*time.Millisecond, 5*time.Second),
		between("recording.consent_tone_every", r.ToneEvery, r.ToneLength+time.Second, 10*time.Minute))
}
