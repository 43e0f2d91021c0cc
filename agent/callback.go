package agent

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ringback/sip"
)

// Callback is a contact's request to be called back, as the PBX handed it over.
// Times are null when they were not given or could not be read.
type Callback struct {
	ID             string         `json:"id"`
	Type           string         `json:"type"` // immediate, delayed, scheduled or preview
	Number         string         `json:"number"`
	Name           string         `json:"name"`
	DesiredTime    *time.Time     `json:"desired_time"`
	DesiredLocal   string         `json:"desired_local,omitempty"` // in the contact's zone
	RequestedAt    *time.Time     `json:"requested_at"`
	Waited         string         `json:"waited,omitempty"` // from the request to the offer
	ReachableFrom  *time.Time     `json:"reachable_from"`
	ReachableUntil *time.Time     `json:"reachable_until"`
	Timezone       string         `json:"timezone"`
	Origin         string         `json:"origin"`
	Reason         string         `json:"reason"`
	Instructions   string         `json:"instructions"`
	Attempt        int            `json:"attempt"`
	FirstLeg       string         `json:"first_leg"` // customer or agent
	Data           map[string]any `json:"data"`      // everything else that came with it
}

// The types of callbacks.
const (
	CallbackImmediate = "immediate"
	CallbackDelayed   = "delayed"
	CallbackScheduled = "scheduled"
	CallbackPreview   = "preview"
)

// firstLegAgent: this phone dials the contact after Accept.
const firstLegAgent = "agent"

// Bounds of what one callback may bring.
const (
	maxCaseFields = 200
	maxCaseText   = 16 << 10 // bytes of one value
)

// CallbackHeaders maps each field of a callback to the header in which it comes, where
// nothing else is configured.
func CallbackHeaders() map[string]string {
	return map[string]string{
		"id": "X-Callback-Id", "type": "X-Callback-Type", "number": "X-Callback-Number", "name": "X-Callback-Name",
		"desired_time": "X-Callback-Desired-Time", "requested_at": "X-Callback-Requested-At",
		"window": "X-Callback-Window", "timezone": "X-Callback-Timezone", "origin": "X-Callback-Origin",
		"reason": "X-Callback-Reason", "instructions": "X-Callback-Instructions", "attempt": "X-Callback-Attempt",
		"first_leg": "X-Callback-First-Leg", "data": "X-Callback-Data", "uui": "User-to-User",
	}
}

func callbackFields() []string {
	var names []string
	for name := range CallbackHeaders() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// callbackHeaders is the map with the configured names in it.
func (b *CallbacksConfig) callbackHeaders() map[string]string {
	names := CallbackHeaders()
	for field, header := range b.Headers {
		names[field] = header
	}
	return names
}

// readCallback reads the callback of an INVITE; nil when it carries none. What
// cannot be read is kept as text in the data, never dropped, and never an error:
// the contact waits.
func readCallback(names map[string]string, headers []sip.Header, parts []sip.Part, now time.Time) *Callback {
	value := func(field string) string {
		for _, h := range headers {
			if strings.EqualFold(h.Name, names[field]) {
				return cleanText(sip.DecodeText(strings.TrimSpace(h.Value)))
			}
		}
		return ""
	}
	c := &Callback{
		ID: value("id"), Type: strings.ToLower(value("type")), Number: value("number"), Name: value("name"),
		Timezone: value("timezone"), Origin: strings.ToLower(value("origin")), Reason: value("reason"),
		Instructions: value("instructions"), FirstLeg: strings.ToLower(value("first_leg")), Data: map[string]any{},
	}
	if c.ID == "" && c.Type == "" && c.Number == "" && !bringsCallback(names, headers) {
		return nil
	}
	c.readKnown(value)
	c.readOthers(names, headers)
	c.readData(names, headers, parts)
	c.tellTimes(now)
	return c
}

// bringsCallback reports whether one of the fields stands in an X-Callback header.
// Another name that an administrator gave a field, such as Subject for the reason,
// and User-to-User are found in plain calls too.
func bringsCallback(names map[string]string, headers []sip.Header) bool {
	for _, h := range headers {
		for _, name := range names {
			if strings.EqualFold(h.Name, name) && strings.HasPrefix(strings.ToLower(name), "x-callback-") {
				return true
			}
		}
	}
	return false
}

// readKnown reads the fields that are more than text.
func (c *Callback) readKnown(value func(string) string) {
	switch c.Type {
	case CallbackImmediate, CallbackDelayed, CallbackScheduled, CallbackPreview:
	case "":
		c.Type = CallbackImmediate
	default:
		c.keep("type", c.Type)
		c.Type = CallbackImmediate
	}
	if c.FirstLeg != firstLegAgent {
		c.FirstLeg = "customer"
	}
	c.DesiredTime = c.time("desired_time", value("desired_time"))
	c.RequestedAt = c.time("requested_at", value("requested_at"))
	if window := value("window"); window != "" {
		from, until, both := strings.Cut(window, "/")
		if both {
			c.ReachableFrom, c.ReachableUntil = c.time("window_from", from), c.time("window_until", until)
		} else {
			c.keep("window", window)
		}
	}
	if text := value("attempt"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1_000_000 {
			c.keep("attempt", text)
			n = 0
		}
		c.Attempt = n
	}
	if _, err := time.LoadLocation(c.Timezone); err != nil || c.Timezone == "Local" {
		c.keep("timezone", c.Timezone)
		c.Timezone = ""
	}
}

func (c *Callback) time(field, text string) *time.Time {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1970 || at.Year() > 9999 {
		c.keep(field, text)
		return nil
	}
	return &at
}

// tellTimes says the desired time in the contact's zone, and how long it waited.
func (c *Callback) tellTimes(now time.Time) {
	if c.DesiredTime != nil && c.Timezone != "" {
		if zone, err := time.LoadLocation(c.Timezone); err == nil {
			c.DesiredLocal = c.DesiredTime.In(zone).Format("2006-01-02 15:04 MST")
		}
	}
	if c.RequestedAt != nil && now.After(*c.RequestedAt) {
		c.Waited = now.Sub(*c.RequestedAt).Round(time.Second).String()
	}
}

// readOthers keeps X-Callback-* headers that have no field of their own.
func (c *Callback) readOthers(names map[string]string, headers []sip.Header) {
	known := map[string]bool{}
	for _, header := range names {
		known[strings.ToLower(header)] = true
	}
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		if strings.HasPrefix(name, "x-callback-") && !known[name] {
			c.keep(h.Name, cleanText(sip.DecodeText(strings.TrimSpace(h.Value))))
		}
	}
}

// readData merges the JSON header, the JSON parts of the body and User-to-User.
func (c *Callback) readData(names map[string]string, headers []sip.Header, parts []sip.Part) {
	for _, h := range headers {
		switch {
		case strings.EqualFold(h.Name, names["data"]):
			text := sip.DecodeText(strings.TrimSpace(h.Value))
			if !c.mergeJSON([]byte(text)) {
				c.keep(names["data"], cleanText(text))
			}
		case strings.EqualFold(h.Name, names["uui"]):
			c.readUUI(names["uui"], h.Value)
		}
	}
	for _, part := range parts {
		if kind := mediaType(part.ContentType); kind == "application/json" || strings.HasSuffix(kind, "+json") {
			if !c.mergeJSON(part.Body) {
				c.keep(kind, cleanText(string(part.Body)))
			}
		}
	}
}

// readUUI takes the data of a User-to-User header (RFC 7433): JSON and
// key=value;key=value are merged, other text is kept whole.
func (c *Callback) readUUI(name, value string) {
	for _, text := range decodeUUI(value) {
		text = cleanText(text)
		if text == "" || c.mergeJSON([]byte(text)) || c.mergePairs(text) {
			continue
		}
		c.keep(name, text)
	}
}

// mergePairs takes k=v;k2=v2; every part must be of that form.
func (c *Callback) mergePairs(text string) bool {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '&' })
	for _, part := range parts {
		if key, _, ok := strings.Cut(part, "="); !ok || strings.TrimSpace(key) == "" {
			return false
		}
	}
	for _, part := range parts {
		key, value, _ := strings.Cut(part, "=")
		c.keep(strings.TrimSpace(key), sip.DecodeText(strings.TrimSpace(value)))
	}
	return len(parts) > 0
}

func (c *Callback) mergeJSON(text []byte) bool {
	var object map[string]any
	if !utf8.Valid(text) || json.Unmarshal(text, &object) != nil || object == nil {
		return false
	}
	for key, value := range object {
		c.keepValue(cleanText(key), value)
	}
	return true
}

func (c *Callback) keep(key, value string) {
	if value != "" {
		c.keepValue(key, value)
	}
}

// keepValue bounds what a peer can make us hold.
func (c *Callback) keepValue(key string, value any) {
	if text, isText := value.(string); isText && len(text) > maxCaseText {
		value = strings.ToValidUTF8(text[:maxCaseText], "")
	}
	if _, have := c.Data[key]; key != "" && (have || len(c.Data) < maxCaseFields) {
		c.Data[key] = value
	}
}

func mediaType(contentType string) string {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// cleanText makes text safe to show: valid UTF-8 without control characters.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
