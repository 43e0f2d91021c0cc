package sdp

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// Offer is a session description that asks (RFC 3264 section 5).
type Offer struct {
	description
	audio   int  // in one of ours: the line in use
	iceOnly bool // in one of ours: Capabilities.ICEOnly
}

// Bytes is the description's text; not to be changed.
func (o *Offer) Bytes() []byte { return o.text }

// Answer is a session description that answers (RFC 3264 section 6).
type Answer struct{ description }

// Bytes is the description's text; not to be changed.
func (a *Answer) Bytes() []byte { return a.text }

// ParseOffer reads an offer that came in. An error is a *Refusal.
func ParseOffer(body []byte) (*Offer, error) {
	d, err := parse(body)
	if err != nil {
		return nil, err
	}
	return &Offer{description: d}, nil
}

// ParseAnswer reads an answer that came in. An error is a *Refusal.
func ParseAnswer(body []byte) (*Answer, error) {
	d, err := parse(body)
	if err != nil {
		return nil, err
	}
	return &Answer{d}, nil
}

// BuildOffer makes an offer of everything that can be done (RFC 3264 sections 5
// and 8): in a later one all m= lines of the session are kept, those not used
// with port 0. It fails only for capabilities that make no offer.
func BuildOffer(local *Local, can Capabilities) (*Offer, error) {
	if err := can.check(); err != nil {
		return nil, fmt.Errorf("build sdp offer: %w", err)
	}
	can, err := local.secured(can)
	if err != nil {
		return nil, fmt.Errorf("build sdp offer: %w", err)
	}
	can = local.offerPath(can)
	var taken [lastDynamic + 1]bool
	var formats []Format
	clocks := map[int]bool{}
	take := func(f Format) error {
		pt, ok := local.number(f, &taken)
		if !ok {
			return fmt.Errorf("build sdp offer: no payload type is left for %s", f)
		}
		taken[pt], f.PayloadType = true, pt
		formats = append(formats, f)
		return nil
	}
	for _, f := range can.Codecs {
		if err := take(f); err != nil {
			return nil, err
		}
	}
	if can.Comfort && slices.ContainsFunc(can.Codecs, func(f Format) bool { return f.ClockRate == 8000 }) {
		if err := take(comfortNoise()); err != nil {
			return nil, err
		}
	}
	for _, f := range can.Codecs {
		if !can.Events || clocks[f.ClockRate] {
			continue
		}
		clocks[f.ClockRate] = true
		if err := take(eventFormat(f.ClockRate)); err != nil {
			return nil, err
		}
	}
	lines := local.streams
	if len(lines) == 0 {
		lines = []stream{{media: "audio"}}
	}
	text, err := local.write(lines, local.audio, formats, can, can.Direction)
	if err != nil {
		return nil, fmt.Errorf("build sdp offer: %w", err)
	}
	d, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("build sdp offer: %w", err)
	}
	for _, f := range formats {
		local.mean(f)
	}
	return &Offer{description: d, audio: local.audio, iceOnly: can.ICEOnly}, nil
}

// eventFormat is telephone-event at a clock rate with all digits.
func eventFormat(clock int) Format {
	return Format{PayloadType: 101, Name: telephoneEvent, ClockRate: clock, Params: "0-15"}
}

// check refuses what makes no m= line.
func (c *Capabilities) check() error {
	switch {
	case !c.Address.IsValid() || c.Address.IsUnspecified():
		return fmt.Errorf("address %q: give the one that the peer can reach", c.Address)
	case c.Port == 0:
		return errors.New("port 0: open the media port first")
	case len(c.Codecs) == 0:
		return errors.New("no codec: allow one at least")
	}
	return nil
}

// write makes a description with one audio line in use and all others refused.
// Formats none: the audio line is refused too.
func (l *Local) write(lines []stream, audio int, formats []Format, can Capabilities, dir Direction) ([]byte, error) {
	address := can.Address.Unmap().WithZone("")
	d := &pion.SessionDescription{
		SessionName: "-",
		ConnectionInformation: &pion.ConnectionInformation{
			NetworkType: "IN", AddressType: family(address), Address: &pion.Address{Address: address.String()},
		},
		TimeDescriptions: []pion.TimeDescription{{}},
	}
	if can.group != "" && len(formats) > 0 {
		d.Attributes = append(d.Attributes, pion.Attribute{Key: "group", Value: can.group})
	}
	for i := range lines {
		m := refused(&lines[i])
		if i == audio && len(formats) > 0 {
			m = accepted(formats, can, dir)
		}
		d.MediaDescriptions = append(d.MediaDescriptions, m)
	}
	return l.stamp(d, address)
}

// refused is an m= line that is not used (RFC 3264 section 6: port 0). One that is known by
// a mid keeps it, or nothing in the description could be bundled (RFC 5888 section 6), and
// what its formats mean: there are peers that read the line all the same.
func refused(s *stream) *pion.MediaDescription {
	formats, proto := s.formats, s.proto
	if len(formats) == 0 {
		formats = []string{"0"}
	}
	if proto == "" {
		proto = plainRTP
	}
	m := &pion.MediaDescription{MediaName: pion.MediaName{
		Media: s.media, Protos: strings.Split(proto, "/"), Formats: formats,
	}}
	if s.mid == "" {
		return m
	}
	m.Attributes = append(m.Attributes, pion.Attribute{Key: "mid", Value: s.mid})
	for _, r := range s.rtpmaps {
		m.Attributes = append(m.Attributes, pion.Attribute{Key: "rtpmap", Value: r})
	}
	return m
}

// accepted is the audio line in use.
func accepted(formats []Format, can Capabilities, dir Direction) *pion.MediaDescription {
	m := &pion.MediaDescription{MediaName: pion.MediaName{
		Media: "audio", Port: pion.RangedPort{Value: int(can.Port)}, Protos: strings.Split(can.proto, "/"),
	}}
	attribute := func(key, value string) {
		m.Attributes = append(m.Attributes, pion.Attribute{Key: key, Value: value})
	}
	for _, f := range formats {
		pt := strconv.Itoa(int(f.PayloadType))
		m.MediaName.Formats = append(m.MediaName.Formats, pt)
		attribute("rtpmap", pt+" "+f.String())
		if f.Params != "" {
			attribute("fmtp", pt+" "+f.Params)
		}
	}
	for i := range can.crypto {
		attribute("crypto", can.crypto[i].line())
	}
	if can.setup != "" {
		attribute("fingerprint", can.Fingerprint.String())
		attribute("setup", can.setup)
	}
	can.pathLines(attribute)
	if can.Ptime > 0 {
		attribute("ptime", strconv.FormatInt(can.Ptime.Milliseconds(), 10))
	}
	if can.MaxPtime > 0 {
		attribute("maxptime", strconv.FormatInt(can.MaxPtime.Milliseconds(), 10))
	}
	if can.RTCPPort != 0 && can.RTCPPort != can.Port+1 {
		attribute("rtcp", strconv.Itoa(int(can.RTCPPort)))
	}
	if can.RTCPMux {
		attribute("rtcp-mux", "")
	}
	attribute(dir.String(), "")
	return m
}
