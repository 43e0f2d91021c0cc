package transaction

import (
	"ringback/sip/message"
	"ringback/sip/transport"
)

// receiveResponse finds the transaction of a response: by the branch of its one
// Via and the method of its CSeq (17.1.3), and only from where the request went.
// All else is dropped (18.1.2, 8.1.3.3).
func (l *Layer) receiveResponse(res *message.Response, flow transport.Flow) {
	branch, ok := message.OnlyBranch(res)
	if !ok {
		l.count("response.vias")
		return
	}
	c := l.clients[clientKey{branch, message.MethodOf(res)}]
	if c == nil || c.flow == nil {
		l.count("response.stray")
		return
	}
	if !c.allowed(flow) {
		l.count("response.stranger")
		return
	}
	c.res = res
	c.fire(c.eventOf(res.StatusCode))
}

func (c *Client) allowed(from transport.Flow) bool {
	if c.flow.Reliable() {
		return from == c.flow
	}
	if from.Reliable() {
		return false
	}
	return from.Remote() == c.flow.Remote() || c.target.Peers != nil && c.target.Peers(from.Remote())
}

func (c *Client) eventOf(code int) event {
	switch {
	case code < 200:
		return ev1xx
	case code < 300 || c.table == c.layer.machines.otherClient:
		return ev2xx
	}
	return ev3456
}
