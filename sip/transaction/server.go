package transaction

import (
	"fmt"
	"net/netip"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transport"
)

// callKey is Call-ID, From tag and CSeq, a line each. One string, because a map of
// structs of strings grows to nine times its content when its keys come and go.
type callKey string

// Server is one request of another's. Its functions run on the loop.
type Server struct {
	layer    *Layer
	table    *table
	state    state
	req      *message.Request
	flow     transport.Flow
	source   netip.Addr
	key      string
	call     callKey
	tag      string
	code     int                // of the response sent last; 0: none was
	last     *message.Response  // that one, for repetitions; nil where datagram is it
	datagram transport.Datagram // of a final response over UDP
	acked    bool               // the ACK of our 2xx came: nothing is repeated any more
	crossed  bool               // a CANCEL came after our final response
	interval time.Duration      // of timer G
	cause    error

	resend, timeout, end, trying *loop.Timer
	onCancel                     func(*message.Request)
	onAck                        func(*message.Request)
	onEnd                        func(error)
	in                           *message.Request // the ACK or CANCEL that is being handled
}

// Request is the request; it is not to be changed. nil once a final response was sent
// over UDP.
func (s *Server) Request() *message.Request { return s.req }

// Flow is what the request came over.
func (s *Server) Flow() transport.Flow { return s.flow }

// Tag is the To tag of all our responses but 100: the request's own when it came
// with one.
func (s *Server) Tag() string { return s.tag }

// Final reports whether a final response was sent.
func (s *Server) Final() bool { return s.code >= 200 }

// Crossed reports whether a CANCEL came after the final response. It has no effect
// (9.2), but tells what the caller is about to do.
func (s *Server) Crossed() bool { return s.crossed }

// OnCancel sets who is told that a CANCEL came before a final response. The
// CANCEL has got its 200 then; the user answers the INVITE with 487 (9.2).
// Without it the layer does.
func (s *Server) OnCancel(fn func(cancel *message.Request)) { s.onCancel = fn }

// OnAck sets who gets an ACK of our 2xx that came with the INVITE's own branch.
// Without it such an ACK goes where all ACKs of 2xx go: Layer.OnAck.
func (s *Server) OnAck(fn func(ack *message.Request)) { s.onAck = fn }

// OnEnd sets who is told that the transaction is over: nil when it ran its
// course, else ErrNoAck, ErrTransport or ErrNoAnswer.
func (s *Server) OnEnd(fn func(error)) { s.onEnd = fn }

// NewResponse makes a response to the request, with its To tag. An empty reason
// is filled in. Once a final response was sent there is none to be made any more: it has
// no headers then, and Respond refuses it.
func (s *Server) NewResponse(code int, reason string) *message.Response {
	if s.req == nil {
		return message.NewResponse(message.NewRequest("", message.URI{}), code, reason, "")
	}
	return message.NewResponse(s.req, code, reason, s.tag)
}

// Respond sends a response and keeps it for repetitions of the request. A To
// without tag gets ours. After a final it sends nothing and returns ErrFinal,
// but a 2xx of an INVITE may be sent again and again (13.3.1.4); after the end
// ErrGone.
func (s *Server) Respond(res *message.Response) error {
	if s.state == terminated {
		s.layer.count("server.gone")
		return ErrGone
	}
	on := s.eventOf(res.StatusCode)
	if _, ok := s.table.next(s.state, on); !ok {
		s.layer.count("server.refused")
		return ErrFinal
	}
	s.tagged(res)
	s.keep(res)
	s.fire(on)
	return nil
}

// keep makes a response the one that repetitions get. There are as many transactions as
// requests in half a minute: behind the final response no more is kept than that needs.
func (s *Server) keep(res *message.Response) {
	s.code, s.last = res.StatusCode, res
	if !s.Final() {
		return
	}
	if datagram, ok := s.layer.Transport.Datagram(s.flow, res); ok {
		s.datagram, s.last, s.req, s.onCancel = datagram, nil, nil, nil
	}
}

// confirm takes the ACK of our 2xx.
func (s *Server) confirm() { s.acked, s.last, s.datagram = true, nil, transport.Datagram{} }

func (s *Server) tagged(res *message.Response) {
	if res.StatusCode == 100 || message.ToTag(res) != "" {
		return
	}
	to, err := message.To(res)
	if err != nil || to.Tag() != "" {
		return
	}
	message.Set(res, "To", message.Value(res, "To")+";tag="+s.tag)
}

func (s *Server) eventOf(code int) event {
	switch {
	case code < 200:
		return ev1xx
	case code < 300 || s.table == s.layer.machines.otherServer:
		return ev2xx
	}
	return ev3456
}

func (s *Server) fire(on event) {
	r, ok := s.table.next(s.state, on)
	if !ok {
		s.layer.count("server.unexpected." + on.String())
		return
	}
	s.state = r.to
	for _, what := range r.do {
		s.perform(what)
	}
	if s.state == terminated {
		s.remove()
	}
}

func (s *Server) perform(what action) {
	l := s.layer
	switch what {
	case doSend:
		s.trying.Stop()
		s.transmit()
	case doResend:
		if s.code != 0 && !s.acked {
			l.count("server.resent")
			s.transmit()
		}
	case doQuiet:
		for _, t := range []**loop.Timer{&s.trying, &s.resend, &s.timeout} {
			(*t).Stop()
			*t = nil
		}
	case doNextResend:
		s.interval = min(2*s.interval, l.T2)
		s.resend = l.Loop.After(s.interval, func() { s.fire(evResend) })
	case doStartResend:
		if !s.flow.Reliable() {
			s.resend = l.Loop.After(s.interval, func() { s.fire(evResend) })
		}
	case doStartTimeout:
		s.timeout = l.Loop.After(64*l.T1, func() { s.fire(evTimeout) })
	case doStartEnd:
		s.end = l.lingers(s.lingering(), func() { s.fire(evEnd) })
	case doTrying:
		s.keep(s.NewResponse(100, ""))
		s.transmit()
	default:
		s.tellUser(what)
	}
}

// tellUser carries out the actions that end at the user.
func (s *Server) tellUser(what action) {
	l := s.layer
	switch what {
	case doToldCancel:
		s.answerCancel()
		if s.onCancel != nil {
			s.onCancel(s.in)
			return
		}
		_ = s.Respond(s.NewResponse(487, "")) // cannot fail: no final was sent yet
	case doAnswerCancel:
		s.crossed = true
		s.answerCancel()
	case doToldAck:
		s.confirm()
		if s.onAck != nil {
			s.onAck(s.in)
		} else if l.onAck != nil {
			l.onAck(s.in, s.flow)
		}
	case doFailTimeout:
		l.count("server.unanswered")
		s.ended(ErrNoAnswer)
	case doFailTransport:
		l.count("server.transport")
		s.ended(fmt.Errorf("%w: %w", ErrTransport, s.cause))
	case doNoAck:
		l.count("server.noack")
		s.ended(ErrNoAck)
	case doDrop:
		l.count("server.dropped")
	}
}

// lingering is timer L after a 2xx of an INVITE, else I or J; I and J are zero
// where nothing is repeated.
func (s *Server) lingering() time.Duration {
	switch {
	case s.state == accepted:
		return 64 * s.layer.T1
	case s.flow.Reliable():
		return 0
	case s.state == confirmed:
		return s.layer.T4
	}
	return 64 * s.layer.T1
}

func (s *Server) ended(err error) {
	if fn := s.onEnd; fn != nil {
		s.onEnd = nil
		fn(err)
	}
}

func (s *Server) remove() {
	if s.layer.servers[s.key] != s {
		return
	}
	for _, t := range []*loop.Timer{s.resend, s.timeout, s.end, s.trying} {
		t.Stop()
	}
	l := s.layer
	delete(l.servers, s.key)
	if l.calls[s.call] == s {
		delete(l.calls, s.call)
	}
	if l.sources[s.source]--; l.sources[s.source] <= 0 {
		delete(l.sources, s.source)
	}
	s.ended(nil)
}

// transmit sends the response that is kept where the request came from; the transport
// finds a way when that connection is gone (18.2.2).
func (s *Server) transmit() {
	if s.last != nil {
		s.layer.Transport.Send(s.flow, s.last, s.unsent)
		return
	}
	s.layer.Transport.SendAgain(s.datagram, s.unsent)
}

func (s *Server) unsent(err error) {
	if s.state != terminated {
		s.cause = err
		s.fire(evTransport)
	}
}
