package schedule

import (
	"strings"
	"testing"
	"time"
)

func place(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestRead(t *testing.T) {
	now := "2026-11-25T10:20:00+09:00" // a Wednesday
	rows := []struct{ zone, text, want string }{
		{"Asia/Tokyo", "2026-12-01T09:00:00Z", "2026-12-01T18:00:00+09:00"},
		{"Asia/Tokyo", "+30m", "2026-11-25T10:50:00+09:00"},
		{"Asia/Tokyo", "+1h 30m", "2026-11-25T11:50:00+09:00"},
		{"Asia/Tokyo", "15:04", "2026-11-25T15:04:00+09:00"},
		{"Asia/Tokyo", "09:00", "2026-11-26T09:00:00+09:00"},
		{"Asia/Tokyo", "tomorrow 09:00", "2026-11-26T09:00:00+09:00"},
		{"Asia/Tokyo", "today 18:30", "2026-11-25T18:30:00+09:00"},
		{"Asia/Tokyo", "Wed 09:00", "2026-12-02T09:00:00+09:00"},
		{"Asia/Tokyo", "friday 09:00", "2026-11-27T09:00:00+09:00"},
		{"Asia/Tokyo", "2026-12-24 09:30", "2026-12-24T09:30:00+09:00"},
		{"Asia/Tokyo", "2026-12-24T09:30", "2026-12-24T09:30:00+09:00"},
		// The contact's tomorrow is not ours: in New York it is still Tuesday evening.
		{"America/New_York", "tomorrow 09:00", "2026-11-25T09:00:00-05:00"},
		{"Asia/Kathmandu", "15:00", "2026-11-25T15:00:00+05:45"},
	}
	for _, row := range rows {
		t.Run(row.zone+"/"+row.text, func(t *testing.T) {
			got, err := Read(row.text, at(t, now), place(t, row.zone))
			if err != nil || !got.Equal(at(t, row.want)) {
				t.Errorf("%v, %v, want %s", got, err, row.want)
			}
		})
	}
}

func TestRead_refused(t *testing.T) {
	now := "2026-03-28T10:00:00+01:00"
	rows := []struct{ zone, text, says string }{
		{"Europe/Berlin", "", "cannot be read"},
		{"Europe/Berlin", "soon", "write it like 15:04"},
		{"Europe/Berlin", "25:00", "cannot be read"},
		{"Europe/Berlin", "+soon", "+30m"},
		{"Europe/Berlin", "+-5m", "no time ahead"},
		{"Europe/Berlin", "2026-02-30 10:00", "cannot be read"},
		{"Europe/Berlin", "yesterday 09:00", "cannot be read"},
		{"Europe/Berlin", "tomorrow 02:30", "does not exist in Europe/Berlin: the clock is put forward that night; the next is 2026-03-29T03:00:00+02:00"},
		{"Europe/Berlin", "2026-10-25 02:30", "comes twice in Europe/Berlin: the clock is put back that night; write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"},
		{"Australia/Lord_Howe", "2026-04-05 01:45", "comes twice"}, // by half an hour
		{"America/New_York", "2027-03-14 02:30", "does not exist"},
	}
	for _, row := range rows {
		t.Run(row.zone+"/"+row.text, func(t *testing.T) {
			got, err := Read(row.text, at(t, now), place(t, row.zone))
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v, %v, want an error that says %q", got, err, row.says)
			}
		})
	}
}

func office(t *testing.T) Hours {
	t.Helper()
	h, err := ReadHours([]string{"mon-fri 09:00-20:00", "sat 10:00-16:00"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCheck(t *testing.T) {
	r := Rules{Hours: office(t), MaxDays: 30}
	now := "2026-11-25T10:20:00+09:00"
	rows := []struct{ zone, at, says string }{
		{"Asia/Tokyo", "2026-11-25T10:35:00+09:00", ""},
		{"Asia/Tokyo", "2026-11-25T10:20:00+09:00", "is over: it is Wed 2026-11-25 10:20 there now"},
		{"Asia/Tokyo", "2026-11-24T10:20:00+09:00", "is over"},
		{"Asia/Tokyo", "2026-11-25T19:59:00+09:00", ""},
		{"Asia/Tokyo", "2026-11-25T20:00:00+09:00", "outside of the contact's calling hours (mon-fri 09:00-20:00, sat 10:00-16:00): the next time is Thu 2026-11-26 09:00"},
		{"Asia/Tokyo", "2026-11-29T12:00:00+09:00", "the next time is Mon 2026-11-30 09:00"},
		{"Asia/Tokyo", "2026-11-28T08:00:00+09:00", "the next time is Sat 2026-11-28 10:00"},
		{"Asia/Tokyo", "2026-12-26T12:00:00+09:00", "more than 30 days ahead"},
		// Noon here is night there.
		{"America/New_York", "2026-11-26T12:00:00+09:00", "outside of the contact's calling hours"},
		{"Europe/Berlin", "2026-11-25T18:00:00+09:00", ""},
	}
	for _, row := range rows {
		t.Run(row.zone+"/"+row.at, func(t *testing.T) {
			err := r.Check(at(t, row.at), at(t, now), place(t, row.zone))
			switch {
			case row.says == "" && err != nil:
				t.Errorf("refused: %v", err)
			case row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)):
				t.Errorf("%v, want an error that says %q", err, row.says)
			}
		})
	}
}

func TestReadHours(t *testing.T) {
	h, err := ReadHours([]string{"09:00-21:00", "fri-mon 10:00-24:00", "sun closed"})
	if err != nil {
		t.Fatal(err)
	}
	zone := time.UTC
	for _, row := range []struct {
		at   string
		open bool
	}{
		{"2026-11-25T09:00:00Z", true}, {"2026-11-27T09:30:00Z", false}, {"2026-11-28T23:59:00Z", true},
		{"2026-11-29T12:00:00Z", false}, {"2026-11-30T10:00:00Z", true},
	} {
		if got := h.Open(at(t, row.at).In(zone)); got != row.open {
			t.Errorf("open at %s: %v", row.at, got)
		}
	}
	for _, row := range []string{"", "9-20", "20:00-09:00", "mon-fun 09:00-20:00", "mon 09:00", "mon 09:00-09:00"} {
		if _, err := ReadHours([]string{row}); err == nil {
			t.Errorf("%q is taken", row)
		}
	}
	all, err := ReadHours(nil)
	if err != nil || !all.Open(at(t, "2026-11-29T03:00:00Z")) {
		t.Errorf("without rows not every hour is open: %v", err)
	}
	if next, ok := (Hours{}).Next(at(t, "2026-11-29T03:00:00Z")); ok {
		t.Errorf("hours that are never open open at %v", next)
	}
}

func TestPresets(t *testing.T) {
	r := Rules{Hours: office(t), MaxDays: 30}
	now := at(t, "2026-11-25T19:50:00+09:00")
	got := r.Presets([]string{"+15m", "+1h", "tomorrow 09:00"}, now, place(t, "Asia/Tokyo"))
	if got[0].Why == "" || got[1].Why == "" || got[2].Why != "" || !got[2].At.Equal(at(t, "2026-11-26T09:00:00+09:00")) {
		t.Errorf("%+v", got)
	}
}

func TestRetry(t *testing.T) {
	r := Retry{Max: 3, Spacings: map[string]time.Duration{"busy": 5 * time.Minute, "no answer": 30 * time.Minute, "machine": 2 * time.Hour}}
	rows := []struct {
		result  string
		retries int
		want    time.Duration
		ok      bool
	}{
		{"busy", 0, 5 * time.Minute, true}, {"busy", 1, 10 * time.Minute, true}, {"busy", 2, 20 * time.Minute, true}, {"busy", 3, 0, false},
		{"no answer", 0, 30 * time.Minute, true}, {"machine", 0, 2 * time.Hour, true}, {"answered", 0, 0, false}, {"wrong number", 0, 0, false},
	}
	for _, row := range rows {
		if got, ok := r.After(row.result, row.retries); got != row.want || ok != row.ok {
			t.Errorf("%s after %d retries: %v, %v", row.result, row.retries, got, ok)
		}
	}
	if _, ok := (Retry{}).After("busy", 0); ok {
		t.Error("the zero value retries")
	}
}

func TestFit(t *testing.T) {
	r := Rules{Hours: office(t), MaxDays: 30}
	now, zone := at(t, "2026-11-25T19:50:00+09:00"), place(t, "Asia/Tokyo")
	if got, ok := r.Fit(now.Add(30*time.Minute), now, zone); !ok || !got.Equal(at(t, "2026-11-26T09:00:00+09:00")) {
		t.Errorf("%v, %v", got, ok)
	}
	if got, ok := r.Fit(now.AddDate(0, 0, 40), now, zone); ok {
		t.Errorf("40 days ahead fits: %v", got)
	}
}
