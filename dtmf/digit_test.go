package dtmf

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParseDigits(t *testing.T) {
	got, err := ParseDigits("09*#aDw1,2W")
	if err != nil {
		t.Fatal(err)
	}
	want := Sequence{
		{Digit: '0'}, {Digit: '9'}, {Digit: '*'}, {Digit: '#'}, {Digit: 'A'}, {Digit: 'D'},
		{For: 500 * time.Millisecond}, {Digit: '1'}, {For: 2 * time.Second}, {Digit: '2'}, {For: time.Second},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("step %d is %v, want %v", i, got[i], want[i])
		}
	}
	if s := got.String(); s != "09*#ADw1,2W" {
		t.Errorf("written back as %q", s)
	}
	if s := got.Digits(); s != "09*#AD12" {
		t.Errorf("digits alone are %q", s)
	}
}

func TestParseDigits_Refused(t *testing.T) {
	for input, want := range map[string]string{
		"":                       "no digit",
		",w":                     "no digit",
		"12x4":                   `character 3 is 'x'`,
		"1é2":                    `character 2 is 'é'`,
		"1日":                     `character 2 is '日'`,
		"1 2":                    `character 2 is ' '`,
		"E":                      `character 1 is 'E'`,
		"\x00":                   `character 1`,
		strings.Repeat("1", 257): "at most 256",
	} {
		_, err := ParseDigits(input)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", input, err, want)
		}
		if strings.Contains(want, "character") && !errors.As(err, new(*SyntaxError)) {
			t.Errorf("%q: %T is no *SyntaxError", input, err)
		}
	}
}

func TestDigit_EventCodes(t *testing.T) {
	for code := range uint8(255) {
		d, ok := DigitOf(code)
		if ok != (code < 16) {
			t.Errorf("code %d: a digit is %v", code, ok)
		}
		if ok && (d.Code() != code || d.String() != "0123456789*#ABCD"[code:code+1]) {
			t.Errorf("code %d is %q with code %d", code, d, d.Code())
		}
	}
	if Digit(0).Valid() || Digit(0).String() != "" {
		t.Error("the zero value is taken for a digit")
	}
}

func FuzzParseDigits(f *testing.F) {
	for _, s := range []string{"123*#", "w,W", "abcd", "\xff", "1\x00", "日"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		seq, err := ParseDigits(s)
		if err != nil {
			return
		}
		again, err := ParseDigits(seq.String())
		if err != nil || again.String() != seq.String() {
			t.Fatalf("%q: written as %q, read again as %q, %v", s, seq, again, err)
		}
	})
}
