package book

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ringback/agent/store"
)

// An iPhone's card, with labels of its own, and a 4.0 card with tel: URIs.
const twoCards = "BEGIN:VCARD\r\n" +
	"VERSION:3.0\r\n" +
	"PRODID:-//Apple Inc.//iPhone OS 17.0//EN\r\n" +
	"N:山田;太郎;;;\r\n" +
	"FN:山田 太郎\r\n" +
	"X-PHONETIC-LAST-NAME:やまだ\r\n" +
	"X-PHONETIC-FIRST-NAME:たろう\r\n" +
	"ORG:株式会社例;営業部;\r\n" +
	"item1.TEL;type=pref:03-1234-5678\r\n" +
	"item1.X-ABLabel:代表\r\n" +
	"TEL;type=CELL;type=VOICE:090-1234-5678\r\n" +
	"item2.TEL:0120-123-456\r\n" +
	"item2.X-ABLabel:_$!<Main>!$_\r\n" +
	"EMAIL;type=INTERNET;type=WORK:yamada@example.com\r\n" +
	"ADR;type=WORK:;;千代田1-1;千代田区;東京都;100-0001;日本\r\n" +
	"NOTE:午前中に電話\\, 必ず\\n二行目\r\n" +
	"PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD\r\n" +
	"  2wBDAAgGBgcGBQgHBwcJ\r\n" +
	"TZ;VALUE=text:Asia/Tokyo\r\n" +
	"END:VCARD\r\n" +
	"\r\n" +
	"BEGIN:VCARD\r\n" +
	"VERSION:4.0\r\n" +
	"N;SORT-AS=\"Oreilly,Ann\":O'Reilly;Ann;;;\r\n" +
	"TEL;VALUE=uri;TYPE=\"work,fax\":tel:+44-20-7946-0018\r\n" +
	"IMPP:sip:ann@example.com\r\n" +
	"ADR:;;1 High Street;London;;N1 1AA;UK\r\n" +
	"TZ:-0500\r\n" +
	"END:VCARD\r\n"

func TestReadCards(t *testing.T) {
	b := open(t)
	told := imports(t, b, twoCards)
	if told.Form != FormVCard || told.New != 2 || told.Contacts != 2 || !slices.Equal(told.PassedOver, []string{"PHOTO", "TZ"}) {
		t.Errorf("%+v", told)
	}
	want := []store.Contact{{
		ID: 1, Name: "山田 太郎", Reading: "やまだ たろう", Zone: "Asia/Tokyo", Note: "株式会社例 営業部\n午前中に電話, 必ず\n二行目",
		Points: []store.Point{
			{Kind: "phone", Label: "代表", Value: "03-1234-5678", E164: "+81312345678"},
			{Kind: "phone", Label: "mobile", Value: "090-1234-5678", E164: "+819012345678"},
			{Kind: "phone", Label: "main", Value: "0120-123-456", E164: "+81120123456"},
			{Kind: "mail", Label: "work", Value: "yamada@example.com"},
			{Kind: "address", Label: "work", Value: "日本 100-0001 東京都 千代田区 千代田1-1"},
		}}, {
		ID: 2, Name: "Ann O'Reilly", Reading: "Oreilly Ann",
		Points: []store.Point{
			{Kind: "phone", Label: "work fax", Value: "+44-20-7946-0018", E164: "+442079460018"},
			{Kind: "sip", Value: "sip:ann@example.com"},
			{Kind: "address", Value: "1 High Street, London, N1 1AA, UK"},
		}}}
	sameContacts(t, all(t, b), want)
}

// sameContacts compares all but the time of the last change.
func sameContacts(t testing.TB, got, want []store.Contact) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d contacts, want %d: %+v", len(got), len(want), got)
	}
	for i, k := range got {
		w := want[i]
		same := k.ID == w.ID && k.Name == w.Name && k.Reading == w.Reading && k.Zone == w.Zone && k.Note == w.Note && slices.Equal(k.Points, w.Points)
		if !same {
			t.Errorf("contact %d\n got %+v\nwant %+v", i, k, w)
		}
	}
}

// TestCardsGoAround: what is exported comes back as it was, signs and all, and
// changes nothing where it came from.
func TestCardsGoAround(t *testing.T) {
	b := open(t)
	imports(t, b, twoCards)
	odd := store.Contact{Name: `semi;colon, back\slash`, Reading: `C:\New \; \n`, Note: "a;b\\;c\n\\n,d", Points: []store.Point{
		{Kind: "address", Label: "odd:label;x", Value: "1; Road, \\ Town"}, {Kind: "phone", Label: "内線", Value: "1001"}}}
	if err := b.store.Update(func(tx *store.Tx) error { _, err := tx.PutContact(odd); return err }); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{FormVCard, FormCSV} {
		var out strings.Builder
		if n, err := b.Export(t.Context(), &out, form, ""); err != nil || n != 3 {
			t.Fatal(n, err)
		}
		if told := imports(t, b, out.String()); told.Left != 3 || told.New+told.Changed != 0 || len(told.PassedOver) != 0 {
			t.Errorf("%s back where it came from: %+v\n%s", form, told, out.String())
		}
		other := open(t)
		if told := imports(t, other, out.String()); told.New != 3 {
			t.Errorf("%s into an empty book: %+v", form, told)
		}
		sameContacts(t, byValue(all(t, other)), byValue(all(t, b)))
	}
}

// byValue forgets the notation of numbers that an export may change.
func byValue(contacts []store.Contact) []store.Contact {
	for _, k := range contacts {
		for i := range k.Points {
			if k.Points[i].E164 != "" {
				k.Points[i].Value = ""
			}
		}
		slices.SortStableFunc(k.Points, func(a, b store.Point) int { return strings.Compare(a.Kind+a.Label, b.Kind+b.Label) })
	}
	return contacts
}

func TestFaultsOfCards(t *testing.T) {
	for text, want := range map[string][]string{
		"BEGIN:VCARD\nVERSION:2.1\nFN:x\nEND:VCARD":                                    {`line 2: VERSION: version "2.1" is not read`},
		"BEGIN:VCARD\nFN:x\nEND:VCARD":                                                 {"line 1: VERSION: it is missing"},
		"BEGIN:VCARD\nVERSION:3.0\nFN:\nEND:VCARD":                                     {"line 1: name: it is empty"},
		"BEGIN:VCARD\nVERSION:3.0\nFN:x\nTEL:none\nEMAIL:me\nEND:VCARD":                {`line 4: TEL: "none" has no digits`, `line 5: EMAIL: "me" is no address`},
		"BEGIN:VCARD\nVERSION:3.0\nFN:x\n  y\nrubbish\nEND:VCARD":                      {`line 5: "rubbish" is no property`},
		"BEGIN:VCARD\nVERSION:3.0\nFN:x\n":                                             {"END: the last card has no end"},
		"BEGIN:VCARD\nVERSION:3.0\nFN:x\nBEGIN:VCARD\nVERSION:3.0\nFN:y\nEND:VCARD":    {"line 4: BEGIN: a card begins inside of another"},
		"BEGIN:VCARD\nVERSION:3.0\nFN:x\nEND:VCARD\nTEL:1":                             {"line 5: TEL: it stands outside of a card"},
		"BEGIN:VCARD\nVERSION:3.0\nFN:" + strings.Repeat("x", 300) + "\nEND:VCARD\n":   {"line 1: name: 300 bytes are too many"},
		"BEGIN:VCARD\nVERSION:3.0\nFN:x\n" + strings.Repeat("TEL:\n", 3) + "END:VCARD": {},
	} {
		b := open(t)
		_, err := b.Import(t.Context(), strings.NewReader(text), "", 0)
		checkFaults(t, text, err, want)
		if n := len(all(t, b)); n != 0 && len(want) > 0 {
			t.Errorf("%q: %d contacts were imported all the same", text, n)
		}
	}
}

func checkFaults(t *testing.T, text string, err error, want []string) {
	t.Helper()
	if len(want) == 0 {
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		return
	}
	var faults *ImportError
	if !errors.As(err, &faults) || !strings.Contains(err.Error(), "nothing was imported") {
		t.Errorf("%q: %v", text, err)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q: no %q in %v", text, w, err)
		}
	}
	if len(faults.Faults) != len(want) {
		t.Errorf("%q: %d faults, want %d: %v", text, len(faults.Faults), len(want), err)
	}
}
