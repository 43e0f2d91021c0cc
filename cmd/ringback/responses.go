package main

import (
	"fmt"
	"strings"

	"ringback/agent"
)

// responsesVerb is `ringback responses`.
func responsesVerb() verb {
	which := operand{name: "RESPONSE", arg: "response"}
	optional := which
	optional.optional = true
	return verb{
		name: "responses", records: true, usage: "search the standard texts to read out", show: shown(responsesText),
		words: []operand{query()}, flags: []argFlag{stringFlag("category", "category", "only those of this `CATEGORY`")},
		example: `$ ringback responses 挨拶
r1  挨拶  朝の挨拶  ja  {contact.name}様、おはようございます。` + kept,
		sub: []verb{
			{name: "show", action: "responses-show", records: true, usage: "a text, its fields filled in for an interaction", show: shown(filledText),
				words:   []operand{which},
				flags:   []argFlag{stringFlag("interaction", "interaction", "fill it in for this `I`; the only open one when left out")},
				example: "$ ringback responses show r1\n山田 太郎様、おはようございます。"},
			{name: "set", action: "responses-set", records: true, usage: "add a text, or change one; what is left out stays", show: shown(responseText),
				words: []operand{optional},
				flags: []argFlag{stringFlag("title", "title", "its `TITLE`"), stringFlag("category", "category", "its `CATEGORY`"),
					stringFlag("language", "language", "ja or en, the `LANGUAGE` of dates and times in it"), stringFlag("text", "text", "the `TEXT`, with fields such as {contact.name}")},
				example: `$ ringback responses set --title 朝の挨拶 --category 挨拶 --text '{contact.name}様、おはようございます。'
r1  挨拶  朝の挨拶  ja  {contact.name}様、おはようございます。

Fields: contact.name contact.reading contact.number callback.id callback.reason callback.date callback.time
agent.name agent.number date time, and case.NAME for case data.`},
			{name: "delete", action: "responses-delete", records: true, usage: "delete a text", show: shown(responseText), words: []operand{which},
				example: "$ ringback responses delete r1\ndeleted: r1  朝の挨拶"},
		},
	}
}

func responsesText(l agent.ResponseList) string {
	if len(l.Responses) == 0 {
		return "no responses\n"
	}
	var t table
	for _, p := range l.Responses {
		t.row(string(p.ID), clean(p.Category), clean(p.Title), p.Language, clean(p.Text))
	}
	return t.String()
}

func responseText(r agent.ResponseResult) string {
	p := r.Response
	if r.Deleted {
		return fmt.Sprintf("deleted: %s  %s\n", p.ID, clean(p.Title))
	}
	var t table
	t.row(string(p.ID), clean(p.Category), clean(p.Title), p.Language, clean(p.Text))
	return t.String()
}

func filledText(r agent.FilledResult) string {
	text := cleanLines(r.Text) + "\n"
	if len(r.Empty) > 0 {
		text += "not known now: " + clean(strings.Join(r.Empty, ", ")) + "\n"
	}
	return text
}
