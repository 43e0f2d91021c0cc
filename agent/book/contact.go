package book

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/agent/phone"
	"ringback/agent/store"
)

// ContactID names a contact of a profile (k12). It is never reused.
type ContactID string

// Contact is a person or company that is called back.
type Contact struct {
	ID      ContactID `json:"id"`
	Name    string    `json:"name"`
	Reading string    `json:"reading"` // how the name is read: kana, or Latin letters
	Zone    string    `json:"zone"`    // IANA name; empty: not known
	Note    string    `json:"note"`
	Points  []Point   `json:"points"`
	Updated time.Time `json:"updated"`
}

// Point is one way to reach a contact.
type Point struct {
	Kind  string   `json:"kind"` // phone, mail, sip or address
	Label string   `json:"label"`
	Value string   `json:"value"`           // as it was written
	E164  string   `json:"e164,omitempty"`  // of a phone; empty: an extension
	Shown string   `json:"shown,omitempty"` // of a phone, as people of the configured region write it
	Can   []string `json:"can"`             // what can be done: call (dials dial), mail (opens link)
	Dial  string   `json:"dial,omitempty"`  // what the actions call, dial, transfer and so on take
	Link  string   `json:"link,omitempty"`  // mailto: of a mail address
}

// The kinds of points.
const (
	PointPhone   = "phone"
	PointMail    = "mail"
	PointSIP     = "sip"
	PointAddress = "address"
)

var pointKinds = []string{PointPhone, PointMail, PointSIP, PointAddress}

// What can be done with a point.
const (
	CanCall = "call"
	CanMail = "mail"
)

// Bounds of one contact.
const (
	maxName   = 256 // bytes of a name, a reading, a label
	maxNote   = 16 << 10
	maxValue  = 1024 // bytes of a point's value
	maxPoints = 64
)

func contactID(id int64) ContactID { return ContactID("k" + strconv.FormatInt(id, 10)) }

// number is the store's id; 0 when it is no id of a contact.
func (id ContactID) number() int64 { return idNumber(string(id), "k") }

// idNumber reads k12; 0: it is none.
func idNumber(id, letter string) int64 {
	digits, ok := strings.CutPrefix(id, letter)
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 || digits[0] == '+' {
		return 0
	}
	return n
}

// contact is a record as it is shown.
func (b *Book) contact(k store.Contact) Contact {
	c := Contact{ID: contactID(k.ID), Name: k.Name, Reading: k.Reading, Zone: k.Zone, Note: k.Note, Points: []Point{}, Updated: k.Updated}
	for _, p := range k.Points {
		c.Points = append(c.Points, b.point(p))
	}
	return c
}

func (b *Book) point(p store.Point) Point {
	out := Point{Kind: p.Kind, Label: p.Label, Value: p.Value, E164: p.E164, Can: []string{}}
	switch p.Kind {
	case PointPhone:
		out.Can, out.Dial, out.Shown = []string{CanCall}, p.Value, p.Value
		if p.E164 != "" {
			out.Dial, out.Shown = p.E164, b.numbers.Show(p.E164)
		}
	case PointSIP:
		out.Can, out.Dial = []string{CanCall}, p.Value
	case PointMail:
		out.Can, out.Link = []string{CanMail}, "mailto:"+p.Value
	}
	return out
}

// checkPoint reads a point that was given, and finds its E.164 number.
func (b *Book) checkPoint(kind, label, value string) (store.Point, error) {
	p := store.Point{Kind: kind, Label: clean(label, false), Value: clean(value, kind == PointAddress)}
	switch {
	case !slices.Contains(pointKinds, kind):
		return p, Invalid("point: kind %q is not known", kind).hint("it is one of %s", strings.Join(pointKinds, ", "))
	case p.Value == "":
		return p, Invalid("%s: it is empty", kind).hint("leave it out, or give it a value")
	case len(p.Value) > maxValue || len(p.Label) > maxName:
		return p, Invalid("%s: %d bytes are too many", kind, max(len(p.Value), len(p.Label))).hint("write at most %d", maxValue)
	}
	switch kind {
	case PointPhone:
		if p.E164 = b.numbers.E164(p.Value); p.E164 == "" && phone.Digits(p.Value) == "" {
			return p, Invalid("phone: %q has no digits", p.Value).hint("write a number such as 03-1234-5678 or an extension")
		}
	case PointMail:
		if at := strings.LastIndexByte(p.Value, '@'); at < 1 || at == len(p.Value)-1 || strings.ContainsAny(p.Value, " \"<>?&%#") {
			return p, Invalid("mail: %q is no address", p.Value).hint("write it like yamada@example.com")
		}
	case PointSIP:
		return sipPoint(p)
	}
	return p, nil
}

// sipPoint takes an address with its scheme or without.
func sipPoint(p store.Point) (store.Point, error) {
	lower := strings.ToLower(p.Value)
	if !strings.HasPrefix(lower, "sip:") && !strings.HasPrefix(lower, "sips:") {
		p.Value = "sip:" + p.Value
	}
	_, address, _ := strings.Cut(p.Value, ":")
	if address == "" || strings.ContainsAny(address, " \"<>") {
		return p, Invalid("sip: %q is no SIP address", p.Value).hint("write it like sip:2001@pbx.example.com")
	}
	return p, nil
}

// checkContact holds the bounds of a contact and its zone.
func checkContact(k *store.Contact) error {
	k.Name, k.Reading, k.Zone, k.Note = clean(k.Name, false), clean(k.Reading, false), clean(k.Zone, false), clean(k.Note, true)
	switch {
	case k.Name == "":
		return Invalid("name: it is empty").hint("a contact has a name")
	case len(k.Name) > maxName || len(k.Reading) > maxName:
		return Invalid("name: %d bytes are too many", max(len(k.Name), len(k.Reading))).hint("write at most %d", maxName)
	case len(k.Note) > maxNote:
		return Invalid("note: %d bytes are too many", len(k.Note)).hint("write at most %d", maxNote)
	case len(k.Points) > maxPoints:
		return Invalid("points: %d numbers and addresses are too many", len(k.Points)).hint("keep at most %d", maxPoints)
	}
	if k.Zone != "" {
		if _, err := time.LoadLocation(k.Zone); err != nil || k.Zone == "Local" {
			return Invalid("zone: %q is not known", k.Zone).hint("write an IANA name such as Asia/Tokyo")
		}
	}
	return nil
}

// describe is a contact in a list of candidates.
func describe(k store.Contact) string {
	return fmt.Sprintf("%s %s", contactID(k.ID), k.Name)
}
