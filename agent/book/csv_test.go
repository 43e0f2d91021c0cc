package book

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"ringback/agent/store"
)

const sheet = "氏名,フリガナ,電話番号,携帯,Eメール,郵便番号,住所,会社名,備考,誕生日\r\n" +
	"\"髙橋 花子\",タカハシ ハナコ,03-1234-5678,090-1111-2222,hanako@example.com,100-0001,東京都千代田区1-1,株式会社例,\"一行目\n二行目\",4/1\r\n" +
	"\r\n" +
	"鈴木①,,(06) 6123-4567,,,,,,,\r\n"

func wantSheet() []store.Contact {
	return []store.Contact{{ID: 1, Name: "髙橋 花子", Reading: "タカハシ ハナコ", Note: "株式会社例\n一行目\n二行目", Points: []store.Point{
		{Kind: "phone", Value: "03-1234-5678", E164: "+81312345678"},
		{Kind: "phone", Label: "mobile", Value: "090-1111-2222", E164: "+819011112222"},
		{Kind: "mail", Value: "hanako@example.com"},
		{Kind: "address", Value: "〒100-0001 東京都千代田区1-1"}}},
		{ID: 2, Name: "鈴木①", Points: []store.Point{{Kind: "phone", Value: "(06) 6123-4567", E164: "+81661234567"}}}}
}

// TestReadSheet reads the same sheet in every encoding in which spreadsheets write
// it.
func TestReadSheet(t *testing.T) {
	shiftJIS, err := japanese.ShiftJIS.NewEncoder().String(sheet)
	if err != nil {
		t.Fatal(err)
	}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(strings.ReplaceAll(sheet, ",", "\t"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"UTF-8": sheet, "with a byte order mark": "\xef\xbb\xbf" + sheet, "Shift_JIS": shiftJIS, "UTF-16 with tabs": utf16,
		"semicolons": strings.ReplaceAll(sheet, ",", ";"), "old line ends": strings.ReplaceAll(sheet, "\r\n", "\r"),
	} {
		b := open(t)
		told := imports(t, b, text)
		if told.Form != FormCSV || told.New != 2 || !slices.Equal(told.PassedOver, []string{"誕生日"}) {
			t.Errorf("%s: %+v", name, told)
		}
		sameContacts(t, all(t, b), wantSheet())
	}
}

func TestReadSheetInEnglish(t *testing.T) {
	b := open(t)
	imports(t, b, "First Name,Last Name,Phone 1,phone 2,Work Phone,phone:reception,E-mail Address,Time Zone,SIP address\n"+
		"Ann,Lee,+1 (202) 555-0123,1001,+442079460018,+442079460019,ann@example.com,Europe/London,2001@pbx.example.com\n"+
		"太郎,山田,,,,,,,\n")
	sameContacts(t, all(t, b), []store.Contact{{ID: 1, Name: "Ann Lee", Zone: "Europe/London", Points: []store.Point{
		{Kind: "phone", Value: "+1 (202) 555-0123", E164: "+12025550123"},
		{Kind: "phone", Value: "1001"},
		{Kind: "phone", Label: "work", Value: "+442079460018", E164: "+442079460018"},
		{Kind: "phone", Label: "reception", Value: "+442079460019", E164: "+442079460019"},
		{Kind: "mail", Value: "ann@example.com"},
		{Kind: "sip", Value: "sip:2001@pbx.example.com"}}},
		{ID: 2, Name: "山田 太郎"}})
}

func TestFaultsOfSheets(t *testing.T) {
	for text, want := range map[string][]string{
		"colour,size\nred,4\n":                            {"line 1: the first row has no column for the name"},
		"name,phone\nA,03-1234-5678\n,03-1234-0000\n":     {"line 3: name: it is empty"},
		"name,phone,mail\nA,none,x\nB,1001,b@example.com": {`line 2: phone: "none" has no digits`, `line 2: mail: "x" is no address`},
		"name,電話\nA,8.13E+10\n":                           {"line 2: 電話: \"8.13E+10\" was a number before a spreadsheet shortened it"},
		"name,note\nA,\"open\n":                           {"line 2: extraneous"},
		"name\nA,b\n":                                     {`line 2: "b" stands in a column without a name`},
		"name,zone\nA,Mars/Olympus\n":                     {`line 2: zone: "Mars/Olympus" is not known`},
		"name\n" + strings.Repeat(",", 2000):              {"line 2: the line has more than 1000 cells"},
	} {
		b := open(t)
		_, err := b.Import(t.Context(), strings.NewReader(text), "", 0)
		checkFaults(t, text, err, want)
		if n := len(all(t, b)); n != 0 {
			t.Errorf("%q: %d contacts were imported all the same", text, n)
		}
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	_, err := open(t).Import(t.Context(), strings.NewReader("name,phone\n"+strings.Repeat("A,none\n", 50)), "", 0)
	if err == nil || !strings.Contains(err.Error(), "50 faults") || !strings.Contains(err.Error(), "and 30 more") {
		t.Error(err)
	}
}

func TestFilesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"": "no contacts", "\n\n": "no contacts", "name,phone\n": "no contacts",
		"name\n\xff\xff\xff":         "neither UTF-8 nor Shift_JIS: line 2",
		"\xef\xbb\xbfname\na\xff":    "begins like UTF-8 and is not: line 2",
		"\xff\xfen\x00a\x00\x00\xd8": "neither UTF-8 nor UTF-16",
	} {
		_, err := open(t).Import(t.Context(), strings.NewReader(text), "", 0)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := open(t).Import(t.Context(), strings.NewReader("name\na"), "xml", 0); err == nil || !strings.Contains(err.Error(), `form "xml"`) {
		t.Error(err)
	}
}

// TestFormulasStayText: no cell of an export is a formula.
func TestFormulasStayText(t *testing.T) {
	b := open(t)
	imports(t, b, "name,phone,note\n=cmd|x,+81312345678,-1+1\n'@quoted,+44 20 7946 0018,'plain\n")
	var out strings.Builder
	if _, err := b.Export(t.Context(), &out, FormCSV, ""); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.TrimPrefix(out.String(), "\ufeff")) {
		for cell := range strings.SplitSeq(strings.TrimSpace(line), ",") {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("the cell %q would be counted with", cell)
			}
		}
	}
	if !strings.Contains(out.String(), "03-1234-5678") {
		t.Errorf("a number of the region is not written as its people do:\n%s", out.String())
	}
	if told := imports(t, b, out.String()); told.Left != 2 {
		t.Errorf("%+v", told)
	}
}
