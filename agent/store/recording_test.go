package store

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestRecordings(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		one := Recording{ID: "r-1", File: "/rec/a.wav", Interaction: "i1", Call: "c1", Started: noon, Ended: noon.Add(time.Minute),
			Duration: 59*time.Second + 980*time.Millisecond, Pauses: json.RawMessage(`[{"from":1}]`), Reason: "stopped"}
		two := Recording{ID: "r-2", File: "/rec/b.wav", Interaction: "i1", Call: "c2", Started: noon.Add(time.Hour)}
		other := Recording{ID: "r-3", File: "/rec/c.wav", Interaction: "i2", Started: noon, Ended: noon.Add(time.Hour)}
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.PutRecording(two), tx.PutRecording(Recording{ID: "r-1", File: one.File, Started: noon}), tx.PutRecording(one), tx.PutRecording(other))
		})
		for what, row := range map[string]struct{ got, want []Recording }{
			"of i1":     {must[[]Recording](t)(s.Recordings("i1")), []Recording{one, two}},
			"unended":   {must[[]Recording](t)(s.UnendedRecordings()), []Recording{two}},
			"old":       {must[[]Recording](t)(s.OldRecordings(noon.Add(2*time.Hour), 10)), []Recording{one, other}},
			"older":     {must[[]Recording](t)(s.OldRecordings(noon.Add(time.Hour), 10)), []Recording{one}},
			"first old": {must[[]Recording](t)(s.OldRecordings(noon.Add(2*time.Hour), 1)), []Recording{one}},
		} {
			if !reflect.DeepEqual(row.got, row.want) {
				t.Errorf("%s: %+v", what, row.got)
			}
		}
		update(t, s, func(tx *Tx) error { return tx.DropRecording("r-1") })
		if got := must[[]Recording](t)(s.Recordings("i1")); len(got) != 1 {
			t.Errorf("%+v", got)
		}
	})
}
