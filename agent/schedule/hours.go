package schedule

import (
	"fmt"
	"strings"
	"time"
)

// span is a part of a day, in minutes from midnight, without its end.
type span struct{ from, until int }

// Hours are the calling hours of a week. The zero value has none: nobody may be
// called. AllHours has all.
type Hours struct {
	days  [7]span // by time.Weekday; from == until: none that day
	texts []string
}

// AllHours lets a contact be called at any time.
func AllHours() Hours {
	var h Hours
	for d := range h.days {
		h.days[d] = span{0, 24 * 60}
	}
	h.texts = []string{"00:00-24:00"}
	return h
}

// ReadHours reads rows such as "mon-fri 09:00-20:00", "sat 10:00-16:00" or
// "09:00-20:00" for every day; a later row counts for its days. No rows mean all
// hours.
func ReadHours(rows []string) (Hours, error) {
	if len(rows) == 0 {
		return AllHours(), nil
	}
	h := Hours{texts: rows}
	for _, row := range rows {
		days, times, both := strings.Cut(strings.TrimSpace(row), " ")
		if !both {
			days, times = "sun-sat", days
		}
		part, err := readSpan(strings.TrimSpace(times))
		if err != nil {
			return Hours{}, fmt.Errorf("calling hours %q: %w", row, err)
		}
		first, last, err := readDays(days)
		if err != nil {
			return Hours{}, fmt.Errorf("calling hours %q: %w", row, err)
		}
		for d := first; ; d = (d + 1) % 7 {
			h.days[d] = part
			if d == last {
				break
			}
		}
	}
	return h, nil
}

func readSpan(text string) (span, error) {
	if text == "closed" {
		return span{}, nil
	}
	from, until, both := strings.Cut(text, "-")
	begin, err := readMinute(from)
	end, err2 := readMinute(until)
	if !both || err != nil || err2 != nil || begin >= end {
		return span{}, fmt.Errorf("%q is no part of a day: write it like 09:00-20:00, or closed", text)
	}
	return span{begin, end}, nil
}

func readMinute(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	at, err := time.Parse("15:04", strings.TrimSpace(text))
	return at.Hour()*60 + at.Minute(), err
}

func readDays(text string) (first, last time.Weekday, err error) {
	from, until, several := strings.Cut(strings.ToLower(text), "-")
	if !several {
		until = from
	}
	first, ok := readWeekday(from)
	last, ok2 := readWeekday(until)
	if !ok || !ok2 {
		return 0, 0, fmt.Errorf("%q are no days: write them like mon-fri or sat", text)
	}
	return first, last, nil
}

func readWeekday(text string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); text == name || text == name[:3] {
			return d, true
		}
	}
	return 0, false
}

// String is how the hours were written.
func (h Hours) String() string { return strings.Join(h.texts, ", ") }

// Open reports whether a contact whose clock shows at's wall time may be called.
func (h Hours) Open(at time.Time) bool {
	day := h.days[at.Weekday()]
	minute := at.Hour()*60 + at.Minute()
	return minute >= day.from && minute < day.until
}

// Next is at when the hours are open then, else the next opening within eight
// days; ok is false when there is none. The result is in at's zone.
func (h Hours) Next(at time.Time) (next time.Time, ok bool) {
	if h.Open(at) {
		return at, true
	}
	for ahead := range 9 {
		year, month, day := at.AddDate(0, 0, ahead).Date()
		part := h.days[time.Date(year, month, day, 12, 0, 0, 0, at.Location()).Weekday()]
		opening := time.Date(year, month, day, 0, part.from, 0, 0, at.Location())
		if part.from < part.until && opening.After(at) {
			return opening, true
		}
	}
	return time.Time{}, false
}
