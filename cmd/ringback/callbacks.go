package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"ringback/agent"
	"ringback/agent/book"
)

// callbacksVerb is `ringback callbacks`.
func callbacksVerb() verb {
	return verb{
		name: "callbacks", records: true, usage: "the callbacks that this phone knows: mine, of the team, due, done", show: shown(callbacksText),
		words: []operand{query()},
		flags: []argFlag{stringFlag("list", "list", "only this `LIST`: "+strings.Join(book.CallbackLists(), ", ")), limitFlag()},
		example: `$ ringback callbacks --list due
cb-9   scheduled  山田 太郎  03-1234-5678  due 2026-11-25 15:00           invoice
cb-12  scheduled  Ann Lee    +44 20 7946 0018  due 2026-11-25 09:00, overdue` + kept,
		sub: []verb{{
			name: "show", action: "callbacks-show", records: true, usage: "a callback with its attempts and reports", show: shown(callbackDetail),
			words: []operand{{name: "CALLBACK", arg: "callback"}},
			example: `$ ringback callbacks show cb-9
cb-9  scheduled  山田 太郎  03-1234-5678  due 2026-11-25 15:00  invoice
    personal, from web, last i7
    attempt 1 at 10:02 to +81312345678: no answer (480)
    report accepted: delivered 10:01`,
		}, claimVerb(), callNowVerb()},
	}
}

func callbackRow(c book.Callback) []string {
	due := ""
	if c.Due != nil && (c.State == "scheduled" || c.State == "handed") {
		due = "due " + c.Due.Local().Format("2006-01-02 15:04")
		if c.Overdue {
			due += ", overdue"
		}
	}
	return []string{clean(c.ID), c.State, clean(c.Name), clean(c.Shown), due, clean(c.Reason)}
}

func callbacksText(l agent.CallbackList) string {
	if len(l.Callbacks) == 0 {
		return "no callbacks\n"
	}
	var t table
	for _, c := range l.Callbacks {
		t.row(callbackRow(c)...)
	}
	return t.String()
}

func callbackDetail(r agent.CallbackResult) string {
	c := r.Callback
	var b strings.Builder
	var head table
	head.row(callbackRow(c.Callback)...)
	b.WriteString(head.String())
	facts := []string{}
	for _, f := range []struct{ word, value string }{{"", c.Scope}, {"from ", c.Source}, {"zone ", c.Zone}, {"last ", c.Interaction}} {
		if f.value != "" {
			facts = append(facts, f.word+clean(f.value))
		}
	}
	fmt.Fprintf(&b, "    %s\n", strings.Join(facts, ", "))
	var request agent.Callback
	if json.Unmarshal(c.Request, &request) == nil && request.ID != "" {
		fmt.Fprintf(&b, "    asked for: %s\n", callbackText(request))
	}
	b.WriteString(triesText(c.Tries) + reportsText(c.Reports))
	return b.String()
}

func triesText(tries []book.Try) string {
	var b strings.Builder
	for _, t := range tries {
		fmt.Fprintf(&b, "    %s\n", attemptText(agent.Attempt{N: t.N, Number: t.Number, Started: t.Started, Code: t.Code, Result: t.Result}))
	}
	return b.String()
}

func reportsText(reports []book.ReportEntry) string {
	var b strings.Builder
	for _, r := range reports {
		fmt.Fprintf(&b, "    report %s: %s", r.Kind, r.State)
		switch {
		case r.Delivered != nil:
			b.WriteString(" " + clock(*r.Delivered))
		case r.LastError != "":
			b.WriteString(", " + clean(r.LastError))
		}
		b.WriteString("\n")
	}
	return b.String()
}
