package sip

import (
	"strconv"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

// inDialog is a request that came inside a dialog, until it is answered.
type inDialog struct {
	dialog *dialog
	req    *message.Request
	server *transaction.Server
	flow   Flow
	done   bool
}

// respond answers with a code and headers; the second final answer is dropped.
func (r *inDialog) respond(code int, headers ...Header) {
	r.send(r.dialog.ua.response(r.req, code, "", ""), headers...)
}

func (r *inDialog) send(res *message.Response, headers ...Header) {
	if r.done {
		return
	}
	for _, h := range headers {
		message.Add(res, h.Name, h.Value)
	}
	r.done = res.StatusCode >= 200
	_ = r.server.Respond(res)
}

// later answers 500 with a Retry-After of up to 10 seconds (RFC 3261 14.2).
func (r *inDialog) later() {
	r.respond(500, Header{Name: "Retry-After", Value: strconv.Itoa(r.dialog.ua.pick(11))})
}

func uintText(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// serveRequest takes a request inside a dialog to where its method is served. A
// panic on the way answers 500 and ends this session only (D14).
func (s *Session) serveRequest(d *dialog, server *transaction.Server, flow Flow) {
	r := &inDialog{dialog: d, req: server.Request(), server: server, flow: flow}
	s.ua.guard("request in dialog", func() {
		if !d.inOrder(r.req) {
			// RFC 3261 12.2.2: a number below the remote sequence number is out of
			// order "and MUST be rejected with a 500".
			r.respond(500)
			return
		}
		s.serve(r)
	}, func() { r.respond(500); s.breakOff() })
}

// serve is the table of the methods inside a dialog.
func (s *Session) serve(r *inDialog) {
	switch r.req.Method {
	case message.INVITE:
		s.takeReinvite(r)
	case message.UPDATE:
		s.takeUpdate(r)
	case message.BYE:
		s.takeBye(r)
	case message.PRACK:
		s.takePrack(r)
	case message.INFO:
		s.takeInfo(r)
	case message.REFER:
		s.takeRefer(r)
	case message.NOTIFY:
		s.takeNotify(r)
	case message.MESSAGE:
		s.takeMessage(r)
	case message.OPTIONS:
		r.send(s.ua.abilities(r.req, 200, r.server.Tag()))
	case message.SUBSCRIBE:
		s.takeSubscribe(r)
	default:
		r.respond(405, Header{Name: "Allow", Value: s.ua.allow})
	}
}
