package transaction

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transport"
)

// ClientHandler gets what becomes of a request, on the loop. For an INVITE
// OnResponse is called for each 1xx, for the final once, and for each 2xx
// however often it comes; for others for each 1xx and the final once. After
// OnFailure nothing comes any more.
type ClientHandler interface {
	OnResponse(res *message.Response, flow transport.Flow)
	OnFailure(err error) // ErrTimeout, ErrTransport, ErrCancelled or ErrLimit
}

// Target is where a request goes.
type Target struct {
	transport.Target
	// Flow is used as it is while it is open; nil asks the transport for one.
	Flow transport.Flow
	// Peers says which other addresses may answer over UDP; nil: none.
	Peers func(netip.AddrPort) bool
	// Timeout replaces timers B and F; zero: 64*T1. Shorter where there is
	// another server to try.
	Timeout time.Duration
	// T1 replaces the layer's T1 for the repetitions of this request, where more
	// time is to be given (17.1.1.1: it may be larger); zero: the layer's.
	T1 time.Duration
	// Prepare is called once the flow is known and before the request is first
	// sent, to fill in what depends on it (Contact). nil: nothing.
	Prepare func(req *message.Request, flow transport.Flow)
}

type clientKey struct {
	branch string
	method message.Method
}

// Client is one request of ours. Make one with Layer.Request.
type Client struct {
	layer   *Layer
	table   *table
	state   state
	req     *message.Request // nil once the final response has come
	key     clientKey
	target  Target
	flow    transport.Flow // nil until the transport gave one
	handler ClientHandler  // nil after Abandon

	resend, timeout, end, cancelLimit *loop.Timer
	interval                          time.Duration // of timer A or E
	res                               *message.Response
	cause                             error
	ack                               *message.Request
	cancelAsked, cancelSent           bool
	cancelHeaders                     []message.Header
}

// Request sends a request and tells h what becomes of it. The request is the
// transaction's from now on, which gives it a Via with a fresh branch: whoever wants to send
// it once more clones it. Failures come through h, never before Request has returned. Loop
// goroutine.
func (l *Layer) Request(req *message.Request, target Target, h ClientHandler) *Client {
	c := l.newClient(req, target, h, message.NewBranch())
	if len(l.clients) > l.Limits.Clients {
		c.state = terminated
		c.remove()
		l.count("client.limit")
		l.Loop.After(0, func() { c.tell(ErrLimit) })
		return c
	}
	c.start()
	return c
}

func (l *Layer) newClient(req *message.Request, target Target, h ClientHandler, branch string) *Client {
	c := &Client{layer: l, req: req, target: target, handler: h, interval: cmp.Or(target.T1, l.T1),
		key: clientKey{branch, req.Method}}
	c.table = l.machines.otherClient
	if req.Method == message.INVITE {
		c.table = l.machines.inviteClient
	}
	c.state = c.table.start
	l.clients[c.key] = c
	return c
}

// Flow is the flow that the request went over; nil until it is known.
func (c *Client) Flow() transport.Flow { return c.flow }

// Abandon stops the calls to the handler; the transaction itself runs out. To
// end an INVITE that may still be answered, Cancel it and stay.
func (c *Client) Abandon() { c.handler = nil }

// HandOver lets another handler have what still comes: of an INVITE that was answered its
// further 2xx, for half a minute. It does nothing where nobody is told any more.
func (c *Client) HandOver(h ClientHandler) {
	if c.handler != nil {
		c.handler = h
	}
}

// Cancel cancels an INVITE: at once when a 1xx has come, else when one comes
// (9.1). The headers (Reason) are added to the CANCEL. The final response, which
// may be a 2xx that crossed, still comes through the handler, or ErrTimeout
// 64*T1 later. Other requests, and a second Cancel, are left alone.
func (c *Client) Cancel(headers ...message.Header) {
	if c.cancelAsked || c.state == terminated {
		return
	}
	if c.flow == nil {
		c.state = terminated
		c.remove()
		c.layer.Loop.After(0, func() { c.tell(ErrCancelled) })
		return
	}
	c.cancelHeaders = headers
	c.fire(evCancel)
}

// fire carries out the row for an event.
func (c *Client) fire(on event) {
	r, ok := c.table.next(c.state, on)
	if !ok {
		c.layer.count("client.unexpected." + on.String())
		return
	}
	c.state = r.to
	for _, what := range r.do {
		c.perform(what)
	}
	switch c.state {
	case terminated:
		c.remove()
	case accepted, completed:
		c.shrink()
	}
}

// shrink lets go of what a transaction that only waits for repetitions has no use for:
// there are as many as requests in half a minute. Behind a 2xx of an INVITE the user is
// told of each further one; behind any other final response of nothing.
func (c *Client) shrink() {
	c.req, c.res, c.target.Prepare, c.resend, c.timeout, c.cancelLimit = nil, nil, nil, nil, nil, nil
	if c.state == completed {
		c.handler = nil
	}
}

func (c *Client) perform(what action) {
	l := c.layer
	switch what {
	case doDeliver:
		if c.handler != nil {
			c.handler.OnResponse(c.res, c.flow)
		}
	case doAck:
		c.sendAck()
	case doResend:
		l.count("client.resent")
		c.transmit(c.req)
	case doQuiet:
		c.resend.Stop()
		c.timeout.Stop()
		c.cancelLimit.Stop()
	case doNextResend:
		c.interval *= 2
		if c.table == l.machines.otherClient {
			c.interval = min(c.interval, l.T2)
		}
		c.resend = l.Loop.After(c.interval, func() { c.fire(evResend) })
	case doSlowResend:
		c.interval = l.T2
		c.resend = l.Loop.After(c.interval, func() { c.fire(evResend) })
	case doStartEnd:
		c.end = l.lingers(c.lingering(), func() { c.fire(evEnd) })
	case doCancel:
		c.cancelAsked = true
		c.sendCancel()
	case doCancelLater:
		c.cancelAsked = true
	case doCancelIfAsked:
		if c.cancelAsked && !c.cancelSent {
			c.sendCancel()
		}
	case doFailTimeout:
		l.count("client.timeout")
		c.tell(ErrTimeout)
	case doFailTransport:
		l.count("client.transport")
		c.tell(fmt.Errorf("%w: %w", ErrTransport, c.cause))
	case doDrop:
		l.count("client.dropped")
	}
}

// lingering is timer M after a 2xx of an INVITE, else D or K; D and K are zero
// where nothing is repeated.
func (c *Client) lingering() time.Duration {
	switch {
	case c.state == accepted:
		return 64 * c.layer.T1
	case c.flow.Reliable():
		return 0
	case c.table == c.layer.machines.inviteClient:
		return max(timerD, 64*c.layer.T1)
	}
	return c.layer.T4
}

func (c *Client) tell(err error) {
	if h := c.handler; h != nil {
		c.handler = nil
		h.OnFailure(err)
	}
}

func (c *Client) transportFailed(cause error) {
	if c.state == terminated {
		return
	}
	c.cause = cause
	c.fire(evTransport)
}

func (c *Client) remove() {
	for _, t := range []*loop.Timer{c.resend, c.timeout, c.end, c.cancelLimit} {
		t.Stop()
	}
	if c.layer.clients[c.key] == c {
		delete(c.layer.clients, c.key)
	}
}
