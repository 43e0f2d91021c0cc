package phone

import (
	"regexp"
	"strings"
	"testing"
)

func japan(t testing.TB) Numbers {
	t.Helper()
	n, err := New("jp")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRead has what people, headers and files write in Japan.
func TestRead(t *testing.T) {
	n := japan(t)
	for text, want := range map[string]Number{
		"03-1234-5678":   {E164: "+81312345678"},
		"(03) 1234-5678": {E164: "+81312345678"},
		"（０３）１２３４－５６７８":          {E164: "+81312345678"},
		"０３ー１２３４ー５６７８":           {E164: "+81312345678"}, // the long vowel sign, typed for a hyphen
		"03−1234−5678":           {E164: "+81312345678"}, // the minus sign of Japanese keyboards
		"03 1234 5678":           {E164: "+81312345678"},
		"0312345678":             {E164: "+81312345678"},
		"+81312345678":           {E164: "+81312345678"},
		"＋81 3 1234 5678":        {E164: "+81312345678"},
		"+81 (0)3 1234 5678":     {E164: "+81312345678"},
		"81312345678":            {E164: "+81312345678"}, // as trunks write it
		"tel:+81-3-1234-5678":    {E164: "+81312345678"},
		"010 1 202 555 0123":     {E164: "+12025550123"},
		"+1 (202) 555-0123":      {E164: "+12025550123"},
		"+44 (0)20 7946 0018":    {E164: "+442079460018"},
		"0120-123-456":           {E164: "+81120123456"},
		"0570-000-000":           {E164: "+81570000000"},
		"090 1234 5678":          {E164: "+819012345678"},
		"03-1234-5678 内線 123":    {E164: "+81312345678", Extension: "123"},
		"03-1234-5678 内線１２":      {E164: "+81312345678", Extension: "12"},
		"03-1234-5678 x123":      {E164: "+81312345678", Extension: "123"},
		"03-1234-5678;ext=99":    {E164: "+81312345678", Extension: "99"},
		" +81312345678 ":         {E164: "+81312345678"},
		"+888 123 456 78":        {}, // no numbering plan has it
		"1001":                   {},
		"601":                    {},
		"110":                    {},
		"119":                    {},
		"１１０":                    {},
		"内線 1001":                {},
		"12345678":               {}, // without an area code nobody knows where
		"0312345":                {},
		"+4420":                  {},
		"*2112345678":            {}, // a feature code
		"#31#0312345678":         {},
		"sip:1001@example.com":   {},
		"+81312345678@10.0.0.1":  {},
		"sales":                  {},
		"":                       {},
		"+":                      {},
		strings.Repeat("1", 500): {},
	} {
		if got := n.Read(text); got != want {
			t.Errorf("%q is read as %+v, want %+v", text, got, want)
		}
		if !n.Is(text, want.E164) || n.Is(text, "+81300000000") || want.E164 != "" && n.Is(text, "") {
			t.Errorf("%q is %q", text, want.E164)
		}
	}
}

func TestReadOfAnotherRegion(t *testing.T) {
	us, err := New("US")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"(202) 555-0123": "+12025550123", "1-202-555-0123": "+12025550123", "1-800-356-9377": "+18003569377",
		"011 81 3 1234 5678": "+81312345678", "03-1234-5678": "",
	} {
		if got := us.E164(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	var nowhere Numbers
	if got := nowhere.E164("+81 3 1234 5678"); got != "+81312345678" {
		t.Errorf("without a region: %q", got)
	}
	if got := nowhere.E164("03-1234-5678"); got != "" {
		t.Errorf("without a region a national number is %q", got)
	}
}

func TestNewNamesARegionThatIsNone(t *testing.T) {
	for _, region := range []string{"Japan", "XX", "81", "ＪＰ"} {
		if _, err := New(region); err == nil || !strings.Contains(err.Error(), "such as JP") {
			t.Errorf("%q: %v", region, err)
		}
	}
}

func TestShow(t *testing.T) {
	n := japan(t)
	for e164, want := range map[string][2]string{
		"+81312345678":  {"03-1234-5678", "+81 3-1234-5678"},
		"+819012345678": {"090-1234-5678", "+81 90-1234-5678"},
		"+81120123456":  {"0120-123-456", "+81 120-123-456"},
		"+442079460018": {"+44 20 7946 0018", "+44 20 7946 0018"},
		"1001":          {"1001", "1001"},
		"":              {"", ""},
	} {
		if got := [2]string{n.Show(e164), International(e164)}; got != want {
			t.Errorf("%s is shown as %q, want %q", e164, got, want)
		}
	}
}

func TestZone(t *testing.T) {
	for e164, want := range map[string]string{
		"+81312345678": "Asia/Tokyo", "+12025550123": "America/New_York", "+18003569377": "", "1001": "",
	} {
		if got := Zone(e164); got != want {
			t.Errorf("%s is in %q, want %q", e164, got, want)
		}
	}
}

// TestRun: whatever part of a number is typed in whatever notation, its run stands
// in the digits of both notations of the number.
func TestRun(t *testing.T) {
	n := japan(t)
	for text, want := range map[string]string{
		"03-12": "312", "(03) 12": "312", "+81 3 12": "312", "+81 (0)3-12": "312", "０３１２": "312",
		"5678": "5678", "1234-5678": "12345678", "03-1234-5678": "312345678", "+81312345678": "312345678",
		"0120": "120", "+44 20 7946": "44207946", "1001": "1001", "0": "0", "06": "06", "+81 6": "816", "yamada": "", "山田": "",
	} {
		got := n.Run(text)
		if got != want {
			t.Errorf("the run of %q is %q, want %q", text, got, want)
		}
	}
}

var e164Form = regexp.MustCompile(`^\+[1-9][0-9]{3,14}$`)

// FuzzRead: no text harms, and what is read is a number that reads as itself in
// every notation in which it is shown.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"03-1234-5678", "（０３）１２３４－５６７８", "tel:03-1234-5678;phone-context=+81", "+81 (0)3 1234 5678",
		"010 1 202 555 0123", "1-800-FLOWERS", "03-1234-5678 内線 123", "*21#", "+", "\x00\xff", "٣٤٥٦٧٨٩٠١٢"} {
		f.Add(seed, "JP")
		f.Add(seed, "US")
	}
	f.Fuzz(func(t *testing.T, text, region string) {
		n, err := New(region)
		if err != nil {
			return
		}
		got := n.Read(text)
		if strings.Trim(got.Extension+Digits(text)+n.Run(text), "0123456789") != "" {
			t.Errorf("%q has digits that are none: %+v %q %q", text, got, Digits(text), n.Run(text))
		}
		if got.E164 == "" {
			return
		}
		if !e164Form.MatchString(got.E164) {
			t.Errorf("%q is read as %q", text, got.E164)
		}
		for _, again := range []string{got.E164, International(got.E164), n.Show(got.E164)} {
			if e164 := n.E164(again); e164 != got.E164 {
				t.Errorf("%q is %q, and %q is %q", text, got.E164, again, e164)
			}
		}
		if run := n.Run(got.E164); !strings.HasSuffix(got.E164, run) || run == "" {
			t.Errorf("the run of %q is %q", got.E164, run)
		}
	})
}

func BenchmarkIs(b *testing.B) {
	n := japan(b)
	for b.Loop() {
		n.Is("03-1234-5678", "+81312345678")
	}
}

func BenchmarkRead(b *testing.B) {
	n := japan(b)
	for b.Loop() {
		n.Read("(03) 1234-5678")
	}
}
