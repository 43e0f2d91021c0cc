package book

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-vcard"
)

// cards reads a file of vCards, one property at a time: the library passes over
// what it cannot read and knows no lines, and a number that is lost is not told.
type cards struct {
	book *Book
	file *file
	line int // of the property

	open   bool
	entry  entry
	parts  [4]string         // family and given name, and how they are read
	sorted string            // the reading that sorts the card
	firm   []string          // company, department, title: kept in the note
	points []cardPoint       // whose label may come later
	labels map[string]string // by group (item1.X-ABLabel)
	fault  bool              // the card has no version that is read
}

type cardPoint struct {
	line               int
	property           string
	group, kind, label string
	value              string
}

func (b *Book) readCards(f *file, text string) {
	c := &cards{book: b, file: f}
	begin, property := 0, ""
	flush := func() {
		if property != "" {
			c.line = begin
			c.property(property)
		}
	}
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		if line != "" && (line[0] == ' ' || line[0] == '\t') && property != "" {
			if !isPicture(property) {
				property += line[1:] // folded (RFC 6350 3.2)
			}
			continue
		}
		flush()
		begin, property = n, line
	}
	flush()
	if c.open {
		f.faults.add(n, "END", "the last card has no end: is the file whole?")
	}
}

// isPicture knows the properties that are large and that a contact has no place
// for.
func isPicture(property string) bool {
	name, _, _ := strings.Cut(property[:min(len(property), 16)], ":")
	name, _, _ = strings.Cut(strings.ToUpper(name), ";")
	return name == vcard.FieldPhoto || name == vcard.FieldLogo || name == vcard.FieldSound || name == vcard.FieldKey
}

// property reads one property of a card.
func (c *cards) property(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	field, name, ok := readProperty(text)
	switch {
	case !ok:
		c.file.faults.add(c.line, "", fmt.Sprintf("%.40q is no property of a vCard: it is NAME:VALUE", text))
	case name == "BEGIN" && c.open:
		c.file.faults.add(c.line, "BEGIN", "a card begins inside of another")
	case name == "BEGIN":
		*c = cards{book: c.book, file: c.file, line: c.line, open: true, labels: map[string]string{}, fault: true}
		c.entry.line = c.line
	case !c.open:
		c.file.faults.add(c.line, name, "it stands outside of a card")
	case name == "END":
		c.close()
	case name == vcard.FieldVersion:
		if c.fault = field.Value != "3.0" && field.Value != "4.0"; c.fault {
			c.file.faults.add(c.line, name, fmt.Sprintf("version %.10q is not read: export the cards as 3.0 or 4.0", field.Value))
			c.fault = false // told
		}
	default:
		c.take(name, field)
	}
}

func readProperty(text string) (field *vcard.Field, name string, ok bool) {
	if isPicture(text) {
		text, _, _ = strings.Cut(text, ":")
		text += ":"
	}
	if upper := strings.ToUpper(strings.TrimSpace(text)); upper == "BEGIN:VCARD" || upper == "END:VCARD" {
		name, _, _ = strings.Cut(upper, ":")
		return nil, name, true
	}
	card, err := vcard.NewDecoder(strings.NewReader("BEGIN:VCARD\n" + protect(text) + "\nEND:VCARD\n")).Decode()
	if err != nil || len(card) != 1 {
		return nil, "", false
	}
	for name, fields := range card {
		return fields[0], name, true
	}
	return nil, "", false
}

// take keeps what a contact has a place for.
func (c *cards) take(name string, field *vcard.Field) {
	value := unescape(field.Value)
	switch name {
	case vcard.FieldFormattedName:
		c.entry.Name = value
	case vcard.FieldName:
		n := components(field.Value)
		c.parts[0], c.parts[1] = n[0], strings.TrimSpace(n[1]+" "+n[2])
		c.sorted = strings.Join(field.Params[vcard.ParamSortAs], " ")
	case "X-PHONETIC-LAST-NAME":
		c.parts[2] = value
	case "X-PHONETIC-FIRST-NAME":
		c.parts[3] = value
	case "SORT-STRING":
		c.sorted = value
	case vcard.FieldOrganization:
		c.firm = append(c.firm, strings.Join(strings.Fields(strings.Join(components(field.Value), " ")), " "))
	case vcard.FieldTitle:
		c.firm = append(c.firm, value)
	case vcard.FieldNote:
		c.entry.Note = value
	case vcard.FieldTimezone:
		if _, err := time.LoadLocation(value); err != nil || !strings.Contains(value, "/") {
			c.file.passed[name] = true // an offset is no zone
			return
		}
		c.entry.Zone = value
	case vcard.FieldUID:
		if id, ours := strings.CutSuffix(value, "@ringback"); ours {
			c.entry.id = ContactID(id).number()
		}
	case "X-ABLABEL":
		value = strings.TrimSuffix(strings.TrimPrefix(value, "_$!<"), ">!$_") // Apple's own labels
		c.labels[strings.ToLower(field.Group)] = lowerASCII(value)
	default:
		c.takePoint(name, field)
	}
}

// takePoint keeps a number or an address; what is none is passed over.
func (c *cards) takePoint(name string, field *vcard.Field) {
	p := cardPoint{line: c.line, property: name, group: strings.ToLower(field.Group), label: typeLabel(field.Params), value: unescape(field.Value)}
	switch name {
	case vcard.FieldTelephone:
		p.kind = PointPhone
		if scheme := strings.ToLower(p.value); strings.HasPrefix(scheme, "tel:") {
			p.value = p.value[4:]
		}
	case vcard.FieldEmail:
		p.kind = PointMail
	case vcard.FieldIMPP, "X-SIP":
		if p.kind = PointSIP; name == vcard.FieldIMPP && !strings.HasPrefix(strings.ToLower(p.value), "sip") {
			c.file.passed[name] = true
			return
		}
	case vcard.FieldAddress:
		p.kind, p.value = PointAddress, addressText(components(field.Value))
	case vcard.FieldProductID, vcard.FieldRevision, vcard.FieldKind, "X-ABADR", "X-ABSHOWAS":
		return // about the file or the form, not about the contact
	default:
		c.file.passed[name] = true
		return
	}
	if strings.TrimSpace(p.value) != "" {
		c.points = append(c.points, p)
	}
}

// close ends a card.
func (c *cards) close() {
	c.open = false
	if c.fault {
		c.file.faults.add(c.entry.line, vcard.FieldVersion, "it is missing: is this a vCard of version 3.0 or 4.0?")
	}
	e := c.entry
	if strings.TrimSpace(e.Name) == "" {
		e.Name = personName(c.parts[0], c.parts[1])
	}
	if e.Reading = personName(c.parts[2], c.parts[3]); e.Reading == "" {
		e.Reading = c.sorted
	}
	if e.Note = strings.TrimSpace(strings.Join(append(c.firm, e.Note), "\n")); e.Name == "" && len(c.firm) > 0 {
		e.Name = c.firm[0]
	}
	for _, p := range c.points {
		label := p.label
		if l, named := c.labels[p.group]; named && p.group != "" {
			label = l
		}
		point, err := c.book.checkPoint(p.kind, label, p.value)
		if err != nil {
			_, why, _ := strings.Cut(err.Error(), ": ")
			c.file.faults.add(p.line, p.property, why)
			continue
		}
		e.addPoint(point)
	}
	c.file.entries = append(c.file.entries, e)
}

// semicolon stands for an escaped one while the library has the text: it knows the
// escapes of commas, backslashes and line breaks only (RFC 6350 3.4). No text of a
// card may hold the sign itself.
const semicolon = "\x1f"

// protect marks the escapes that the library does not know.
func protect(text string) string {
	var b strings.Builder
	text = strings.ReplaceAll(text, semicolon, "")
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case ';':
			b.WriteString(semicolon)
		case 'N':
			b.WriteString(`\n`)
		case '\\', ',', 'n':
			b.WriteString(text[i-1 : i+1])
		default: // no escape, or one of a sign that needs none
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

func unescape(value string) string {
	return strings.TrimSpace(strings.ReplaceAll(value, semicolon, ";"))
}

// components are the parts of a structured value, seven at least.
func components(value string) []string {
	parts := strings.Split(value, ";")
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	for len(parts) < 7 {
		parts = append(parts, "")
	}
	return parts
}

// addressText writes an address as people of its country do: the largest part first
// in East Asia, the street first elsewhere.
func addressText(c []string) string {
	order := []int{0, 1, 2, 3, 4, 5, 6}
	joint := ", "
	if eastAsian(strings.Join(c, "")) {
		order, joint = []int{6, 5, 4, 3, 2, 1, 0}, " "
	}
	var parts []string
	for _, i := range order {
		if c[i] != "" {
			parts = append(parts, c[i])
		}
	}
	return strings.Join(parts, joint)
}

// personName puts a name together in the order of its script.
func personName(family, given string) string {
	family, given = strings.TrimSpace(family), strings.TrimSpace(given)
	if eastAsian(family + given) {
		return strings.TrimSpace(family + " " + given)
	}
	return strings.TrimSpace(given + " " + family)
}

func eastAsian(s string) bool {
	for _, r := range s {
		if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) {
			return true
		}
	}
	return false
}

// cardLabels are the words of a label and the types that vCards have for them.
var cardLabels = [][2]string{{"mobile", "CELL"}, {"work", "WORK"}, {"home", "HOME"}, {"fax", "FAX"}, {"pager", "PAGER"}}

// typeLabel makes a label of the TYPE parameters.
func typeLabel(p vcard.Params) string {
	var words []string
	types := p.Types()
	for _, known := range cardLabels {
		for _, t := range types {
			if strings.EqualFold(t, known[1]) {
				words = append(words, known[0])
			}
		}
	}
	return strings.Join(words, " ")
}

func lowerASCII(s string) string {
	if eastAsian(s) {
		return s
	}
	return strings.ToLower(s)
}
