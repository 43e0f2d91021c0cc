package lab

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/sip"
)

// Callback is a contact's request that the queue offers to its members. Empty
// fields are not sent.
type Callback struct {
	ID           string // empty: one is made
	Type         string // immediate, delayed, scheduled, preview; empty: immediate
	Number       string // the contact's number; empty: +81312345678
	Name         string // UTF-8
	DesiredTime  time.Time
	RequestedAt  time.Time
	From, Until  time.Time // the window in which the contact can be reached
	Timezone     string
	Origin       string // ivr, web, mobile, agent
	Reason       string
	Instructions string
	Attempt      int
	FirstLeg     string         // customer (also empty) or agent
	Data         map[string]any // X-Callback-Data, as JSON
	UserToUser   string         // the header's raw value
	Headers      []sip.Header   // sent as they are

	// Contact is what the contact does once a member has accepted. In a preview
	// it is called then; the others wait in the queue already, so that Ring,
	// NoAnswer and Refuse are not used. nil: the extension of this number, or a
	// party that says Tone(ContactHz).
	Contact *Behaviour
	// GiveUp is when the contact leaves while still waiting; zero: QueuePolicy's.
	GiveUp time.Duration
	// Members overrides QueuePolicy.Members.
	Members []string
	// LateOffer rings the member without a session description.
	LateOffer bool
}

func (cb Callback) withDefaults() Callback {
	if cb.ID == "" {
		cb.ID = "cb-" + newToken()[:8]
	}
	if cb.Type == "" {
		cb.Type = "immediate"
	}
	if cb.Number == "" {
		cb.Number = "+81312345678"
	}
	return cb
}

func (cb Callback) validate() error {
	if !slices.Contains([]string{"immediate", "delayed", "scheduled", "preview"}, cb.Type) {
		return fmt.Errorf("type %q is not known; use immediate, delayed, scheduled or preview", cb.Type)
	}
	if !slices.Contains([]string{"", "customer", "agent"}, cb.FirstLeg) {
		return fmt.Errorf("first leg %q is not known; use customer or agent", cb.FirstLeg)
	}
	return nil
}

// dialledLater reports whether the contact is called only when a member has
// accepted.
func (cb Callback) dialledLater() bool { return cb.Type == "preview" }

// headers are those of the INVITE.
func (cb Callback) headers(percent bool) ([]sip.Header, error) {
	list := slices.Clone(cb.Headers)
	add := func(name, value string) {
		if value != "" {
			list = append(list, sip.Header{Name: name, Value: value})
		}
	}
	text := func(s string) string {
		if percent {
			return url.PathEscape(s)
		}
		return mime.BEncoding.Encode("UTF-8", s)
	}
	add("X-Callback-Id", cb.ID)
	add("X-Callback-Type", cb.Type)
	add("X-Callback-Number", cb.Number)
	add("X-Callback-Name", text(cb.Name))
	add("X-Callback-Desired-Time", rfc3339(cb.DesiredTime))
	add("X-Callback-Requested-At", rfc3339(cb.RequestedAt))
	if window := rfc3339(cb.From) + "/" + rfc3339(cb.Until); window != "/" {
		add("X-Callback-Window", window)
	}
	add("X-Callback-Timezone", cb.Timezone)
	add("X-Callback-Origin", cb.Origin)
	add("X-Callback-Reason", text(cb.Reason))
	add("X-Callback-Instructions", text(cb.Instructions))
	if cb.Attempt > 0 {
		add("X-Callback-Attempt", strconv.Itoa(cb.Attempt))
	}
	add("X-Callback-First-Leg", strings.ToLower(cb.FirstLeg))
	add("User-to-User", cb.UserToUser)
	if len(cb.Data) > 0 {
		data, err := json.Marshal(cb.Data)
		if err != nil {
			return nil, fmt.Errorf("write callback data: %w", err)
		}
		add("X-Callback-Data", string(data))
	}
	return list, nil
}
