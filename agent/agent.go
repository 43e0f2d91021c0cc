package agent

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringback/agent/phone"
	"ringback/agent/schedule"
	"ringback/agent/store"
	"ringback/media"
	"ringback/media/device"
	"ringback/sip"
	"ringback/sip/loop"
)

// Network opens sockets for SIP and media: the machine's own, or a host of a
// network in memory.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error)
}

// Deps are what an agent is given by whoever runs it. The zero value is a phone
// on the machine's own network that remembers nothing.
type Deps struct {
	Network   Network                                      // nil: the machine's own
	Resolver  sip.Resolver                                 // of names; nil: the machine's DNS
	Log       *slog.Logger                                 // nil: discard
	StateDir  string                                       // where the store is, ringback.db; empty: it is in memory
	Version   string                                       // told in User-Agent, without numbers to strangers
	Random    func(n int) int                              // a number from 0 to n-1, for waiting times that SIP wants random; nil: they are
	WallClock func() time.Time                             // the clock on the wall, which may jump; nil: the machine's
	Impair    Impairment                                   // what the network does to the phone's media, for tests
	Media     *media.Engine                                // of several agents in one process, which its owner runs, at a rate that their codecs need; its own Impair counts. nil: the agent makes and runs one
	Trace     func(sip.TraceRecord)                        // told each SIP message, secrets redacted, on the agent's loop: it must not block; nil: nobody is
	Brief     bool                                         // one of very many in a load test: it remembers few events, no SIP messages and no history, and nothing is searched for in its records
	Devices   func(list []string) ([]device.Device, error) // reads a preference list of the configuration; nil: device.ParsePreference
	Mute      func() device.Mute                           // what the sound system does to the microphone; nil: it is asked
	Outside   func(context.Context) ([]device.Info, error) // lists the audio devices by another process, for those that come within a call; nil: they are seen after it
	Commit    func(point string, before bool)              // called around each commit of the store, by its name: crash tests end the process there; nil: nobody
}

// Impairment is how badly the network treats media: loss, bursts, jitter, order.
type Impairment = media.Impairment

// Agent is one softphone: a registration, channels, offers, interactions and
// calls, on one loop. Make one with New and run it with Run.
type Agent struct {
	cfg         Config
	deps        Deps
	log         *slog.Logger
	loop        *loop.Loop
	account     *sip.Account
	certificate *media.Certificate // for DTLS; nil: calls are not encrypted
	ways        media.Ways         // by which media reaches others beside the straight one
	spares      spares
	domain      string
	bind        netip.Addr // of the configuration: the one address of ours that is used; unspecified or not valid: whichever leads there
	port        uint16
	events      *EventLog
	actions     map[string]ActionSpec
	table       interactionTable
	headers     map[string]string // callback field to header
	tracer      *tracer
	records     *Records
	historian   *historian
	lookups     sync.WaitGroup // goroutines beside the loop that read the store, and end by themselves
	ended       chan struct{}  // closed when Run has returned
	refusals    refusalCounts
	below       atomic.Pointer[rooms] // nil: Run has not opened them yet

	mu    sync.Mutex
	state State // the fold of the events so far

	// Everything below is the loop's.
	ua           *sip.UA
	registration *sip.Registration // nil: the account does not register
	served       served
	registered   RegistrationState
	engine       *media.Engine
	sound        sound
	store        *store.Store
	ids          *ids
	voice, web   *channel
	team         []*member      // in the order of the configuration
	interactions []*interaction // in the order of their ids
	agenda       agenda
	rules        schedule.Rules
	numbers      phone.Numbers
	outbox       outbox
	queue        queueDesk
	publication  publication
	waiters      []waiter
	answers      []func() // to requests, given out when the state is published
	depth        int      // of inputs inside of inputs
	begun        bool     // the channels stand as the configuration says
	stopping     bool
	leaving      bool // the account leaves the PBX: nothing is sent any more
}

// New makes an agent of a valid configuration. It opens nothing on the network
// yet; the store is opened, and Run closes it. Any goroutine.
func New(cfg Config, deps Deps) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.WallClock == nil {
		deps.WallClock = time.Now
	}
	a := &Agent{cfg: cfg, deps: deps, log: deps.Log, loop: loop.New(deps.Log), events: newEventLog(eventLogSize, eventLogBytes),
		actions: actionsByName(), table: interactions(), headers: cfg.Callbacks.callbackHeaders(),
		tracer: newTracer(), ended: make(chan struct{}), state: NewState(), team: newTeam(cfg), spares: spares{known: make(chan struct{})}, outbox: newOutbox(), queue: newQueueDesk(&cfg.Channels)}
	if deps.Brief {
		a.events = newEventLog(briefEvents, briefBytes)
	}
	var err error
	if a.account, err = cfg.SIPAccount(); err != nil {
		return nil, err
	}
	a.domain = a.account.AOR.HostPort()
	if a.bind, a.port, err = splitBind(cfg.Account.Bind); err != nil {
		return nil, err
	}
	if cfg.Media.Encryption != "off" {
		if a.certificate, err = media.NewCertificate(); err != nil {
			return nil, err
		}
	}
	if a.ways, err = cfg.ways(); err != nil {
		return nil, err
	}
	if a.rules, err = cfg.Reschedule.rules(); err != nil {
		return nil, err
	}
	if a.numbers, err = phone.New(cfg.Numbers.Region); err != nil {
		return nil, err
	}
	if err = a.openStore(); err != nil {
		return nil, err
	}
	a.registered = RegistrationState{State: "unregistered", AOR: a.account.AOR.String()}
	a.voice, a.web = newChannel(ChannelVoice, time.Now()), newChannel(ChannelWebCallback, time.Now())
	return a, nil
}

// openStore opens the store of the state directory.
func (a *Agent) openStore() (err error) {
	path := ""
	if a.deps.StateDir != "" {
		path = filepath.Join(a.deps.StateDir, "ringback.db")
	}
	if a.store, err = store.Open(path, store.Options{Log: a.log, Commit: a.deps.Commit, Unsearched: a.deps.Brief && path == ""}); err != nil {
		return err
	}
	if a.records, err = newRecords(&a.cfg, a.store, time.Now); err != nil {
		return errors.Join(err, a.store.Close())
	}
	a.historian = a.newHistorian()
	a.records.state, a.records.written = a.State, a.historian.flush
	if a.deps.Brief {
		a.records.written = func(context.Context) {}
	}
	if a.ids, err = openIDs(a.store, a.deps.StateDir, a.failure("keep ids")); err != nil {
		return errors.Join(err, a.store.Close())
	}
	if a.account.InstanceID, err = openInstance(a.deps.StateDir); err != nil {
		return errors.Join(err, a.closeStore())
	}
	a.openServed()
	return nil
}

func (a *Agent) closeStore() error { return errors.Join(a.ids.close(), a.store.Close()) }

// SIPAccount makes the SIP account of the configuration.
func (c *Config) SIPAccount() (*sip.Account, error) {
	aor, err := parseTarget(c.Account.AOR, "")
	if err != nil {
		return nil, err
	}
	acc := &sip.Account{AOR: aor, Display: c.Account.Display, Username: c.Account.Username,
		Password: sip.Secret(string(c.Account.Password)), Transport: strings.ToLower(c.Account.Transport),
		Expires: c.Account.Expires, Algorithms: c.Account.Algorithms, Realms: c.Account.Realms,
		Keepalive: c.Account.Keepalive, Accept3xx: c.Calls.Redirect, AcceptRefer: sip.Ask, AcceptReplaces: sip.Follow}
	if c.Calls.Refer == "refuse" {
		acc.AcceptRefer = sip.Refuse
	}
	if c.Calls.Replaces == "refuse" {
		acc.AcceptReplaces = sip.Refuse
	}
	if c.Account.Registrar != "" {
		if acc.Registrar, err = parseTarget(c.Account.Registrar, ""); err != nil {
			return nil, err
		}
	}
	if c.Account.Proxy != "" {
		proxy, err := parseTarget(c.Account.Proxy, "")
		if err != nil {
			return nil, err
		}
		acc.Proxy = &proxy
	}
	return acc, nil
}

// State is the snapshot after the event whose seq it names. Any goroutine; what
// it points to must not be changed.
func (a *Agent) State() State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// Events is the list of what happened. Any goroutine.
func (a *Agent) Events() *EventLog { return a.events }

// Since is a reader of the events after seq. Any goroutine.
func (a *Agent) Since(seq uint64) *Cursor { return a.events.Since(seq) }

// Config is the configuration that the agent runs with; the password is masked
// wherever it is printed.
func (a *Agent) Config() Config { return a.cfg }

func (a *Agent) now() time.Time { return a.loop.Now() }

// wall is the time by which contacts want to be called: a clock that is set, or a
// laptop that slept, moves it.
func (a *Agent) wall() time.Time { return a.deps.WallClock() }

// failure reports an error of a goroutine beside the loop as an event.
func (a *Agent) failure(what string) func(error) {
	return func(err error) {
		a.log.Error(what, "error", err)
		a.loop.Post(a.input(func() { a.emit(Event{Type: ErrorHappened, Text: what + ": " + err.Error()}) }))
	}
}

// input wraps whatever comes to the loop: after it, what follows from the new
// state is done (channels, routes, tones, waiting requests) and published.
func (a *Agent) input(fn func()) func() {
	return func() {
		a.depth++ // an up-call inside of an action belongs to it
		defer func() {
			if a.depth--; a.depth == 0 {
				a.settle()
			}
		}()
		fn()
	}
}

func (a *Agent) settle() {
	a.tidy()
	a.forgetOld()
	a.followCalls()
	a.followAgenda()
	a.followContacts()
	a.followRecordings()
	a.followPlaying()
	a.followSound()
	a.followOutbox()
	a.followQueue()
	a.followPublication()
	a.serveWaiters()
	a.publishRest()
	a.sendAnswers()
}

// parseDevices reads a preference list; errors name the field.
func parseDevices(parse func([]string) ([]device.Device, error), field string, names []string) ([]device.Device, error) {
	if parse == nil {
		parse = device.ParsePreference
	}
	devices, err := parse(names)
	if err != nil {
		var located *ConfigError
		if errors.As(err, &located) {
			return nil, err
		}
		return nil, &ConfigError{Field: field, Value: strings.Join(names, ","), Why: err.Error(), Remedy: "see: ringback devices"}
	}
	if len(devices) == 0 {
		return nil, &ConfigError{Field: field, Why: "names no device", Remedy: "write null for none"}
	}
	return devices, nil
}
