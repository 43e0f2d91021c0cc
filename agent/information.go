package agent

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"ringback/agent/book"
)

// InformationConfig is what an agent sees of a callback and its case, and how it is
// called. Lists that are empty show everything.
type InformationConfig struct {
	Language string      `yaml:"language"` // of labels, dates and times: en or ja
	Case     []InfoField `yaml:"case"`     // fields of the case data
	Callback []InfoField `yaml:"callback"` // fields of the callback
	Toast    []InfoField `yaml:"toast"`    // of an offer's notice: contact.NAME, callback.NAME and case.NAME
}

// InfoField is one field that an administrator shows.
type InfoField struct {
	Field    string            `yaml:"field"`
	Label    map[string]string `yaml:"label"`    // by language; without one the field's name
	Editable bool              `yaml:"editable"` // of the case data: the agent may change it
	Link     string            `yaml:"link"`     // where a click leads; {value} stands for the value
}

// InfoState is what is shown of an interaction, in order, ready to be shown: every
// interface shows the same.
type InfoState struct {
	Case       []InfoRow `json:"case"`
	Callback   []InfoRow `json:"callback"`
	Configured bool      `json:"configured"` // somebody chose the fields of the callback; otherwise all stand here
}

// InfoRow is one row.
type InfoRow struct {
	Field    string `json:"field"`
	Label    string `json:"label"`
	Value    string `json:"value"`
	Editable bool   `json:"editable"`
	Link     string `json:"link,omitempty"` // an http, https, mailto or tel URI
}

// Bounds of the configured fields.
const (
	maxInfoFields = 200
	maxInfoLink   = 2000 // bytes
)

// infoFacts are the fields of a contact and of a callback that can be shown, with
// their labels, in the order in which they are where nothing is configured.
var (
	contactFacts = []infoFact{{"name", "Name", "名前"}, {"reading", "Reading", "よみ"}, {"number", "Number", "電話番号"}, {"zone", "Time zone", "時間帯"}, {"note", "Note", "メモ"}}

	callbackFacts = []infoFact{{"type", "Type", "種別"}, {"name", "Name", "名前"}, {"number", "Number", "電話番号"}, {"desired_time", "Desired time", "希望日時"},
		{"requested_at", "Requested", "受付日時"}, {"waited", "Waited", "待ち時間"}, {"reachable_from", "Reachable from", "連絡可能（から）"},
		{"reachable_until", "Reachable until", "連絡可能（まで）"}, {"timezone", "Time zone", "時間帯"}, {"reason", "Reason", "用件"},
		{"instructions", "Instructions", "指示"}, {"origin", "Origin", "受付経路"}, {"attempt", "Attempt", "試行回数"}, {"id", "Id", "受付番号"}}

	toastFacts = []string{"contact.name", "contact.number", "callback.type", "callback.desired_time", "callback.reason"}
)

type infoFact struct{ name, en, ja string }

// info is what is shown of an interaction.
func (c *InformationConfig) info(in *InteractionState) (InfoState, []InfoRow) {
	f := informationFacts(c, in)
	s := InfoState{Case: []InfoRow{}, Callback: []InfoRow{}, Configured: len(c.Callback) > 0}
	for _, field := range c.caseFields(in.Case) {
		if row := f.row(field, "case."+field.Field); row.Value != "" || row.Editable {
			s.Case = append(s.Case, row)
		}
	}
	for _, field := range c.callbackFields() {
		if row := f.row(field, "callback."+field.Field); row.Value != "" {
			s.Callback = append(s.Callback, row)
		}
	}
	toast := []InfoRow{}
	for _, field := range c.toastFields() {
		if row := f.row(field, field.Field); row.Value != "" {
			toast = append(toast, row)
		}
	}
	return s, toast
}

// shown is what an interaction shows, and what it was made of. None of that is ever
// changed in its place.
type shown struct {
	callback *Callback
	data     map[string]any
	contact  string
	order    int // of what was found
	info     InfoState
	toast    []InfoRow
}

// show makes anew what is shown of an interaction when that has changed: it is
// looked at after every input.
func (in *interaction) show(c *InformationConfig, v *InteractionState) (InfoState, []InfoRow) {
	s := &in.shown
	same := reflect.ValueOf(s.data).Pointer() == reflect.ValueOf(v.Case).Pointer()
	if s.toast == nil || !same || s.callback != v.Callback || s.contact != v.Contact.Name || s.order != in.found.order {
		s.callback, s.data, s.contact, s.order = v.Callback, v.Case, v.Contact.Name, in.found.order
		s.info, s.toast = c.info(v)
	}
	return s.info, s.toast
}

// caseFields are the configured ones, or all that there are.
func (c *InformationConfig) caseFields(data map[string]any) []InfoField {
	if len(c.Case) > 0 {
		return c.Case
	}
	var all []InfoField
	for _, name := range slices.Sorted(maps.Keys(data)) {
		all = append(all, InfoField{Field: name, Editable: true})
	}
	return all
}

func (c *InformationConfig) callbackFields() []InfoField {
	if len(c.Callback) > 0 {
		return c.Callback
	}
	var all []InfoField
	for _, f := range callbackFacts {
		all = append(all, InfoField{Field: f.name})
	}
	return all
}

func (c *InformationConfig) toastFields() []InfoField {
	if len(c.Toast) > 0 {
		return c.Toast
	}
	var all []InfoField
	for _, name := range toastFacts {
		all = append(all, InfoField{Field: name})
	}
	return all
}

// refuseEdit refuses a change of case data that the configuration does not allow.
func (c *InformationConfig) refuseEdit(values map[string]string) *ActionError {
	if len(c.Case) == 0 {
		return nil
	}
	var editable []string
	for _, f := range c.Case {
		if f.Editable {
			editable = append(editable, f.Field)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(editable, name) {
			e := refuse(CodeInvalid, "case: the field %q cannot be changed", name)
			if len(editable) == 0 {
				return e.hint("none can")
			}
			return e.hint("those that can: %s", join(editable))
		}
	}
	return nil
}

// infoFacts are the values of an interaction by their dotted names.
type infoFacts struct {
	config *InformationConfig
	values map[string]string
}

func informationFacts(c *InformationConfig, in *InteractionState) infoFacts {
	f := infoFacts{config: c, values: map[string]string{}}
	k := in.Contact
	for name, value := range map[string]string{"name": k.Name, "reading": k.Reading, "number": cmp.Or(k.Shown, k.Number), "zone": k.Zone, "note": k.Note} {
		f.values["contact."+name] = value
	}
	for name, value := range in.Case {
		f.values["case."+name] = fmt.Sprint(value)
	}
	if in.Callback != nil {
		f.callback(in.Callback)
	}
	return f
}

// callback has the values of a callback; data.NAME is what came with it.
func (f infoFacts) callback(c *Callback) {
	attempt := ""
	if c.Attempt > 0 {
		attempt = fmt.Sprint(c.Attempt)
	}
	for name, value := range map[string]string{"id": c.ID, "type": c.Type, "name": c.Name, "number": c.Number, "desired_time": f.time(c.DesiredTime, c.Timezone),
		"requested_at": f.time(c.RequestedAt, ""), "waited": c.Waited, "reachable_from": f.time(c.ReachableFrom, c.Timezone), "reachable_until": f.time(c.ReachableUntil, c.Timezone),
		"timezone": c.Timezone, "reason": c.Reason, "instructions": c.Instructions, "origin": c.Origin, "attempt": attempt} {
		f.values["callback."+name] = value
	}
	for name, value := range c.Data {
		f.values["callback.data."+name] = fmt.Sprint(value)
	}
}

// time is a time as people of the language write it: on the contact's clock, and on
// the agent's where that differs.
func (f infoFacts) time(t *time.Time, zone string) string {
	if t == nil {
		return ""
	}
	there, here := inZone(*t, zone), t.Local()
	text := book.DateTimeText(there, f.config.Language)
	if there.Format("02 15:04") != here.Format("02 15:04") {
		text += fmt.Sprintf(" %s (%s)", there.Format("MST"), here.Format("15:04 MST"))
	}
	return text
}

// row is a field with its label, value and link.
func (f infoFacts) row(field InfoField, fact string) InfoRow {
	r := InfoRow{Field: field.Field, Value: f.values[fact], Editable: field.Editable && strings.HasPrefix(fact, "case.")}
	r.Label = cmp.Or(f.config.labelOf(field, fact), field.Field)
	link := f.config.linkOf(field, fact)
	switch {
	case r.Value == "":
	case link != "":
		r.Link = strings.ReplaceAll(link, "{value}", url.PathEscape(r.Value))
	case isWebLink(r.Value):
		r.Link = r.Value
	}
	return r
}

// labelOf is a field's label in the language; else the one that the lists have for
// it, its own, or one in the other language. Empty: it has none.
func (c *InformationConfig) labelOf(field InfoField, fact string) string {
	labels := []string{field.Label[c.Language]}
	for _, other := range c.listed(fact) {
		labels = append(labels, other.Label[c.Language])
	}
	labels = append(labels, standardLabel(fact, c.Language), field.Label[book.English], field.Label[book.Japanese])
	return cmp.Or(labels...)
}

// linkOf is where a click on a field leads: its own link, or the one that the lists
// have for it. Empty: nowhere.
func (c *InformationConfig) linkOf(field InfoField, fact string) string {
	link := field.Link
	for _, other := range c.listed(fact) {
		link = cmp.Or(link, other.Link)
	}
	return link
}

// listed are the fields of the lists of case and callback that show a fact.
func (c *InformationConfig) listed(fact string) (fields []InfoField) {
	for _, list := range []struct {
		prefix string
		fields []InfoField
	}{{"case.", c.Case}, {"callback.", c.Callback}} {
		for _, field := range list.fields {
			if list.prefix+field.Field == fact {
				fields = append(fields, field)
			}
		}
	}
	return fields
}

// standardLabel is the label of a fact that has one of its own.
func standardLabel(fact, language string) string {
	group, name, _ := strings.Cut(fact, ".")
	for _, f := range map[string][]infoFact{"contact": contactFacts, "callback": callbackFacts}[group] {
		switch {
		case f.name != name:
		case language == book.Japanese:
			return f.ja
		default:
			return f.en
		}
	}
	return ""
}

// isWebLink reports whether a value is an address of a web page itself.
func isWebLink(value string) bool {
	if strings.ContainsAny(value, " \t\n") || len(value) > maxInfoLink {
		return false
	}
	u, err := url.Parse(value)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// validateInformation names the first field that cannot be shown.
func (c *Config) validateInformation() error {
	i := &c.Information
	if err := oneOf("information.language", i.Language, book.English, book.Japanese); err != nil {
		return err
	}
	for _, list := range []struct {
		name, prefix string
		fields       []InfoField
	}{{"case", "case.", i.Case}, {"callback", "callback.", i.Callback}, {"toast", "", i.Toast}} {
		at := "information." + list.name
		if len(list.fields) > maxInfoFields {
			return &ConfigError{Field: at, Value: fmt.Sprint(len(list.fields)), Why: "has too many fields", Remedy: fmt.Sprintf("leave %d", maxInfoFields)}
		}
		for n, f := range list.fields {
			if err := f.validate(fmt.Sprintf("%s[%d]", at, n+1), list.prefix); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f InfoField) validate(at, prefix string) error {
	group, name, _ := strings.Cut(prefix+f.Field, ".")
	known := group == "case" && name != "" || group == "callback" && strings.HasPrefix(name, "data.") && name != "data."
	var names []string
	for _, fact := range map[string][]infoFact{"contact": contactFacts, "callback": callbackFacts}[group] {
		known = known || fact.name == name
		names = append(names, strings.TrimPrefix(group+"."+fact.name, prefix))
	}
	if !known {
		remedy := "write contact.NAME, callback.NAME or case.NAME"
		if len(names) > 0 {
			remedy = "write one of " + join(names)
		}
		return &ConfigError{Field: at + ".field", Value: f.Field, Why: "is not known", Remedy: remedy}
	}
	for language, label := range f.Label {
		if err := oneOf(at+".label", language, book.English, book.Japanese); err != nil {
			return err
		}
		if oneLine(label) != label || label == "" {
			return &ConfigError{Field: at + ".label." + language, Value: label, Why: "is empty or has control characters", Remedy: "write a short text"}
		}
	}
	if f.Editable && group != "case" {
		return &ConfigError{Field: at + ".editable", Value: "true", Why: "can only be so of case data", Remedy: "remove it"}
	}
	if f.Link == "" {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(f.Link, "{value}", "x"))
	if err != nil || !slices.Contains([]string{"https", "http", "mailto", "tel"}, u.Scheme) || len(f.Link) > maxInfoLink {
		return &ConfigError{Field: at + ".link", Value: f.Link, Why: "is no link", Remedy: "write it like https://crm.example.com/{value}"}
	}
	return nil
}
