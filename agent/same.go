package agent

import (
	"reflect"
	"slices"
	"time"

	"ringback/agent/book"
)

// What is published is compared with what is now at each event, so that these say by hand
// what reflect.DeepEqual would: it copies all that it compares. A test changes each field
// of each type, and knows of a new one.

func (r *RegistrationState) same(o *RegistrationState) bool {
	return r.State == o.State && r.AOR == o.AOR && sameTime(r.Expires, o.Expires) && r.Code == o.Code && r.Reason == o.Reason &&
		sameTime(r.NextTry, o.NextTry) && r.Contact == o.Contact
}

func (c *ChannelState) same(o *ChannelState) bool {
	return c.State == o.State && c.Reason == o.Reason && isTime(c.Since, o.Since) && c.Pending == o.Pending && c.PendingReason == o.PendingReason &&
		sameTime(c.WrapUpUntil, o.WrapUpUntil) && c.Missed == o.Missed && c.PBX.same(o.PBX) && c.Presence.same(o.Presence)
}

func (q *QueueState) same(o *QueueState) bool {
	if q == nil || o == nil {
		return q == o
	}
	return q.State == o.State && q.Reason == o.Reason && sameTime(q.NextTry, o.NextTry)
}

func (s *OutboxState) same(o *OutboxState) bool {
	return s.Waiting == o.Waiting && s.Failed == o.Failed && sameTime(s.NextTry, o.NextTry) && s.Reason == o.Reason
}

func (m *TeamState) same(o *TeamState) bool {
	return m.Target == o.Target && m.Name == o.Name && m.Kind == o.Kind && m.Presence == o.Presence && m.Note == o.Note &&
		m.Reason == o.Reason && sameTime(m.Since, o.Since)
}

func (c *CallState) same(o *CallState) bool {
	return c.ID == o.ID && c.Interaction == o.Interaction && c.Role == o.Role && c.State == o.State && c.Incoming == o.Incoming &&
		c.HeldByMe == o.HeldByMe && c.HeldByRemote == o.HeldByRemote && c.Muted == o.Muted && c.Suspended == o.Suspended &&
		c.Joined == o.Joined && c.Transferring == o.Transferring && c.Remote == o.Remote && c.RemoteName == o.RemoteName &&
		c.SIPCallID == o.SIPCallID && c.Codec == o.Codec && c.Encrypted == o.Encrypted && c.Suite == o.Suite && c.Keying == o.Keying &&
		c.Quality == o.Quality && c.Heard.Sound == o.Heard.Sound && sameList(c.Heard.Tones, o.Heard.Tones) && isTime(c.Started, o.Started) &&
		sameTime(c.Connected, o.Connected) && sameTime(c.Ended, o.Ended) && c.Code == o.Code && c.Unreached == o.Unreached && c.Reason == o.Reason
}

func (i *InteractionState) same(o *InteractionState) bool {
	return i.ID == o.ID && i.Kind == o.Kind && i.Channel == o.Channel && i.State == o.State && sameList(i.Allowed, o.Allowed) &&
		i.AcceptMeans == o.AcceptMeans && i.Contact.same(&o.Contact) && sameDeep(i.Callback, o.Callback) && sameMap(i.Case, o.Case) &&
		i.Disposition == o.Disposition && i.Note == o.Note && i.Result == o.Result && i.Attempts == o.Attempts &&
		sameLog(i.AttemptLog, o.AttemptLog) && sameDeep(i.Reschedule, o.Reschedule) && i.Timezone == o.Timezone && i.Muted == o.Muted &&
		i.Held == o.Held && sameDeep(i.Recording, o.Recording) && sameDeep(i.Playing, o.Playing) && isTime(i.Created, o.Created) &&
		sameTime(i.OfferExpires, o.OfferExpires) && i.Info.same(&o.Info) && sameList(i.Toast, o.Toast) && samePast(i.Past, o.Past) &&
		sameList(i.Calls, o.Calls)
}

func (c *Contact) same(o *Contact) bool {
	return c.Name == o.Name && c.Number == o.Number && c.E164 == o.E164 && c.Shown == o.Shown && c.ID == o.ID &&
		c.Reading == o.Reading && c.Zone == o.Zone && c.Note == o.Note && samePoints(c.Points, o.Points)
}

func (i *InfoState) same(o *InfoState) bool {
	return sameList(i.Case, o.Case) && sameList(i.Callback, o.Callback) && i.Configured == o.Configured
}

func sameLog(a, b []Attempt) bool {
	return (a == nil) == (b == nil) && slices.EqualFunc(a, b, func(a, b Attempt) bool {
		return a.N == b.N && a.Call == b.Call && a.Number == b.Number && isTime(a.Started, b.Started) && sameTime(a.Answered, b.Answered) &&
			sameTime(a.Ended, b.Ended) && a.Code == b.Code && a.Cause == b.Cause && a.Result == b.Result
	})
}

func samePast(a, b []Past) bool {
	return (a == nil) == (b == nil) && slices.EqualFunc(a, b, func(a, b Past) bool {
		was := b
		was.Time = a.Time
		return a == was && isTime(a.Time, b.Time)
	})
}

// sameList tells none from an empty list, as JSON does.
func sameList[T comparable](a, b []T) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

// sameDeep is for what is rare: most are the same one, or none.
func sameDeep[T any](a, b *T) bool { return a == b || reflect.DeepEqual(a, b) }

// samePoints: a contact's are read once, and shared.
func samePoints(a, b []book.Point) bool {
	if len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] {
		return true
	}
	return a == nil && b == nil || reflect.DeepEqual(a, b)
}

func sameMap(a, b map[string]any) bool {
	return len(a) == 0 && len(b) == 0 && (a == nil) == (b == nil) || reflect.DeepEqual(a, b)
}

func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return isTime(*a, *b)
}

// isTime also wants the same zone.
func isTime(a, b time.Time) bool { return a == b || reflect.DeepEqual(a, b) }
