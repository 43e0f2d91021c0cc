package sip

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transport"
)

// RegistrationState is how a registration stands, in one word.
type RegistrationState string

// The states of a registration.
const (
	Unregistered RegistrationState = "Unregistered"
	Registering  RegistrationState = "Registering"
	Registered   RegistrationState = "Registered"
	Failed       RegistrationState = "Failed"
)

// RegistrationStatus is how a registration stands. Times are by the wall clock;
// zero means none.
type RegistrationStatus struct {
	State   RegistrationState
	AOR     string
	Expires time.Time      // until when the registrar keeps the binding
	Code    int            // of the last answer; zero when none came
	Answer  string         // reason phrase of the last answer with a code of 300 or more
	Reason  string         // why it is as it is, with the remedy where a person has one
	Err     error          // the same for errors.Is; nil: the code says it all, or all is well. A *DoubtError beside Registered
	Server  netip.AddrPort // the last one that was tried; zero: none was found
	By      string         // the transport to it, udp, tcp, tls, ws or wss
	NextTry time.Time      // of the next refresh or try
	Contact string         // the URI that is bound
	Lost    bool           // this telling is the loss of a binding that held
	Back    bool           // the registrar has answered after a time in which it may have been away and forgotten its calls
}

// Registration keeps one account's binding at its registrar alive (RFC 3261
// 10.2). Make one with UA.Register. Its functions run on the loop.
type Registration struct {
	ua      *UA
	account *Account
	on      func(RegistrationStatus)
	state   regState
	once    bool // no tries of its own: RegisterOnce

	callID   CallID
	tag      string
	seq      uint32
	asked    time.Duration    // the expiry that we ask for, raised by a 423
	raised   bool             // a 423 was answered in this try
	moves    int              // 3xx followed in this try
	where    URI              // the registrar, or where a 3xx sent us
	out      *exchange        // the REGISTER or keepalive under way: never two
	again    bool             // a REGISTER waits for it
	flow     Flow             // of the binding
	server   transport.Target // the one that took the last REGISTER
	host     string           // by which the DNS named it then
	servedAt time.Time
	local    string        // the Contact's URI
	source   netip.Addr    // our address towards the registrar, to notice a change
	pings    bool          // the registrar answers CRLF keepalives (RFC 5626)
	silent   time.Duration // after which it gives a flow up, its Flow-Timer; zero: it has not said
	listed   bool          // the registrar listed our own Contact
	detour   bool          // bound at another server than the preferred one
	away     bool          // the registrar may have been away since it last bound us
	asking   time.Time     // when the REGISTER that is out was sent
	pause    backOff
	status   RegistrationStatus
	left     []func(error)

	due, expiry, slow, alive *loop.Timer
	beats                    int
	remapped                 time.Time // when a NAT's address was last taken over
}

const (
	defaultExpires = 300 * time.Second
	mostExpires    = 24 * time.Hour
	leastGrant     = 5 * time.Second  // a shorter life would be a storm of REGISTERs
	unsaidExpires  = time.Hour        // 10.2.4: neither Contact nor Expires say it
	slowBackOff    = 30 * time.Second // after an answer that trying again hardly changes
	probePatience  = 6 * time.Second  // for the answer to a REGISTER behind a failed one
	slowAnswer     = 4 * time.Second  // after which the user is told that nothing came yet
	goodbyeLimit   = 1800 * time.Millisecond
	mostMoves      = 3
)

// Register keeps the account registered from now on and tells on, on the loop,
// whenever something changes, and never before Register has returned. It ends with
// Unregister.
func (u *UA) Register(a *Account, on func(RegistrationStatus)) *Registration {
	return u.register(a, on, false)
}

// RegisterOnce registers the account once and tells on how it went; it makes no
// try of its own afterwards, but refreshes a binding that it got. Unregister ends it.
func (u *UA) RegisterOnce(a *Account, on func(RegistrationStatus)) *Registration {
	return u.register(a, on, true)
}

func (u *UA) register(a *Account, on func(RegistrationStatus), once bool) *Registration {
	r := &Registration{ua: u, account: a, on: on, once: once, state: regIdle,
		callID: CallID(message.NewCallID()), tag: message.NewTag(), asked: cmp.Or(a.Expires, defaultExpires)}
	r.where = registrarOf(a)
	r.status = RegistrationStatus{State: Unregistered, AOR: a.AOR.String()}
	u.registrations, u.bindings[a] = append(u.registrations, r), append(u.bindings[a], r)
	r.remember(a.Served)
	u.startWatch()
	u.loop.After(0, func() {
		if r.state == regIdle {
			r.source = u.sourceFor(r.towards())
			r.happen(regStart)
		}
	})
	return r
}

// registrarOf is the Request-URI of the account's REGISTER: no user in it (10.2).
func registrarOf(a *Account) URI {
	uri := a.Registrar
	if uri.Host == "" {
		uri = URI{Scheme: a.AOR.Scheme, Host: a.AOR.Host, Port: a.AOR.Port}
	}
	uri.User, uri.Password = "", ""
	return uri
}

// Status is how it stands now.
func (r *Registration) Status() RegistrationStatus {
	s := r.status
	s.Lost = false
	return s
}

// Refresh registers again at once, whatever it waits for.
func (r *Registration) Refresh() { r.happen(regAsked) }

// Unregister takes the binding back and ends the registration. done, which may be
// nil, is called on the loop within 2 s, with an error when the registrar did not
// confirm.
func (r *Registration) Unregister(done func(error)) {
	if done == nil {
		done = func(error) {}
	}
	if r.state == regGone {
		r.ua.loop.After(0, func() { done(nil) })
		return
	}
	r.left = append(r.left, done)
	r.happen(regLeave)
}

// happen carries out the row for an event; without a row it is ignored.
func (r *Registration) happen(on regEvent) {
	row, ok := r.ua.tables.registration.next(r.state, on)
	if !ok {
		return
	}
	r.state = row.to
	r.away = r.away || on == regDoubt
	for _, what := range row.do {
		r.perform(what)
	}
}

func (r *Registration) perform(what regAction) {
	switch what {
	case regSend:
		r.send()
	case regKeep: // the answer was read when it came; only the timers are left
		r.schedule()
	case regLose:
		r.lose()
	case regBackOff:
		r.retry(r.pause.next(r.ua))
	case regSlowly:
		r.retry(r.ua.jittered(slowBackOff))
	case regPatient:
		r.pause.reset()
		r.due.Stop()
	case regTell:
		r.tell()
	case regGoodbye:
		r.goodbye()
	case regFinish:
		r.finish()
	}
}

// probing is how patient a REGISTER behind a failed one is: over UDP it is not
// repeated, for then the repetitions of all phones would meet a PBX that comes back.
func (r *Registration) probing() time.Duration {
	if r.pause.failing == 0 {
		return 0
	}
	return probePatience
}

func (r *Registration) retry(d time.Duration) {
	r.due.Stop()
	if r.once {
		r.status.NextTry = time.Time{}
		return
	}
	r.status.NextTry = r.ua.cfg.WallClock().Add(d)
	r.due = r.ua.loop.After(d, r.dueNow)
}

// dueNow is the time of the next refresh or try; a move of its own that was not seen yet
// comes first. Of thousands of bindings each looks for itself: all of them are looked
// through by the watch.
func (r *Registration) dueNow() {
	if r.ua.sourceFor(r.towards()) != r.source {
		r.ua.lookForMoves()
	}
	r.happen(regDue)
}

// lose forgets a binding; the user hears of it with the next telling.
func (r *Registration) lose() {
	r.status.Lost, r.status.Expires, r.status.Contact = true, time.Time{}, ""
	r.away = true
	r.flow, r.listed = nil, false
	r.expiry.Stop()
	r.alive.Stop()
	r.due.Stop()
	delete(r.ua.routes, r.account)
	delete(r.ua.gruus, r.account)
	delete(r.ua.outbound, r.account)
}

// tell brings the status up to date and hands it over.
func (r *Registration) tell() {
	switch r.state {
	case regBound, regRefreshing, regHolding:
		r.status.State = Registered
	case regTrying:
		r.status.State, r.status.NextTry = Registering, time.Time{}
	case regWaiting:
		r.status.State = Failed
	case regStopped:
		r.status.State, r.status.NextTry = Failed, time.Time{}
	default:
		r.status.State = Unregistered
	}
	s := r.status
	r.status.Lost = false
	if r.state == regBound {
		s.Back, r.away = r.away, false
	}
	if r.on != nil {
		r.ua.guard("registration", func() { r.on(s) }, nil)
	}
}

// goodbye takes the binding back. Where there was none it is over at once; a
// request that is out gets a moment to end, because two must not be under way.
func (r *Registration) goodbye() {
	for _, t := range []*loop.Timer{r.due, r.expiry, r.slow, r.alive} {
		t.Stop()
	}
	r.due = r.ua.loop.After(goodbyeLimit, func() { r.leave(errors.New("unregister: the registrar did not answer in time")) })
	switch {
	case r.seq == 0 || r.status.Contact == "" && r.out == nil:
		r.leave(nil)
	case r.out != nil:
		r.again = true
		r.slow = r.ua.loop.After(goodbyeLimit/2, r.released)
	default:
		r.send()
	}
}

// released goes on with what waited for the end of another request.
func (r *Registration) released() {
	if r.out != nil {
		r.out.mute()
		r.out = nil
	}
	if r.again {
		r.again = false
		r.send()
	}
}

func (r *Registration) leave(err error) {
	left := r.left
	r.left = nil
	if err != nil {
		r.status.Reason, r.status.Err = err.Error(), err
	} else {
		r.status.Code, r.status.Err, r.status.Reason = 0, nil, ""
	}
	r.happen(regLeft)
	for _, done := range left {
		done(err)
	}
}

// finish stops everything.
func (r *Registration) finish() {
	for _, t := range []*loop.Timer{r.due, r.expiry, r.slow, r.alive} {
		t.Stop()
	}
	if r.out != nil {
		r.out.mute()
		r.out = nil
	}
	r.lose()
	r.status.Lost, r.status.NextTry = false, time.Time{}
	u := r.ua
	u.registrations = drop(u.registrations, r)
	if left := drop(u.bindings[r.account], r); len(left) > 0 {
		u.bindings[r.account] = left
	} else {
		delete(u.bindings, r.account)
	}
	if len(r.left) > 0 { // it never was out: nobody to wait for
		left := r.left
		r.left = nil
		u.loop.After(0, func() {
			for _, done := range left {
				done(nil)
			}
		})
	}
}

// drop is a list from which a registration was taken, in the same room.
func drop(list []*Registration, r *Registration) []*Registration {
	if i := slices.Index(list, r); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// because notes why it failed, for people, and for who tells causes apart.
func (r *Registration) because(code int, err error, format string, args ...any) {
	r.status.Code, r.status.Err, r.status.Reason = code, err, fmt.Sprintf(format, args...)
}
