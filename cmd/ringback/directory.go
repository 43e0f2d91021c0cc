package main

import (
	"strings"

	"ringback/agent"
	"ringback/agent/book"
)

// directoryVerb is `ringback directory`.
func directoryVerb() verb {
	return verb{
		name: "directory", records: true, usage: "search all that can be called: team, favourites, contacts, last calls", show: shown(directoryText),
		words: []operand{query()}, flags: []argFlag{limitFlag()},
		example: `$ ringback directory 佐藤
agent    佐藤 一郎  1002           busy
contact  佐藤 花子  06-6123-4567   mobile  k7
recent   佐藤 花子  06-6123-4567   missed 10:02  k7
$ ringback directory 03-1234-5678
typed               03-1234-5678` + kept,
	}
}

func directoryText(l agent.DirectoryList) string {
	if len(l.Entries) == 0 {
		return "nobody is found\n"
	}
	var t table
	for _, e := range l.Entries {
		t.row(e.Kind, clean(e.Name), clean(e.Shown), strings.TrimSpace(clean(e.Label)+" "+e.Presence+recentText(e)), string(e.Contact))
	}
	return t.String()
}

func recentText(e book.Entry) string {
	if e.Time == nil {
		return ""
	}
	how := "to"
	switch {
	case e.Missed:
		how = "missed"
	case e.Incoming:
		how = "from"
	}
	return how + " " + e.Time.Local().Format("2006-01-02 15:04")
}
