package book

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const people = "name,reading,phone,mobile,mail\n" +
	"山田 太郎,やまだ たろう,03-1234-5678,090-1111-2222,yamada@example.com\n" +
	"小山田 誠,おやまだ まこと,+81 6 6123 4567,,\n" +
	"Ann Lee,,+44 20 7946 0018,1001,ann@example.com\n"

// TestContacts: any part of a name in any width, a number in any notation.
func TestContacts(t *testing.T) {
	b := open(t)
	imports(t, b, people)
	for text, want := range map[string]string{
		"山": "山田 太郎, 小山田 誠", "田誠": "小山田 誠", "田 誠": "小山田 誠", "ﾔﾏﾀﾞ": "山田 太郎, 小山田 誠", "ann": "Ann Lee",
		"03-12": "山田 太郎", "(03) 1234": "山田 太郎", "+81 3 1234": "山田 太郎", "+81 (0)3-1234-5678": "山田 太郎", "０３１２": "山田 太郎",
		"5678": "山田 太郎", "090 1111": "山田 太郎", "020 7946": "Ann Lee", "1001": "Ann Lee", "066": "小山田 誠",
		"yamada@": "山田 太郎", "nobody": "", "": "山田 太郎, 小山田 誠, Ann Lee",
	} {
		found, err := b.Contacts(text, 0)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range found {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	if _, err := b.Contacts("", 5000); err == nil || !strings.Contains(err.Error(), "1 to 1000") {
		t.Error(err)
	}
	if two, err := b.Contacts("", 2); err != nil || len(two) != 2 {
		t.Error(two, err)
	}
}

func TestContactThatIsMeant(t *testing.T) {
	b := open(t)
	imports(t, b, people)
	for which, want := range map[string]string{
		"k1": "山田 太郎", "山田 太郎": "山田 太郎", "山田太郎": "山田 太郎", "0312345678": "山田 太郎", "lee": "Ann Lee", "1001": "Ann Lee",
		"k9": `there is no contact k9`, "やまだ": "more than one could be meant", "qq ww": `there is no contact "qq ww"`, " ": "contact: it is empty",
	} {
		c, err := b.Contact(which)
		if err == nil && c.Name != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %q %v, want %s", which, c.Name, err, want)
		}
	}
	_, err := b.Contact("山田")
	var refused *Error
	if !errors.As(err, &refused) || refused.Kind != KindNotFound || strings.Join(refused.Candidates, ", ") != "k1 山田 太郎, k2 小山田 誠" {
		t.Errorf("%+v", refused)
	}
}

// TestPointsSayWhatCanBeDone: call and mail, with what the actions take.
func TestPointsSayWhatCanBeDone(t *testing.T) {
	b := open(t)
	name := "Ann Lee"
	c, err := b.AddContact(ContactEdit{Name: &name, Points: []PointEdit{
		{"phone", "", "03-1234-5678"}, {"phone", "mobile", "+44 20 7946 0018"}, {"phone", "", "1001"}, {"mail", "", "ann@example.com"}, {"sip", "", "ann@example.com"}, {"address", "", "1 Road\nTown"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Point{
		{Kind: "phone", Value: "03-1234-5678", E164: "+81312345678", Shown: "03-1234-5678", Dial: "+81312345678"},
		{Kind: "phone", Label: "mobile", Value: "+44 20 7946 0018", E164: "+442079460018", Shown: "+44 20 7946 0018", Dial: "+442079460018"},
		{Kind: "phone", Value: "1001", Shown: "1001", Dial: "1001"},
		{Kind: "mail", Value: "ann@example.com", Link: "mailto:ann@example.com"},
		{Kind: "sip", Value: "sip:ann@example.com", Dial: "sip:ann@example.com"},
		{Kind: "address", Value: "1 Road\nTown"},
	}
	can := []string{"call", "call", "call", "mail", "call", ""}
	for i, p := range c.Points {
		if got := strings.Join(p.Can, " "); got != can[i] {
			t.Errorf("%+v: can %q", p, got)
		}
		p.Can = nil
		if w := want[i]; p.Kind != w.Kind || p.Label != w.Label || p.Value != w.Value || p.E164 != w.E164 || p.Shown != w.Shown || p.Dial != w.Dial || p.Link != w.Link {
			t.Errorf("%+v, want %+v", p, w)
		}
	}
}

func TestSetContact(t *testing.T) {
	b := open(t)
	imports(t, b, people)
	note, empty, zone := "vip", "", "Mars/Olympus"
	b.now = func() time.Time { return time.Now().Add(time.Minute) }
	c, err := b.SetContact("k1", ContactEdit{Note: &note, Reading: &empty, Points: []PointEdit{{"phone", "work", "06-6123-4567"}}})
	if err != nil || c.Note != "vip" || c.Reading != "" || c.Name != "山田 太郎" {
		t.Fatalf("%+v %v", c, err)
	}
	if len(c.Points) != 2 || c.Points[0].Kind != "mail" || c.Points[1].Label != "work" {
		t.Errorf("the points of other kinds stay, those of its kind go: %+v", c.Points)
	}
	if c, err = b.SetContact("k1", ContactEdit{Points: []PointEdit{{Kind: "mail"}}}); err != nil || len(c.Points) != 1 {
		t.Errorf("%+v %v", c.Points, err)
	}
	for want, edit := range map[string]ContactEdit{
		"name: it is empty": {Name: &empty}, "zone: \"Mars/Olympus\" is not known": {Zone: &zone},
		`kind "fax" is not known`: {Points: []PointEdit{{"fax", "", "1"}}}, `"a b" is no address`: {Points: []PointEdit{{"mail", "", "a b"}}},
		"has no digits": {Points: []PointEdit{{"phone", "", "call me"}}}, "is no SIP address": {Points: []PointEdit{{"sip", "", "sip:"}}},
	} {
		if _, err := b.SetContact("k1", edit); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if got, found, err := b.ByNumber("(06) 6123-4567"); err != nil || !found || got.ID != "k1" {
		t.Errorf("the one changed last: %+v %v %v", got, found, err)
	}
	if _, found, err := b.ByNumber("1001"); err != nil || found {
		t.Errorf("an extension is nobody's E.164 number: %v %v", found, err)
	}
	if gone, err := b.DeleteContact("山田 太郎"); err != nil || gone.ID != "k1" {
		t.Error(gone, err)
	}
	if _, err := b.Contact("k1"); err == nil {
		t.Error("it is still there")
	}
	if c, err := b.AddContact(ContactEdit{Name: &note}); err != nil || c.ID != "k4" {
		t.Errorf("an id is never given out twice: %+v %v", c, err)
	}
}
