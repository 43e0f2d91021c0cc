package transaction

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transport"
)

// Errors that users tell apart with errors.Is.
var (
	// ErrTimeout: no final response came in time (timers B and F, or 64*T1 after
	// a CANCEL). It counts as a 408 (8.1.3.1).
	ErrTimeout = errors.New("send request: no answer in time")
	// ErrTransport: the message could not be delivered, or the connection that
	// its answer had to come on is gone. It counts as a 503 (8.1.3.1).
	ErrTransport = errors.New("deliver message")
	// ErrCancelled: the request was cancelled before it went out.
	ErrCancelled = errors.New("send request: cancelled before it was sent")
	// ErrLimit: as many transactions are open as Limits allows.
	ErrLimit = errors.New("send request: too many transactions are open")
	// ErrFinal: a final response was sent already, this one was not sent.
	ErrFinal = errors.New("send response: a final one was sent already")
	// ErrGone: the transaction has ended, the response was not sent.
	ErrGone = errors.New("send response: the transaction has ended")
	// ErrNoAck: the final response of an INVITE was never acknowledged (timer H).
	ErrNoAck = errors.New("end transaction: no ACK came")
	// ErrNoAnswer: the user let a request lie until its client had given up.
	ErrNoAnswer = errors.New("end transaction: the request was never answered")
)

// Transport is what the layer needs from below; *transport.Layer is one. Its
// functions are called on the loop and must call back on it, later.
type Transport interface {
	Direct(target transport.Target) (transport.Flow, bool)
	GetFlow(target transport.Target, cb func(transport.Flow, error))
	Send(flow transport.Flow, msg message.Message, failed func(error))
	Datagram(flow transport.Flow, res *message.Response) (transport.Datagram, bool)
	SendAgain(d transport.Datagram, failed func(error))
}

// Limits bound the tables. Zero means the default.
type Limits struct {
	Clients          int // requests of ours under way; 8192
	Servers          int // requests of others; 8192. Beyond it new ones get 503
	ServersPerSource int // of one address; 4096
}

// Config is what a Layer is made from. Loop and Transport are required.
type Config struct {
	Loop      *loop.Loop
	Transport Transport
	Log       *slog.Logger  // nil: discard
	T1        time.Duration // the round trip that is reckoned with (17.1.1.1); zero: 500 ms
	T2        time.Duration // longest pause between repetitions (17.1.2.2); zero: 4 s
	T4        time.Duration // how long a message stays in the network (17.1.2.2); zero: 5 s
	Limits    Limits
}

const (
	defaultT1      = 500 * time.Millisecond
	defaultT2      = 4 * time.Second
	defaultT4      = 5 * time.Second
	timerD         = 32 * time.Second       // 17.1.1.2: at least 32 s on UDP
	tryingAfter    = 200 * time.Millisecond // 17.2.1
	defaultTable   = 8192
	defaultSources = 4096
)

// Layer holds the transactions of one user agent. All its functions run on the
// loop but Counters.
type Layer struct {
	Config
	machines  machines
	clients   map[clientKey]*Client
	servers   map[string]*Server
	calls     map[callKey]*Server // 8.2.2.2, and the ACK of a 2xx
	sources   map[netip.Addr]int  // server transactions per address
	stateless func(*message.Request, transport.Flow) (*message.Response, bool)
	secret    [16]byte // keys the To tags of stateless answers
	onRequest func(*Server)
	onAck     func(*message.Request, transport.Flow)
	counters  counters
}

// counters count by cause: words of this package's own. Any goroutine.
type counters struct {
	mu sync.Mutex
	n  map[string]uint64
}

// machines are the four tables.
type machines struct {
	inviteClient, otherClient, inviteServer, otherServer *table
}

// allMachines are those of every layer: nothing changes them.
var allMachines = sync.OnceValue(newMachines)

func newMachines() machines {
	return machines{
		inviteClient: newTable("invite-client", calling, inviteClientRows),
		otherClient:  newTable("other-client", trying, otherClientRows),
		inviteServer: newTable("invite-server", proceeding, inviteServerRows),
		otherServer:  newTable("other-server", trying, otherServerRows),
	}
}

// New returns a layer without transactions. Give its Receive and FlowClosed to
// the transport.
func New(c Config) *Layer {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	orDefault(&c.T1, defaultT1)
	orDefault(&c.T2, defaultT2)
	orDefault(&c.T4, defaultT4)
	orDefault(&c.Limits.Clients, defaultTable)
	orDefault(&c.Limits.Servers, defaultTable)
	orDefault(&c.Limits.ServersPerSource, defaultSources)
	l := &Layer{Config: c, machines: allMachines(), clients: map[clientKey]*Client{}, servers: map[string]*Server{},
		calls: map[callKey]*Server{}, sources: map[netip.Addr]int{},
		counters: counters{n: map[string]uint64{}}}
	_, _ = rand.Read(l.secret[:]) // never fails (crypto/rand)
	return l
}

func orDefault[T ~int | ~int64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// OnRequest sets who gets new requests; it is not called for repetitions, ACK
// and CANCEL. Without it every request gets 480.
func (l *Layer) OnRequest(fn func(*Server)) { l.onRequest = fn }

// OnStateless sets who may deal with a request that begins something here before a
// transaction is made for it (8.2.7): what it takes, answered or with a nil response
// left without an answer, costs no memory. A repetition comes again, and is to get
// the same answer. A CANCEL comes here when it belongs to nothing, an ACK never.
func (l *Layer) OnStateless(fn func(req *message.Request, flow transport.Flow) (res *message.Response, taken bool)) {
	l.stateless = fn
}

// StatelessTag is the To tag for an answer to a request without a transaction.
func (l *Layer) StatelessTag(req *message.Request) string {
	return message.StatelessTag(l.secret[:], req)
}

// OnAck sets who gets the ACKs of 2xx responses, repetitions too.
func (l *Layer) OnAck(fn func(ack *message.Request, flow transport.Flow)) { l.onAck = fn }

// Counters counts, since the start, what was dropped and why, and what timed out.
// Any goroutine.
func (l *Layer) Counters() map[string]uint64 {
	l.counters.mu.Lock()
	defer l.counters.mu.Unlock()
	return maps.Clone(l.counters.n)
}

// Open is how many transactions there are now: clients.open, servers.open.
func (l *Layer) Open() map[string]uint64 {
	return map[string]uint64{"clients.open": uint64(len(l.clients)), "servers.open": uint64(len(l.servers))}
}

func (l *Layer) count(what string) {
	l.counters.mu.Lock()
	l.counters.n[what]++
	l.counters.mu.Unlock()
}

// Receive takes a message from the transport, on the loop.
func (l *Layer) Receive(in transport.Inbound) {
	switch m := in.Msg.(type) {
	case *message.Request:
		l.receiveRequest(m, in.Flow)
	case *message.Response:
		l.receiveResponse(m, in.Flow)
	}
}

// FlowClosed tells the layer that a connection has ended, on the loop. Client
// transactions on it fail: their answers could come on it only.
func (l *Layer) FlowClosed(flow transport.Flow, cause error) {
	var hit []*Client
	for _, c := range l.clients {
		if c.flow == flow {
			hit = append(hit, c)
		}
	}
	for _, c := range hit {
		c.transportFailed(cause)
	}
}

// Close ends all transactions without a word to their users.
func (l *Layer) Close() {
	for _, c := range maps.Clone(l.clients) {
		c.Abandon()
		c.remove()
	}
	for _, s := range maps.Clone(l.servers) {
		s.onEnd = nil
		s.remove()
	}
}

// SendAck sends the ACK of a 2xx, which has no transaction (13.2.2.4). It gets a
// Via with a branch of its own; keep ack to send it again.
func (l *Layer) SendAck(ack *message.Request, target Target) {
	l.connect(ack, target, func(flow transport.Flow, err error) {
		if err != nil {
			l.count("ack.undelivered")
			l.Log.Warn("cannot send ACK", "cause", err)
			return
		}
		message.PutVia(ack, via(flow, message.NewBranch()))
		l.Transport.Send(flow, ack, func(error) { l.count("ack.undelivered") })
	})
}

// lingers forgets a transaction once d has gone by, together with others: of thousands that
// ended each would wake the process by itself.
func (l *Layer) lingers(d time.Duration, end func()) *loop.Timer {
	if d == 0 {
		return l.Loop.After(0, end)
	}
	return l.Loop.Behind(d, end)
}
