package sip

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"ringback/sip/message"
)

func hostAddr(u URI) netip.Addr { return netip.MustParseAddr(u.Host) }

// peer is a scripted SIP end: it sends what the test says and shows what came.
type peer struct {
	bed     *bed
	ip      string
	packets net.PacketConn
	conn    net.Conn
	to      net.Addr
	inbox   chan arrival
	tag     string
	seq     uint32
	callID  string
	remote  string // the To or From of the other side, with its tag once known
	target  string
	lenient bool
}

// arrival is a message and when it came.
type arrival struct {
	msg message.Message
	at  time.Time
	raw string
}

// peer opens a scripted end on a host, port 5060, talking to the agent's.
func (b *bed) peer(ip string) *peer {
	b.Helper()
	pc, err := b.net.Host(ip).ListenPacket(context.Background(), "udp", ip+":5060")
	if err != nil {
		b.Fatal(err)
	}
	p := b.newPeer(ip)
	p.packets = pc
	p.to = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(agentIP + ":5060"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		for {
			n, _, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			p.take(string(buf[:n]))
		}
	}()
	b.ends = append(b.ends, func() { pc.Close(); <-done })
	return p
}

func (b *bed) newPeer(ip string) *peer {
	return &peer{bed: b, ip: ip, inbox: make(chan arrival, 10000), tag: "peer" + message.NewTag(), target: "sip:1001@" + agentIP + ":5060"}
}

// stream opens a scripted end over TCP to the agent.
func (b *bed) stream(ip string) *peer {
	b.Helper()
	c, err := b.net.Host(ip).Dial(context.Background(), "tcp", "", agentIP+":5060")
	if err != nil {
		b.Fatal(err)
	}
	p := b.newPeer(ip)
	p.serve(c)
	return p
}

// serve reads messages from a connection.
func (p *peer) serve(c net.Conn) {
	p.conn = c
	done := make(chan struct{})
	go func() {
		defer close(done)
		var data []byte
		buf := make([]byte, 65536)
		for {
			n, err := c.Read(buf)
			data = append(data, buf[:n]...)
			for {
				head, rest, ok := strings.Cut(string(data), "\r\n\r\n")
				if !ok {
					break
				}
				length := 0
				for _, line := range strings.Split(head, "\r\n") {
					if v, ok := strings.CutPrefix(line, "Content-Length:"); ok {
						fmt.Sscan(v, &length)
					}
				}
				if len(rest) < length {
					break
				}
				p.take(head + "\r\n\r\n" + rest[:length])
				data = []byte(rest[length:])
			}
			if err != nil {
				return
			}
		}
	}()
	p.bed.ends = append(p.bed.ends, func() { c.Close(); <-done })
}

func (p *peer) take(raw string) {
	if strings.TrimSpace(raw) == "" {
		return
	}
	m, err := message.Parse([]byte(raw))
	if err != nil && p.lenient && strings.HasPrefix(raw, "SIP/2.0 ") {
		p.inbox <- arrival{nil, time.Now(), raw} // what was wrong in a request is copied into its refusal
		return
	}
	if err != nil {
		p.bed.Errorf("the agent sent what cannot be read: %v\n%s", err, raw)
		return
	}
	if !message.Has(m, "Content-Length") {
		p.bed.Errorf("the agent sent no Content-Length\n%s", raw)
	}
	p.inbox <- arrival{m, time.Now(), raw}
}

// write sends text as it is.
func (p *peer) write(text string) {
	p.bed.Helper()
	var err error
	if p.conn != nil {
		_, err = io.WriteString(p.conn, text)
	} else {
		_, err = p.packets.WriteTo([]byte(text), p.to)
	}
	if err != nil {
		p.bed.Fatal(err)
	}
}

// next is the next message, within d of virtual time; nil when none came.
func (p *peer) next(d time.Duration) *arrival {
	select {
	case a := <-p.inbox:
		return &a
	case <-time.After(d):
		return nil
	}
}

// request is the next message, which must be a request of that method.
func (p *peer) request(method string) *message.Request {
	p.bed.Helper()
	a := p.next(10 * time.Minute)
	if a == nil {
		p.bed.Fatalf("no %s came", method)
	}
	req, ok := a.msg.(*message.Request)
	if !ok || string(req.Method) != method {
		p.bed.Fatalf("want %s, got\n%s", method, a.raw)
	}
	if method == "INVITE" || p.callID == "" {
		p.callID = message.CallID(req)
		if c, ok := contactOf(req); ok {
			p.target = c.String()
		}
		p.remote = message.Value(req, "From")
	}
	return req
}

// response is the next message, which must be a response with that code.
func (p *peer) response(code int) *message.Response {
	p.bed.Helper()
	a := p.next(10 * time.Minute)
	if a == nil {
		p.bed.Fatalf("no %d came", code)
	}
	res, ok := a.msg.(*message.Response)
	if !ok || res.StatusCode != code {
		p.bed.Fatalf("want %d, got\n%s", code, a.raw)
	}
	if message.MethodOf(res) == "INVITE" && message.ToTag(res) != "" {
		p.remote = message.Value(res, "To")
		if c, ok := contactOf(res); ok {
			p.target = c.String()
		}
	}
	return res
}

// silent fails when anything comes within d.
func (p *peer) silent(d time.Duration) {
	p.bed.Helper()
	if a := p.next(d); a != nil {
		p.bed.Fatalf("unexpected after %v\n%s", d, a.raw)
	}
}

// drain forgets what has come.
func (p *peer) drain() {
	for {
		select {
		case <-p.inbox:
		default:
			return
		}
	}
}

// reply sends a response to a request of the agent's; lines are headers, and what
// follows an empty line is the body.
func (p *peer) reply(req *message.Request, code int, lines ...string) {
	p.bed.Helper()
	p.write(p.replyText(req, code, p.tag, lines...))
}

func (p *peer) replyText(req *message.Request, code int, tag string, lines ...string) string {
	res := message.NewResponse(req, code, "", tag)
	if code > 100 && code < 300 {
		message.Add(res, "Contact", "<"+p.contact()+">")
	}
	addLines(res, lines)
	return string(message.Bytes(res))
}

func (p *peer) contact() string {
	if p.conn != nil {
		return "sip:peer@" + p.conn.LocalAddr().String() + ";transport=tcp"
	}
	return "sip:peer@" + p.ip + ":5060"
}

func addLines(m message.Message, lines []string) {
	for i, l := range lines {
		if l == "" {
			message.SetBody(m, typeSDP, []byte(strings.Join(lines[i+1:], "\r\n")))
			if t := message.Value(m, "X-Type"); t != "" {
				message.Set(m, "Content-Type", t)
				message.Remove(m, "X-Type")
			}
			return
		}
		name, value, _ := strings.Cut(l, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if oneOf(message.CanonicalName(name), "Contact", "To", "From", "Call-ID", "CSeq", "Max-Forwards", "Via") {
			message.Set(m, name, value)
			continue
		}
		message.Add(m, name, value)
	}
}

// invite begins a call with the agent and returns the INVITE.
func (p *peer) invite(lines ...string) *message.Request {
	p.bed.Helper()
	p.callID, p.seq, p.remote = message.NewCallID(), 0, "<sip:1001@"+pbxIP+">"
	if p.target == "" {
		p.target = "sip:1001@" + agentIP + ":5060"
	}
	return p.ask("INVITE", lines...)
}

// ask sends a request in the peer's dialog, or the first of it.
func (p *peer) ask(method string, lines ...string) *message.Request {
	p.bed.Helper()
	req := p.build(method, lines...)
	p.write(string(message.Bytes(req)))
	return req
}

// build makes a request with the next CSeq; ACK has that of the last INVITE.
func (p *peer) build(method string, lines ...string) *message.Request {
	p.bed.Helper()
	req := message.NewRequest(message.Method(method), uri(p.target))
	kind, sentBy := "UDP", p.ip+":5060"
	if p.conn != nil {
		kind, sentBy = "TCP", p.conn.LocalAddr().String()
	}
	message.Add(req, "Via", fmt.Sprintf("SIP/2.0/%s %s;rport;branch=%s", kind, sentBy, message.NewBranch()))
	message.Add(req, "Max-Forwards", "70")
	message.Add(req, "From", "\"Peer\" <sip:peer@"+pbxIP+">;tag="+p.tag)
	message.Add(req, "To", p.remote)
	message.Add(req, "Call-ID", p.callID)
	if method != "ACK" && method != "CANCEL" {
		p.seq++
	}
	message.Add(req, "CSeq", message.CSeq{Seq: p.seq, Method: message.Method(method)}.String())
	if method != "ACK" && method != "CANCEL" && method != "BYE" {
		message.Add(req, "Contact", "<"+p.contact()+">")
	}
	req.SetBody(nil)
	addLines(req, lines)
	return req
}

// ack acknowledges the 2xx of an INVITE.
func (p *peer) ack(lines ...string) { p.bed.Helper(); p.ask("ACK", lines...) }

// ackRefusal acknowledges another final response, on the INVITE's branch.
func (p *peer) sibling(invite *message.Request, method string, lines ...string) *message.Request {
	req := message.Clone(invite)
	req.Method = message.Method(method)
	message.Set(req, "CSeq", message.CSeq{Seq: seqOf(invite), Method: req.Method}.String())
	message.SetBody(req, "", nil)
	message.Remove(req, "Contact")
	addLines(req, lines)
	return req
}

// cancel sends the CANCEL of an INVITE.
func (p *peer) cancel(invite *message.Request, lines ...string) {
	p.bed.Helper()
	p.write(string(message.Bytes(p.sibling(invite, "CANCEL", lines...))))
}

// ackRefusal sends the ACK of a final response other than 2xx.
func (p *peer) ackRefusal(invite *message.Request, res *message.Response) {
	p.bed.Helper()
	req := p.sibling(invite, "ACK")
	message.Set(req, "To", message.Value(res, "To"))
	p.write(string(message.Bytes(req)))
}

// answered has the agent answer a call of the peer's.
func (p *peer) answered(a *agent, lines ...string) *Session {
	p.bed.Helper()
	if len(lines) == 0 {
		lines = []string{"", "offer"}
	}
	a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
	p.invite(lines...)
	p.response(200)
	p.ack()
	p.bed.pass(20 * time.Millisecond)
	return a.session()
}

// answers has the peer answer a call of the agent's; lines go in the 200.
func (p *peer) answers(a *agent, lines ...string) *Session {
	p.bed.Helper()
	if len(lines) == 0 {
		lines = []string{"Allow: INVITE, ACK, BYE, CANCEL, UPDATE, REFER, NOTIFY, INFO", "", "answer"}
	}
	s := a.invite("sip:peer@" + pbxIP)
	inv := p.request("INVITE")
	p.reply(inv, 200, lines...)
	p.request("ACK")
	p.bed.pass(20 * time.Millisecond)
	return s
}

// anyPeer is a scripted end that takes text on every port that a Via of the
// torture messages names.
type anyPeer struct {
	*peer
	texts chan string
}

func (b *bed) anyPeer(ip string) *anyPeer {
	b.Helper()
	a := &anyPeer{peer: b.newPeer(ip), texts: make(chan string, 1000)}
	for _, port := range []string{"5060", "5050", "6050", "5070", "19823", "5061", "9823", "5072"} {
		pc, err := b.net.Host(ip).ListenPacket(context.Background(), "udp", ip+":"+port)
		if err != nil {
			b.Fatal(err)
		}
		if a.packets == nil {
			a.packets, a.to = pc, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(agentIP+":5060"))
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			buf := make([]byte, 65536)
			for {
				n, _, err := pc.ReadFrom(buf)
				if err != nil {
					return
				}
				a.texts <- string(buf[:n])
			}
		}()
		b.ends = append(b.ends, func() { pc.Close(); <-done })
	}
	return a
}
