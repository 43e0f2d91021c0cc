package agent

import (
	"encoding/xml"
	"strings"

	"ringback/sip"
)

// pidfType is the media type of presence (RFC 3863).
const pidfType = "application/pidf+xml"

// publication tells the PBX by presence whether the voice channel takes offers (RFC
// 3903), for queues that look at it. The loop owns it.
type publication struct {
	pub    *sip.Publication // nil: nothing is published yet, or any more
	open   string           // what the PBX has: open, closed or unknown
	status sip.PublicationStatus
	told   string // the failure that was told last
}

// followPublication publishes what has changed. It runs after every input.
func (a *Agent) followPublication() {
	p := &a.publication
	if !a.cfg.Channels.Publish || a.stopping || !a.reachable() {
		return
	}
	if p.pub == nil {
		pub, err := a.ua.Publish(sip.PublishOptions{Account: a.account, Event: "presence", ContentType: pidfType, Expires: a.cfg.Account.Expires},
			func(s sip.PublicationStatus) { a.input(func() { a.publicationTold(s) })() })
		if err != nil { // an account that registers can publish
			a.log.Error("publish presence", "error", err)
			return
		}
		p.pub = pub
	}
	p.pub.Set(a.pidf())
}

// publicationTold: the PBX took what was published, or did not.
func (a *Agent) publicationTold(s sip.PublicationStatus) {
	p := &a.publication
	p.status = s
	switch {
	case s.Current:
		p.open = a.basic()
	case !s.Published:
		p.open = "unknown"
	}
	anew := s.Code == 412 && !s.Published // the PBX has forgotten it, and gets it at once
	if s.Reason != "" && s.Reason != p.told && !anew && !a.stopping {
		a.emit(Event{Type: ErrorHappened, Channel: ChannelVoice, Code: s.Code, Text: "publish presence: " + s.Reason})
	}
	p.told = s.Reason
}

// presenceView is what the PBX has of the presence; nil when it is not published.
func (a *Agent) presenceView() *QueueState {
	if !a.cfg.Channels.Publish {
		return nil
	}
	v := &QueueState{State: a.publication.open, Reason: a.publication.status.Reason}
	if v.State == "" {
		v.State = "unknown"
	}
	if v.Reason != "" {
		v.NextTry = timeOf(a.publication.status.NextTry)
	}
	return v
}

// basic is the channel's state as presence knows it.
func (a *Agent) basic() string {
	if a.voice.state == channelReady {
		return "open"
	}
	return "closed"
}

// pidf is the presence document (RFC 3863 4.1): one tuple for the voice channel, with
// its state and reason as a note for people.
func (a *Agent) pidf() []byte {
	note := a.voice.state
	if a.voice.reason != "" {
		note += ": " + cutText(a.voice.reason, maxReportText)
	}
	aor := a.account.AOR.Bare().String()
	var b strings.Builder
	b.WriteString(xml.Header + `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="` + xmlText(aor) + `">` + "\n" +
		`<tuple id="` + string(a.voice.name) + `"><status><basic>` + a.basic() + `</basic></status><contact>` + xmlText(aor) +
		`</contact><note>` + xmlText(note) + `</note></tuple>` + "\n</presence>\n")
	return []byte(b.String())
}

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}

// unpublish takes the presence back, and runs then within 2 s.
func (a *Agent) unpublish(then func()) {
	pub := a.publication.pub
	if pub == nil {
		then()
		return
	}
	a.publication.pub = nil
	pub.Remove(then)
}
