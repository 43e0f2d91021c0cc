package transaction

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transport"
)

// flow is a way to a peer that exists in the test only.
type flow struct {
	kind   string
	remote netip.AddrPort
	closed bool
}

func (f *flow) Transport() string      { return f.kind }
func (f *flow) Reliable() bool         { return f.kind != "UDP" }
func (f *flow) Local() netip.AddrPort  { return netip.MustParseAddrPort("10.0.0.2:5060") }
func (f *flow) Remote() netip.AddrPort { return f.remote }
func (f *flow) ServerName() string     { return "" }
func (f *flow) Incoming() bool         { return false }
func (f *flow) Closed() bool           { return f.closed }
func (f *flow) String() string         { return f.kind + " " + f.remote.String() }
func (f *flow) LocalVia() message.Via {
	return message.Via{Transport: f.kind, Host: "10.0.0.2", Port: 5060, Params: message.Params{{Name: "rport"}}}
}

// sent is a message that left, and when.
type sent struct {
	at   time.Duration
	msg  message.Message
	flow transport.Flow
}

// rig is a layer over a transport that remembers, in virtual time.
type rig struct {
	*testing.T
	layer  *Layer
	loop   *loop.Loop
	begin  time.Time
	out    []sent
	flow   *flow
	refuse error // what the transport answers to Send
	asked  []transport.Target
	heard  []int
	failed []error
	onRes  func(*message.Response)
	got    []*Server
}

func (r *rig) GetFlow(t transport.Target, cb func(transport.Flow, error)) {
	r.asked = append(r.asked, t)
	r.loop.Post(func() {
		if r.refuse != nil {
			cb(nil, r.refuse)
			return
		}
		cb(r.flow, nil)
	})
}

// Direct has nothing without a question, so that all goes the longer way.
func (r *rig) Direct(transport.Target) (transport.Flow, bool) { return nil, false }

// Datagram has none: what is repeated comes to Send.
func (r *rig) Datagram(transport.Flow, *message.Response) (transport.Datagram, bool) {
	return transport.Datagram{}, false
}

func (r *rig) SendAgain(transport.Datagram, func(error)) { panic("there is no datagram") }

func (r *rig) Send(f transport.Flow, m message.Message, failed func(error)) {
	r.out = append(r.out, sent{time.Since(r.begin), m, f})
	if err := r.refuse; err != nil {
		r.loop.Post(func() { failed(err) })
	}
}

func (r *rig) OnResponse(res *message.Response, _ transport.Flow) {
	r.heard = append(r.heard, res.StatusCode)
	if r.onRes != nil {
		r.onRes(res)
	}
}

func (r *rig) OnFailure(err error) { r.failed = append(r.failed, err) }

func onRig(t *testing.T, kind string, fn func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, loop: loop.New(nil), begin: time.Now(), flow: &flow{kind: kind, remote: netip.MustParseAddrPort("10.0.0.1:5060")}}
		r.layer = New(Config{Loop: r.loop, Transport: r})
		r.layer.OnRequest(func(s *Server) { r.got = append(r.got, s) })
		ctx, cancel := context.WithCancel(t.Context())
		go r.loop.Run(ctx)
		fn(r)
		r.do(r.layer.Close)
		cancel()
		<-r.loop.Done()
		if n := r.loop.Panics(); n != 0 {
			t.Errorf("%d panics on the loop", n)
		}
	})
}

func (r *rig) do(fn func()) {
	r.Helper()
	if err := r.loop.Do(context.Background(), fn); err != nil {
		r.Fatal(err)
	}
	synctest.Wait()
}

// pass lets virtual time go by. What the test has read is ordered before what the
// loop writes now.
func (r *rig) pass(d time.Duration) {
	r.Helper()
	r.do(func() {})
	<-time.After(d)
	synctest.Wait()
}

// request makes a request as a user does: complete but for its Via.
func request(method message.Method) *message.Request {
	uri, _ := message.ParseURI("sip:bob@10.0.0.1")
	req := message.NewRequest(method, uri)
	for _, h := range []message.Header{{Name: "Route", Value: "<sip:10.0.0.1;lr>"}, {Name: "Max-Forwards", Value: "70"},
		{Name: "From", Value: "<sip:alice@10.0.0.2>;tag=a"}, {Name: "To", Value: "<sip:bob@10.0.0.1>"},
		{Name: "Call-ID", Value: "call"}, {Name: "CSeq", Value: "7 " + string(method)}} {
		message.Add(req, h.Name, h.Value)
	}
	req.SetBody(nil)
	return req
}

// send sends a request of ours to the rig's peer.
func (r *rig) send(method message.Method) *Client {
	r.Helper()
	var c *Client
	r.do(func() {
		c = r.layer.Request(request(method), Target{Target: transport.Target{Transport: r.flow.kind, Addr: r.flow.remote}}, r)
	})
	return c
}

// answer brings a response to the last request of a method that left.
func (r *rig) answer(method message.Method, code int, tag string) {
	r.Helper()
	r.do(func() { r.layer.Receive(transport.Inbound{Msg: r.response(method, code, tag), Flow: r.flow}) })
}

func (r *rig) response(method message.Method, code int, tag string) *message.Response {
	r.Helper()
	for i := len(r.out) - 1; i >= 0; i-- {
		if req, ok := r.out[i].msg.(*message.Request); ok && req.Method == method {
			return message.NewResponse(req, code, "", tag)
		}
	}
	r.Fatalf("no %s left", method)
	return nil
}

// incoming makes a request of another's.
func incoming(method message.Method, branch string) *message.Request {
	req := request(method)
	message.Remove(req, "Route")
	message.Prepend(req, "Via", "SIP/2.0/UDP 10.0.0.1:5060;branch="+branch)
	return req
}

func (r *rig) receive(req *message.Request) {
	r.Helper()
	r.do(func() { r.layer.Receive(transport.Inbound{Msg: req, Flow: r.flow}) })
}

// server is the transaction that came last.
func (r *rig) server() *Server {
	r.Helper()
	if len(r.got) == 0 {
		r.Fatal("no request came up")
	}
	return r.got[len(r.got)-1]
}

func (r *rig) respond(s *Server, code int) error {
	r.Helper()
	var err error
	r.do(func() { err = s.Respond(s.NewResponse(code, "")) })
	return err
}

// wire is what left, as "INVITE@0s" and "200@1.5s", joined by blanks.
func (r *rig) wire() string {
	var words []string
	for _, s := range r.out {
		words = append(words, fmt.Sprintf("%s@%v", label(s.msg), s.at))
	}
	return strings.Join(words, " ")
}

func label(m message.Message) string {
	if res, ok := m.(*message.Response); ok {
		return fmt.Sprintf("%d", res.StatusCode)
	}
	return string(message.MethodOf(m))
}

func (r *rig) wired(want string) {
	r.Helper()
	if got := r.wire(); got != want {
		r.Errorf("on the wire:\n got  %s\n want %s", got, want)
	}
}

func (r *rig) failedWith(want error) {
	r.Helper()
	if len(r.failed) != 1 || !errors.Is(r.failed[0], want) {
		r.Errorf("failures %v, want %v", r.failed, want)
	}
}

func (r *rig) empty() {
	r.Helper()
	r.do(func() {
		if len(r.layer.clients) != 0 || len(r.layer.servers) != 0 || len(r.layer.calls) != 0 || len(r.layer.sources) != 0 {
			r.Errorf("left behind: %d clients, %d servers, %d calls, %d sources",
				len(r.layer.clients), len(r.layer.servers), len(r.layer.calls), len(r.layer.sources))
		}
	})
}
