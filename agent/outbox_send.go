package agent

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"ringback/agent/store"
	"ringback/sip"
)

// Bounds of the pauses between two tries.
const (
	firstPause = time.Second
	mostPause  = 5 * time.Minute
)

// The types in which a report is sent: the first one, and the other after a 415.
const (
	reportAsText = "text/plain;charset=UTF-8"
	reportAsJSON = "application/json"
)

// sendReport sends one report to the registered PBX. swapped says that it goes the
// second time, in the other type.
func (a *Agent) sendReport(r store.Report, swapped bool) {
	to, err := parseTarget(a.cfg.Callbacks.ReportTo, "")
	if err != nil { // the configuration was checked
		a.log.Error("outbox", "error", err)
		return
	}
	o := &a.outbox
	contentType := reportAsText
	if o.json {
		contentType = reportAsJSON
	}
	o.sending[r.Callback] = true
	a.ua.Request(a.account, sip.RequestOptions{Method: "MESSAGE", To: to, Home: true, ContentType: contentType, Body: r.Body}, func(reply sip.Reply) {
		a.input(func() {
			delete(o.sending, r.Callback)
			e := reportEvent(MessageSent, r)
			e.Target, e.ContentType, e.Code, e.Text, e.SIPCallID = to.String(), mediaType(contentType), reply.Code, string(r.Body), string(reply.CallID)
			if reply.Err != nil {
				e.Reason = sendFailure(reply.Err)
			}
			a.emit(e)
			if reply.Code == 415 && !swapped {
				o.json = !o.json
				a.sendReport(r, true)
				return
			}
			r.ContentType = mediaType(contentType)
			a.reportAnswered(r, reply)
		})()
	})
}

// sendFailure is in a word why nothing came back.
func sendFailure(err error) string {
	if errors.Is(err, sip.ErrTimeout) {
		return "timed-out"
	}
	return "unreachable"
}

// reportAnswered takes the answer to a report, or that there was none.
func (a *Agent) reportAnswered(r store.Report, reply sip.Reply) {
	o, now := &a.outbox, a.now()
	r.Tries++
	switch {
	case reply.Code >= 200 && reply.Code < 300:
		o.quiet, o.outage = time.Time{}, 0
		r.State, r.Delivered, r.NextTry, r.LastError = store.ReportDelivered, now, time.Time{}, ""
		a.reportOver(r)
		return
	case reply.Err != nil || mayPass(reply.Code): // it concerns all of them
		o.outage++
		o.quiet = now.Add(max(a.pause(o.outage), retryAfter(reply.Headers)))
		r.NextTry = o.quiet
	default: // it concerns this one, or will hardly change: the others go on
		o.quiet, o.outage = time.Time{}, 0
		o.wait[r.ID] = now.Add(a.jittered(mostPause))
		r.NextTry = o.wait[r.ID]
	}
	r.LastError = refusal(reply)
	if !now.Before(r.Created.Add(a.cfg.Callbacks.ReportAge)) {
		a.giveUpReport(r)
		return
	}
	a.reportOver(r)
}

// refusal is in words why something was not taken.
func refusal(r sip.Reply) string {
	if r.Err != nil {
		return cleanText(r.Err.Error())
	}
	return strings.TrimSpace(fmt.Sprint(r.Code, " ", cleanText(r.Reason)))
}

// mayPass reports whether another try may be answered otherwise soon: the server is
// in trouble, or busy (RFC 3261 21.4.9, 21.4.18, 21.5; RFC 6585 4).
func mayPass(code int) bool {
	switch code {
	case 408, 429, 480:
		return true
	case 501, 505, 513:
		return false
	}
	return code >= 500 && code < 600
}

// retryAfter is for how long the PBX does not want to be asked (RFC 3261 20.33), up
// to our own longest pause.
func retryAfter(headers []sip.Header) time.Duration {
	for _, h := range headers {
		if !strings.EqualFold(h.Name, "Retry-After") {
			continue
		}
		text := strings.TrimSpace(h.Value)
		digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
		if seconds, err := strconv.Atoi(digits); err == nil {
			return time.Duration(min(seconds, int(mostPause/time.Second))) * time.Second
		}
	}
	return 0
}

// pause is the wait after so many failures in a row: 1 s, doubled up to 5 min, and
// jittered so that many phones do not come back at once.
func (a *Agent) pause(failures int) time.Duration {
	d := mostPause
	if failures < 10 {
		d = min(firstPause<<max(failures-1, 0), mostPause)
	}
	return a.jittered(d)
}

// jittered is between half of d and d.
func (a *Agent) jittered(d time.Duration) time.Duration {
	random := a.deps.Random
	if random == nil {
		random = rand.IntN
	}
	return d/2 + time.Duration(random(int(d/2/time.Millisecond)+1))*time.Millisecond
}
