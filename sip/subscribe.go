package sip

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
)

// SubscriptionState is how a subscription stands, in one word.
type SubscriptionState string

// The states of a subscription.
const (
	Subscribing         SubscriptionState = "Subscribing"
	SubscriptionPending SubscriptionState = "Pending" // whether state will be told is not decided there
	Subscribed          SubscriptionState = "Subscribed"
	SubscriptionFailed  SubscriptionState = "Failed"
	Unsubscribed        SubscriptionState = "Unsubscribed"
)

// SubscriptionStatus is how a subscription stands. Times are by the wall clock;
// zero means none.
type SubscriptionStatus struct {
	State   SubscriptionState
	Expires time.Time
	Code    int    // of the last answer to a SUBSCRIBE; zero when none came
	Cause   string // the reason of Subscription-State that ended it: rejected, noresource, ...; empty: none
	Reason  string // why it is as it is, for people
	NextTry time.Time
}

// Notification is a NOTIFY of a subscription.
type Notification struct {
	ContentType string // without parameters
	Body        []byte // may be empty
	Fork        string // who tells: one SUBSCRIBE may reach several notifiers
	Over        bool   // this one tells no more, and the others go on; there is no body
}

// SubscriptionHandler gets what becomes of a subscription, on the loop. It must
// not block.
type SubscriptionHandler interface {
	SubscriptionChanged(s *Subscription, status SubscriptionStatus)
	// Notified hands over the state that a NOTIFY tells. When the subscription is
	// not Subscribed any more, nothing that was told holds.
	Notified(s *Subscription, n Notification)
}

// SubscribeOptions is what is asked for.
type SubscribeOptions struct {
	Account *Account
	To      URI           // whose state
	Event   string        // the event package: dialog, presence
	Accept  []string      // media types of bodies that are taken
	Expires time.Duration // zero: ten minutes
	Forks   bool          // the package lets a forked SUBSCRIBE make several subscriptions (RFC 4235 3.9)
}

// Subscription keeps a subscription of ours alive (RFC 6665 4.1). Make one with
// UA.Subscribe. Its functions run on the loop.
type Subscription struct {
	ua      *UA
	o       SubscribeOptions
	rows    table[subState, subEvent, []subAction] // a fork's are others
	handler SubscriptionHandler
	parent  *Subscription // of a fork; nil: it is the first
	forks   []*Subscription
	state   subState

	key     subscriptionKey // of the SUBSCRIBE that makes or made it
	local   Address
	seq     uint32    // CSeq outside of the dialog
	sent    time.Time // when its SUBSCRIBE went out
	dialog  *dialog
	asked   time.Duration // raised by a 423
	raised  bool          // a 423 was answered in this try
	wanted  bool          // Refresh was called before the answer to the first SUBSCRIBE
	granted time.Duration
	pending bool
	since   time.Time // when the dialog was made
	who     RemoteTag // who tells
	out     *exchange
	turn    *turn
	pause   backOff
	status  SubscriptionStatus
	left    []func()

	due, expiry, missed *loop.Timer
}

// subscriptionKey finds the subscription of a NOTIFY that makes a dialog (RFC 6665
// 4.4.1): the Call-ID and our tag.
type subscriptionKey struct {
	call  CallID
	local LocalTag
}

const (
	defaultSubscription = 10 * time.Minute
	settledAfter        = 30 * time.Second // a shorter life counts as a failure: else a notifier could make a storm
	refusedAgain        = 10 * time.Minute // until what was refused is asked for again
	mostFailing         = 2                // refreshes that get 500 until it is begun anew
	mostForks           = 8
)

// Subscribe asks for somebody's state from now on and tells the handler, never
// before Subscribe has returned. It ends with Unsubscribe. ErrLimit when there are
// Limits.Subscriptions.
func (u *UA) Subscribe(o SubscribeOptions, h SubscriptionHandler) (*Subscription, error) {
	switch {
	case o.Account == nil:
		return nil, errors.New("subscribe: no account was given")
	case !o.To.IsSIP() || o.To.Host == "":
		return nil, fmt.Errorf("subscribe to %q: not a SIP address", o.To.String())
	case message.CheckValue("Event", o.Event) != nil || o.Event == "" || len(o.Accept) == 0:
		return nil, fmt.Errorf("subscribe to %s: event %q or what is accepted cannot be sent", o.To.String(), o.Event)
	case len(u.subscriptions) >= u.cfg.Limits.Subscriptions:
		return nil, fmt.Errorf("subscribe to %s: %w", o.To.String(), ErrLimit)
	}
	s := u.newSubscription(o, h, u.tables.subscription, subIdle)
	u.loop.After(0, func() { s.happen(subStart) })
	return s, nil
}

func (u *UA) newSubscription(o SubscribeOptions, h SubscriptionHandler, rows table[subState, subEvent, []subAction], state subState) *Subscription {
	s := &Subscription{ua: u, o: o, handler: h, rows: rows, state: state,
		asked: cmp.Or(o.Expires, defaultSubscription), status: SubscriptionStatus{State: Subscribing}}
	u.subscriptions = append(u.subscriptions, s)
	return s
}

// renewSubscriptions has the notifier asked again: the account registered anew, so
// it may have forgotten us, or know us by another address.
func (u *UA) renewSubscriptions(a *Account) {
	for _, s := range slices.Clone(u.subscriptions) {
		if s.o.Account == a {
			s.happen(subAsked)
		}
	}
}

// Status is how it stands now.
func (s *Subscription) Status() SubscriptionStatus { return s.status }

// Refresh asks for the whole state again at once, whatever it waits for.
func (s *Subscription) Refresh() {
	s.wanted = s.state == subTold // after the answer that is due
	s.happen(subAsked)
}

// Unsubscribe ends it. done, which may be nil, is called on the loop within 2 s.
func (s *Subscription) Unsubscribe(done func()) {
	if done == nil {
		done = func() {}
	}
	if s.state == subGone {
		s.ua.loop.After(0, done)
		return
	}
	s.left = append(s.left, done)
	s.happen(subLeave)
}

// happen carries out the row for an event; without a row it is ignored.
func (s *Subscription) happen(on subEvent) {
	row, ok := s.rows.next(s.state, on)
	if !ok {
		return
	}
	s.state = row.to
	for _, what := range row.do {
		s.perform(what)
	}
}

func (s *Subscription) perform(what subAction) {
	switch what {
	case subSend:
		s.send()
	case subKeep:
		s.keep()
	case subLose:
		s.lose()
	case subBackOff:
		s.retry(s.pause.next(s.ua))
	case subSlowly:
		s.retry(s.ua.jittered(refusedAgain))
	case subPatient:
		s.pause.reset()
	case subTell:
		s.tell()
	case subGoodbye:
		s.goodbye()
	case subFinish:
		s.finish()
	}
}

// keep sets the timers of what was granted: the refresh comes at 50 to 90 % of it,
// by lot.
func (s *Subscription) keep() {
	life := min(max(s.granted, leastGrant), mostExpires)
	s.expiry.Stop()
	s.expiry = s.ua.loop.After(life, func() {
		s.because(0, "", "the subscription has run out")
		s.happen(subExpired)
	})
	s.status.Code, s.status.Cause, s.status.Reason = 0, "", ""
	s.status.Expires = s.ua.cfg.WallClock().Add(life)
	s.retry(life/2 + s.ua.lot(life*4/10))
}

// retry sets the time of the next refresh or try.
func (s *Subscription) retry(d time.Duration) {
	s.due.Stop()
	s.status.NextTry = s.ua.cfg.WallClock().Add(d)
	s.due = s.ua.loop.After(d, func() { s.happen(subDue) })
}

// lose forgets the dialog and what is under way. One that held for a while was no
// failure.
func (s *Subscription) lose() {
	if !s.since.IsZero() && s.ua.loop.Now().Sub(s.since) >= settledAfter {
		s.pause.failing = 0
	}
	s.since, s.pending, s.raised, s.wanted = time.Time{}, false, false, false
	s.status.Expires, s.status.NextTry = time.Time{}, time.Time{}
	for _, t := range []*loop.Timer{s.due, s.expiry} {
		t.Stop()
	}
	s.heard()
	s.quiet()
	s.ua.leave(s.dialog)
	s.dialog = nil
	if s.parent == nil {
		delete(s.ua.awaited, s.key)
	}
	for _, f := range slices.Clone(s.forks) {
		f.happen(subLeave)
	}
}

// quiet ends what is under way without a word.
func (s *Subscription) quiet() {
	if s.out != nil {
		s.out.mute()
		s.out = nil
	}
	s.ua.turns.leave(s.turn)
	s.turn = nil
}

// tell brings the status up to date and hands it over.
func (s *Subscription) tell() {
	switch s.state {
	case subTrying, subAwaiting:
		s.status.State = Subscribing
	case subTold, subActive, subRefreshing, subHolding:
		s.status.State = Subscribed
		if s.pending {
			s.status.State = SubscriptionPending
		}
	case subWaiting, subStopped:
		s.status.State = SubscriptionFailed
	default:
		s.status.State = Unsubscribed
	}
	if s.parent != nil {
		if s.state == subGone {
			s.parent.hand(Notification{Fork: string(s.who), Over: true})
		}
		return
	}
	status := s.status
	s.ua.guard("subscription", func() { s.handler.SubscriptionChanged(s, status) }, nil)
}

// hand gives the handler what a NOTIFY tells.
func (s *Subscription) hand(n Notification) {
	s.ua.guard("notification", func() { s.handler.Notified(s, n) }, nil)
}

// finish stops everything.
func (s *Subscription) finish() {
	s.lose()
	u := s.ua
	u.subscriptions = slices.DeleteFunc(u.subscriptions, func(other *Subscription) bool { return other == s })
	if p := s.parent; p != nil {
		p.forks = slices.DeleteFunc(p.forks, func(other *Subscription) bool { return other == s })
	}
	left := s.left
	s.left = nil
	for _, done := range left {
		u.loop.After(0, done)
	}
}

// because notes why it stands as it does.
func (s *Subscription) because(code int, cause, format string, args ...any) {
	s.status.Code, s.status.Cause, s.status.Reason = code, cause, fmt.Sprintf(format, args...)
}
