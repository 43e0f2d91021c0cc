package fleet

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"ringback/agent/load"
)

// Phases of a run, as its coordinator wants it.
const (
	phaseWaiting = "waiting" // for the generators
	phaseRunning = "running"
	phaseEnding  = "ending" // early: hang up, unregister, hand over
	phaseOver    = "over"   // all have handed over, or are lost
)

// state is all that a coordinator wants, published again and again.
type state struct {
	Phase string        `json:"phase"`
	In    time.Duration `json:"in"`   // until the calls begin; below 0: they have
	Rate  float64       `json:"rate"` // times the plan's
	Last  bool          `json:"last"` // no call begins any more
	Why   string        `json:"why"`  // of ending; empty: somebody interrupted it
}

// What a generator says.
const (
	saysJoin  = "join"
	saysReady = "ready" // users are registered
	saysHow   = "how"   // it goes
	saysHere  = "here"  // still, with nothing to tell
	saysDone  = "done"
	saysFail  = "fail" // to start
)

// message is from a generator. Of says how many it believes there are.
type message struct {
	Says   string `json:"says"`
	ID     string `json:"id"` // of the process: two that take one part are found
	Index  int    `json:"index"`
	Of     int    `json:"of"`
	Plan   string `json:"plan,omitempty"` // with join: the plan's digest
	Host   string `json:"host,omitempty"`
	Error  string `json:"error,omitempty"`
	Result []byte `json:"result,omitempty"` // with how and done: a load.Result, JSON, gzip
}

// reply is the coordinator's to join, ready, done and fail.
type reply struct {
	Refused string `json:"refused,omitempty"` // why; the generator ends with that
	Ladders bool   `json:"ladders,omitempty"` // the worst calls shall have theirs
}

func pack(r *load.Result) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(r); err != nil {
		return nil, fmt.Errorf("pack result: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack result: %w", err)
	}
	return b.Bytes(), nil
}

func unpack(packed []byte) (*load.Result, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack result: %w", err)
	}
	return load.ReadResult(z)
}

var runName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// subjects of a run.
type subjects string

func (s subjects) state() string       { return "ringback.load." + string(s) + ".state" }
func (s subjects) generators() string  { return "ringback.load." + string(s) + ".generators" }
func (s subjects) coordinator() string { return "ringback.load." + string(s) + ".coordinator" }

// newSubjects checks a run's name.
func newSubjects(run string) (subjects, error) {
	if !runName.MatchString(run) {
		return "", fmt.Errorf("run %q: write up to 64 letters, digits, - and _", run)
	}
	return subjects(run), nil
}
