package main

import "ringback/agent"

// favouritesVerb is `ringback favourites`.
func favouritesVerb() verb {
	target := operand{name: "TARGET", arg: "target"}
	return verb{
		name: "favourites", records: true, usage: "the targets kept at hand", show: shown(favouritesText), words: []operand{query()},
		example: `$ ringback favourites
受付       2001
山田 太郎  03-1234-5678` + kept,
		sub: []verb{
			{name: "add", action: "favourites-add", records: true, usage: "keep a target at hand", show: shown(favouritesText), words: []operand{target},
				flags:   []argFlag{stringFlag("name", "name", "its `NAME`; the contact's when left out")},
				example: "$ ringback favourites add 2001 --name 受付\n受付  2001"},
			{name: "remove", action: "favourites-remove", records: true, usage: "forget a favourite", show: shown(favouritesText), words: []operand{target},
				example: "$ ringback favourites remove 2001\nremoved: 受付  2001"},
		},
	}
}

func favouritesText(l agent.FavouriteList) string {
	if len(l.Favourites) == 0 {
		return "no favourites\n"
	}
	var t table
	for _, f := range l.Favourites {
		t.row(clean(f.Name), clean(f.Shown))
	}
	if l.Removed {
		return "removed: " + t.String()
	}
	return t.String()
}
