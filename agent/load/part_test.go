package load

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// For every number of generators, of things in a row and of things that go round,
// each thing belongs to exactly one part.
func TestPart_DisjointAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.IntRange(1, 40).Draw(t, "generators")
		things := rapid.IntRange(0, 500).Draw(t, "things")
		row, round := make([]int, things), make([]int, things)
		for i := range of {
			p := Part{i, of}
			from, to := p.Slice(things)
			if size := to - from; size != things/of && size != (things+of-1)/of {
				t.Fatalf("part %v of %d has %d", p, things, size)
			}
			for k := from; k < to; k++ {
				row[k]++
			}
			for k := range p.Count(things) {
				round[p.Nth(k)]++
			}
		}
		for k := range things {
			if row[k] != 1 || round[k] != 1 {
				t.Fatalf("thing %d of %d belongs to %d and %d of %d parts", k, things, row[k], round[k], of)
			}
		}
	})
}

// The arrivals of the parts are those of the whole plan, at the same moments.
func TestPart_Arrivals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.IntRange(1, 9).Draw(t, "generators")
		rate := rapid.Float64Range(0.5, 500).Draw(t, "rate")
		ramp := time.Duration(rapid.IntRange(0, 5000).Draw(t, "ramp")) * time.Millisecond
		whole := map[time.Duration]int{}
		for n := range 200 {
			whole[due(t, n, rate, ramp)]++
		}
		for i := range of {
			p := Part{i, of}
			for k := range p.Count(200) {
				whole[due(t, p.Nth(k), rate, ramp)]--
			}
		}
		for at, n := range whole {
			if n != 0 {
				t.Fatalf("at %v %d calls are missing", at, n)
			}
		}
	})
}

func TestParsePart(t *testing.T) {
	env := func(value string) func(string) string {
		return func(name string) string {
			if name != "JOB_COMPLETION_INDEX" {
				t.Errorf("asks for %s", name)
			}
			return value
		}
	}
	for _, row := range []struct {
		text, job string
		want      Part
		wrong     string
	}{
		{"1/1", "", Part{0, 1}, ""},
		{"4/4", "", Part{3, 4}, ""},
		{"job/4", "0", Part{0, 4}, ""},
		{"job/4", "3", Part{3, 4}, ""},
		{"job/4", "4", Part{}, "it has to be 0 to 3"},
		{"job/4", "", Part{}, "completionMode: Indexed"},
		{"0/4", "", Part{}, "write 1/4 to 4/4"},
		{"5/4", "", Part{}, "write 1/4 to 4/4"},
		{"1/0", "", Part{}, "write i/N"},
		{"1", "", Part{}, "write i/N"},
		{"x/2", "", Part{}, "write 1/2 to 2/2"},
		{"1/100000", "", Part{}, "N up to 1000"},
	} {
		got, err := ParsePart(row.text, env(row.job))
		if got != row.want || (err == nil) != (row.wrong == "") || err != nil && !strings.Contains(err.Error(), row.wrong) {
			t.Errorf("%s with index %q: %v, %v", row.text, row.job, got, err)
		}
	}
}
