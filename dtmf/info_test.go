package dtmf

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestConformance_M20_ParseInfo(t *testing.T) {
	for name, row := range map[string]struct {
		kind, body string
		want       Info
	}{
		"relay":                      {TypeRelay, "Signal=5\r\nDuration=160\r\n", Info{'5', 160 * time.Millisecond}},
		"relay, blanks and bare LF":  {TypeRelay, "Signal= *\nDuration= 250", Info{'*', 250 * time.Millisecond}},
		"relay, other order":         {TypeRelay, "Duration=90\r\nSignal=#", Info{'#', 90 * time.Millisecond}},
		"relay, names in lower case": {TypeRelay, "signal=d\r\nduration=1", Info{'D', time.Millisecond}},
		"relay, no duration":         {TypeRelay, "Signal=A", Info{Digit: 'A'}},
		"relay, numbered signal":     {TypeRelay, "Signal=10\r\n", Info{Digit: '*'}},
		"relay, unknown line":        {TypeRelay, "Signal=1\r\nVolume=10\r\nfoo", Info{Digit: '1'}},
		"relay, long":                {TypeRelay, "Signal=1\r\nDuration=20000", Info{'1', 20 * time.Second}},
		"relay, longer than allowed": {TypeRelay, "Signal=1\r\nDuration=999999999", Info{'1', MaxDuration}},
		"dtmf":                       {TypeDTMF, "7", Info{Digit: '7'}},
		"dtmf, line end":             {TypeDTMF, " b\r\n", Info{Digit: 'B'}},
		"dtmf, relay's form":         {TypeDTMF, "Signal=9\r\nDuration=100", Info{'9', 100 * time.Millisecond}},
		"type in capitals":           {"Application/DTMF-Relay; charset=utf-8", "Signal=2", Info{Digit: '2'}},
	} {
		if got, err := ParseInfo(row.kind, []byte(row.body)); err != nil || got != row.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, row.want)
		}
	}
}

func TestConformance_M20_ParseInfo_Refused(t *testing.T) {
	for name, row := range map[string]struct {
		kind, body string
		code       int
		why        string
	}{
		"another type":       {"text/plain", "5", 415, `"text/plain"`},
		"no type":            {"", "5", 415, `""`},
		"empty":              {TypeDTMF, "", 400, `signal ""`},
		"several digits":     {TypeDTMF, "123", 400, `signal "123"`},
		"bad signal":         {TypeRelay, "Signal=x", 400, `signal "x"`},
		"flash":              {TypeRelay, "Signal=16", 400, `signal "16"`},
		"no signal":          {TypeRelay, "Duration=100", 400, "no Signal="},
		"two signals":        {TypeRelay, "Signal=1\r\nSignal=2", 400, "more than one"},
		"bad duration":       {TypeRelay, "Signal=1\r\nDuration=soon", 400, `duration "soon"`},
		"negative duration":  {TypeRelay, "Signal=1\r\nDuration=-5", 400, `duration "-5"`},
		"too long":           {TypeRelay, strings.Repeat("x", 513), 400, "513 octets"},
		"long value clipped": {TypeRelay, "Signal=" + strings.Repeat("y", 100), 400, "yyy..."},
	} {
		_, err := ParseInfo(row.kind, []byte(row.body))
		var e *InfoError
		if !errors.As(err, &e) || e.Code != row.code || !strings.Contains(e.Error(), row.why) {
			t.Errorf("%s: got %v, want %d with %q", name, err, row.code, row.why)
		}
	}
}

func TestConformance_M20_FormatInfo(t *testing.T) {
	for want, row := range map[string]struct {
		kind string
		info Info
	}{
		"Signal=#\r\nDuration=100\r\n": {TypeRelay, Info{Digit: '#'}},
		"Signal=1\r\nDuration=250\r\n": {TypeRelay, Info{'1', 250 * time.Millisecond}},
		"A":                            {TypeDTMF, Info{Digit: 'A'}},
	} {
		if got, err := FormatInfo(row.kind, row.info); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	for _, row := range []struct {
		kind string
		d    Digit
	}{{"text/plain", '1'}, {TypeDTMF, 'x'}, {TypeRelay, 0}} {
		if _, err := FormatInfo(row.kind, Info{Digit: row.d}); err == nil {
			t.Errorf("%s with %q is written", row.kind, row.d)
		}
	}
}

func FuzzInfo(f *testing.F) {
	f.Add(TypeRelay, []byte("Signal=5\r\nDuration=160\r\n"))
	f.Add(TypeDTMF, []byte("#"))
	f.Add("application/dtmf;x", []byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		info, err := ParseInfo(kind, body)
		if err != nil {
			var e *InfoError
			if !errors.As(err, &e) || (e.Code != 400 && e.Code != 415) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if !info.Digit.Valid() || info.Duration < 0 || info.Duration > MaxDuration {
			t.Fatalf("%q gives %+v", body, info)
		}
		out, err := FormatInfo(TypeRelay, info)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseInfo(TypeRelay, out)
		if err != nil || again.Digit != info.Digit {
			t.Fatalf("%q gives %+v, %v", out, again, err)
		}
	})
}

func TestConformance_M20_MergeTakesADigitOnce(t *testing.T) {
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	for _, row := range []struct {
		name string
		in   string // method letter (r, i, b) and digit, every 100 ms
		want string
	}{
		{"one way", "r1r1r2", "112"},
		{"two ways in turn", "r1i1r1i1", "11"},
		{"two ways, the other first", "i1r1i1r1", "11"},
		{"two ways in bundles", "r1r1i1i1", "11"},
		{"a digit that only one way brings", "r1i1r2r3i3", "123"},
		{"three ways", "r1b2", "12"},
	} {
		var m Merge
		got := ""
		by := map[byte]Method{'r': RFC4733, 'i': INFO, 'b': Inband}
		for i := 0; i < len(row.in); i += 2 {
			if m.Take(Digit(row.in[i+1]), by[row.in[i]], at(i*50)) {
				got += row.in[i+1 : i+2]
			}
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	var m Merge
	if !m.Take('1', RFC4733, at(0)) || !m.Take('1', INFO, at(1600)) {
		t.Error("a digit of another way 1.6 s later is taken for the same press")
	}
	for i := range 1000 {
		m.Take('2', INFO, at(1600+i))
	}
	if len(m.pending) > maxPending {
		t.Errorf("%d reports are kept", len(m.pending))
	}
}

func TestParseMethod(t *testing.T) {
	for _, m := range []Method{RFC4733, INFO, Inband} {
		if got, err := ParseMethod(string(m)); got != m || err != nil {
			t.Errorf("%s: %v, %v", m, got, err)
		}
	}
	if _, err := ParseMethod("smoke"); err == nil || !strings.Contains(err.Error(), `"smoke"`) {
		t.Errorf("smoke: %v", err)
	}
}
