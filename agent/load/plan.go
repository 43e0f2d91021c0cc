package load

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"ringback/agent/plainyaml"
)

// Plan is a load test as its file says it. Durations are Go durations.
type Plan struct {
	Account    AccountPlan   `yaml:"account"`
	Users      UsersPlan     `yaml:"users"`
	Register   bool          `yaml:"register"` // each user registers first, and unregisters at the end
	Calls      CallsPlan     `yaml:"calls"`
	Answer     *AnswerPlan   `yaml:"answer"` // with Register: calls that come to the users are answered
	Churn      ChurnPlan     `yaml:"churn"`  // with Register: users that go and come back
	Agents     *AgentsPlan   `yaml:"agents"` // in place of calls: the users take callbacks
	Thresholds []string      `yaml:"thresholds"`
	AbortOn    []string      `yaml:"abort_on"` // as thresholds; one that holds ends the run early, as failed
	Lateness   time.Duration `yaml:"lateness"` // of the generator itself, at p99; above it the run is not valid
	Seed       uint64        `yaml:"seed"`     // of what is drawn; 0: another with each run
	thresholds []*Threshold  // read
	abortOn    []*Threshold
}

// AccountPlan is the way to the PBX.
type AccountPlan struct {
	Registrar string        `yaml:"registrar"` // sip:pbx.example.com
	Proxy     string        `yaml:"proxy"`     // sip:10.0.0.1:5060;lr
	Transport string        `yaml:"transport"` // udp, tcp, tls, ws or wss
	Expires   time.Duration `yaml:"expires"`
	Bind      string        `yaml:"bind"`    // address of this generator; empty: that which leads to the PBX
	Sources   []string      `yaml:"sources"` // in place of Bind: ADDRESS, ADDRESS:PORT or ADDRESS:FROM-TO, ports included; users have them in turn, and agents a port each
	CAFile    string        `yaml:"ca_file"` // for tls and wss
	WSPath    string        `yaml:"ws_path"` // for ws and wss; empty: /ws
}

// ChurnPlan lets users unregister and come back while the calls are made.
type ChurnPlan struct {
	Rate float64 `yaml:"rate"` // users that go a second, of all; 0: none
	Away Spread  `yaml:"away"` // until they come back
}

// UsersPlan is who calls: First and Count, or a File of lines "user,password". A File
// whose first line begins with "user," names columns there, and each is a variable.
type UsersPlan struct {
	First        int    `yaml:"first"`
	Count        int    `yaml:"count"`
	PasswordFile string `yaml:"password_file"` // its first line is the password of all
	File         string `yaml:"file"`
}

// CallsPlan is what they do.
type CallsPlan struct {
	To          []string          `yaml:"to"`          // targets, taken in turn; {NAME} is a column of Data or of the users' file
	Headers     map[string]string `yaml:"headers"`     // of the INVITE, with {NAME} too
	Data        string            `yaml:"data"`        // CSV file with a line that names the columns: a row for each call, in turn
	Rate        float64           `yaml:"rate"`        // calls a second, whatever becomes of those before (open)
	Concurrency int               `yaml:"concurrency"` // in place of Rate: so many at a time (closed)
	Think       Spread            `yaml:"think"`       // with Concurrency: between two calls
	Ramp        time.Duration     `yaml:"ramp"`        // until the whole rate, or all at a time
	For         time.Duration     `yaml:"for"`         // in which calls begin, ramp included
	Steps       []StepPlan        `yaml:"steps"`       // in place of Rate, Concurrency, Ramp and For: one level after the other
	Most        int               `yaml:"most"`        // calls in all; 0: as many as come
	Talk        Spread            `yaml:"talk"`        // from the answer to our hanging up
	Ring        time.Duration     `yaml:"ring"`        // at most, until an answer
	Media       string            `yaml:"media"`       // none (signalling only), silence, tone, echo or file
	File        string            `yaml:"file"`        // WAV of any rate
	Codecs      []string          `yaml:"codecs"`      // of opus, g722, pcmu, pcma, by preference
	Ptime       time.Duration     `yaml:"ptime"`       // of sound in a packet: asked of the far end, and sent unless it asks otherwise; 10ms, 20ms, 30ms, 40ms or 60ms; 0: 20ms
	Encryption  string            `yaml:"encryption"`  // of media: off, sdes (keys in SDP, by any transport) or dtls
}

// Spread draws durations.
type Spread struct {
	Mean   time.Duration `yaml:"mean"`
	Spread string        `yaml:"spread"` // constant (default), uniform (0 to twice the mean), exponential or lognormal
}

// Exponential and lognormal ones are cut at so many times the mean. Calls of contact
// centres are lognormal more than exponential: few are very short. logWidth is the
// standard deviation of the logarithm: the middle one is 0.73 of the mean, and one in
// twenty is longer than 2.7 times it.
const (
	widest   = 10
	logWidth = 0.8
)

func spreads() []string { return []string{"constant", "uniform", "exponential", "lognormal"} }

// longest is the most that can be drawn.
func (s Spread) longest() time.Duration {
	switch s.Spread {
	case "uniform":
		return 2 * s.Mean
	case "exponential", "lognormal":
		return widest * s.Mean
	}
	return s.Mean
}

// draw is the next duration.
func (s Spread) draw(rng *rand.Rand) time.Duration {
	switch s.Spread {
	case "uniform":
		return time.Duration(rng.Float64() * 2 * float64(s.Mean))
	case "exponential":
		return time.Duration(math.Min(widest, rng.ExpFloat64()) * float64(s.Mean))
	case "lognormal": // of that mean, since that of exp(N(m, s)) is exp(m + s*s/2)
		return time.Duration(math.Min(widest, math.Exp(logWidth*rng.NormFloat64()-logWidth*logWidth/2)) * float64(s.Mean))
	}
	return s.Mean
}

// DefaultPlan is what holds where a file says nothing.
func DefaultPlan() Plan {
	return Plan{
		Account: AccountPlan{Transport: "udp", Expires: 5 * time.Minute},
		Users:   UsersPlan{Count: 1}, Lateness: 5 * time.Millisecond, Churn: ChurnPlan{Away: Spread{Mean: 10 * time.Second}},
		Calls: CallsPlan{For: 10 * time.Second, Talk: Spread{Mean: 5 * time.Second}, Ring: 30 * time.Second,
			Media: MediaNone, Codecs: []string{"pcmu", "pcma"}},
	}
}

// ReadPlan reads and checks a file. Errors name line and column, or the field, and
// what to write.
func ReadPlan(path string) (*Plan, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read load plan: %w", err)
	}
	p, err := ParsePlan(text)
	if err != nil {
		return nil, fmt.Errorf("load plan %s: %w", path, err)
	}
	return p, nil
}

// maxPlan bounds a plan's file.
const maxPlan = 1 << 20

// ParsePlan is ReadPlan of a text.
func ParsePlan(text []byte) (*Plan, error) {
	if len(text) > maxPlan {
		return nil, fmt.Errorf("has %d bytes: write at most %d", len(text), maxPlan)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("%s", yaml.FormatError(err, false, false))
	}
	for _, doc := range file.Docs {
		if odd := plainyaml.Odd(doc); odd != nil {
			at := odd.GetToken().Position
			return nil, fmt.Errorf("[%d:%d] %s: %s", at.Line, at.Column, plainyaml.Refusal, plainyaml.Remedy)
		}
	}
	p := DefaultPlan()
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&p); err != nil && !errors.Is(err, io.EOF) { // an empty file
		if bad := misread(file, reflect.TypeFor[Plan]()); bad != nil {
			return nil, placed(bad, file)
		}
		return nil, fmt.Errorf("%s", yaml.FormatError(err, false, false))
	}
	err = p.Check()
	if len(p.Calls.Steps) > 0 && entryOf(entryOf(file.Docs[0].Body, "calls").Value, "for") != nil { // it has a default, so that its value does not tell
		err = wrong("calls.for", "beside steps", "each step says how long it lasts")
	}
	if err != nil {
		return nil, placed(err, file)
	}
	return &p, nil
}

// Digest tells plans apart: generators of one test have the same.
func (p *Plan) Digest() string {
	text, _ := json.Marshal(p) // it holds nothing that cannot be written
	return fmt.Sprintf("%x", sha256.Sum256(text))
}
