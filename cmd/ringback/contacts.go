package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/book"
)

// contactsVerb is `ringback contacts`.
func contactsVerb(sh *shell) verb {
	contact := operand{name: "CONTACT", arg: "contact"}
	return verb{
		name: "contacts", records: true, usage: "search the contacts", show: shown(contactsText),
		words: []operand{query()}, flags: []argFlag{limitFlag()},
		example: `$ ringback contacts 山田
k1  山田 太郎  ヤマダ タロウ  03-1234-5678, mobile 090-1111-2222
k7  小山田 誠                 06-6123-4567
$ ringback contacts 03-12
k1  山田 太郎  ヤマダ タロウ  03-1234-5678, mobile 090-1111-2222` + kept,
		sub: []verb{
			{name: "show", action: "contacts-show", records: true, usage: "a contact, and what can be done with its numbers and addresses", show: shown(contactText),
				words: []operand{contact},
				example: `$ ringback contacts show k1
k1  山田 太郎  ヤマダ タロウ  Asia/Tokyo
    phone          03-1234-5678        +81312345678   call
    phone  mobile  090-1111-2222       +819011112222  call
    mail           yamada@example.com                 mail`},
			setContactVerb(contact),
			{name: "delete", action: "contacts-delete", records: true, usage: "delete a contact; its history stays", show: shown(contactText), words: []operand{contact},
				example: `$ ringback contacts delete k1
deleted: k1  山田 太郎`},
			importVerb(sh), exportVerb(),
		},
	}
}

func setContactVerb(contact operand) verb {
	contact.optional = true
	return verb{
		name: "set", action: "contacts-set", records: true, usage: "add a contact, or change one; what is left out stays", show: shown(contactText), words: []operand{contact},
		flags: []argFlag{
			stringFlag("name", "name", "its `NAME`; without CONTACT a new one is added"), stringFlag("reading", "reading", "how the name is read, in `KANA` or Latin letters"),
			stringFlag("zone", "zone", "its time `ZONE`, such as Asia/Tokyo"), stringFlag("note", "note", "a `TEXT`"),
		},
		own: []cli.Flag{
			pointFlag("phone", "`[LABEL=]NUMBER`"), pointFlag("mail", "`[LABEL=]ADDRESS`"), pointFlag("sip", "`[LABEL=]URI`"), pointFlag("address", "`[LABEL=]TEXT`"),
			&cli.StringSliceFlag{Name: "drop", Usage: "what it shall have no more, a `FIELD`: reading, zone, note, phone, mail, sip or address; may be repeated"},
		},
		gives: []string{"points"},
		run:   setContact,
		example: `$ ringback contacts set --name "山田 太郎" --phone 03-1234-5678 --phone mobile=090-1111-2222
k1  山田 太郎
    phone          03-1234-5678   +81312345678   call
    phone  mobile  090-1111-2222  +819011112222  call
$ ringback contacts set k1 --reading やまだ
k1  山田 太郎  やまだ
    phone          03-1234-5678   +81312345678   call
    phone  mobile  090-1111-2222  +819011112222  call`,
	}
}

func pointFlag(kind, form string) cli.Flag {
	return &cli.StringSliceFlag{Name: kind, Usage: "a " + kind + ", in the place of those it has: " + form + "; may be repeated"}
}

// setContact turns the flags of numbers and addresses into points.
func setContact(c *cli.Context, sh *shell, v verb, args map[string]any) error {
	var points []book.PointEdit
	kinds := []string{book.PointPhone, book.PointMail, book.PointSIP, book.PointAddress}
	for _, kind := range kinds {
		for _, text := range c.StringSlice(kind) {
			label, value, labelled := strings.Cut(text, "=")
			if !labelled {
				label, value = "", text
			}
			if strings.TrimSpace(value) == "" {
				return usageError("flag --%s %q: there is nothing behind the label", kind, text)
			}
			points = append(points, book.PointEdit{Kind: kind, Label: label, Value: value})
		}
	}
	for _, field := range c.StringSlice("drop") {
		switch {
		case slices.Contains(kinds, field):
			points = append(points, book.PointEdit{Kind: field})
		case field == "reading" || field == "zone" || field == "note":
			args[field] = ""
		default:
			return usageError("flag --drop %q: it is reading, zone, note, %s", field, strings.Join(kinds, ", "))
		}
	}
	if points != nil {
		args["points"] = points
	}
	return v.lookUp(c, sh, args)
}

// importVerb is `ringback contacts import`.
func importVerb(sh *shell) verb {
	return verb{
		name: "import", action: "contacts-import", records: true, usage: "add the contacts of a vCard or CSV file; all, or none when one has a fault", show: shown(importText),
		words: []operand{{name: "FILE", arg: "text", read: func(words []string) (any, error) { return readImport(sh, words[0]) }}},
		flags: []argFlag{stringFlag("form", "form", "the file's `FORM`: vcard or csv; what it looks like")},
		example: `$ ringback contacts import customers.csv
1200 contacts in the file: 1100 new, 60 changed, 40 left as they are
passed over: 誕生日` + `

A CSV file has a header row with names in English or Japanese (name, reading, phone, mobile, mail, address,
zone, note; 氏名, フリガナ, 電話番号, 携帯, メール, 住所, 備考), in UTF-8 or Shift_JIS. Nothing is taken away from
contacts that are there.` + kept,
	}
}

// readImport reads a file of contacts; - is the standard input.
func readImport(sh *shell, name string) (any, error) {
	if name == "-" {
		text, err := io.ReadAll(io.LimitReader(sh.in, book.MaxFile+1))
		if err != nil {
			return nil, fmt.Errorf("read contacts: %w", err)
		}
		return asText(text)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usageError("read contacts: %v", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, book.MaxFile+1))
	if err != nil {
		return nil, usageError("read contacts: %v", err)
	}
	return asText(text)
}

// asText makes text that JSON can carry of a file in the encodings that the book
// reads.
func asText(raw []byte) (any, error) {
	text, err := book.DecodeText(raw)
	if err != nil {
		return nil, usageError("read contacts: %v", err)
	}
	return text, nil
}

func importText(r agent.ImportResult) string {
	text := fmt.Sprintf("%d contacts in the file: %d new, %d changed, %d left as they are\n", r.Contacts, r.New, r.Changed, r.Left)
	if len(r.PassedOver) > 0 {
		text += "passed over: " + clean(strings.Join(r.PassedOver, ", ")) + "\n"
	}
	if r.Unread > 0 {
		text += fmt.Sprintf("%d numbers name no country, and nobody is found by them: set numbers.region, such as JP, in the configuration\n", r.Unread)
	}
	return text
}

// exportVerb is `ringback contacts export`.
func exportVerb() verb {
	return verb{
		name: "export", action: "contacts-export", records: true, usage: "write the contacts, or those that are found, as a file", words: []operand{query()},
		flags: []argFlag{stringFlag("form", "form", "the file's `FORM`: vcard or csv (default: by the name of the file, or csv)")},
		own:   []cli.Flag{&cli.StringFlag{Name: "output", Usage: "write it to this `FILE` in place of stdout"}},
		run:   exportContacts,
		example: `$ ringback contacts export --output customers.vcf
customers.vcf: 1200 contacts` + kept,
	}
}

func exportContacts(c *cli.Context, sh *shell, v verb, args map[string]any) error {
	output := c.String("output")
	if args["form"] == nil && strings.HasSuffix(strings.ToLower(output), ".vcf") {
		args["form"] = book.FormVCard
	}
	raw, err := sh.records(c, v.actionName(), args)
	if err != nil {
		return err
	}
	var result agent.ExportResult
	if err := json.Unmarshal(raw, &result); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if output == "" {
		if c.Bool("json") {
			sh.emit(raw)
			return nil
		}
		_, err := io.WriteString(sh.out, result.Text)
		return err
	}
	if err := os.WriteFile(output, []byte(result.Text), 0o600); err != nil {
		return fmt.Errorf("write contacts: %w", err)
	}
	sh.result(c, contactsFile{"ringback.contacts-file/1", output, result.Form, result.Contacts}, fmt.Sprintf("%s: %d contacts", output, result.Contacts))
	return nil
}

// contactsFile says what was written.
type contactsFile struct {
	Schema   string `json:"schema"`
	File     string `json:"file"`
	Form     string `json:"form"`
	Contacts int    `json:"contacts"`
}

func contactsText(l agent.ContactList) string {
	if len(l.Contacts) == 0 {
		return "no contacts\n"
	}
	var t table
	for _, k := range l.Contacts {
		t.row(string(k.ID), clean(k.Name), clean(k.Reading), clean(reach(k)))
	}
	return t.String()
}

// reach is how a contact is reached first: its numbers, or else its addresses.
func reach(k book.Contact) string {
	var numbers, others []string
	for _, p := range k.Points {
		if p.Kind == book.PointPhone {
			numbers = append(numbers, strings.TrimSpace(p.Label+" "+p.Shown))
		} else if p.Kind != book.PointAddress {
			others = append(others, p.Value)
		}
	}
	if len(numbers) == 0 {
		numbers = others
	}
	if len(numbers) > 3 {
		numbers = append(numbers[:3], "...")
	}
	return strings.Join(numbers, ", ")
}

func contactText(r agent.ContactResult) string {
	k := r.Contact
	var b strings.Builder
	if r.Deleted {
		return fmt.Sprintf("deleted: %s  %s\n", k.ID, clean(k.Name))
	}
	var head table
	head.row(string(k.ID), clean(k.Name), clean(k.Reading), clean(k.Zone))
	b.WriteString(head.String())
	b.WriteString(pointLines(k.Points))
	if k.Note != "" {
		b.WriteString("    note: " + strings.ReplaceAll(cleanLines(k.Note), "\n", "\n          ") + "\n")
	}
	return b.String()
}

func pointLines(points []book.Point) string {
	var t table
	for _, p := range points {
		value := p.Value
		if p.Shown != "" {
			value = p.Shown
		}
		t.row("    "+p.Kind, clean(p.Label), clean(value), p.E164, strings.Join(p.Can, " "))
	}
	return t.String()
}

// cleanLines is clean for a text of several lines.
func cleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// contactLines are what is known of an interaction's contact, and what happened with
// it before.
func contactLines(i agent.InteractionState) []string {
	var lines []string
	k := i.Contact
	if k.ID != "" {
		name := clean(k.Name)
		if k.Reading != "" {
			name += " (" + clean(k.Reading) + ")"
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("contact %s  %s  %s", k.ID, name, clean(k.Zone))))
		for line := range strings.Lines(pointLines(k.Points)) {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
		if k.Note != "" {
			lines = append(lines, "    note: "+clean(k.Note))
		}
	}
	var past table
	for _, p := range i.Past {
		past.row("before: "+string(p.Interaction), p.Time.Local().Format("2006-01-02 15:04"), clean(p.Outcome), clean(p.Result), clean(p.Disposition), clean(p.Note))
	}
	for line := range strings.Lines(past.String()) {
		lines = append(lines, strings.TrimRight(line, "\n"))
	}
	return lines
}
