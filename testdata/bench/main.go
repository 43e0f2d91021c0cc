// Command bench measures ringback beside its peers on this machine's loopback and prints
// both side by side, with their ratio. README.md says how to read it. Run it with
//
//	make bench            everything, some minutes
//	make bench ONLY=calls one part: calls, registrations, digest, refresh, media, agents, memory, curve, sustained or most
//
// It starts only its own children, ends each of them by its process, and keeps what it
// measured in raw.jsonl beside this file, one record per run, disturbed ones too.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// bench is one run of this program.
type bench struct {
	ringback string        // the binary
	sipp     string        // "" where it is not installed
	peer     string        // its version
	dir      string        // of scenarios and raw.jsonl
	tmp      string        // taken away at the end
	length   time.Duration // of one measurement
	repeats  int
	raw      *os.File
	rows     []row
}

// row is a line of the table: ours and the peer's, in the unit that the name says.
type row struct {
	name       string
	ours, peer float64
	note       string
}

const partNames = "calls, registrations, digest, refresh, media, agents, memory, curve, sustained or most"

func main() {
	b := &bench{}
	only := flag.String("only", "", "one part: "+partNames+"; empty: all but sustained and most")
	meterAt := flag.Int("meter", 0, "be the RTP meter at this port of loopback")
	flag.StringVar(&b.ringback, "ringback", "bin/ringback", "the binary to measure")
	flag.StringVar(&b.sipp, "sipp", "sipp", "the peer: its name or path")
	flag.StringVar(&b.dir, "dir", "testdata/bench", "where the scenarios are, and raw.jsonl is kept")
	flag.DurationVar(&b.length, "length", 10*time.Second, "of one measurement")
	flag.IntVar(&b.repeats, "repeats", 3, "of each measurement; the median counts")
	flag.Parse()
	do := func() error { return b.run(*only) }
	if *meterAt > 0 {
		do = func() error { return runMeter(*meterAt) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(only string) error {
	b.sipp = findPeer(b.sipp)
	b.peer = versionOf(b.sipp)
	if b.sipp == "" {
		fmt.Println("sipp is not installed (apt-get install sip-tester, or make prepare): ours alone is measured")
	}
	var err error
	if b.tmp, err = os.MkdirTemp("", "ringback-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(b.tmp)
	if b.raw, err = os.OpenFile(filepath.Join(b.dir, "raw.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return err
	}
	defer b.raw.Close()
	fmt.Printf("beside SIPp %s (%s)\n", b.peer, b.sipp)
	parts := []struct {
		name string
		do   func() error
	}{{"calls", b.calls}, {"registrations", b.registrations}, {"digest", b.digest}, {"refresh", b.refresh}, {"media", b.media}, {"agents", b.agents}, {"memory", b.memory}, {"curve", b.curve}, {"sustained", b.sustained}, {"most", b.most}}
	known := false
	for _, p := range parts {
		if only != p.name && (only != "" || p.name == "most" || p.name == "sustained") {
			continue
		}
		known = true
		fmt.Printf("\n%s: %s\n", p.name, time.Now().Format(time.DateTime))
		if err := p.do(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !known {
		return fmt.Errorf("-only %q: write %s", only, partNames)
	}
	b.print()
	return nil
}

// record is one run of one program, as raw.jsonl keeps it.
type record struct {
	At        time.Time          `json:"at"`
	What      string             `json:"what"`
	Who       string             `json:"who"`
	Peer      string             `json:"peer,omitempty"` // the version of the SIPp that it was beside
	Rate      float64            `json:"rate,omitempty"`
	Units     int                `json:"units"`       // calls, packets or registrations
	CPU       map[string]float64 `json:"cpu_seconds"` // by process
	Before    float64            `json:"calibrator_before_us"`
	After     float64            `json:"calibrator_after_us"`
	Failed    int                `json:"failed"`
	Resent    *int               `json:"retransmissions"` // null: not counted
	Extra     map[string]float64 `json:"extra,omitempty"`
	Disturbed bool               `json:"disturbed"`
}

// resent is how many messages were sent again, as text.
func (r *record) resent() string {
	if r.Resent == nil {
		return "not counted"
	}
	return strconv.Itoa(*r.Resent)
}

// keep writes a record down.
func (b *bench) keep(r *record) {
	r.Peer, r.Disturbed = b.peer, disturbed(r.Before, r.After)
	line, err := json.Marshal(r)
	if err == nil {
		_, err = b.raw.Write(append(line, '\n'))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: keep a record:", err)
	}
}

// perUnit is the CPU of a run per unit, in µs of the machine on which the calibrator is
// 5.15 µs.
func (r *record) perUnit(process string) float64 {
	if r.Units == 0 {
		return 0
	}
	total := 0.0
	for name, cpu := range r.CPU {
		if process == "" || name == process {
			total += cpu
		}
	}
	return total * 1e6 / float64(r.Units) * standard / ((r.Before + r.After) / 2)
}

// repeated measures ours and the peer's in turn, so that both see the same machine, and
// returns the medians of the runs that nobody disturbed (of all, where all were).
func (b *bench) repeated(ours, peer func() (*record, error)) (ourMid, peerMid *record, err error) {
	var our, their []*record
	for range b.repeats {
		for _, side := range []struct {
			run func() (*record, error)
			to  *[]*record
		}{{ours, &our}, {peer, &their}} {
			if side.run == nil {
				continue
			}
			r, err := side.run()
			if err != nil {
				return nil, nil, err
			}
			b.keep(r)
			*side.to = append(*side.to, r)
			fmt.Printf("  %-9s %-9s %7.0f/s  %8.1f µs per unit  calibrator %.2f, %.2f  failed %d, resent %s  %v%s\n", r.Who, r.What, r.Rate,
				r.perUnit(""), r.Before, r.After, r.Failed, r.resent(), extras(r.Extra), map[bool]string{true: "  disturbed"}[r.Disturbed])
		}
	}
	return middle(our), middle(their), nil
}

func extras(m map[string]float64) string {
	var parts []string
	for name, v := range m {
		parts = append(parts, fmt.Sprintf("%s %.2f", name, v))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func middle(all []*record) *record {
	quiet := slices.DeleteFunc(slices.Clone(all), func(r *record) bool { return r.Disturbed })
	if len(quiet) == 0 {
		quiet = all
	}
	if len(quiet) == 0 {
		return &record{}
	}
	slices.SortFunc(quiet, func(a, b *record) int {
		if a.perUnit("") < b.perUnit("") {
			return -1
		}
		return 1
	})
	return quiet[(len(quiet)-1)/2]
}

func (b *bench) row(name string, ours, peer float64, note string) {
	b.rows = append(b.rows, row{name: name, ours: ours, peer: peer, note: note})
}

func (b *bench) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nwhat\tringback\tpeer\tratio\t")
	for _, r := range b.rows {
		peer, ratio := "-", "-"
		if r.peer > 0 {
			peer, ratio = fmt.Sprintf("%.1f", r.peer), fmt.Sprintf("%.2f", r.ours/r.peer)
		}
		fmt.Fprintf(w, "%s\t%.1f\t%s\t%s\t%s\n", r.name, r.ours, peer, ratio, r.note)
	}
	w.Flush()
}
