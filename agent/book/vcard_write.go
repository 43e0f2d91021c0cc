package book

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-vcard"

	"ringback/agent/store"
)

// escaper writes what the library was given, with the semicolons escaped.
type escaper struct{ w io.Writer }

func (e escaper) Write(text []byte) (int, error) {
	_, err := e.w.Write(bytes.ReplaceAll(text, []byte(semicolon), []byte(`\;`)))
	return len(text), err
}

// writeCards writes contacts as vCards 3.0, which every address book reads.
func writeCards(w io.Writer, contacts []store.Contact) error {
	enc := vcard.NewEncoder(escaper{w})
	for _, k := range contacts {
		if err := enc.Encode(cardOf(k)); err != nil {
			return fmt.Errorf("write contacts: %w", err)
		}
	}
	return nil
}

func cardOf(k store.Contact) vcard.Card {
	card := vcard.Card{}
	set := func(name, value string) {
		if value != "" {
			card.Set(name, &vcard.Field{Value: value})
		}
	}
	family, given := splitName(k.Name)
	set(vcard.FieldVersion, "3.0")
	set(vcard.FieldFormattedName, k.Name)
	set(vcard.FieldName, plain(family)+";"+plain(given)+";;;")
	set(vcard.FieldUID, string(contactID(k.ID))+"@ringback")
	set(vcard.FieldNote, k.Note)
	if k.Reading != "" {
		family, given := splitName(k.Reading)
		set("X-PHONETIC-LAST-NAME", family)
		set("X-PHONETIC-FIRST-NAME", given)
	}
	if k.Zone != "" {
		card.Set(vcard.FieldTimezone, &vcard.Field{Value: k.Zone, Params: vcard.Params{"VALUE": {"text"}}})
	}
	for i, p := range k.Points {
		addPoint(card, p, fmt.Sprintf("item%d", i+1))
	}
	return card
}

func addPoint(card vcard.Card, p store.Point, group string) {
	field := &vcard.Field{Value: p.Value, Params: vcard.Params{}}
	name := map[string]string{PointPhone: vcard.FieldTelephone, PointMail: vcard.FieldEmail, PointSIP: vcard.FieldIMPP, PointAddress: vcard.FieldAddress}[p.Kind]
	if p.Kind == PointAddress {
		field.Value = ";;" + plain(p.Value) + ";;;;"
	}
	if types, ok := labelTypes(p.Label); ok {
		if len(types) > 0 {
			field.Params[vcard.ParamType] = types
		}
	} else {
		field.Group = group
		card.Add("X-ABLabel", &vcard.Field{Group: group, Value: p.Label})
	}
	card.Add(name, field)
}

// plain is a component of a structured value.
func plain(s string) string { return strings.ReplaceAll(s, ";", semicolon) }

// splitName is the other way: what of a name is the family's.
func splitName(name string) (family, given string) {
	words := strings.Fields(name)
	switch {
	case len(words) < 2:
		return "", name
	case eastAsian(name):
		return words[0], strings.Join(words[1:], " ")
	}
	return words[len(words)-1], strings.Join(words[:len(words)-1], " ")
}

// labelTypes is the other way; false: there are no types for the label.
func labelTypes(label string) (types []string, ok bool) {
	for word := range strings.FieldsSeq(label) {
		at := -1
		for i, known := range cardLabels {
			if known[0] == word {
				at = i
			}
		}
		if at < 0 {
			return nil, false
		}
		types = append(types, cardLabels[at][1])
	}
	return types, true
}
