package sdp

import (
	"slices"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// telephoneEvent is the name of RFC 4733 events in rtpmap.
const telephoneEvent = "telephone-event"

// Format is one codec with its payload type on an m= line.
type Format struct {
	PayloadType uint8
	Name        string // as in rtpmap, compared without case
	ClockRate   int    // Hz, as in rtpmap (G722: 8000)
	Channels    int    // 0 is 1
	Params      string // fmtp, as it came or is to be sent; "" for none
}

// String is the format as rtpmap writes it: opus/48000/2.
func (f Format) String() string {
	s := f.Name + "/" + strconv.Itoa(f.ClockRate)
	if f.Channels > 1 {
		s += "/" + strconv.Itoa(f.Channels)
	}
	return s
}

// Same says that both are the same codec, whatever their payload types and
// parameters.
func (f Format) Same(other Format) bool { return f.key() == other.key() }

func (f Format) key() string { return strings.ToLower(f.String()) }

// comfortNoise is that of RFC 3389 with its static payload type.
func comfortNoise() Format { return Format{PayloadType: 13, Name: "CN", ClockRate: 8000} }

func (f Format) comfort() bool { return f.PayloadType == 13 && strings.EqualFold(f.Name, "CN") }

// hasComfort says that comfort noise stands in a list of formats.
func hasComfort(formats []Format) bool { return slices.ContainsFunc(formats, Format.comfort) }

func (f Format) events() bool { return strings.EqualFold(f.Name, telephoneEvent) }

// Events is what was agreed on for telephone-event (RFC 4733 section 2.5.1.1).
type Events struct {
	Send      uint8 // payload type to send with
	Receive   uint8 // payload type that the peer sends with
	ClockRate int   // of both; 8000 or that of the codec that is sent
}

// static returns the codec of a payload type that needs no rtpmap (RFC 3551
// table 4), as far as a phone meets them.
func static(payloadType uint8) (Format, bool) {
	names := map[uint8]string{0: "PCMU", 3: "GSM", 8: "PCMA", 9: "G722", 13: "CN", 18: "G729"}
	name, ok := names[payloadType]
	return Format{PayloadType: payloadType, Name: name, ClockRate: 8000}, ok
}

// firstDynamic and lastDynamic are the payload types that an rtpmap gives a
// meaning to (RFC 3551 section 3).
const (
	firstDynamic = 96
	lastDynamic  = 127
)

// codecs returns the formats of an m= line that have a meaning: by rtpmap, or by
// RFC 3551. Formats that are no payload type or come twice are left out.
func codecs(formats []string, attributes []pion.Attribute) []Format {
	var named [lastDynamic + 1]Format
	var params [lastDynamic + 1]string
	for _, a := range attributes {
		pt, rest, ok := payloadType(a.Value)
		switch {
		case !ok:
		case a.Key == "rtpmap" && named[pt].Name == "":
			if f, ok := rtpmap(rest); ok {
				f.PayloadType = pt
				named[pt] = f
			}
		case a.Key == "fmtp" && params[pt] == "":
			params[pt] = rest
		}
	}
	var out []Format
	var seen [lastDynamic + 1]bool
	for _, text := range formats {
		pt, _, ok := payloadType(text)
		if !ok || seen[pt] {
			continue
		}
		seen[pt] = true
		f := named[pt]
		if f.Name == "" {
			if f, ok = static(pt); !ok {
				continue
			}
		}
		f.Params = params[pt]
		out = append(out, f)
	}
	return out
}

// payloadType reads the number in front of an rtpmap, an fmtp or a format.
func payloadType(value string) (pt uint8, rest string, ok bool) {
	number, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	n, err := strconv.ParseUint(number, 10, 8)
	if err != nil || n > lastDynamic {
		return 0, "", false
	}
	return uint8(n), strings.TrimSpace(rest), true
}

// rtpmap reads name/clock/channels.
func rtpmap(value string) (Format, bool) {
	parts := strings.Split(value, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" {
		return Format{}, false
	}
	clock, err := strconv.ParseUint(parts[1], 10, 20)
	if err != nil || clock < 1000 {
		return Format{}, false
	}
	f := Format{Name: parts[0], ClockRate: int(clock)}
	if len(parts) == 3 {
		n, err := strconv.ParseUint(parts[2], 10, 4)
		if err != nil || n == 0 {
			return Format{}, false
		}
		f.Channels = int(n)
	}
	return f, true
}
