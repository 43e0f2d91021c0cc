package agent

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ringback/sip"
)

func headersOf(pairs ...string) []sip.Header {
	var all []sip.Header
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, sip.Header{Name: pairs[i], Value: pairs[i+1]})
	}
	return all
}

func TestReadCallback_AllFields(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	c := readCallback(CallbackHeaders(), headersOf(
		"x-callback-id", "cb-9", "X-Callback-Type", "Scheduled", "X-Callback-Number", "+81312345678",
		"X-Callback-Name", "=?UTF-8?B?5bGx55SwIOWkqumDjg==?=",
		"X-Callback-Desired-Time", "2026-11-23T19:00:00+09:00", "X-Callback-Requested-At", "2026-11-23T09:30:00Z",
		"X-Callback-Window", "2026-11-23T09:00:00Z/2026-11-23T12:00:00Z", "X-Callback-Timezone", "Asia/Tokyo",
		"X-Callback-Origin", "IVR", "X-Callback-Reason", "order%204711", "X-Callback-Instructions", "be kind",
		"X-Callback-Attempt", "3", "X-Callback-First-Leg", "agent", "X-Callback-Segment", "gold",
		"X-Callback-Data", `{"k":"v","n":{"deep":true}}`, "User-to-User", "tier=1;encoding=ascii", "Subject", "no",
	), nil, now)
	if c == nil || c.ID != "cb-9" || c.Type != "scheduled" || c.Number != "+81312345678" || c.Name != "山田 太郎" {
		t.Fatalf("%+v", c)
	}
	if c.DesiredLocal != "2026-11-23 19:00 JST" || c.Waited != "30m0s" || c.ReachableFrom == nil || c.ReachableUntil.Hour() != 12 {
		t.Errorf("times: %+v", c)
	}
	if c.Origin != "ivr" || c.Reason != "order 4711" || c.Attempt != 3 || c.FirstLeg != firstLegAgent {
		t.Errorf("%+v", c)
	}
	if c.Data["X-Callback-Segment"] != "gold" || c.Data["k"] != "v" || c.Data["tier"] != "1" || len(c.Data) != 4 {
		t.Errorf("data: %v", c.Data)
	}
}

func TestReadCallback_Names(t *testing.T) {
	for value, want := range map[string]string{
		"%E5%B1%B1%E7%94%B0%20%E5%A4%AA%E9%83%8E": "山田 太郎",
		"山田 太郎":                             "山田 太郎",
		"=?utf-8?q?=E5=B1=B1=E7=94=B0?=":    "山田",
		"=?UTF-8?B?5bGx?= =?UTF-8?B?55Sw?=": "山田",
		"J\xf6rg":                           "Jörg",
		"100% sure":                         "100% sure",
		"a\x00b\x1b[31mc":                   "ab[31mc",
	} {
		c := readCallback(CallbackHeaders(), headersOf("X-Callback-Id", "1", "X-Callback-Name", value), nil, time.Now())
		if c.Name != want {
			t.Errorf("%q: %q, want %q", value, c.Name, want)
		}
	}
}

func TestReadCallback_RecognisedByItsHeadersOnly(t *testing.T) {
	if c := readCallback(CallbackHeaders(), headersOf("From", "x", "X-Callback-Note", "n"), nil, time.Now()); c != nil {
		t.Errorf("a plain call: %+v", c)
	}
	if c := readCallback(CallbackHeaders(), headersOf("X-Callback-Name", "Sato"), nil, time.Now()); c == nil || c.Name != "Sato" {
		t.Errorf("a callback of a name only: %+v", c)
	}
	subject := CallbacksConfig{Headers: map[string]string{"reason": "Subject"}}
	if c := readCallback(subject.callbackHeaders(), headersOf("Subject", "lunch", "User-to-User", "00"), nil, time.Now()); c != nil {
		t.Errorf("a plain call with a subject: %+v", c)
	}
	cfg := CallbacksConfig{Headers: map[string]string{"id": "X-Cisco-CB"}}
	if c := readCallback(cfg.callbackHeaders(), headersOf("X-Cisco-CB", "7"), nil, time.Now()); c == nil || c.ID != "7" || c.Type != CallbackImmediate {
		t.Errorf("a renamed header: %+v", c)
	}
}

func TestReadCallback_PartsThatCannotBeReadAreKept(t *testing.T) {
	c := readCallback(CallbackHeaders(), headersOf("X-Callback-Id", "1", "X-Callback-Window", "noon"),
		[]sip.Part{{ContentType: "application/json; charset=utf-8", Body: []byte("[broken")}}, time.Now())
	if c.Data["application/json"] != "[broken" || c.Data["window"] != "noon" || len(c.Data) != 2 {
		t.Errorf("%v", c.Data)
	}
}

func TestReasonHeader_KeepsUTF8AndStaysOneLine(t *testing.T) {
	h := reasonHeader(sip.ReasonHeader{Protocol: "SIP", Cause: 603, Text: "語が \"違う\" \\ x\r\nVia: y"})
	if want := `SIP;cause=603;text="語が \"違う\" \\ x Via: y"`; h.Value != want {
		t.Errorf("got %s, want %s", h.Value, want)
	}
}

func TestReadCallback_WhatCannotBeReadIsKept(t *testing.T) {
	c := readCallback(CallbackHeaders(), headersOf("X-Callback-Id", "1", "X-Callback-Type", "urgent",
		"X-Callback-Desired-Time", "tomorrow", "X-Callback-Window", "noon", "X-Callback-Attempt", "-2",
		"X-Callback-Timezone", "Mars/Base", "X-Callback-Data", "{broken", "X-Callback-First-Leg", "both"), nil, time.Now())
	if c.Type != CallbackImmediate || c.DesiredTime != nil || c.Attempt != 0 || c.Timezone != "" || c.FirstLeg != "customer" {
		t.Errorf("%+v", c)
	}
	for key, want := range map[string]string{"type": "urgent", "desired_time": "tomorrow", "window": "noon", "attempt": "-2",
		"timezone": "Mars/Base", "X-Callback-Data": "{broken"} {
		if c.Data[key] != want {
			t.Errorf("%s: %v", key, c.Data[key])
		}
	}
}

func TestReadCallback_JSONPart(t *testing.T) {
	parts := []sip.Part{{ContentType: "application/sdp", Body: []byte("v=0")},
		{ContentType: "application/json; charset=utf-8", Body: []byte(`{"name":"花子","age":41}`)}}
	c := readCallback(CallbackHeaders(), headersOf("X-Callback-Id", "1"), parts, time.Now())
	if c.Data["name"] != "花子" || c.Data["age"] != 41.0 {
		t.Errorf("%v", c.Data)
	}
}

func TestDecodeUUI(t *testing.T) {
	ascii := hex.EncodeToString([]byte("order 4711"))
	for value, want := range map[string]string{
		ascii:                           "order 4711",
		ascii + ";encoding=hex":         "order 4711",
		"00" + ascii + ";encoding=hex":  "order 4711",
		"04" + ascii:                    "order 4711",
		"abba;encoding=ascii":           "abba",
		`"hello, world";encoding=ascii`: "hello, world",
		`"48656c6c6f"`:                  "48656c6c6f",
		"a=1;b=2;encoding=ascii":        "a=1;b=2",
		"name%3D%E5%B1%B1":              "name=山",
		"xyz":                           "xyz",
		"":                              "",
	} {
		if got := strings.Join(decodeUUI(value), "|"); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
	if got := decodeUUI("61,62"); len(got) != 2 || got[0] != "a" {
		t.Errorf("two elements: %q", got)
	}
}

func TestAutoAnswerHeader(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        bool
		after       time.Duration
	}{
		{"Call-Info", "<sip:pbx>;answer-after=0", true, 0},
		{"Call-Info", "<sip:pbx>; Answer-After=3", true, 3 * time.Second},
		{"Call-Info", "<sip:pbx>;purpose=icon", false, 0},
		{"Alert-Info", "<http://x>;info=alert-autoanswer;delay=0", true, 0},
		{"Alert-Info", "Auto Answer", true, 0},
		{"Alert-Info", "<http://x>;info=external", false, 0},
		{"Answer-Mode", "Auto", true, 0},
		{"Answer-Mode", "Manual", false, 0},
		{"Call-Info", "<sip:pbx>;answer-after=soon", false, 0},
		{"Call-Info", "<sip:pbx>;answer-after=99999999999999999999", false, 0},
	} {
		if wished, after := autoAnswerHeader(headersOf(c.name, c.value)); wished != c.want || after != c.after {
			t.Errorf("%s: %s: %v %v", c.name, c.value, wished, after)
		}
	}
}

func FuzzCallbackHeaders(f *testing.F) {
	f.Add("X-Callback-Name", "=?UTF-8?B?5bGx?=", "application/json", []byte(`{"a":[1,{"b":null}]}`))
	f.Add("User-to-User", `"a\"b";encoding=hex,00ff;purpose=x`, "text/plain", []byte{0xff})
	f.Add("X-Callback-Window", "2026-11-23T09:00:00Z/", "application/json", []byte(`[1]`))
	f.Add("X-Callback-Data", `{"":1}`, "application/vnd.x+json", []byte(`{"k":"\ud800"}`))
	f.Add("X-Callback-Timezone", "../../etc/passwd", "", []byte(nil))
	f.Fuzz(func(t *testing.T, name, value, kind string, body []byte) {
		c := readCallback(CallbackHeaders(), headersOf("X-Callback-Id", "1", name, value), []sip.Part{{ContentType: kind, Body: body}}, time.Unix(0, 0))
		if c == nil {
			t.Fatal("not recognised")
		}
		for _, text := range []string{c.ID, c.Type, c.Number, c.Name, c.Timezone, c.Origin, c.Reason, c.Instructions} {
			if !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\x1b\r") {
				t.Errorf("not clean: %q", text)
			}
		}
		if len(c.Data) > maxCaseFields {
			t.Errorf("%d fields", len(c.Data))
		}
		toJSON(t, c)
		autoAnswerHeader(headersOf(name, value))
	})
}
