package agent

import "time"

// EventSchema names the version of the event's JSON form.
const EventSchema = "ringback.event/1"

// InteractionID names one interaction of a profile (i7). It is never reused.
type InteractionID string

// CallID names one call of a profile (c12). It is never reused, and is not the
// SIP Call-ID, which stands beside it as sip_call_id.
type CallID string

// EventType is what happened, as a past participle in the field's own words.
type EventType string

// The types of events that an agent writes.
const (
	RegistrationTrying     EventType = "registration.trying"
	RegistrationRegistered EventType = "registration.registered"
	RegistrationFailed     EventType = "registration.failed"
	RegistrationLost       EventType = "registration.lost"

	ChannelChanged EventType = "channel.changed"

	OfferReceived  EventType = "offer.received"
	OfferAccepted  EventType = "offer.accepted"
	OfferRejected  EventType = "offer.rejected"
	OfferMissed    EventType = "offer.missed"
	OfferCancelled EventType = "offer.cancelled"

	InteractionCreated EventType = "interaction.created"
	InteractionChanged EventType = "interaction.changed"
	InteractionDone    EventType = "interaction.done"
	// InteractionRescheduled: armed (the reason is its scope, or retry), or dropped.
	InteractionRescheduled EventType = "interaction.rescheduled"

	CallDialling        EventType = "call.dialling"
	CallRinging         EventType = "call.ringing"
	CallEarlyMedia      EventType = "call.early-media"
	CallConnected       EventType = "call.connected"
	CallHeld            EventType = "call.held"
	CallResumed         EventType = "call.resumed"
	CallHeldByRemote    EventType = "call.held-by-remote"
	CallResumedByRemote EventType = "call.resumed-by-remote"
	CallTransferring    EventType = "call.transferring"
	CallTransferred     EventType = "call.transferred"
	CallTransferFailed  EventType = "call.transfer-failed"
	CallEnded           EventType = "call.ended"

	ConsultationStarted   EventType = "consultation.started"
	ConsultationRefused   EventType = "consultation.refused"
	ConsultationConnected EventType = "consultation.connected"
	ConsultationEnded     EventType = "consultation.ended"
	ConsultationCompleted EventType = "consultation.completed"

	ConferenceStarted     EventType = "conference.started"
	ConferencePartyJoined EventType = "conference.party-joined"
	ConferencePartyLeft   EventType = "conference.party-left"
	ConferenceEnded       EventType = "conference.ended"

	DTMFSent     EventType = "dtmf.sent"
	DTMFReceived EventType = "dtmf.received"

	MediaStarted       EventType = "media.started"
	MediaStopped       EventType = "media.stopped"
	MediaQuality       EventType = "media.quality"
	MediaSilent        EventType = "media.silent"
	MediaHeard         EventType = "media.heard"       // sound or a tone of the far end began or ended
	MediaEncrypted     EventType = "media.encrypted"   // by SRTP both ways, from now on; the text names the suite
	MediaUnencrypted   EventType = "media.unencrypted" // not any more
	MediaDeviceLost    EventType = "media.device-lost"
	MediaDeviceChanged EventType = "media.device-changed"

	// Duration is where in the file it happened; of stopped, how long the file is.
	RecordingStarted EventType = "recording.started"
	RecordingPaused  EventType = "recording.paused"
	RecordingResumed EventType = "recording.resumed"
	RecordingStopped EventType = "recording.stopped" // the reason is stopped, call-ended, disk-failed or interrupted
	RecordingFailed  EventType = "recording.failed"  // it could not begin, or the disk takes no more; the call goes on

	// Duration is how long the file is; of ended, how much of it was heard.
	PlayStarted EventType = "play.started"
	PlayEnded   EventType = "play.ended" // the reason is completed, stopped, replaced, held or call-ended

	MessageReceived EventType = "message.received"
	MessageSent     EventType = "message.sent" // and answered with code, or not: then the reason is timed-out or unreachable

	// The reason of these is the type of the report.
	OutboxQueued    EventType = "outbox.queued"
	OutboxDelivered EventType = "outbox.delivered"
	OutboxFailed    EventType = "outbox.failed" // given up, and kept

	OutboxChanged EventType = "outbox.changed" // what the reports wait for

	PresenceChanged EventType = "presence.changed" // of an entry of the team: target, state, note

	HistoryGap EventType = "history.gap" // stands in the history only: events before it are missing

	ErrorHappened EventType = "error"
)

// Event is one thing that happened. The facts beside the names are set where
// they apply; Change carries the parts of State that are different since the
// event before, each as its whole new value, so that State is a fold of events.
type Event struct {
	Schema      string        `json:"schema"`
	Seq         uint64        `json:"seq"`
	Time        time.Time     `json:"time"`
	Type        EventType     `json:"type"`
	Interaction InteractionID `json:"interaction,omitempty"`
	Call        CallID        `json:"call,omitempty"`
	SIPCallID   string        `json:"sip_call_id,omitempty"`
	Role        Role          `json:"role,omitempty"`
	Channel     ChannelName   `json:"channel,omitempty"`
	State       string        `json:"state,omitempty"`
	Remote      string        `json:"remote,omitempty"`
	Target      string        `json:"target,omitempty"`
	Digits      string        `json:"digits,omitempty"`
	Method      string        `json:"method,omitempty"`
	Device      string        `json:"device,omitempty"`
	File        string        `json:"file,omitempty"`     // its whole path
	Duration    Length        `json:"duration,omitempty"` // such as 1m2.34s
	Code        int           `json:"code,omitempty"`     // SIP status code
	Reason      string        `json:"reason,omitempty"`   // one word of ours, such as busy or cancelled
	Text        string        `json:"text,omitempty"`     // for people; for a message its body
	ContentType string        `json:"content_type,omitempty"`
	Report      string        `json:"report,omitempty"` // id of a report in the outbox
	Change      *Change       `json:"change,omitempty"`
}

// Change is what an event does to State. Lists hold whole new values of the
// interactions and calls that changed, or are new.
type Change struct {
	Registration          *RegistrationState           `json:"registration,omitempty"`
	Channels              map[ChannelName]ChannelState `json:"channels,omitempty"`
	Allowed               *[]string                    `json:"allowed,omitempty"`
	Audio                 *AudioState                  `json:"audio,omitempty"`
	Interactions          []InteractionState           `json:"interactions,omitempty"`
	Calls                 []CallState                  `json:"calls,omitempty"`
	Outbox                *OutboxState                 `json:"outbox,omitempty"`
	Team                  []TeamState                  `json:"team,omitempty"`
	ForgottenInteractions []InteractionID              `json:"forgotten_interactions,omitempty"`
	ForgottenCalls        []CallID                     `json:"forgotten_calls,omitempty"`
}

func (c *Change) empty() bool {
	return c == nil || c.Registration == nil && len(c.Channels) == 0 && c.Allowed == nil &&
		c.Audio == nil && c.Outbox == nil && len(c.Interactions) == 0 && len(c.Calls) == 0 && len(c.Team) == 0 &&
		len(c.ForgottenInteractions) == 0 && len(c.ForgottenCalls) == 0
}
