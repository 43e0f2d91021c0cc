package load

import (
	"testing"

	"ringback/media"
)

// TestTally_TheTwoScalesOfMOSAreKeptApart: a clean call of G.711 has 4.4 on its scale and
// a bad one of Opus 3.0 on its own; no mean or percentile is of both.
func TestTally_TheTwoScalesOfMOSAreKeptApart(t *testing.T) {
	all := newTally()
	for range 100 {
		all.hears(media.Stats{RxPackets: 1, MOS: 4.4, MOSScale: media.ScaleNarrow})
		all.hears(media.Stats{RxPackets: 1, MOS: 3.0, MOSScale: media.ScaleWide})
	}
	if s := scoresOf(all.mos); s.P5 < 4.39 || s.P95 > 4.41 || s.Count != 100 {
		t.Errorf("narrow-band calls %+v", s)
	}
	if s := scoresOf(all.wide); s.P5 < 2.99 || s.P95 > 3.01 || s.Count != 100 {
		t.Errorf("wide-band calls %+v", s)
	}
	for text, want := range map[string]bool{"mos.p95 > 4": false, "mos.narrowband.p5 > 4": true, "p5(mos.wideband) > 4": false, "mos.p5 > 2.9": true} {
		th, err := ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		v, known := all.value(th)
		if !known || th.holds(v) != want {
			t.Errorf("%s: %v %v", text, v, known)
		}
	}
	empty := newTally()
	if th, _ := ParseThreshold("mos.p5 > 4"); th != nil {
		if _, known := empty.value(th); known {
			t.Error("no call has a score")
		}
	}
}
