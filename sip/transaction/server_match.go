package transaction

import (
	"strconv"
	"strings"
	"time"

	"ringback/sip/message"
	"ringback/sip/transport"
)

const retryAfter = 5 * time.Second // what a 503 of a full table asks for

// receiveRequest finds the transaction of a request, or makes one.
func (l *Layer) receiveRequest(req *message.Request, flow transport.Flow) {
	var room [keyRoom]byte
	hop, err := appendHop(room[:0], req)
	if err != nil {
		l.count("request.via")
		return
	}
	switch req.Method {
	case message.ACK:
		l.receiveAck(req, hop, flow)
		return
	case message.CANCEL:
		l.receiveCancel(req, hop, flow)
		return
	}
	key := append(hop, req.Method...)
	if s := l.servers[string(key)]; s != nil {
		l.count("request.absorbed")
		s.fire(evRequest)
		return
	}
	l.newRequest(req, flow, key)
}

// keyRoom is what a key takes as a rule.
const keyRoom = 160

// appendHop appends what makes two requests of one method one transaction (17.2.3): branch
// and sent-by; for a client of RFC 2543 the parts that it keeps equal. The method that goes
// behind it makes the key of a server.
func appendHop(b []byte, req *message.Request) ([]byte, error) {
	b, magic, err := message.AppendTransaction(b, req)
	switch {
	case err != nil:
		return nil, err
	case magic:
		return append(b, '|'), nil
	}
	via, err := message.TopVia(req)
	if err != nil {
		return nil, err
	}
	cseq, _ := message.CSeqOf(req)
	return append(b, strings.Join([]string{"2543", req.Recipient.String(), message.FromTag(req), message.CallID(req),
		strconv.FormatUint(uint64(cseq.Seq), 10), via.String(), ""}, "|")...), nil
}

// appendCall appends the key of a call: Call-ID, From tag and CSeq.
func appendCall(b []byte, req *message.Request, method message.Method) []byte {
	cseq, _ := message.CSeqOf(req)
	b = append(append(append(b, message.CallID(req)...), '\n'), message.FromTag(req)...)
	b = append(strconv.AppendUint(append(b, '\n'), uint64(cseq.Seq), 10), ' ')
	return append(b, method...)
}

func (l *Layer) newRequest(req *message.Request, flow transport.Flow, key []byte) {
	if l.takenStateless(req, flow) {
		return
	}
	var room [keyRoom]byte
	var call []byte // empty: neither this request nor an ACK is looked for by it
	tag := message.ToTag(req)
	if tag == "" || req.Method == message.INVITE {
		call = appendCall(room[:0], req, req.Method)
	}
	// 8.2.2.2: no To tag and the same From tag, Call-ID and CSeq as an ongoing
	// transaction that this request does not match: it came by another way.
	other := l.calls[callKey(call)]
	if other != nil && tag == "" {
		l.count("request.merged")
		l.Reply(req, flow, 482)
		return
	}
	source := flow.Remote().Addr()
	full := len(l.servers) >= l.Limits.Servers || l.sources[source] >= l.Limits.ServersPerSource
	// A flood from outside must not keep the BYE of a call out: as much room again
	// is kept for requests inside a dialog.
	if full && (tag == "" || len(l.servers) >= 2*l.Limits.Servers) {
		l.count("request.limit")
		l.Reply(req, flow, 503, message.Header{Name: "Retry-After", Value: strconv.Itoa(int(retryAfter / time.Second))})
		return
	}
	if tag == "" {
		tag = message.NewTag()
	} else {
		tag = strings.Clone(tag) // else the text of the request stays as long as we do
	}
	s := &Server{layer: l, table: l.machines.otherServer, req: req, flow: flow, source: source, key: string(key), call: callKey(call),
		tag: tag, interval: l.T1}
	if req.Method == message.INVITE {
		s.table = l.machines.inviteServer
		s.trying = l.Loop.After(tryingAfter, func() { s.fire(evTrying) })
	} else {
		s.timeout = l.Loop.After(64*l.T1, func() { s.fire(evTimeout) })
	}
	s.state = s.table.start
	l.servers[s.key] = s
	if other == nil && s.call != "" {
		l.calls[s.call] = s
	}
	l.sources[source]++
	if l.onRequest == nil {
		_ = s.Respond(s.NewResponse(480, "")) // cannot fail: the transaction is new
		return
	}
	l.guard(s)
}

// guard hands a request to the user; one that panics costs that request only.
func (l *Layer) guard(s *Server) {
	defer func() {
		if s.state != terminated && !s.Final() {
			if cause := recover(); cause != nil {
				_ = s.Respond(s.NewResponse(500, "")) // cannot fail: no final was sent
				panic(cause)                          // the loop counts and logs it
			}
		}
	}()
	l.onRequest(s)
}

// receiveAck finds whose ACK it is: that of a non-2xx has the branch of its
// INVITE and ends here (17.1.1.3), that of a 2xx goes up to the user.
func (l *Layer) receiveAck(ack *message.Request, hop []byte, flow transport.Flow) {
	if s := l.servers[string(append(hop, message.INVITE...))]; s != nil {
		s.in = ack
		s.fire(evAck)
		return
	}
	if message.ToTag(ack) == "" || l.onAck == nil {
		l.count("ack.stray")
		return
	}
	var room [keyRoom]byte
	if s := l.calls[callKey(appendCall(room[:0], ack, message.INVITE))]; s != nil && s.state == accepted {
		s.confirm()
	}
	l.onAck(ack, flow)
}

// receiveCancel matches a CANCEL to its INVITE (9.2) and answers it with the
// INVITE's To tag (8.2.6.2). Without one it gets 481.
func (l *Layer) receiveCancel(cancel *message.Request, hop []byte, flow transport.Flow) {
	for _, method := range []message.Method{message.INVITE, message.OPTIONS, message.MESSAGE, message.BYE,
		message.REGISTER, message.SUBSCRIBE, message.NOTIFY, message.REFER, message.INFO, message.UPDATE} {
		s := l.servers[string(append(hop, method...))]
		if s == nil {
			continue
		}
		if s.source != flow.Remote().Addr() {
			break // a stranger must not end a call that he has only guessed
		}
		s.in = cancel
		s.fire(evCancel)
		return
	}
	l.count("cancel.stray")
	if !l.takenStateless(cancel, flow) {
		l.Reply(cancel, flow, 481)
	}
}

func (s *Server) answerCancel() {
	l := s.layer
	res := message.NewResponse(s.in, 200, "", s.tag)
	l.Transport.Send(s.flow, res, func(error) { l.count("response.undelivered") })
}

// Reply answers a request without a transaction (8.2.7): for what is refused
// before it costs anything. An ACK gets no answer.
func (l *Layer) Reply(req *message.Request, flow transport.Flow, code int, headers ...message.Header) {
	if req.Method == message.ACK {
		return
	}
	res := message.NewResponse(req, code, "", l.StatelessTag(req))
	for _, h := range headers {
		message.Add(res, h.Name, h.Value)
	}
	l.sendStateless(res, flow)
}

// takenStateless lets the user deal with a request before anything is kept of it.
func (l *Layer) takenStateless(req *message.Request, flow transport.Flow) bool {
	if l.stateless == nil {
		return false
	}
	res, taken := l.stateless(req, flow)
	if taken {
		l.count("request.stateless")
		l.sendStateless(res, flow)
	}
	return taken
}

func (l *Layer) sendStateless(res *message.Response, flow transport.Flow) {
	if res == nil {
		return
	}
	l.Transport.Send(flow, res, func(error) { l.count("response.undelivered") })
}
