package load

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/media"
	"ringback/sip"
)

// What a tally counts and does not merge would be missing in the report of several
// generators.
func TestTally_NothingIsForgotten(t *testing.T) {
	whole := newTally()
	for _, name := range verbNames() {
		whole.verb(name)
	}
	fields := reflect.TypeFor[tally]().NumField()
	if known := len(whole.counters()) + len(whole.reasons()) + len(whole.histograms()) - (len(whole.verbs) - 1) + len([]string{"steps"}); known != fields { // all verbs are one field
		t.Errorf("a tally has %d fields, and %d are in the tables of tally_raw.go: enter the new one", fields, known)
	}
	seen := map[any]bool{}
	for _, n := range whole.counters() {
		seen[n] = true
	}
	for _, h := range whole.histograms() {
		seen[h] = true
	}
	if len(seen) != len(whole.counters())+len(whole.histograms()) {
		t.Error("a field is in the tables twice")
	}
}

// event is something that a generator counts.
type event struct {
	kind  int
	value int64
	text  string
}

func (e event) count(t *tally) {
	d := time.Duration(e.value) * time.Microsecond
	switch e.kind {
	case 0:
		t.began++
		record(t.late, d/1000)
		record(t.setup, d)
	case 1:
		t.answered++
		record(t.answer, d)
	case 2:
		t.fails(sip.Cause{Code: 486, Reason: e.text})
	case 3:
		t.hears(media.Stats{RxPackets: uint64(e.value % 2), MOSScale: []string{media.ScaleNarrow, media.ScaleWide}[e.value/2%2], MOS: float64(e.value%350)/100 + 1, JitterMS: float64(e.value) / 1000, Expected: 100, Lost: e.value % 100})
	case 4:
		record(t.register, d)
		t.refreshed++
		t.lapsed++
		t.refused++
		t.refusals[e.text]++
	case 5:
		t.offers++
		record(t.verb(verbNames()[e.value%int64(len(verbNames()))]), d)
		t.refusedVerbs[e.text]++
	case 6:
		step := event{int(e.value) % 4, e.value / 4 * 4, e.text}
		step.count(t.step(int(e.value) / 4 % 3))
	}
}

func drawEvents(t *rapid.T) []event {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event {
		return event{rapid.IntRange(0, 6).Draw(t, "kind"), rapid.Int64Range(0, 4_000_000_000).Draw(t, "value"), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "text")}
	}), 0, 120).Draw(t, "events")
}

// resultOf is a result whose generator counted these.
func resultOf(p Part, began time.Time, events []event) *Result {
	t := newTally()
	for _, e := range events {
		e.count(t)
	}
	lines := []string{"p99(setup) < 500ms", "failures < 10%", "mos.p5 > 4.0", "registration.failures == 0"}
	thresholds, _ := parseThresholds("thresholds", lines)
	return &Result{
		Terms: Terms{Plan: "p", For: time.Minute, Lateness: 5 * time.Second, Thresholds: lines, thresholds: thresholds, Kind: KindOpen, Steps: []StepPlan{{Rate: 1, For: time.Second}, {Rate: 2, For: 2 * time.Second}, {Rate: 3, For: 3 * time.Second}}}, tally: t,
		Generators: []Generator{{Index: p.Index, Of: p.of(), Began: began, Start: began.Add(time.Second), Made: began.Add(30 * time.Second), At: began.Add(time.Minute), Lateness: buckets(t.late)}},
	}
}

// However the events of a run are spread over generators, written to files and
// merged in whatever order, the report is the one of a single generator.
func TestMerge_IsTheReportOfOneRun(t *testing.T) {
	began := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		of := rapid.IntRange(1, 6).Draw(t, "generators")
		shares := make([][]event, of)
		for _, e := range events {
			i := rapid.IntRange(0, of-1).Draw(t, "whose")
			shares[i] = append(shares[i], e)
		}
		var parts []*Result
		for i, share := range shares {
			text, err := json.Marshal(resultOf(Part{i, of}, began, share))
			if err != nil {
				t.Fatal(err)
			}
			read, err := ReadResult(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, read)
		}
		merged, err := Merge(rapid.Permutation(parts).Draw(t, "order")...)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := json.Marshal(resultOf(Part{}, began, events).Report())
		report := merged.Report()
		if report.Generators = nil; len(merged.Generators) != of {
			t.Fatalf("%d generators of %d", len(merged.Generators), of)
		}
		got, _ := json.Marshal(report)
		if !bytes.Equal(got, want) {
			t.Fatalf("merged\n%s\nis not\n%s", got, want)
		}
	})
}

func TestMerge_SaysWhatIsWrong(t *testing.T) {
	began := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	one := func(i, of int, change func(r *Result)) *Result {
		r := resultOf(Part{i, of}, began, []event{{0, 1000, ""}})
		if change != nil {
			change(r)
		}
		return r
	}
	for _, row := range []struct {
		name  string
		parts []*Result
		want  string
	}{
		{"none", nil, "there are none"},
		{"twice", []*Result{one(0, 2, nil), one(0, 2, nil)}, "generator 1/2 is there twice"},
		{"another plan", []*Result{one(0, 2, nil), one(1, 2, func(r *Result) { r.Terms.Plan = "q" })}, "generator 2/2"[10:]},
		{"another run", []*Result{one(0, 2, nil), one(1, 3, nil)}, "different runs"},
	} {
		if _, err := Merge(row.parts...); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	for _, row := range []struct {
		name  string
		parts []*Result
		want  string
	}{
		{"missing", []*Result{one(0, 2, nil)}, "not valid: generator 2/2 was lost: its result is missing"},
		{"late", []*Result{one(0, 2, nil), one(1, 2, func(r *Result) {
			r.Generators[0].Lateness = []Bucket{{6_000_000, 1}}
		})}, "not valid: generator 2/2 was 6"},
		{"dropped", []*Result{one(0, 2, func(r *Result) { r.Generators[0].Self.Dropped = 3 }), one(1, 2, nil)}, "not valid: sockets of generator 1/2 dropped 3 datagrams"},
		{"lost", []*Result{one(0, 2, nil), one(1, 2, func(r *Result) { r.Generators[0].Lost = "killed" })}, "not valid: generator 2/2 was lost: killed"},
	} {
		all, err := Merge(row.parts...)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		r := all.Complete().Report()
		if r.Valid || r.OK || !slices.ContainsFunc(r.Why, func(why string) bool { return strings.HasPrefix(why, row.want) }) {
			t.Errorf("%s: %v", row.name, r.Why)
		}
	}
}

func TestReadResult_SaysWhatIsWrong(t *testing.T) {
	text, err := json.Marshal(resultOf(Part{1, 2}, time.Now(), []event{{0, 1000, ""}, {2, 0, "Busy"}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ from, to, want string }{
		{"load-raw/1", "load-raw/9", `"ringback.load-raw/9": this program reads ringback.load-raw/1`},
		{`"index":1`, `"index":2`, "there is no such one"},
		{`"began":1`, `"began":-1`, "below 0"},
		{`"began":1`, `"pain":1`, "counter pain"},
		{`"setup_us"`, `"pain"`, "histogram pain"},
		{`[1000,1]`, `[1000,-1]`, "bucket"},
		{`"calls":{`, `"pain":{`, "causes of pain"},
		{`p99(setup)`, `p99(pain)`, `there is no \"pain\"`},
		{`{"schema"`, `"schema"`, "read result"},
	} {
		wrong := strings.Replace(string(text), row.from, row.to, 1)
		if wrong == string(text) {
			t.Errorf("%s is not in %s", row.from, text)
		}
		if _, err := ReadResult(strings.NewReader(wrong)); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `"`, `\"`), row.want) && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s in place of %s: %v", row.to, row.from, err)
		}
	}
}

// Parts that run side by side make what one run makes, each with its own users.
func TestLoad_Parts(t *testing.T) {
	for _, calls := range []string{"rate: 20, for: 20s, ramp: 5s, talk: {mean: 2s}", "concurrency: 7, for: 20s, talk: {mean: 3s}, think: {mean: 1s}", "rate: 20, for: 20s, most: 101, talk: {mean: 1s}",
		"concurrency: 7, for: 20s, most: 23, talk: {mean: 3s}"} {
		story(t, func(t *testing.T, n *simnet.Net) {
			far := respond(t, n, ResponderPlan{Media: MediaNone})
			p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], "+calls+"}\nthresholds: ['failures == 0']\n")
			whole := run(t.Context(), t, n, p, nil)
			const of = 3
			results := make(chan *Result, of)
			for i := range of {
				host := n.Host(generatorIP)
				go func() {
					r, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 2, Part: Part{i, of}})
					if err != nil {
						t.Error(err)
					}
					results <- r
				}()
			}
			var parts []*Result
			for range of {
				parts = append(parts, <-results)
			}
			merged, err := Merge(parts...)
			if err != nil {
				t.Fatal(err)
			}
			got := merged.Report()
			if !got.OK || got.Began != whole.Began || got.Answered != whole.Answered || got.Setup.Count != whole.Setup.Count || got.Rate < 0.95*whole.Rate || got.Rate > 1.05*whole.Rate {
				t.Errorf("%s: the parts made\n%+v, the whole\n%+v", calls, got, whole)
			}
			far.Close()
		})
	}
}

// More generators than users cannot each have one.
func TestLoad_TooManyParts(t *testing.T) {
	p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 1}\n")
	if _, err := Run(t.Context(), p, Options{Part: Part{3, 40}}); err == nil || !strings.Contains(err.Error(), "10 users are too few for 40 generators") {
		t.Error(err)
	}
}

// Registrations without calls, of several generators: how long they took, that they
// are refreshed, and what is lost of them while the PBX is away.
func TestLoad_RegistrationsOfParts(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		var people []lab.User
		for i := range 30 {
			people = append(people, lab.User{Name: strconv.Itoa(1001 + i), Password: "secret"})
		}
		pbx, err := lab.Start(t.Context(), lab.Config{Network: n.Host(farIP), IP: netip.MustParseAddr(farIP), Listen: []sip.Listen{{Transport: "udp", Address: farIP + ":5060"}}, Users: people})
		if err != nil {
			t.Fatal(err)
		}
		n.OneWay(farIP, generatorIP, simnet.Link{Latency: 20 * time.Millisecond})
		p := plan(t, "users: {first: 1001, count: 30}\nregister: true\ncalls: {for: 10m}\nthresholds: ['registration.failures == 0', 'p99(registration) < 100ms', 'registration.lost == 0']\n")
		p.Account.Expires = time.Minute
		p.Users.PasswordFile = filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(p.Users.PasswordFile, []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		const of = 3
		results := make(chan *Result, of)
		for i := range of {
			host := n.Host(generatorIP)
			go func() {
				r, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 2, Part: Part{i, of}})
				if err != nil {
					t.Error(err)
				}
				results <- r
			}()
		}
		merged, err := Merge(<-results, <-results, <-results)
		if err != nil {
			t.Fatal(err)
		}
		r := merged.Report()
		if !r.OK || r.Registered != 30 || r.NotRegister != 0 || r.Registering.Count != 30 || r.Registering.P50 < 40 || r.Registering.Max > 60 || r.Refreshed < 30*10 || r.Refreshed > 30*30 || r.Lapsed != 0 || r.LeftRegistrations != 0 {
			t.Errorf("%+v", r)
		}
		for _, u := range people {
			if left := pbx.Bindings(u.Name); len(left) != 0 {
				t.Errorf("left at the PBX: %v", left)
			}
		}
		_ = pbx.Close(context.Background())
	})
}

// A PBX that goes away takes registrations with it, and the report says how many.
func TestLoad_RegistrationsAreLost(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		pbx, err := lab.Start(t.Context(), lab.Config{Network: n.Host(farIP), IP: netip.MustParseAddr(farIP), Listen: []sip.Listen{{Transport: "udp", Address: farIP + ":5060"}},
			Users: []lab.User{{Name: "1001", Password: "secret"}, {Name: "1002", Password: "secret"}}})
		if err != nil {
			t.Fatal(err)
		}
		p := plan(t, "users: {first: 1001, count: 2}\nregister: true\ncalls: {for: 10m}\nthresholds: ['registration.lost == 0']\n")
		p.Account.Expires = time.Minute
		p.Users.PasswordFile = filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(p.Users.PasswordFile, []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(3*time.Minute, func() { _ = pbx.Close(context.Background()) })
		r := run(t.Context(), t, n, p, nil)
		if r.OK || r.Lapsed != 2 || r.Registered != 0 || r.LeftRegistrations != 0 || len(r.Refusals) == 0 || !strings.HasPrefix(r.Refusals[0].Text, "lost: ") {
			t.Errorf("%+v", r)
		}
	})
}

// The line of a second has what there is of it: agents, who are called, have no setup.
func TestSnapshot_Line(t *testing.T) {
	start := time.Unix(0, 0)
	for _, row := range []struct {
		count func(t *tally)
		want  string
	}{
		{func(t *tally) {}, "    2 s  0 began (0.0/s)  0 up now  0 failed  late p99 0s"},
		{func(t *tally) { t.began = 4; record(t.answer, 50*time.Millisecond) }, "    2 s  4 began (2.0/s)  0 up now  0 failed  answer p50 50.02ms p99 50.02ms  late p99 0s"},
		{func(t *tally) {
			record(t.setup, 2*time.Millisecond)
			record(t.answer, 50*time.Millisecond)
			record(t.wide, 430*time.Microsecond)
		}, "    2 s  0 began (0.0/s)  0 up now  0 failed  setup p50 2ms p99 2ms  late p99 0s  MOS p5 4.30 wide-band"},
	} {
		r := &Result{Generators: []Generator{{Start: start, Began: start, At: start.Add(2 * time.Second)}}, tally: newTally()}
		row.count(r.tally)
		if got := r.Snapshot().Line(); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}

// The edge of what is valid is the plan's lateness at p99, 5 ms where it says nothing: a run
// that is later by a hair fails whatever its thresholds say, and one call in a hundred may be.
func TestReport_ValidUpToTheLateness(t *testing.T) {
	for _, row := range []struct {
		late  []Bucket
		valid bool
	}{
		{[]Bucket{{4_990, 1000}}, true},
		{[]Bucket{{5_010, 1000}}, false},
		{[]Bucket{{100, 991}, {900_000, 9}}, true},
		{[]Bucket{{100, 985}, {5_100, 15}}, false},
	} {
		r := resultOf(Part{}, time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC), nil)
		r.Terms.Lateness, r.Terms.thresholds, r.Generators[0].Lateness = DefaultPlan().Lateness, nil, row.late
		if p := r.Report(); p.Valid != row.valid || p.OK != row.valid || !row.valid && !strings.Contains(strings.Join(p.Why, ""), "ms late at p99 (at most 5ms)") {
			t.Errorf("%v: valid %v, %q", row.late, p.Valid, p.Why)
		}
	}
}
