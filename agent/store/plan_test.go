package store

import (
	"strings"
	"testing"
	"time"
)

// TestPlans holds the promise of speed where it can be held on any machine: no
// query that is asked while people wait goes through a whole table, or sorts what
// it has found. The figures are in bench_test.go.
func TestPlans(t *testing.T) {
	s := openStore(t, "", Options{})
	history := func(f HistoryFilter) string { q, _ := f.query(); return q }
	callbacks := func(f CallbackFilter) string { q, _ := f.query(); return q }
	reports := func(f ReportFilter) string { q, _ := f.query(); return q }
	scheduled := []CallbackState{CallbackScheduled}
	for name, query := range map[string]string{
		"interaction":            "SELECT " + interactionColumns + " FROM interaction WHERE id = ?",
		"open":                   "SELECT id FROM interaction WHERE closed IS NULL ORDER BY seq",
		"free key":               "SELECT seq FROM interaction WHERE seq >= ? AND seq < ? ORDER BY seq DESC LIMIT 1",
		"notes":                  "SELECT id FROM interaction WHERE e164 = ? AND e164 <> '' AND note <> '' ORDER BY seq DESC LIMIT ?",
		"history text":           history(HistoryFilter{Text: "山"}),
		"history text time kind": history(HistoryFilter{Text: "山", From: noon, Kind: "call", E164: "+81"}),
		"history number":         history(HistoryFilter{E164: "+81"}),
		"history kind":           history(HistoryFilter{Kind: "call"}),
		"history time":           history(HistoryFilter{From: noon, Until: noon.Add(time.Hour)}),
		"callbacks text":         callbacks(CallbackFilter{Text: "山"}),
		"callbacks text states":  callbacks(CallbackFilter{Text: "山", States: []CallbackState{CallbackOpen, CallbackDone}, Scope: "team"}),
		"callbacks scheduled":    callbacks(CallbackFilter{States: scheduled}),
		"callbacks due":          callbacks(CallbackFilter{DueBefore: noon}),
		"callbacks in a state":   callbacks(CallbackFilter{States: []CallbackState{CallbackOpen}}),
		"callbacks of a number":  callbacks(CallbackFilter{E164: "+81"}),
		"next due":               nextDue,
		"callback attempts":      "SELECT n FROM attempt WHERE callback = ? AND callback <> '' ORDER BY started",
		"reports of a callback":  reports(ReportFilter{Callback: "a", States: []ReportState{ReportWaiting}}),
		"reports after":          reports(ReportFilter{After: 7, States: []ReportState{ReportWaiting}}),
		"reports failed":         reports(ReportFilter{States: []ReportState{ReportFailed}}),
		"reports that wait":      reports(ReportFilter{States: []ReportState{ReportWaiting, ReportFailed}}),
		"reports first":          "SELECT min(seq) FROM report WHERE state = 'waiting' GROUP BY callback",
		"reports counted":        "SELECT count(*) FROM report WHERE state = 'waiting'",
		"timeline":               "SELECT body FROM event WHERE interaction = ? ORDER BY time, run, seq",
		"calls":                  "SELECT ladder FROM call WHERE interaction = ? ORDER BY started, id",
		"recordings":             "SELECT file FROM recording WHERE interaction = ? ORDER BY started, id",
		"old recordings":         "SELECT file FROM recording WHERE ended < ? ORDER BY ended, id LIMIT ?",
		"unended recordings":     "SELECT file FROM recording WHERE ended IS NULL",
		"recents":                "SELECT id FROM call ORDER BY started DESC LIMIT ?",
		"contact by number":      "SELECT contact FROM point WHERE e164 = ? AND e164 <> ''",
		"contact's points":       "SELECT value FROM point WHERE contact = ? ORDER BY n",
		"contacts":               "SELECT rowid FROM contact_search WHERE contact_search MATCH ? ORDER BY rowid LIMIT ?",
		"forget interactions":    oldInteractions, "forget callbacks": oldCallbacks, "forget reports": oldReports, "forget untold": oldUntold, "forget calls": oldCalls, "forget notes": oldNotes,
		"forgotten events":         "DELETE FROM event WHERE interaction = ?",
		"forgotten calls":          "DELETE FROM call WHERE interaction = ?",
		"events of no interaction": "DELETE FROM event WHERE interaction = '' AND time < ?",
	} {
		plan, err := s.plan(query)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		whole := strings.Contains(plan, "SCAN") && !strings.Contains(plan, "VIRTUAL TABLE INDEX") && !strings.Contains(plan, "USING INDEX") && !strings.Contains(plan, "COVERING INDEX")
		sorts := strings.Contains(plan, "TEMP B-TREE")
		if whole || sorts || plan == "" {
			t.Errorf("%s: %s\n%s", name, query, plan)
		}
	}
	if plan, err := s.plan("SELECT name FROM interaction ORDER BY name"); err != nil || !strings.Contains(plan, "SCAN") || !strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("the test sees no bad plan: %s %v", plan, err)
	}
}

func (s *Store) plan(query string) (plan string, err error) {
	err = s.Reader.do(func(c *conn) error {
		args := make([]any, strings.Count(query, "?"))
		for i := range args {
			args[i] = 1
		}
		return c.query(func(r row) error {
			var id, parent, unused int
			var detail string
			err := r.Scan(&id, &parent, &unused, &detail)
			plan += detail + "\n"
			return err
		}, "EXPLAIN QUERY PLAN "+query, args...)
	})
	return plan, err
}
