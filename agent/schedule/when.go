package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Forms is how a time may be written, for help texts and errors.
const Forms = "15:04, tomorrow 09:00, mon 09:00, 2026-11-27 09:00, +30m or RFC 3339"

// Read makes a time of what a person typed. A date or a time of day without an
// offset is one of zone's clock; a time of day that is over today means tomorrow.
// The error names the text and what to write; for a time that a zone's clock
// skips or shows twice it names the times that could be meant.
func Read(text string, now time.Time, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if rest, ahead := strings.CutPrefix(text, "+"); ahead {
		d, err := time.ParseDuration(strings.ReplaceAll(rest, " ", ""))
		if err != nil || d < 0 {
			return time.Time{}, fmt.Errorf("time %q is no time ahead: write it like +30m or +2h", text)
		}
		return now.Add(d), nil
	}
	return readWall(text, now.In(zone), zone)
}

// readWall reads a day, a time of day, or both.
func readWall(text string, now time.Time, zone *time.Location) (time.Time, error) {
	unreadable := fmt.Errorf("time %q cannot be read: write it like %s", text, Forms)
	day, clock, both := strings.Cut(strings.Join(strings.Fields(strings.Replace(text, "T", " ", 1)), " "), " ")
	if !both {
		day, clock = "", day
	}
	hm, err := time.Parse("15:04", clock)
	if err != nil {
		return time.Time{}, unreadable
	}
	date, found := readDay(day, now)
	if !found {
		return time.Time{}, unreadable
	}
	at, err := wall(date, hm.Hour(), hm.Minute(), zone)
	if err != nil {
		return time.Time{}, err
	}
	if day == "" && !at.After(now) {
		return wall(now.AddDate(0, 0, 1), hm.Hour(), hm.Minute(), zone)
	}
	return at, nil
}

// readDay reads today, tomorrow, a day of the week (the next such day, never
// today) or a date.
func readDay(text string, now time.Time) (time.Time, bool) {
	switch word := strings.ToLower(text); word {
	case "", "today":
		return now, true
	case "tomorrow":
		return now.AddDate(0, 0, 1), true
	default:
		for ahead := 1; ahead <= 7; ahead++ {
			day := now.AddDate(0, 0, ahead)
			if name := strings.ToLower(day.Weekday().String()); word == name || word == name[:3] {
				return day, true
			}
		}
	}
	date, err := time.ParseInLocation("2006-01-02", text, now.Location())
	return date, err == nil
}

// wall is the instant of a wall time. What the clock skips or shows twice is an
// error.
func wall(date time.Time, hour, minute int, zone *time.Location) (time.Time, error) {
	year, month, day := date.Date()
	at := time.Date(year, month, day, hour, minute, 0, 0, zone)
	written := fmt.Sprintf("%04d-%02d-%02d %02d:%02d", year, month, day, hour, minute)
	if at.Hour() != hour || at.Minute() != minute {
		return time.Time{}, fmt.Errorf("time %s does not exist in %s: the clock is put forward that night; the next is %s",
			written, zone, afterGap(at, zone).Format(time.RFC3339))
	}
	for _, shift := range []time.Duration{-time.Hour, time.Hour, -30 * time.Minute, 30 * time.Minute} {
		other := at.Add(shift)
		if other.Hour() == hour && other.Minute() == minute && other.Day() == day {
			first, second := at, other
			if second.Before(first) {
				first, second = second, first
			}
			return time.Time{}, fmt.Errorf("time %s comes twice in %s: the clock is put back that night; write %s or %s",
				written, zone, first.Format(time.RFC3339), second.Format(time.RFC3339))
		}
	}
	return at, nil
}

// afterGap is the first instant after the gap that at was moved out of.
func afterGap(at time.Time, zone *time.Location) time.Time {
	start, end := at.In(zone).ZoneBounds()
	if until := start.Sub(at).Abs(); end.IsZero() || until < end.Sub(at) {
		return start.In(zone)
	}
	return end.In(zone)
}
