package transaction

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
	"ringback/sip/transport"
)

func TestConformance_T01_SilentServerInvite(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.send(message.INVITE)
		r.pass(32*time.Second - time.Millisecond)
		if len(r.failed) != 0 {
			t.Errorf("failed before 64*T1: %v", r.failed)
		}
		r.pass(time.Millisecond)
		r.wired("INVITE@0s INVITE@500ms INVITE@1.5s INVITE@3.5s INVITE@7.5s INVITE@15.5s INVITE@31.5s")
		r.failedWith(ErrTimeout)
		r.pass(time.Minute)
		r.empty()
	})
}

func TestConformance_T02_SilentServerOtherMethods(t *testing.T) {
	for _, method := range []message.Method{message.BYE, message.REGISTER, message.OPTIONS} {
		t.Run(string(method), func(t *testing.T) {
			onRig(t, "UDP", func(r *rig) {
				r.send(method)
				r.pass(time.Minute)
				r.wired(strings.ReplaceAll("M@0s M@500ms M@1.5s M@3.5s M@7.5s M@11.5s M@15.5s M@19.5s M@23.5s M@27.5s M@31.5s", "M", string(method)))
				r.failedWith(ErrTimeout)
				r.empty()
			})
		})
	}
	t.Run("after a 100 every T2", func(t *testing.T) {
		onRig(t, "UDP", func(r *rig) {
			r.send(message.OPTIONS)
			r.pass(600 * time.Millisecond)
			r.answer(message.OPTIONS, 100, "")
			r.pass(time.Minute)
			r.wired("OPTIONS@0s OPTIONS@500ms OPTIONS@1.5s OPTIONS@5.5s OPTIONS@9.5s OPTIONS@13.5s OPTIONS@17.5s OPTIONS@21.5s OPTIONS@25.5s OPTIONS@29.5s")
			r.failedWith(ErrTimeout)
		})
	})
}

func TestConformance_T03_NoRetransmissionOnStreams(t *testing.T) {
	for _, kind := range []string{"TCP", "TLS", "WS"} {
		for _, method := range []message.Method{message.INVITE, message.OPTIONS} {
			t.Run(kind+" "+string(method), func(t *testing.T) {
				onRig(t, kind, func(r *rig) {
					r.send(method)
					r.pass(32*time.Second - time.Millisecond)
					if len(r.failed) != 0 {
						t.Errorf("failed too soon: %v", r.failed)
					}
					r.pass(time.Millisecond)
					r.wired(string(method) + "@0s")
					r.failedWith(ErrTimeout)
				})
			})
		}
	}
}

func TestConformance_T05_AckOfARefusal(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.send(message.INVITE)
		for range 3 {
			r.answer(message.INVITE, 486, "b")
			r.pass(time.Second)
		}
		r.wired("INVITE@0s ACK@0s ACK@1s ACK@2s")
		if !slices.Equal(r.heard, []int{486}) {
			t.Errorf("told %v, want 486 once", r.heard)
		}
		invite, ack := r.out[0].msg, r.out[1].msg
		for _, name := range []string{"Via", "Route", "From", "Call-ID"} {
			if a, b := message.Values(invite, name), message.Values(ack, name); !slices.Equal(a, b) {
				t.Errorf("%s: INVITE %q, ACK %q", name, a, b)
			}
		}
		if got := message.Value(ack, "CSeq"); got != "7 ACK" {
			t.Errorf("CSeq %q", got)
		}
		if got := message.ToTag(ack); got != "b" {
			t.Errorf("To tag %q, want the response's", got)
		}
		if got := ack.(*message.Request).Recipient.String(); got != invite.(*message.Request).Recipient.String() {
			t.Errorf("Request-URI %q", got)
		}
		r.pass(33 * time.Second)
		r.empty()
	})
}

func TestConformance_T06_Each2xxGoesUpUntilTimerM(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.send(message.INVITE)
		for _, tag := range []string{"a", "b", "a"} { // two forks, and a repetition
			r.answer(message.INVITE, 200, tag)
			r.pass(time.Second)
		}
		if !slices.Equal(r.heard, []int{200, 200, 200}) {
			t.Errorf("told %v", r.heard)
		}
		r.answer(message.INVITE, 486, "c")
		r.answer(message.INVITE, 180, "c")
		if len(r.heard) != 3 {
			t.Errorf("after a 2xx something else went up: %v", r.heard)
		}
		r.pass(29 * time.Second)
		r.empty()
		r.wired("INVITE@0s")
	})
}

func TestConformance_T09_StrayResponses(t *testing.T) {
	for name, spoil := range map[string]func(*message.Response){
		"wrong branch":      func(m *message.Response) { message.Set(m, "Via", "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKother") },
		"wrong CSeq method": func(m *message.Response) { message.Set(m, "CSeq", "7 BYE") },
		"two Via":           func(m *message.Response) { message.Add(m, "Via", "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx") },
		"no Via":            func(m *message.Response) { message.Remove(m, "Via") },
	} {
		t.Run(name, func(t *testing.T) {
			onRig(t, "UDP", func(r *rig) {
				c := r.send(message.INVITE)
				res := r.response(message.INVITE, 200, "b")
				spoil(res)
				r.do(func() { r.layer.Receive(transport.Inbound{Msg: res, Flow: r.flow}) })
				if len(r.heard) != 0 || c.state != calling || len(r.out) != 1 {
					t.Errorf("told %v, state %v, wire %s", r.heard, c.state, r.wire())
				}
			})
		})
	}
}

func TestConformance_T10_ResponseFromAStranger(t *testing.T) {
	elsewhere := netip.MustParseAddrPort("10.0.0.66:5060")
	for _, row := range []struct {
		name, asked string
		from        *flow
		peers       bool
		taken       bool
	}{
		{"UDP from another address", "UDP", &flow{kind: "UDP", remote: elsewhere}, false, false},
		{"UDP from the registrar's set", "UDP", &flow{kind: "UDP", remote: elsewhere}, true, true},
		{"UDP answered by TCP", "UDP", &flow{kind: "TCP", remote: netip.MustParseAddrPort("10.0.0.1:5060")}, false, false},
		{"TCP by another connection", "TCP", &flow{kind: "TCP", remote: netip.MustParseAddrPort("10.0.0.1:5060")}, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			onRig(t, row.asked, func(r *rig) {
				target := Target{Flow: r.flow}
				if row.peers {
					target.Peers = func(a netip.AddrPort) bool { return a == elsewhere }
				}
				r.do(func() { r.layer.Request(request(message.INVITE), target, r) })
				res := r.response(message.INVITE, 200, "b")
				r.do(func() { r.layer.Receive(transport.Inbound{Msg: res, Flow: row.from}) })
				if (len(r.heard) == 1) != row.taken {
					t.Errorf("told %v, want taken=%v", r.heard, row.taken)
				}
			})
		})
	}
}

func TestConformance_T17_CancelWaitsForAProvisional(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		c := r.send(message.INVITE)
		r.do(func() { c.Cancel(message.Header{Name: "Reason", Value: "SIP;cause=200"}); c.Cancel() })
		r.pass(time.Second)
		r.wired("INVITE@0s INVITE@500ms")
		r.answer(message.INVITE, 180, "b")
		r.wired("INVITE@0s INVITE@500ms CANCEL@1s")
		invite, cancel := r.out[0].msg, r.out[2].msg
		for _, name := range []string{"Via", "Route", "From", "To", "Call-ID"} {
			if a, b := message.Values(invite, name), message.Values(cancel, name); !slices.Equal(a, b) {
				t.Errorf("%s: INVITE %q, CANCEL %q", name, a, b)
			}
		}
		if message.Value(cancel, "CSeq") != "7 CANCEL" || message.Value(cancel, "Reason") == "" {
			t.Errorf("CANCEL:\n%s", cancel)
		}
		r.answer(message.CANCEL, 200, "b")
		r.answer(message.INVITE, 487, "b")
		if !slices.Equal(r.heard, []int{180, 487}) {
			t.Errorf("told %v", r.heard)
		}
		r.pass(40 * time.Second)
		r.wired("INVITE@0s INVITE@500ms CANCEL@1s ACK@1s")
		r.empty()
	})
	t.Run("no final within 64*T1 after it", func(t *testing.T) {
		onRig(t, "UDP", func(r *rig) {
			c := r.send(message.INVITE)
			r.answer(message.INVITE, 180, "b")
			r.do(func() { c.Cancel() })
			r.answer(message.CANCEL, 200, "b")
			r.pass(32 * time.Second)
			r.failedWith(ErrTimeout)
			r.pass(5 * time.Second)
			r.empty()
		})
	})
	t.Run("before it was sent", func(t *testing.T) {
		onRig(t, "UDP", func(r *rig) {
			r.do(func() {
				r.layer.Request(request(message.INVITE), Target{}, r).Cancel()
			})
			r.wired("")
			r.failedWith(ErrCancelled)
			r.empty()
		})
	})
}

func TestConformance_T19_CancelCrossesThe200(t *testing.T) {
	for _, code := range []int{200, 481} {
		t.Run(fmt.Sprintf("CANCEL answered %d", code), func(t *testing.T) {
			onRig(t, "UDP", func(r *rig) {
				c := r.send(message.INVITE)
				r.answer(message.INVITE, 180, "b")
				r.do(func() { c.Cancel() })
				r.answer(message.INVITE, 200, "b")
				r.answer(message.CANCEL, code, "b")
				r.pass(40 * time.Second)
				if !slices.Equal(r.heard, []int{180, 200}) || len(r.failed) != 0 {
					t.Errorf("told %v %v", r.heard, r.failed)
				}
				r.empty()
			})
		})
	}
}

func TestConformance_T25_ProvisionalAndFinalInOneBurst(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.send(message.INVITE)
		r.do(func() {
			for range 40 {
				r.layer.Receive(transport.Inbound{Msg: r.response(message.INVITE, 180, "b"), Flow: r.flow})
			}
			r.layer.Receive(transport.Inbound{Msg: r.response(message.INVITE, 200, "b"), Flow: r.flow})
		})
		want := append(slices.Repeat([]int{180}, 40), 200)
		if !slices.Equal(r.heard, want) {
			t.Errorf("told %v", r.heard)
		}
	})
}

func TestConformance_T27_LargeRequestSaysItsSize(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		req := request(message.INVITE)
		message.SetBody(req, "text/plain", []byte(strings.Repeat("x", 9000)))
		r.do(func() { r.layer.Request(req, Target{Flow: r.flow}, r) })
		if len(r.asked) != 1 || r.asked[0].Size < 9000 || r.asked[0].Transport != "UDP" || r.asked[0].Addr != r.flow.remote {
			t.Errorf("asked the transport for %+v; want a way for a large request", r.asked)
		}
	})
}

func TestConformance_T27_ViaOfAnEarlierAttemptIsNotCountedTwice(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		req := request(message.INVITE)
		r.do(func() { r.layer.Request(req, Target{Flow: r.flow}, r) })
		again := message.Clone(req)
		size := message.Size(req) - len(message.Value(req, "Via")) + viaRoom + len("\r\nContent-Type: text/plain") + len("000")
		message.SetBody(again, "text/plain", bytes.Repeat([]byte("x"), transport.MaxUDPRequest-size))
		r.do(func() { r.layer.Request(again, Target{Flow: r.flow}, r) })
		if len(r.asked) != 0 {
			t.Errorf("a request of %d bytes with its Via asked for another way: %+v", message.Size(again), r.asked)
		}
		if vias := message.Values(again, "Via"); len(vias) != 1 || vias[0] == message.Value(req, "Via") {
			t.Errorf("it went out with %q after %q", vias, message.Value(req, "Via"))
		}
	})
}

func TestRFC3261_17_1_4_TransportErrors(t *testing.T) {
	t.Run("no way to the peer", func(t *testing.T) {
		onRig(t, "TCP", func(r *rig) {
			r.refuse = errors.New("connection refused")
			r.send(message.REGISTER)
			r.failedWith(ErrTransport)
			r.empty()
		})
	})
	t.Run("the connection ends", func(t *testing.T) {
		onRig(t, "TCP", func(r *rig) {
			r.send(message.INVITE)
			r.answer(message.INVITE, 180, "b")
			r.do(func() { r.layer.FlowClosed(r.flow, errors.New("reset")) })
			r.failedWith(ErrTransport)
			r.empty()
		})
	})
}

func TestClientTableIsBounded(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.layer.Limits.Clients = 2
		for range 3 {
			r.send(message.OPTIONS)
		}
		r.failedWith(ErrLimit)
		if len(r.layer.clients) != 2 {
			t.Errorf("%d open", len(r.layer.clients))
		}
	})
}
