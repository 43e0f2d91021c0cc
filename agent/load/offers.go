package load

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"slices"
	"time"

	"ringback/agent"
	"ringback/sip"
)

// offerTime is how long an agent is rung.
const offerTime = time.Minute

// offerNext puts the callback that is due to the phone whose turn it is, and comes again.
// Where no phone is free it is counted as nobody's, and not made up for.
func (a *answering) offerNext(due time.Time) {
	if a.plan.Offers <= 0 || a.ending {
		return
	}
	switch p := a.phones.next(); {
	case p != nil:
		a.offer(p)
	case len(a.phones.byAOR) > 0:
		a.counts.NotTaken["no agent was free"]++
	}
	next := due.Add(time.Duration(float64(time.Second) / a.plan.Offers))
	a.offers = a.loop.After(max(time.Microsecond, next.Sub(a.loop.Now())), func() { a.offerNext(next) })
}

// offer is an INVITE with a callback's headers: the contact is on the line already.
func (a *answering) offer(p *bound) {
	t := &taken{answering: a, ours: true, phone: p}
	body, err := t.says(nil)
	if err == nil {
		cb := a.nextCallback()
		from := sip.Address{Display: "Load contact", URI: sip.URI{Scheme: "sip", User: url.PathEscape(cb["number"]), Host: a.ip.String()}}
		err = a.call(a.ua, t, sip.InviteOptions{To: p.to, Target: &p.contact, Flow: p.flow, From: &from, Offer: body, Timeout: offerTime, Headers: callbackHeaders(cb)})
	}
	if err != nil {
		a.counts.NotTaken[err.Error()]++
		t.release()
	}
}

// nextCallback has what the next row says, and the rest made up.
func (a *answering) nextCallback() vars {
	n := a.counts.Offered
	a.counts.Offered++
	cb := vars{"id": fmt.Sprintf("load-%s-%d", a.at, n+1), "type": "immediate", "number": fmt.Sprintf("+8131%07d", (n+1)%10_000_000), "reason": "load test"}
	if len(a.rows) > 0 {
		for column, cell := range a.rows[n%len(a.rows)] {
			if cell != "" {
				cb[column] = cell
			}
		}
	}
	return cb
}

// callbackHeaders are those of a callback, of which columns that are no field of one are
// the case data.
func callbackHeaders(cb vars) []sip.Header {
	names, data := agent.CallbackHeaders(), vars{}
	var headers []sip.Header
	for _, column := range slices.Sorted(maps.Keys(cb)) {
		if name := names[column]; name != "" {
			headers = append(headers, sip.Header{Name: name, Value: mime.BEncoding.Encode("UTF-8", cb[column])})
		} else {
			data[column] = cb[column]
		}
	}
	if len(data) > 0 && cb["data"] == "" {
		text, _ := json.Marshal(data) // of strings
		headers = append(headers, sip.Header{Name: names["data"], Value: mime.BEncoding.Encode("UTF-8", string(text))})
	}
	return headers
}

// call places a call of ours.
func (a *answering) call(by *sip.UA, t *taken, o sip.InviteOptions) error {
	s, err := by.Invite(o, t)
	if err == nil {
		a.open[s] = t
	}
	return err
}

// accepted is a call of ours that was answered.
func (t *taken) accepted(s *sip.Session, e sip.Answered) {
	t.up = true
	if t.refer != nil {
		_ = t.refer.Notify(200, "", true)
	}
	if t.phone != nil {
		t.answering.counts.Taken++
		t.answering.counts.Says[t.kind]++
	}
	if t.voice != nil && !e.Late && e.SDP != nil && t.voice.session.AcceptAnswer(e.SDP, false) != nil {
		_ = s.Hangup(sip.ReasonHeader{})
		return
	}
	t.endsAfter(s)
}

// failed is a call of ours that was not answered.
func (t *taken) failed(c sip.Cause) {
	if t.refer != nil {
		_ = t.refer.Notify(max(c.Code, 400), c.Reason, true)
	}
	if t.phone != nil {
		t.answering.counts.NotTaken[causeText(c)]++
	}
}

// movedTime is how long the call to a transfer's target lasts.
const movedTime = 5 * time.Second

// moves does what a contact's phone does with a REFER: it calls the target and tells
// how that goes.
func (t *taken) moves(r *sip.IncomingRefer) {
	a := t.answering
	if a.ending || r.Replaces() != nil {
		_ = r.Refuse(603)
		return
	}
	if r.Accept() != nil {
		return
	}
	a.counts.Moved++
	moved := &taken{answering: a, ours: true, refer: r}
	body, err := moved.says(nil)
	if err == nil {
		from := sip.Address{URI: sip.URI{Scheme: "sip", User: "contact", Host: a.ip.String()}}
		err = a.call(a.mover, moved, sip.InviteOptions{To: r.To(), From: &from, Offer: body, Timeout: offerTime, ReferredBy: r.ReferredBy()})
	}
	if err != nil {
		_ = r.Notify(500, "", true)
		moved.release()
	}
}

// endsAfter ends a call that nobody ends.
func (t *taken) endsAfter(s *sip.Session) {
	most := t.answering.plan.Most
	if t.refer != nil {
		most = movedTime
	}
	if most > 0 {
		t.timer = t.answering.loop.After(most, func() { _ = s.Hangup(sip.ReasonHeader{}) })
	}
}

// release frees what a call that has ended had.
func (t *taken) release() {
	if t.timer != nil {
		t.timer.Stop()
	}
	t.heard.close()
	if t.phone != nil {
		t.answering.phones.waits(t.phone)
	}
}
