package lab

import (
	"fmt"
	"slices"
	"time"

	"ringback/sip"
	"ringback/sip/loop"
)

// PublishPolicy is how the lab treats those who publish.
type PublishPolicy struct {
	Refuse     int           // every PUBLISH gets this code; zero: none
	MinExpires time.Duration // a shorter wish gets 423; zero: none
	MaxExpires time.Duration // a longer wish is cut to it; zero: an hour
}

// Publication is what a user has published.
type Publication struct {
	Event       string
	ContentType string
	Body        string
}

// publication is one, as the lab keeps it. Loop goroutine.
type publication struct {
	Publication
	user, etag string
	end        *loop.Timer
}

// SetPublish changes how a PUBLISH is treated from now on.
func (l *Lab) SetPublish(p PublishPolicy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.publish = p
}

// Published is what a user has published now, in no order.
func (l *Lab) Published(user string) []Publication {
	var all []Publication
	_ = l.do("list publications", func(b *boot) error {
		for _, p := range b.published {
			if p.user == user {
				all = append(all, p.Publication)
			}
		}
		return nil
	})
	return all
}

// ForgetPublications loses what was published, as a PBX that restarts.
func (l *Lab) ForgetPublications() error {
	return l.do("forget publications", func(b *boot) error {
		for _, p := range b.published {
			p.end.Stop()
		}
		b.published = nil
		return nil
	})
}

func (l *Lab) publishPolicy() PublishPolicy {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.publish
	if p.MaxExpires == 0 {
		p.MaxExpires = time.Hour
	}
	return p
}

// publish serves a PUBLISH (RFC 3903 6).
func (b *boot) publish(r *sip.IncomingRequest) {
	user, ok := b.lab.user(r.From().URI.UserText())
	if !ok {
		b.respond(r, 403)
		return
	}
	if v := b.gate.check(user, "PUBLISH", r.Header("Authorization"), b.loop.Now()); v != proven && !b.lab.callPolicy().OpenCalls {
		b.respond(r, 401, b.gate.challenge(user, v, b.loop.Now())...)
		return
	}
	policy, life, match := b.lab.publishPolicy(), wishOf(r), r.Header("SIP-If-Match")
	at := slices.IndexFunc(b.published, func(p *publication) bool { return p.user == user.Name && p.etag == match })
	switch {
	case policy.Refuse != 0:
		b.respond(r, policy.Refuse)
	case r.Header("Event") != "presence":
		b.respond(r, 489, sip.Header{Name: "Allow-Events", Value: "presence"})
	case match != "" && at < 0:
		b.respond(r, 412)
	case match == "" && len(r.Body()) == 0:
		b.respond(r, 400)
	case life > 0 && life < policy.MinExpires:
		b.respond(r, 423, sip.Header{Name: "Min-Expires", Value: seconds(policy.MinExpires)})
	default:
		b.keepPublication(r, user.Name, at, min(life, policy.MaxExpires))
	}
}

// keepPublication takes, changes, refreshes or removes one.
func (b *boot) keepPublication(r *sip.IncomingRequest, user string, at int, life time.Duration) {
	p := &publication{user: user, Publication: Publication{Event: r.Header("Event"), ContentType: r.ContentType(), Body: string(r.Body())}}
	if at >= 0 {
		old := b.published[at]
		old.end.Stop()
		if len(r.Body()) == 0 {
			p.Publication = old.Publication
		}
		b.published = slices.Delete(b.published, at, at+1)
	}
	b.count++
	p.etag = fmt.Sprint("lab-", b.count)
	b.respond(r, 200, sip.Header{Name: "SIP-ETag", Value: p.etag}, sip.Header{Name: "Expires", Value: seconds(life)})
	if life <= 0 {
		b.lab.happened(Event{Type: Unpublished, Party: user, Text: "asked"})
		return
	}
	p.end = b.loop.After(life, func() {
		b.published = slices.DeleteFunc(b.published, func(other *publication) bool { return other == p })
		b.lab.happened(Event{Type: Unpublished, Party: user, Text: "expired"})
	})
	b.published = append(b.published, p)
	b.lab.happened(Event{Type: Published, Party: user, Text: p.Body})
}
