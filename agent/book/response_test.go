package book

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func set(t *testing.T, b *Book, title, text string) Response {
	t.Helper()
	category := "greeting"
	p, err := b.SetResponse("", ResponseEdit{Category: &category, Title: &title, Text: &text})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestResponsesAreFilledIn in the language of the text, and say what is not known.
func TestResponsesAreFilledIn(t *testing.T) {
	b := open(t)
	ja := set(t, b, "折り返し", "{contact.name}様、{callback.date}の{callback.time}にお電話します。担当は{agent.name}です。商品は{case.product}、{case.color}")
	en := set(t, b, "Greeting", "Hello {contact.name}, I call on {callback.date} at {callback.time}. It is {time} on {date} now.")
	tokyo := time.FixedZone("JST", 9*3600)
	s := Subject{ContactName: "山田 太郎", AgentName: "佐藤", Case: map[string]string{"product": "光回線"},
		CallbackTime: time.Date(2026, 11, 25, 15, 30, 0, 0, tokyo), Now: time.Date(2026, 11, 24, 9, 0, 0, 0, tokyo)}
	got, err := b.Response(string(ja.ID), s)
	if want := "山田 太郎様、11月25日（水）の15時30分にお電話します。担当は佐藤です。商品は光回線、{case.color}"; err != nil || got.Text != want || !slices.Equal(got.Empty, []string{"case.color"}) {
		t.Errorf("%q %v %v", got.Text, got.Empty, err)
	}
	got, err = b.Response("greet", s)
	if want := "Hello 山田 太郎, I call on Wednesday 25 November at 15:30. It is 09:00 on Tuesday 24 November now."; err != nil || got.Text != want || len(got.Empty) != 0 {
		t.Errorf("%q %v %v", got.Text, got.Empty, err)
	}
	got, err = b.Response("Greeting", Subject{})
	if err != nil || got.Text != en.Text || len(got.Empty) != 5 {
		t.Errorf("with nothing known the text stays: %q %v %v", got.Text, got.Empty, err)
	}
	if ja.Language != "ja" || en.Language != "en" {
		t.Errorf("the language follows the text: %s %s", ja.Language, en.Language)
	}
}

func TestResponses(t *testing.T) {
	b := open(t)
	set(t, b, "挨拶（朝）", "おはようございます")
	set(t, b, "挨拶（夜）", "こんばんは")
	for query, want := range map[string]int{"挨拶": 2, "朝": 1, "オハヨウ": 1, "ｺﾝﾊﾞﾝﾊ": 1, "昼": 0, "": 2} {
		if found, err := b.Responses("", query); err != nil || len(found) != want {
			t.Errorf("%q finds %v %v", query, found, err)
		}
	}
	if found, err := b.Responses("other", ""); err != nil || len(found) != 0 {
		t.Error(found, err)
	}
	text, title := "x {contact.nmae} {foo}", "t"
	_, err := b.SetResponse("", ResponseEdit{Title: &title, Text: &text})
	if err == nil || !strings.Contains(err.Error(), "{contact.nmae}, {foo}") || !strings.Contains(err.Error(), "{contact.name}") {
		t.Errorf("unknown fields are named, and those that there are: %v", err)
	}
	for which, want := range map[string]string{"r9": `there is no response "r9"`, "挨拶": "more than one could be meant"} {
		if _, err := b.Response(which, Subject{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", which, err)
		}
	}
	fr := "fr"
	if _, err := b.SetResponse("r1", ResponseEdit{Language: &fr}); err == nil || !strings.Contains(err.Error(), "ja or en") {
		t.Error(err)
	}
	if p, err := b.SetResponse("朝", ResponseEdit{Category: &title}); err != nil || p.ID != "r1" || p.Text != "おはようございます" || p.Category != "t" {
		t.Errorf("%+v %v", p, err)
	}
	if p, err := b.DeleteResponse("r1"); err != nil || p.ID != "r1" {
		t.Error(p, err)
	}
}
