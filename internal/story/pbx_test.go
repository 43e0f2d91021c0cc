package story

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"ringback/sip/message"
)

// pbx is a scripted PBX: it sends what the story says and shows what came. It
// answers REGISTER by itself unless the story does, and nothing else.
type pbx struct {
	d         *desk
	conn      net.PacketConn
	inbox     chan message.Message
	done      chan struct{}
	registers bool // REGISTERs come to the story

	// The dialog that the story is in.
	seq                    uint32
	callID, remote, target string
	from                   string
}

// agentAddr is where the agent listens.
const agentAddr = agentIP + ":5060"

func newPBX(d *desk) *pbx {
	d.Helper()
	conn, err := d.net.Host(pbxIP).ListenPacket(context.Background(), "udp", pbxIP+":5060")
	if err != nil {
		d.Fatal(err)
	}
	p := &pbx{d: d, conn: conn, inbox: make(chan message.Message, 1000), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *pbx) run() {
	defer close(p.done)
	buf := make([]byte, 65536)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if strings.TrimSpace(string(buf[:n])) == "" {
			continue
		}
		m, err := message.Parse(buf[:n])
		if err != nil {
			p.d.Errorf("the agent sent what cannot be read: %v\n%s", err, buf[:n])
			continue
		}
		req, isRequest := m.(*message.Request)
		if isRequest && req.Method == "REGISTER" && !p.registers {
			p.reply(req, 200, "Contact: "+message.Value(req, "Contact"), "Expires: 3600")
			continue
		}
		p.inbox <- m
	}
}

func (p *pbx) write(text string) {
	if _, err := p.conn.WriteTo([]byte(text), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(agentAddr))); err != nil {
		p.d.Error(err)
	}
}

// next is the next message.
func (p *pbx) next(what string) message.Message {
	p.d.Helper()
	select {
	case m := <-p.inbox:
		return m
	case <-time.After(patience):
		p.d.Fatalf("no %s came", what)
		return nil
	}
}

// request is the next message, which must be a request of that method.
func (p *pbx) request(method string) *message.Request {
	p.d.Helper()
	m := p.next(method)
	req, ok := m.(*message.Request)
	if !ok || string(req.Method) != method {
		p.d.Fatalf("want %s, got\n%s", method, message.Bytes(m))
	}
	if method == "INVITE" && p.callID != message.CallID(req) {
		p.callID, p.seq = message.CallID(req), 0
		p.from, p.remote = message.Value(req, "To")+";tag=pbx", message.Value(req, "From")
	}
	if c, _, err := message.Contacts(req); err == nil && len(c) > 0 {
		p.target = c[0].URI.String()
	}
	return req
}

// response is the next message, which must be a response with that code.
func (p *pbx) response(code int) *message.Response {
	p.d.Helper()
	m := p.next(fmt.Sprint(code))
	res, ok := m.(*message.Response)
	if !ok || res.StatusCode != code {
		p.d.Fatalf("want %d, got\n%s", code, message.Bytes(m))
	}
	if message.MethodOf(res) == "INVITE" && message.ToTag(res) != "" {
		p.remote = message.Value(res, "To")
		if c, _, err := message.Contacts(res); err == nil && len(c) > 0 {
			p.target = c[0].URI.String()
		}
	}
	return res
}

// reply answers a request; lines are headers, and after an empty one the body.
func (p *pbx) reply(req *message.Request, code int, lines ...string) {
	p.d.Helper()
	p.replyAs("pbx", req, code, lines...)
}

// replyAs answers with a To tag of its own: another branch of a fork.
func (p *pbx) replyAs(tag string, req *message.Request, code int, lines ...string) {
	p.d.Helper()
	res := message.NewResponse(req, code, "", tag)
	if code > 100 && code < 300 && req.Method != "REGISTER" {
		message.Add(res, "Contact", "<sip:pbx@"+pbxIP+":5060>")
	}
	addLines(res, lines)
	p.write(string(message.Bytes(res)))
}

func addLines(m message.Message, lines []string) {
	for i, l := range lines {
		if l == "" {
			kind := message.Value(m, "Content-Type")
			if kind == "" {
				kind = "application/sdp"
			}
			message.SetBody(m, kind, []byte(strings.Join(lines[i+1:], "\r\n")+"\r\n"))
			return
		}
		name, value, _ := strings.Cut(l, ":")
		message.Add(m, strings.TrimSpace(name), strings.TrimSpace(value))
	}
}

// invite calls the agent.
func (p *pbx) invite(lines ...string) *message.Request {
	p.d.Helper()
	p.callID, p.seq, p.remote, p.target = message.NewCallID(), 0, "<sip:1001@"+pbxIP+">", "sip:1001@"+agentAddr
	p.from = `"Contact" <sip:` + contact + "@" + pbxIP + ">;tag=pbx"
	return p.ask("INVITE", lines...)
}

// ask sends a request in the dialog.
func (p *pbx) ask(method string, lines ...string) *message.Request {
	p.d.Helper()
	to, err := message.ParseURI(p.target)
	if err != nil {
		p.d.Fatal(err)
	}
	req := message.NewRequest(message.Method(method), to)
	if method != "ACK" {
		p.seq++
	}
	for _, h := range [][2]string{
		{"Via", "SIP/2.0/UDP " + pbxIP + ":5060;branch=" + message.NewBranch()}, {"Max-Forwards", "70"},
		{"From", p.from}, {"To", p.remote}, {"Call-ID", p.callID},
		{"CSeq", message.CSeq{Seq: p.seq, Method: message.Method(method)}.String()}, {"Contact", "<sip:pbx@" + pbxIP + ":5060>"},
		{"Allow", "INVITE, ACK, BYE, CANCEL, REFER, NOTIFY, INFO"},
	} {
		message.Add(req, h[0], h[1])
	}
	message.SetBody(req, "", nil)
	addLines(req, lines)
	p.write(string(message.Bytes(req)))
	return req
}

// sdp is a session description behind the empty line; direction may be empty.
func sdp(direction string) []string {
	lines := []string{"", "v=0", "o=- 1 1 IN IP4 " + pbxIP, "s=-", "c=IN IP4 " + pbxIP, "t=0 0", "m=audio 40000 RTP/AVP 0 101",
		"a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"}
	if direction != "" {
		lines = append(lines, "a="+direction)
	}
	return lines
}
