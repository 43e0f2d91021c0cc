package simnet

import (
	"container/heap"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Net is a network. Make one with New, and make its hosts with Host.
type Net struct {
	mu      sync.Mutex
	rng     *rand.Rand
	link    Link // where no other is set
	links   map[pair]Link
	cut     map[pair]bool
	all     []*Host
	hosts   map[netip.Addr]*Host // by the addresses that they have
	taps    []func(Packet)
	events  eventHeap
	seq     uint64
	timer   *time.Timer
	lastDue map[pair]time.Time // keeps packets of one direction in order
	closed  bool
	ended   chan struct{} // closed by Close
}

// pair is a direction from one host to another.
type pair struct{ from, to netip.Addr }

// Link says how packets go from one host to another. The zero Link is perfect.
type Link struct {
	Latency   time.Duration
	Jitter    time.Duration // added at random, evenly from 0
	Loss      float64       // of datagrams, 0 to 1
	Duplicate float64       // of datagrams, 0 to 1
	Reorder   bool          // jitter may let a later datagram overtake
}

// Packet is what a tap sees.
type Packet struct {
	At       time.Time
	Network  string // "udp" or "tcp"
	From, To netip.AddrPort
	Data     []byte // valid during the call only
	Dropped  bool   // lost by the link, a partition or a host that is down
}

// Option sets up a Net.
type Option func(*Net)

// Seed makes losses and jitter repeatable; the default is 1.
func Seed(seed uint64) Option {
	return func(n *Net) { n.rng = rand.New(rand.NewPCG(seed, seed)) }
}

// DefaultLink sets the link between hosts that have none of their own.
func DefaultLink(l Link) Option { return func(n *Net) { n.link = l } }

// New makes a network without hosts.
func New(opts ...Option) *Net {
	n := &Net{links: map[pair]Link{}, cut: map[pair]bool{}, hosts: map[netip.Addr]*Host{},
		lastDue: map[pair]time.Time{}, ended: make(chan struct{})}
	Seed(1)(n)
	for _, o := range opts {
		o(n)
	}
	return n
}

// Host makes a host with that address, or finds the one that has it. It panics when ip is none:
// that is a mistake in a test.
func (n *Net) Host(ip string) *Host {
	addr := netip.MustParseAddr(ip).Unmap()
	n.mu.Lock()
	defer n.mu.Unlock()
	h, ok := n.hosts[addr]
	if !ok {
		h = &Host{net: n, name: addr, addrs: []netip.Addr{addr}, ports: map[portKey]any{}, next: 49152, streams: map[*stream]struct{}{}}
		n.hosts[addr] = h
		n.all = append(n.all, h)
	}
	return h
}

// Link sets how packets go between two hosts, both ways.
func (n *Net) Link(a, b string, l Link) {
	n.OneWay(a, b, l)
	n.OneWay(b, a, l)
}

// OneWay sets how packets go from one host to another.
func (n *Net) OneWay(from, to string, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[pairOf(from, to)] = l
}

// Partition cuts two hosts off from each other, or joins them again. Datagrams
// are lost; what connections send waits and is delivered afterwards.
func (n *Net) Partition(a, b string, on bool) {
	n.mu.Lock()
	n.cut[pairOf(a, b)], n.cut[pairOf(b, a)] = on, on
	n.mu.Unlock()
	if !on {
		n.flushStreams()
	}
}

// Cut loses what one host sends to another, as Partition does both ways, or lets it
// through again.
func (n *Net) Cut(from, to string, on bool) {
	n.mu.Lock()
	n.cut[pairOf(from, to)] = on
	n.mu.Unlock()
	if !on {
		n.flushStreams()
	}
}

func pairOf(from, to string) pair {
	return pair{netip.MustParseAddr(from).Unmap(), netip.MustParseAddr(to).Unmap()}
}

// Tap adds a function that sees each datagram and each segment when it is sent,
// lost ones too. It must not call into the Net.
func (n *Net) Tap(fn func(Packet)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taps = append(n.taps, fn)
}

// Spoof delivers a datagram at once that says to come from an address which need not
// be there, as whoever forges sources sends it. What is answered to nobody is lost.
func (n *Net) Spoof(from, to netip.AddrPort, data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tell("udp", from, to, data, false)
	h := n.hosts[to.Addr()]
	if n.closed || h == nil || h.down {
		return
	}
	if c, ok := h.ports[portKey{"udp", to.Port()}].(*packetConn); ok {
		c.deliver(datagram{data: append([]byte(nil), data...), from: from})
	}
}

// Close ends every socket, listener and connection and drops what is under way.
func (n *Net) Close() {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return
	}
	n.closed = true
	close(n.ended)
	n.events = nil
	if n.timer != nil {
		n.timer.Stop()
	}
	hosts := n.all
	n.mu.Unlock()
	for _, h := range hosts {
		h.closeAll(net.ErrClosed)
	}
}

// event is something that is to happen at its time.
type event struct {
	at  time.Time
	seq uint64
	fn  func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}

// schedule runs fn at its time, after what was scheduled for the same instant
// before it. Called with n.mu held; fn runs with n.mu held.
func (n *Net) schedule(at time.Time, fn func()) {
	if n.closed {
		return
	}
	n.seq++
	heap.Push(&n.events, event{at, n.seq, fn})
	if n.events[0].seq == n.seq {
		n.arm()
	}
}

// arm sets the timer to what is due first. Never to now: a timer of a bubble that is
// due at once is run by whoever set it, and when two threads do that the race
// detector of Go 1.26 crashes, for its context of the bubble's timers has no lock.
func (n *Net) arm() {
	d := max(1, time.Until(n.events[0].at))
	if n.timer == nil {
		n.timer = time.AfterFunc(d, n.fire)
		return
	}
	n.timer.Reset(d)
}

// fire delivers what is due.
func (n *Net) fire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for len(n.events) > 0 && !n.events[0].at.After(now) {
		e := heap.Pop(&n.events).(event)
		e.fn()
	}
	if len(n.events) > 0 {
		n.arm()
	}
}

func (n *Net) linkFor(p pair) Link {
	if l, ok := n.links[p]; ok {
		return l
	}
	return n.link
}

// due is when what is sent now arrives. In-order traffic never overtakes.
func (n *Net) due(p pair, l Link, inOrder bool) time.Time {
	at := time.Now().Add(l.Latency)
	if l.Jitter > 0 {
		at = at.Add(time.Duration(n.rng.Int64N(int64(l.Jitter) + 1)))
	}
	if !inOrder {
		return at
	}
	if last := n.lastDue[p]; at.Before(last) {
		at = last
	}
	n.lastDue[p] = at
	return at
}

func (n *Net) tell(network string, from, to netip.AddrPort, data []byte, dropped bool) {
	for _, tap := range n.taps {
		tap(Packet{At: time.Now(), Network: network, From: from, To: to, Data: data, Dropped: dropped})
	}
}

// reachable says that packets pass between two hosts at this moment.
func (n *Net) reachable(p pair) bool {
	from, to := n.hosts[p.from], n.hosts[p.to]
	return from != nil && to != nil && !from.down && !to.down && !n.cut[p]
}
