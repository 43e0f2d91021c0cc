package phone

import (
	"fmt"
	"strings"
	"unicode"

	lib "github.com/nyaruka/phonenumbers"
)

// Bounds of what is taken for a number.
const (
	maxText   = 128 // bytes; longer texts are no numbers
	minDigits = 7   // of a number without +; shorter ones are extensions
	maxDigits = 15  // of an E.164 number
	minRun    = 2   // digits that a prefix is taken away from: fewer would be found everywhere
)

// Numbers reads numbers by the rules of a region. The zero value reads those that
// name their country.
type Numbers struct {
	region string // empty: none
	trunk  string // what stands before a national number: 0 in Japan; may be empty
	code   string // country code, digits
}

// New reads numbers by the rules of a region: two letters of ISO 3166, in either
// case. With the empty region only numbers that name their country are E.164.
func New(region string) (Numbers, error) {
	region = strings.ToUpper(strings.TrimSpace(region))
	if region == "" {
		return Numbers{}, nil
	}
	code := lib.GetCountryCodeForRegion(region)
	if code == 0 {
		return Numbers{}, fmt.Errorf("region %q has no telephone numbers: write the two letters of a country, such as JP", region)
	}
	return Numbers{region: region, trunk: lib.GetNddPrefixForRegion(region, true), code: fmt.Sprint(code)}, nil
}

// Number is a text that was read as a number.
type Number struct {
	E164      string // +81312345678; empty: none, and the text is dialled as it is
	Extension string // digits behind ext., x or 内線; empty: none
}

// Read finds the E.164 number in what a person, a header or a file wrote: digits of
// any width, blanks, hyphens of every kind, (03) 1234-5678, +81 (0)3, 010 1 202 …,
// 0120-…, tel: URIs, an extension behind it.
func (n Numbers) Read(text string) Number {
	text, extension, _ := strings.Cut(text, "内線")
	text = strings.TrimSpace(text)
	if len(text) > maxText || text == "" || strings.ContainsAny(text, "@＠") || strings.ContainsAny(text[:1], "*#") {
		return Number{}
	}
	plus := strings.ContainsAny(text, "+＋")
	if !plus && len(Digits(text)) < minDigits {
		return Number{}
	}
	parsed, err := lib.ParseAndKeepRawInput(text, n.region)
	if err != nil || !n.real(parsed) {
		return Number{}
	}
	e164 := lib.Format(parsed, lib.E164)
	if len(e164) > 1+maxDigits || e164 != "+"+Digits(e164) { // letters stand in some that the library takes
		return Number{}
	}
	number := Number{E164: e164, Extension: Digits(parsed.GetExtension())}
	if number.Extension == "" {
		number.Extension = Digits(extension)
	}
	return number
}

// real tells a number from digits that are something else. A numbering plan may be
// newer than the library, so that a number which says what it is (by a plus, the
// international prefix, or the trunk prefix) needs only the right length.
func (n Numbers) real(p *lib.PhoneNumber) bool {
	if lib.IsValidNumber(p) {
		return true
	}
	if lib.IsPossibleNumberWithReason(p) != lib.IS_POSSIBLE {
		return false
	}
	e164 := lib.Format(p, lib.E164)
	if again, err := lib.Parse(e164, ""); err != nil || lib.Format(again, lib.E164) != e164 {
		return false // digits that the library takes for a trunk prefix each time
	}
	switch p.GetCountryCodeSource() {
	case lib.PhoneNumber_FROM_NUMBER_WITH_PLUS_SIGN, lib.PhoneNumber_FROM_NUMBER_WITH_IDD:
		return true
	case lib.PhoneNumber_FROM_DEFAULT_COUNTRY:
		return n.trunk != "" && strings.HasPrefix(Digits(p.GetRawInput()), n.trunk) &&
			!strings.HasPrefix(lib.GetNationalSignificantNumber(p), n.trunk)
	}
	return false
}

// E164 is the E.164 number in a text; empty when there is none.
func (n Numbers) E164(text string) string { return n.Read(text).E164 }

// Is reports whether Read finds an E.164 number, or none for "", in a text. For the
// usual notations it is a hundred times as fast as to read it.
func (n Numbers) Is(text, e164 string) bool {
	digits := Digits(text)
	if e164 == "+"+digits && strings.HasPrefix(text, "+") {
		return true
	}
	if rest, national := strings.CutPrefix(digits, n.trunk); national && n.trunk != "" && e164 == "+"+n.code+rest {
		return true
	}
	return n.E164(text) == e164
}

// Show is an E.164 number as people of the region write it: 03-1234-5678 for one
// of their own, +44 20 7946 0018 for another, so that Read finds the same number in
// it. What is no E.164 number is shown as it is.
func (n Numbers) Show(e164 string) string {
	p, err := parse(e164)
	if err != nil {
		return e164
	}
	if n.code != "" && fmt.Sprint(p.GetCountryCode()) == n.code {
		if national := lib.Format(p, lib.NATIONAL); n.E164(national) == e164 {
			return national
		}
	}
	return International(e164)
}

// International is an E.164 number as people abroad write it: +81 3-1234-5678. What
// is no E.164 number, or would not be read as the same one, is shown as it is.
func International(e164 string) string {
	p, err := parse(e164)
	if err != nil {
		return e164
	}
	text := lib.Format(p, lib.INTERNATIONAL)
	if (Numbers{}).E164(text) != e164 {
		return e164
	}
	return text
}

// Zone is the IANA time zone of an E.164 number, when it can only be one.
func Zone(e164 string) string {
	p, err := parse(e164)
	if err != nil {
		return ""
	}
	zones, err := lib.GetTimezonesForNumber(p)
	if err != nil || len(zones) != 1 || zones[0] == lib.UNKNOWN_TIMEZONE {
		return ""
	}
	return zones[0]
}

func parse(e164 string) (*lib.PhoneNumber, error) {
	if !strings.HasPrefix(e164, "+") || len(e164) > maxText {
		return nil, fmt.Errorf("%q is no E.164 number", e164)
	}
	return lib.Parse(e164, "")
}

// Digits are the decimal digits of a text as ASCII, whatever their width or script.
func Digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}
		if !unicode.Is(unicode.Nd, r) {
			return -1
		}
		if folded := lib.NormalizeDigitsOnly(string(r)); len(folded) == 1 {
			return rune(folded[0])
		}
		return -1
	}, text)
}

// Run is the run of digits to look for when a person types part of a number: what
// is alike in its national and its international notation, so that 03-12, (03) 12,
// +81 3 12 and 0312 all find +81312345678. Empty when the text has no digits.
func (n Numbers) Run(text string) string {
	if e164 := n.E164(text); e164 != "" {
		return n.withoutCode(e164[1:])
	}
	digits := Digits(text)
	if plain := strings.TrimSpace(text); strings.HasPrefix(plain, "+") || strings.HasPrefix(plain, "＋") {
		return n.withoutCode(digits)
	}
	return n.withoutTrunk(digits)
}

func (n Numbers) withoutCode(digits string) string {
	rest, ours := strings.CutPrefix(digits, n.code)
	if !ours || n.code == "" || len(n.withoutTrunk(rest)) < minRun {
		return digits
	}
	return n.withoutTrunk(rest)
}

func (n Numbers) withoutTrunk(digits string) string {
	if rest := strings.TrimPrefix(digits, n.trunk); len(rest) >= minRun {
		return rest
	}
	return digits
}
