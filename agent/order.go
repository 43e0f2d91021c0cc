package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ringback/agent/store"
	"ringback/sip"
)

// order is a callback that comes without a call: as a SIP MESSAGE from the PBX
// (callbacks.md 4), or through the control API.
type order struct {
	callback *Callback
	channel  ChannelName
	source   string // message or api
	body     string // as it came, to know a repeat
}

// orderFields are the keys of an order's JSON object; whatever else it has
// becomes case data.
type orderFields struct {
	ID             string          `json:"id"`
	Type           string          `json:"type"`
	Channel        string          `json:"channel"` // webcallback (the default) or voice
	Number         string          `json:"number"`
	Name           string          `json:"name"`
	DesiredTime    string          `json:"desired_time"`
	RequestedAt    string          `json:"requested_at"`
	ReachableFrom  string          `json:"reachable_from"`
	ReachableUntil string          `json:"reachable_until"`
	Timezone       string          `json:"timezone"`
	Origin         string          `json:"origin"`
	Reason         string          `json:"reason"`
	Instructions   string          `json:"instructions"`
	Attempt        int             `json:"attempt"`
	Window         string          `json:"window"`
	FirstLeg       string          `json:"first_leg"`
	Data           json.RawMessage `json:"data"`
}

// orderKeys are the names in orderFields.
func orderKeys() []string {
	return []string{"id", "type", "channel", "number", "name", "desired_time", "requested_at", "reachable_from", "reachable_until",
		"timezone", "origin", "reason", "instructions", "attempt", "window", "first_leg", "data"}
}

// readOrder reads an order. Unlike the headers of an INVITE, behind which a
// contact waits, an order that is wrong goes back with the reason: whoever wrote
// it can mend it.
func readOrder(text []byte, now time.Time) (*order, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("the order is not UTF-8")
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil || all == nil {
		return nil, fmt.Errorf(`the order is no JSON object such as {"id":"cb-1","number":"+81312345678"}`)
	}
	var f orderFields
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("the order has a field of the wrong kind: %s", wrongOrderField(err))
	}
	o := &order{channel: ChannelName(f.Channel), body: string(bytes.TrimSpace(text))}
	switch o.channel {
	case "":
		o.channel = ChannelWebCallback
	case ChannelVoice, ChannelWebCallback:
	default:
		return nil, fmt.Errorf("channel %q is not known: use voice or webcallback", cleanText(f.Channel))
	}
	c := &Callback{ID: oneLine(f.ID), Type: strings.ToLower(oneLine(f.Type)), Number: oneLine(f.Number), Name: oneLine(f.Name),
		Timezone: oneLine(f.Timezone), Origin: strings.ToLower(oneLine(f.Origin)), Reason: cleanText(f.Reason),
		Instructions: cleanText(f.Instructions), Attempt: f.Attempt, FirstLeg: firstLegAgent, Data: map[string]any{}}
	o.callback = c
	if c.Origin == "" {
		c.Origin = "web"
	}
	if err := c.checkOrder(&f); err != nil {
		return nil, err
	}
	if err := c.orderData(all, f.Data); err != nil {
		return nil, err
	}
	c.tellTimes(now)
	return o, nil
}

func oneLine(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(cleanText(s), "\n", " "))
}

func wrongOrderField(err error) string {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return fmt.Sprintf("%s is a %s", mismatch.Field, mismatch.Value)
	}
	return "it cannot be read"
}

// checkOrder reads the fields that are more than text, and names the first that
// is wrong.
func (c *Callback) checkOrder(f *orderFields) error {
	const maxID = 256
	switch {
	case len(c.ID) > maxID:
		return fmt.Errorf("id has %d bytes: use at most %d", len(c.ID), maxID)
	case c.Number == "":
		return fmt.Errorf("number is missing: whom shall the agent call?")
	case c.Attempt < 0 || c.Attempt > 1_000_000:
		return fmt.Errorf("attempt %d is out of range: use 0 to 1000000", c.Attempt)
	case c.Type == "":
		c.Type = CallbackImmediate
	case !slices.Contains([]string{CallbackImmediate, CallbackDelayed, CallbackScheduled, CallbackPreview}, c.Type):
		return fmt.Errorf("type %q is not known: use immediate, delayed, scheduled or preview", c.Type)
	}
	if f.Window != "" {
		f.ReachableFrom, f.ReachableUntil, _ = strings.Cut(f.Window, "/")
	}
	for _, t := range []struct {
		name, text string
		to         **time.Time
	}{{"desired_time", f.DesiredTime, &c.DesiredTime}, {"requested_at", f.RequestedAt, &c.RequestedAt},
		{"reachable_from", f.ReachableFrom, &c.ReachableFrom}, {"reachable_until", f.ReachableUntil, &c.ReachableUntil}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, strings.TrimSpace(t.text))
		if err != nil || at.Year() < 1970 {
			return fmt.Errorf("%s %q is no time: write it like 2026-11-25T10:00:00+09:00", t.name, cleanText(t.text))
		}
		*t.to = &at
	}
	if c.Timezone != "" && zoneNamed(c.Timezone) == nil {
		return fmt.Errorf("timezone %q is not known: use an IANA name such as Asia/Tokyo", c.Timezone)
	}
	return nil
}

// zoneNamed is an IANA zone; nil when there is none of that name.
func zoneNamed(name string) *time.Location {
	if name == "" || name == "Local" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// orderData takes the data of an order, and the keys that it does not know.
func (c *Callback) orderData(all map[string]json.RawMessage, data json.RawMessage) error {
	if len(data) > 0 && string(data) != "null" && !c.mergeJSON(data) {
		return fmt.Errorf(`data is no JSON object such as {"product":"fibre"}`)
	}
	for key, raw := range all {
		var value any
		if !slices.Contains(orderKeys(), key) && json.Unmarshal(raw, &value) == nil && value != nil {
			c.keepValue(cleanText(key), value)
		}
	}
	return nil
}

// kind is what an order's interaction is.
func (o *order) kind() Kind {
	if o.channel == ChannelWebCallback {
		return KindWebCallback
	}
	return KindVoiceCallback
}

// repeatWithin is how long an order that says the same as one that went back to
// the PBX is taken for its repetition rather than for a new round.
const repeatWithin = 2 * time.Minute

// standing is how an order stands to what is known of its callback.
type standing int

const (
	orderNew      standing = iota // it is offered
	orderHere                     // it is here already, or done
	orderReturned                 // it went back to the PBX a moment ago, and belongs there
)

// takeOrder keeps an order and has it offered. code is the SIP answer: 200 once
// it is in the store, also for a repeat, which is offered only once.
func (a *Agent) takeOrder(o *order) (code int, why string) {
	if o.callback.ID == "" {
		o.callback.ID = a.ownKey(a.ids.interaction())
	}
	blocked := a.blocked(o.callback.Number)
	if blocked == nil {
		if _, refused := a.target(o.callback.Number); refused != nil {
			return 400, refused.Message
		}
	}
	known, have, err := a.store.Callback(o.callback.ID)
	if err != nil {
		return 500, a.storeFailed("look for the order", err).Message
	}
	row := a.orderRow(o)
	if have {
		switch a.standing(o, known) {
		case orderHere:
			return 200, "known already"
		case orderReturned:
			return a.tellReturned(known)
		}
		row.Created, row.Attempts = known.Created, known.Attempts
	}
	if blocked != nil {
		return a.refuseOrder(o, row, 603, blocked.Message)
	}
	if why := a.channelUnavailable(o.channel); why != "" {
		return a.refuseOrder(o, row, a.cfg.Callbacks.NotReadyCode, why)
	}
	if err := a.store.UpdateNamed("order", func(tx *store.Tx) error { return tx.PutCallback(row) }); err != nil {
		return 500, a.storeFailed("keep the order", err).Message
	}
	a.agenda.put(entryOf(row))
	return 200, ""
}

// refuseOrder gives an order back to the PBX, by the answer and by a report: a
// dialplan of Asterisk's cannot see how its MESSAGE was answered.
func (a *Agent) refuseOrder(o *order, row store.Callback, code int, why string) (int, string) {
	row.State, row.Body = store.CallbackReturned, mustJSON(callbackBody{Callback: o.callback})
	told := a.reportingOf(row, ReportRejected, func(r *Report) { r.Code, r.Reason = code, why })
	err := a.store.UpdateNamed("order-refused", func(tx *store.Tx) error { return errors.Join(tx.PutCallback(row), told(tx)) })
	if err != nil {
		a.emit(Event{Type: ErrorHappened, Text: a.storeFailed("keep that "+row.Key+" was refused", err).Message})
	}
	a.outbox.kick()
	return code, why
}

// standing tells a repetition of an order from a new round: the PBX may offer a
// callback again that it was given back, or whose time has come.
func (a *Agent) standing(o *order, known store.Callback) standing {
	switch known.State {
	case store.CallbackWaiting, store.CallbackOpen, store.CallbackScheduled:
		return orderHere
	}
	var was callbackBody
	same := json.Unmarshal(known.Body, &was) == nil && was.Order == o.body
	lately := a.now().Sub(known.Updated) < repeatWithin
	due := known.State == store.CallbackHanded && !known.Due.After(a.wall())
	switch {
	case same && known.State == store.CallbackDone:
		return orderHere
	case same && lately && !due:
		return orderReturned
	}
	return orderNew
}

// tellReturned refuses an order that went back a moment ago, and says so in a report:
// who sends it again may have missed that, and would count on this phone.
func (a *Agent) tellReturned(known store.Callback) (int, string) {
	code, why := a.cfg.Callbacks.NotReadyCode, "given back to the PBX a moment ago"
	told := a.reportingOf(known, ReportRejected, func(r *Report) { r.Code, r.Reason = code, why })
	if err := a.store.UpdateNamed("order-refused", told); err != nil {
		a.emit(Event{Type: ErrorHappened, Text: a.storeFailed("keep that "+known.Key+" was refused", err).Message})
	}
	a.outbox.kick()
	return code, why
}

// callbackBody is a callback in the store, in the agent's own form.
type callbackBody struct {
	Callback *Callback `json:"callback"`
	Order    string    `json:"order,omitempty"` // as it came
}

func (a *Agent) orderRow(o *order) store.Callback {
	c := o.callback
	now := a.now()
	row := store.Callback{Key: c.ID, Channel: string(o.channel), Kind: string(o.kind()), Source: o.source,
		State: store.CallbackWaiting, Name: c.Name, Number: c.Number, E164: a.e164(c.Number), Zone: c.Timezone, Reason: c.Reason,
		Created: now, Updated: now}
	row.Body = mustJSON(callbackBody{Callback: c, Order: o.body})
	return row
}

// orderReceived serves a MESSAGE that holds an order.
func (a *Agent) orderReceived(r *sip.IncomingRequest) {
	e := Event{Type: MessageReceived, Remote: r.From().URI.Bare().String(), SIPCallID: string(r.CallID()),
		ContentType: mediaType(r.ContentType()), Text: cleanText(string(r.Body()))}
	o, err := readOrder(r.Body(), a.now())
	code, why := 400, ""
	if err != nil {
		why = err.Error()
	} else {
		o.source = "message"
		if o.callback.ID == "" {
			o.callback.ID = "message-" + string(r.CallID())
		}
		code, why = a.takeOrder(o)
	}
	e.Code, e.Reason = code, why
	a.emit(e)
	var headers []sip.Header
	if code >= 300 {
		headers = []sip.Header{reasonHeader(sip.ReasonHeader{Protocol: "SIP", Cause: code, Text: why}), warning(a.bind.String(), why)}
	}
	if err := r.Respond(code, "", headers, "", nil); err != nil {
		a.log.Debug("answer order", "error", err)
	}
}

// warning is a miscellaneous warning (RFC 3261 20.43) that says why in words.
func warning(agent, text string) sip.Header {
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", " ").Replace(cleanText(text))
	return sip.Header{Name: "Warning", Value: fmt.Sprintf(`399 %s "%s"`, agent, text)}
}

// isOrder reports whether a MESSAGE holds an order: JSON by its type, or a text
// that is a JSON object.
func isOrder(r *sip.IncomingRequest) bool {
	switch mediaType(r.ContentType()) {
	case "application/json":
		return true
	case "", "text/plain":
		text := bytes.TrimSpace(r.Body())
		return len(text) > 0 && text[0] == '{' && json.Valid(text)
	}
	return false
}

// actOrder takes an order through the control API.
func (a *Agent) actOrder(r *request) {
	o, err := readOrder(r.args.Order, a.now())
	if err != nil {
		r.fail(refuse(CodeInvalid, "order: %v", err))
		return
	}
	o.source = "api"
	switch code, why := a.takeOrder(o); code {
	case 200:
		r.done(OrderResult{Callback: o.callback.ID, Known: why != ""})
	case 400:
		r.fail(refuse(CodeInvalid, "order: %s", why))
	case 500:
		r.fail(refuse(CodeFailed, "order: %s", why))
	case 603:
		r.fail(refuse(CodeRejected, "order: %s", why))
	default:
		refused := refuse(CodeNotAllowed, "order: %s", why)
		if a.closed(a.channelNamed(o.channel)) != "" {
			refused.Hint = "ready --channel " + string(o.channel)
		}
		r.fail(refused)
	}
}

// OrderResult is what the action order returns.
type OrderResult struct {
	Callback string `json:"callback"` // its id
	Known    bool   `json:"known"`    // it was here already, and is offered once
}
