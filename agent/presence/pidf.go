package presence

import (
	"fmt"
	"slices"
	"strings"
)

// The activities of RFC 4480 3.2 that say something to who wants to call.
func busyActivities() []string {
	return []string{"busy", "on-the-phone", "meeting", "appointment", "presentation"}
}

func awayActivities() []string {
	return []string{"away", "breakfast", "lunch", "dinner", "meal", "holiday", "vacation", "travel", "in-transit",
		"permanent-absence", "sleeping", "shopping"}
}

// ReadPIDF reads a presence document. No tuple and no activity is unknown.
func ReadPIDF(body []byte) (Presence, error) {
	root, err := parse(body, "presence")
	if err != nil {
		return Presence{}, fmt.Errorf("read pidf: %w", err)
	}
	var open, closed bool
	for _, t := range root.all("tuple") {
		for _, status := range t.all("status") {
			for _, basic := range status.all("basic") {
				open = open || strings.EqualFold(basic.text, "open")
				closed = closed || strings.EqualFold(basic.text, "closed")
			}
		}
	}
	p := Presence{}
	for _, n := range root.within("note") {
		if p.Note == "" {
			p.Note = line(n.text)
		}
	}
	busy, away := activities(root)
	switch {
	case strings.EqualFold(p.Note, "ringing") && (busy || open):
		p.State = Ringing
	case busy:
		p.State = Busy
	case closed && !open:
		p.State = Offline
	case away:
		p.State = Away
	case open:
		p.State = Idle
	default:
		p.State = Unknown
	}
	return p, nil
}

func activities(root *element) (busy, away bool) {
	for _, list := range root.within("activities") {
		for _, a := range list.children {
			busy = busy || slices.Contains(busyActivities(), a.name)
			away = away || slices.Contains(awayActivities(), a.name)
		}
	}
	return busy, away
}
