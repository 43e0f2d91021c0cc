package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"ringback/agent"
	"ringback/agent/verdict"
	"ringback/media/device"
	"ringback/sip"
	"ringback/sip/transport"
)

// Schema names the version of the report's JSON form.
const Schema = "ringback.doctor/1"

// Options are what is looked at.
type Options struct {
	Profile    string
	Config     agent.Config
	ConfigErr  error  // why the configuration could not be read
	ConfigFrom string // its file; empty: there is none
	Socket     string // of the profile's agent
	SocketErr  error  // why there is no place for it
	StateDir   string // of the profile's store; empty: it is in memory
	Echo       string // a target that sends sound back; empty: no call is made
	Version    string
	Log        *slog.Logger                                   // nil: discard
	Patience   time.Duration                                  // for one answer; 0: 4 s
	Resolver   sip.Resolver                                   // nil: the system's
	Devices    func(names []string) ([]device.Device, error)  // nil: device.ParsePreference
	Free       func(folder string) (bytes uint64, known bool) // nil: the disk's
	Now        func() time.Time                               // nil: time.Now
}

// State is how a check came out.
type State string

// The states of checks.
const (
	OK         State = "ok"
	Warning    State = "warning"
	Wrong      State = "wrong"
	NotChecked State = "not-checked"
)

// Check is one line of the report.
type Check struct {
	Name    string     `json:"name"`
	State   State      `json:"state"`
	Text    string     `json:"text"`
	Verdict verdict.ID `json:"verdict,omitempty"`
	Do      string     `json:"do,omitempty"`
}

// Report is what was found.
type Report struct {
	Schema   string  `json:"schema"`
	OK       bool    `json:"ok"` // nothing is wrong; there may be warnings
	Wrong    int     `json:"wrong"`
	Warnings int     `json:"warnings"`
	Checks   []Check `json:"checks"`
}

// First is the first check that is wrong.
func (r Report) First() (Check, bool) {
	for _, c := range r.Checks {
		if c.State == Wrong {
			return c, true
		}
	}
	return Check{}, false
}

// exam is one run.
type exam struct {
	Options
	report  Report
	account *sip.Account
	to      sip.URI            // where requests go first
	targets []transport.Target // its servers
	asked   sip.Reply          // its answer to OPTIONS
	listed  sip.Reply          // the registrar's answer
	desk    *agent.State       // of a running agent
	ask     *asker
}

// Run makes all checks. It needs up to about half a minute when nothing answers.
func Run(ctx context.Context, o Options) Report {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience <= 0 {
		o.Patience = 4 * time.Second
	}
	if o.Resolver == nil {
		o.Resolver = sip.NewResolver(sip.DNSConfig{Network: transport.Host()})
	}
	if o.Devices == nil {
		o.Devices = device.ParsePreference
	}
	if o.Free == nil {
		o.Free = freeSpace
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &exam{Options: o, report: Report{Schema: Schema, Checks: []Check{}}}
	e.lookAtDesk(ctx)
	if e.configuration() {
		e.network(ctx)
		e.headset(ctx)
	}
	e.store()
	e.control()
	e.agent()
	for _, c := range e.report.Checks {
		switch c.State {
		case Wrong:
			e.report.Wrong++
		case Warning:
			e.report.Warnings++
		}
	}
	e.report.OK = e.report.Wrong == 0
	return e.report
}

// network makes the checks that need the PBX, each as far as the one before went.
func (e *exam) network(ctx context.Context) {
	needs := []struct {
		name  string
		check func(context.Context) bool
	}{{"dns", e.names}, {"transport", e.reach}, {"registration", e.registration}, {"nat", e.nat}, {"clock", e.clock}, {"ice", e.servers}, {"rtp", e.sound}}
	defer func() {
		if e.ask != nil {
			e.ask.close()
		}
	}()
	for i, n := range needs {
		if !n.check(ctx) {
			for _, left := range needs[i+1:] {
				e.add(Check{Name: left.name, State: NotChecked, Text: "needs " + n.name})
			}
			return
		}
	}
}

func (e *exam) add(c Check) { e.report.Checks = append(e.report.Checks, c) }

func (e *exam) ok(name, format string, args ...any) bool {
	e.add(Check{Name: name, State: OK, Text: fmt.Sprintf(format, args...)})
	return true
}

// tell adds a finding; false, so that a check can end with it.
func (e *exam) tell(name string, how State, f verdict.Finding) bool {
	e.add(Check{Name: name, State: how, Text: f.Wrong, Verdict: f.ID, Do: f.Do})
	return false
}

// failed is the verdict of an error, or its text where the table has none.
func (e *exam) failed(err error, c verdict.Case) verdict.Finding {
	if f, ok := verdict.OfError(err, c); ok {
		return f
	}
	return verdict.NetUnreachable.Say("addr", c.Addr, "error", err.Error())
}

// subject has what verdicts name of the account.
func (e *exam) subject() verdict.Case {
	user := e.account.Username
	if user == "" {
		user = e.account.AOR.UserText()
	}
	c := verdict.Case{Host: e.to.Host, Addr: e.to.HostPort(), Transport: e.account.Transport, AOR: e.account.AOR.String(),
		User: user, Password: e.account.Password != "", Now: e.Now()}
	if len(e.targets) > 0 {
		c.Addr, c.Transport = e.targets[0].Addr.String(), lower(e.targets[0].Transport)
	}
	return c
}
