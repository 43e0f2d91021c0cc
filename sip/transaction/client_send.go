package transaction

import (
	"ringback/sip/message"
	"ringback/sip/transport"
)

// viaRoom is what a Via takes, as a rule.
const viaRoom = 120

// start gets a flow, and from there on the timers run (17.1.1.2, 17.1.2.2).
// Timer B or F runs from now on: it bounds the dialling too.
func (c *Client) start() {
	l := c.layer
	limit := c.target.Timeout
	if limit == 0 {
		limit = 64 * l.T1
	}
	c.timeout = l.Loop.After(limit, func() { c.fire(evTimeout) })
	t, flow := l.towards(c.req, c.target)
	if flow != nil {
		c.firstSend(flow)
		return
	}
	l.Transport.GetFlow(t, func(flow transport.Flow, err error) {
		switch {
		case c.state == terminated:
		case err != nil:
			c.transportFailed(err)
		default:
			c.firstSend(flow)
		}
	})
}

func (c *Client) firstSend(flow transport.Flow) {
	c.flow = flow
	message.PutVia(c.req, via(flow, c.key.branch))
	if c.target.Prepare != nil {
		c.target.Prepare(c.req, flow)
	}
	c.transmit(c.req)
	if !flow.Reliable() && c.state != terminated {
		c.resend = c.layer.Loop.After(c.interval, func() { c.fire(evResend) })
	}
}

func (c *Client) transmit(msg *message.Request) {
	c.layer.Transport.Send(c.flow, msg, c.transportFailed)
}

// sendAck acknowledges a non-2xx (17.1.1.3): the Request-URI, Call-ID, From,
// Route and CSeq number of the INVITE, the To of the response, and the same top
// Via. It is kept, so that each repetition gets the same one.
func (c *Client) sendAck() {
	if c.ack == nil {
		c.ack = c.sibling(message.ACK)
		message.Set(c.ack, "To", message.Value(c.res, "To"))
	}
	c.transmit(c.ack)
}

// sibling makes an ACK or CANCEL that belongs to the INVITE's transaction.
func (c *Client) sibling(method message.Method) *message.Request {
	req := message.NewRequest(method, message.URI{})
	req.Recipient = c.req.Recipient
	message.Add(req, "Via", message.Value(c.req, "Via"))
	message.Copy(c.req, req, "Route")
	message.Add(req, "Max-Forwards", "70")
	for _, name := range []string{"From", "To", "Call-ID"} {
		message.Add(req, name, message.Value(c.req, name))
	}
	cseq, err := message.CSeqOf(c.req)
	if err == nil {
		message.Add(req, "CSeq", message.CSeq{Seq: cseq.Seq, Method: method}.String())
	}
	message.SetBody(req, "", nil)
	return req
}

// sendCancel sends the CANCEL as a transaction of its own with the INVITE's
// branch (9.1). Its response decides nothing: the INVITE's does.
func (c *Client) sendCancel() {
	l := c.layer
	c.cancelSent = true
	cancel := c.sibling(message.CANCEL)
	for _, h := range c.cancelHeaders {
		message.Add(cancel, h.Name, h.Value)
	}
	c.cancelLimit = l.Loop.After(64*l.T1, func() { c.fire(evCancelLimit) })
	sub := l.newClient(cancel, c.target, nil, c.key.branch)
	sub.timeout = l.Loop.After(64*l.T1, func() { sub.fire(evTimeout) })
	if c.flow.Closed() { // over another connection: the branch says what it belongs to
		l.connect(cancel, Target{Target: c.target.Target}, sub.begin)
		return
	}
	sub.begin(c.flow, nil)
}

// Withdraw sends the CANCEL of an INVITE whose connection ended after a 1xx, over a
// connection of its own: the branch says what it belongs to (9.1). done is told the
// outcome, nil for any answer; it is not called, and the result is false, where there is
// nothing to be withdrawn. Loop goroutine.
func (c *Client) Withdraw(done func(error), headers ...message.Header) bool {
	if c.state != terminated || c.res == nil || c.res.StatusCode >= 200 || c.key.method != message.INVITE {
		return false
	}
	l := c.layer
	cancel := c.sibling(message.CANCEL)
	for _, h := range headers {
		message.Add(cancel, h.Name, h.Value)
	}
	sub := l.newClient(cancel, c.target, outcome{done}, c.key.branch)
	sub.timeout = l.Loop.After(64*l.T1, func() { sub.fire(evTimeout) })
	l.connect(cancel, Target{Target: c.target.Target}, sub.begin)
	return true
}

// outcome turns a transaction into one call: nil for any final answer.
type outcome struct{ done func(error) }

// OnResponse implements ClientHandler.
func (o outcome) OnResponse(res *message.Response, _ transport.Flow) {
	if res.StatusCode >= 200 {
		o.done(nil)
	}
}

// OnFailure implements ClientHandler.
func (o outcome) OnFailure(err error) { o.done(err) }

// begin sends a request that has its Via already.
func (c *Client) begin(flow transport.Flow, err error) {
	switch {
	case c.state == terminated:
		return
	case err != nil:
		c.transportFailed(err)
		return
	}
	c.flow = flow
	c.transmit(c.req)
	if !flow.Reliable() && c.state != terminated {
		c.resend = c.layer.Loop.After(c.interval, func() { c.fire(evResend) })
	}
}

// connect finds the flow for a request that waits for it.
func (l *Layer) connect(req *message.Request, target Target, cb func(transport.Flow, error)) {
	if t, flow := l.towards(req, target); flow != nil {
		cb(flow, nil)
	} else {
		l.Transport.GetFlow(t, cb)
	}
}

// towards finds the flow for a request: the one that is given while it is open, or one
// that needs no opening; nil: the transport is to be asked for t. A large request for UDP
// goes by TCP to the same address, and by UDP after all when that is refused (18.1.1): the
// transport does so when it knows the size.
func (l *Layer) towards(req *message.Request, target Target) (t transport.Target, flow transport.Flow) {
	size := message.Size(req) + viaRoom - len(message.Value(req, "Via")) // which is given anew
	t = target.Target
	if flow := target.Flow; flow != nil && !flow.Closed() {
		if flow.Reliable() || size <= transport.MaxUDPRequest {
			return t, flow
		}
		t = transport.Target{Transport: flow.Transport(), Addr: flow.Remote()}
	}
	if size > transport.MaxUDPRequest {
		l.count("client.large")
	}
	t.Size = size
	flow, _ = l.Transport.Direct(t)
	return t, flow
}

// via is the top Via of what we send over a flow.
func via(flow transport.Flow, branch string) string {
	return flow.LocalVia().Branched(branch)
}
