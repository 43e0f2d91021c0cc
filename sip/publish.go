package sip

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transaction"
)

// PublicationStatus is how a publication stands. Times are by the wall clock; zero
// means none.
type PublicationStatus struct {
	Published bool // the server has the state, or an older one of ours
	Current   bool // it has the newest
	Expires   time.Time
	Code      int    // of the last refusal; zero when none came
	Reason    string // why it is as it is
	NextTry   time.Time
}

// PublishOptions is what is published.
type PublishOptions struct {
	Account     *Account
	Event       string        // the event package: presence
	ContentType string        // of the state
	Expires     time.Duration // zero: an hour
}

// Publication keeps the state of an account's address at its event state compositor
// (RFC 3903). Make one with UA.Publish. Its functions run on the loop.
type Publication struct {
	ua    *UA
	o     PublishOptions
	on    func(PublicationStatus)
	state pubState

	body    []byte // the state
	sent    []byte // as it stands in the PUBLISH that is out
	taken   []byte // as the server has it
	etag    string // of that; empty: there is none
	callID  CallID
	tag     string
	seq     uint32
	asked   time.Duration // raised by a 423
	raised  bool          // a 423 was answered in this try
	granted time.Duration
	out     *exchange
	pause   backOff
	status  PublicationStatus
	left    []func()

	removing           bool // the PUBLISH that is out takes the state back
	due, expiry, limit *loop.Timer
}

const defaultPublication = time.Hour

// Publish makes a publication that is empty until Set is called, and tells on, on the
// loop, how it stands. It ends with Remove.
func (u *UA) Publish(o PublishOptions, on func(PublicationStatus)) (*Publication, error) {
	switch {
	case o.Account == nil:
		return nil, errors.New("publish: no account was given")
	case o.Event == "" || message.CheckValue("Event", o.Event) != nil || message.CheckValue("Content-Type", o.ContentType) != nil:
		return nil, fmt.Errorf("publish: event %q or type %q cannot be sent", o.Event, o.ContentType)
	}
	p := &Publication{ua: u, o: o, on: on, state: pubIdle, callID: CallID(message.NewCallID()),
		tag: message.NewTag(), asked: cmp.Or(o.Expires, defaultPublication)}
	u.publications = append(u.publications, p)
	return p, nil
}

// renewPublications sends what is published again: the account registered anew, so
// the server may have forgotten it.
func (u *UA) renewPublications(a *Account) {
	for _, p := range slices.Clone(u.publications) {
		if p.o.Account == a {
			p.happen(pubAsked)
		}
	}
}

// Set publishes another state; the same one is not sent again. It may be changed at
// any time: only the newest counts.
func (p *Publication) Set(body []byte) {
	if !bytes.Equal(body, p.body) || p.state == pubIdle {
		p.body = bytes.Clone(body)
		p.happen(pubSet)
	}
}

// Status is how it stands now.
func (p *Publication) Status() PublicationStatus { return p.status }

// Remove takes the state back and ends the publication. done, which may be nil, is
// called on the loop within 2 s.
func (p *Publication) Remove(done func()) {
	if done == nil {
		done = func() {}
	}
	if p.state == pubGone {
		p.ua.loop.After(0, done)
		return
	}
	p.left = append(p.left, done)
	p.happen(pubLeave)
}

// happen carries out the row for an event; without a row it is ignored.
func (p *Publication) happen(on pubEvent) {
	row, ok := p.ua.tables.publication.next(p.state, on)
	if !ok {
		return
	}
	p.state = row.to
	for _, what := range row.do {
		p.perform(what)
	}
}

func (p *Publication) perform(what pubAction) {
	switch what {
	case pubSend:
		p.send(p.asked)
	case pubKeep:
		p.keep()
	case pubLose:
		p.lose()
	case pubBackOff:
		p.retry(p.pause.next(p.ua))
	case pubSlowly:
		p.retry(p.ua.jittered(refusedAgain))
	case pubTell:
		p.tell()
	case pubGoodbye:
		p.goodbye()
	case pubFinish:
		p.finish()
	}
}

// send sends the state, or refreshes it where the server has the newest (RFC 3903
// 4.3 and 4.4: without a body).
func (p *Publication) send(life time.Duration) {
	p.due.Stop()
	p.sent = p.body
	body := p.body
	if life == 0 || p.etag != "" && bytes.Equal(p.body, p.taken) {
		body = nil
	}
	req, err := p.request(life, body)
	if err != nil {
		p.ua.loop.After(0, func() {
			p.because(0, "%v", err)
			p.happen(pubRefused)
		})
		return
	}
	p.out = p.ua.start(exchangeOptions{account: p.o.Account, req: req, hop: hop{uri: p.ua.firstHop(req, p.o.Account)},
		seq: p.nextSeq, replyTo: replyTo{
			response: func(res *message.Response, _ Flow) {
				if res.StatusCode >= 200 {
					p.answered(res)
				}
			},
			failed: p.unanswered}})
}

// request is a PUBLISH (RFC 3903 4.1). Like a REGISTER's, its Call-ID stays.
func (p *Publication) request(life time.Duration, body []byte) (*message.Request, error) {
	headers := []Header{{Name: "Event", Value: p.o.Event}, {Name: "Expires", Value: seconds(life)}}
	if p.etag != "" {
		headers = append(headers, Header{Name: "SIP-If-Match", Value: p.etag})
	}
	o := RequestOptions{Method: "PUBLISH", To: p.o.Account.AOR.Bare(), Headers: headers, Body: body}
	if len(body) > 0 {
		o.ContentType = p.o.ContentType
	}
	req, err := p.ua.outside(p.o.Account, o)
	if err != nil {
		return nil, err
	}
	from := p.ua.fromFor(p.o.Account, nil)
	from.Params = from.Params.With("tag", p.tag)
	message.Set(req, "From", from.String())
	message.Set(req, "Call-ID", string(p.callID))
	message.Set(req, "CSeq", message.CSeq{Seq: p.nextSeq(), Method: req.Method}.String())
	return req, nil
}

func (p *Publication) nextSeq() uint32 {
	p.seq++
	return p.seq
}

// answered takes the final answer to a PUBLISH.
func (p *Publication) answered(res *message.Response) {
	authErr := p.out.authErr
	p.out, p.pause.wait = nil, 0
	code := res.StatusCode
	if p.removing {
		p.happen(pubLeft)
		return
	}
	if code < 300 {
		p.accepted(res)
		return
	}
	if least, ok := leastExpires(res, p.asked); code == 423 && ok && !p.raised {
		p.asked, p.raised = least, true
		p.happen(pubAgain)
		return
	}
	p.raised = false
	p.because(code, "%d %s", code, res.Reason)
	if authErr != nil {
		p.because(code, "%v", authErr)
	}
	if after, ok := message.RetryAfter(res); ok {
		p.pause.wait = min(after, mostRetryAfter)
	}
	switch {
	case errors.Is(authErr, ErrWrongPassword):
		p.happen(pubDenied)
	case code == 412:
		p.happen(pubUnknown)
	case errors.Is(authErr, ErrStaleNonce), code == 408, code == 480, code == 423, code >= 500 && code < 600 && code != 501:
		p.happen(pubFailed)
	default:
		p.happen(pubRefused)
	}
}

// accepted takes a 2xx: "The SIP-ETag header field MUST appear in the 2xx" (11.1);
// without one the next PUBLISH is an initial one again.
func (p *Publication) accepted(res *message.Response) {
	p.taken, p.etag = p.sent, message.Value(res, "SIP-ETag")
	p.pause.reset()
	p.raised, p.granted = false, p.asked
	if life, ok := message.Seconds(res, "Expires"); ok {
		p.granted = life
	}
	p.because(0, "")
	if p.granted == 0 {
		p.etag = ""
	}
	p.happen(pubAccepted)
	if p.state == pubHeld && !bytes.Equal(p.body, p.taken) {
		p.happen(pubSet)
	}
}

// unanswered takes the failure to get an answer.
func (p *Publication) unanswered(err error) {
	p.out, p.pause.wait, p.raised = nil, 0, false
	if p.removing {
		p.happen(pubLeft)
		return
	}
	if errors.Is(err, transaction.ErrTimeout) {
		p.because(0, "no answer in time")
	} else {
		p.because(0, "%v", err)
	}
	p.happen(pubFailed)
}

// keep sets the timers of what was granted: the refresh comes at 50 to 90 % of it,
// by lot.
func (p *Publication) keep() {
	life := min(max(p.granted, leastGrant), mostExpires)
	p.expiry.Stop()
	p.expiry = p.ua.loop.After(life, func() {
		p.because(0, "the publication has run out")
		p.happen(pubExpired)
	})
	p.status.Expires = p.ua.cfg.WallClock().Add(life)
	p.retry(life/2 + p.ua.lot(life*4/10))
}

// retry sets the time of the next refresh or try.
func (p *Publication) retry(d time.Duration) {
	p.due.Stop()
	p.status.NextTry = p.ua.cfg.WallClock().Add(d)
	p.due = p.ua.loop.After(d, func() { p.happen(pubDue) })
}

// lose forgets what the server has, and what is under way.
func (p *Publication) lose() {
	p.etag, p.taken, p.raised = "", nil, false
	p.status.Expires = time.Time{}
	p.expiry.Stop()
	if p.out != nil {
		p.out.mute()
		p.out = nil
	}
}

// tell brings the status up to date and hands it over.
func (p *Publication) tell() {
	p.status.Published = p.state == pubHeld || p.state == pubSending || p.state == pubHolding
	p.status.Current = p.status.Published && bytes.Equal(p.body, p.taken)
	if p.state == pubTrying || p.state == pubStopped || p.state == pubGone {
		p.status.NextTry = time.Time{}
	}
	status := p.status
	if p.on != nil {
		p.ua.guard("publication", func() { p.on(status) }, nil)
	}
}

// goodbye takes the state back (RFC 3903 4.5). An answer that is awaited comes first:
// it brings the entity-tag.
func (p *Publication) goodbye() {
	for _, t := range []*loop.Timer{p.due, p.expiry} {
		t.Stop()
	}
	if p.limit == nil {
		p.limit = p.ua.loop.After(goodbyeLimit, func() { p.happen(pubLeft) })
	}
	switch {
	case p.out != nil:
	case p.etag == "":
		p.ua.loop.After(0, func() { p.happen(pubLeft) })
	default:
		p.removing = true
		p.send(0)
	}
}

// finish stops everything.
func (p *Publication) finish() {
	p.lose()
	p.due.Stop()
	p.limit.Stop()
	u := p.ua
	u.publications = slices.DeleteFunc(u.publications, func(other *Publication) bool { return other == p })
	left := p.left
	p.left = nil
	for _, done := range left {
		u.loop.After(0, done)
	}
}

// because notes why it stands as it does.
func (p *Publication) because(code int, format string, args ...any) {
	p.status.Code, p.status.Reason = code, fmt.Sprintf(format, args...)
}
