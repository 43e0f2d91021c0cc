package transaction

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"ringback/sip/message"
	"ringback/sip/transport"
)

func TestConformance_T11_TryingAfter200ms(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		invite := incoming(message.INVITE, "z9hG4bK1")
		message.Add(invite, "Timestamp", "54")
		r.receive(invite)
		r.pass(time.Second)
		r.wired("100@200ms")
		res := r.out[0].msg
		if message.ToTag(res) != "" || message.Value(res, "Timestamp") != "54" {
			t.Errorf("100:\n%s", res)
		}
	})
	t.Run("not when the user was quicker", func(t *testing.T) {
		onRig(t, "UDP", func(r *rig) {
			r.receive(incoming(message.INVITE, "z9hG4bK1"))
			r.pass(150 * time.Millisecond)
			_ = r.respond(r.server(), 180)
			r.pass(time.Second)
			r.wired("180@150ms")
		})
	})
}

func TestConformance_T12_RepetitionsAreAbsorbed(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		invite := incoming(message.INVITE, "z9hG4bK1")
		again := func() { r.receive(message.Clone(invite)) }
		again()
		_ = r.respond(r.server(), 180)
		again()
		again()
		_ = r.respond(r.server(), 486)
		again()
		again()
		r.wired("180@0s 180@0s 180@0s 486@0s 486@0s 486@0s")
		if len(r.got) != 1 {
			t.Errorf("the user got %d INVITEs", len(r.got))
		}
	})
	onRig(t, "UDP", func(r *rig) {
		options := incoming(message.OPTIONS, "z9hG4bK2")
		r.receive(options)
		r.receive(message.Clone(options))
		_ = r.respond(r.server(), 200)
		r.receive(message.Clone(options))
		r.wired("200@0s 200@0s")
		if len(r.got) != 1 {
			t.Errorf("the user got %d OPTIONS", len(r.got))
		}
		r.pass(32 * time.Second)
		r.empty()
	})
}

func TestConformance_T13_MergedRequest(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.receive(incoming(message.INVITE, "z9hG4bK1"))
		_ = r.respond(r.server(), 180)
		r.receive(incoming(message.INVITE, "z9hG4bK2"))
		r.wired("180@0s 482@0s")
		if len(r.got) != 1 {
			t.Errorf("the phone rang %d times", len(r.got))
		}
		inside := incoming(message.INVITE, "z9hG4bK3")
		message.Set(inside, "To", "<sip:bob@10.0.0.1>;tag=b")
		r.receive(inside)
		if len(r.got) != 2 {
			t.Error("a request inside a dialog was taken for a merged one")
		}
	})
}

func TestConformance_T14_RefusalUntilAck(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.receive(incoming(message.INVITE, "z9hG4bK1"))
		var end error
		r.do(func() { r.server().OnEnd(func(err error) { end = err }) })
		_ = r.respond(r.server(), 486)
		r.pass(32 * time.Second)
		r.wired("486@0s 486@500ms 486@1.5s 486@3.5s 486@7.5s 486@11.5s 486@15.5s 486@19.5s 486@23.5s 486@27.5s 486@31.5s")
		if !errors.Is(end, ErrNoAck) {
			t.Errorf("ended with %v", end)
		}
		r.empty()
	})
	t.Run("with ACK", func(t *testing.T) {
		onRig(t, "UDP", func(r *rig) {
			r.receive(incoming(message.INVITE, "z9hG4bK1"))
			_ = r.respond(r.server(), 486)
			r.pass(time.Second)
			ack := incoming(message.ACK, "z9hG4bK1")
			r.receive(ack)
			r.receive(incoming(message.INVITE, "z9hG4bK1"))
			r.pass(time.Minute)
			r.wired("486@0s 486@500ms")
			if len(r.got) != 1 {
				t.Errorf("%d INVITEs went up", len(r.got))
			}
			r.empty()
		})
	})
	t.Run("over TCP once", func(t *testing.T) {
		onRig(t, "TCP", func(r *rig) {
			r.receive(incoming(message.INVITE, "z9hG4bK1"))
			_ = r.respond(r.server(), 486)
			r.pass(time.Minute)
			r.wired("486@0s")
			r.empty()
		})
	})
}

func TestConformance_T16_InviteAgainAfterThe200(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		var acks int
		r.layer.OnAck(func(*message.Request, transport.Flow) { acks++ })
		r.receive(incoming(message.INVITE, "z9hG4bK1"))
		s := r.server()
		_ = r.respond(s, 200)
		r.receive(incoming(message.INVITE, "z9hG4bK1"))
		r.wired("200@0s 200@0s")
		if err := r.respond(s, 200); err != nil {
			t.Errorf("the user may send its 2xx again (13.3.1.4), got %v", err)
		}
		ack := incoming(message.ACK, "z9hG4bKack")
		message.Set(ack, "To", "<sip:bob@10.0.0.1>;tag="+s.Tag())
		r.receive(ack)
		r.receive(ack)
		if acks != 2 {
			t.Errorf("%d ACKs went up, want both", acks)
		}
		r.receive(incoming(message.INVITE, "z9hG4bK1"))
		r.wired("200@0s 200@0s 200@0s")
		if len(r.got) != 1 {
			t.Errorf("%d calls", len(r.got))
		}
		r.pass(32 * time.Second)
		r.empty()
	})
}

func TestConformance_T18_CancelOfARingingCall(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.receive(incoming(message.INVITE, "z9hG4bK1"))
		s := r.server()
		_ = r.respond(s, 180)
		told := 0
		r.do(func() {
			s.OnCancel(func(*message.Request) { told++; _ = s.Respond(s.NewResponse(487, "")) })
		})
		r.receive(incoming(message.CANCEL, "z9hG4bK1"))
		r.receive(incoming(message.CANCEL, "z9hG4bK1"))
		r.wired("180@0s 200@0s 487@0s 200@0s")
		for _, out := range r.out {
			if got := message.ToTag(out.msg); got != s.Tag() || got == "" {
				t.Errorf("%s has the To tag %q, want %q", label(out.msg), got, s.Tag())
			}
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
	t.Run("by the layer when the user does not care", func(t *testing.T) {
		onRig(t, "UDP", func(r *rig) {
			r.receive(incoming(message.INVITE, "z9hG4bK1"))
			r.receive(incoming(message.CANCEL, "z9hG4bK1"))
			r.wired("200@0s 487@0s")
		})
	})
}

func TestConformance_T20_T21_NothingAfterAFinal(t *testing.T) {
	for _, first := range []int{200, 486, 487} {
		for _, second := range []int{100, 180, 200, 486, 487} {
			t.Run(fmt.Sprintf("%d after %d", second, first), func(t *testing.T) {
				onRig(t, "UDP", func(r *rig) {
					r.receive(incoming(message.INVITE, "z9hG4bK1"))
					_ = r.respond(r.server(), first)
					err := r.respond(r.server(), second)
					if repeat := first == 200 && second == 200; !repeat && !errors.Is(err, ErrFinal) {
						t.Errorf("got %v, want ErrFinal", err)
					}
					r.receive(incoming(message.INVITE, "z9hG4bK1"))
					r.pass(40 * time.Second)
					for _, out := range r.out {
						if label(out.msg) != fmt.Sprint(first) {
							t.Fatalf("on the wire: %s", r.wire())
						}
					}
					if err := r.respond(r.server(), second); !errors.Is(err, ErrGone) {
						t.Errorf("after the end: %v", err)
					}
				})
			})
		}
	}
}

func TestConformance_T22_CancelWithoutTransaction(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.receive(incoming(message.CANCEL, "z9hG4bKunknown"))
		r.wired("481@0s")
		r.empty()
	})
}

func TestConformance_T23_CancelAfterTheFinal(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.receive(incoming(message.INVITE, "z9hG4bK1"))
		s, told := r.server(), 0
		r.do(func() { s.OnCancel(func(*message.Request) { told++ }) })
		_ = r.respond(s, 200)
		r.receive(incoming(message.CANCEL, "z9hG4bK1"))
		r.wired("200@0s 200@0s")
		if got := message.Value(r.out[1].msg, "CSeq"); got != "7 CANCEL" {
			t.Errorf("the second 200 is for %q", got)
		}
		if told != 0 || s.state != accepted {
			t.Errorf("told %d times, state %v: the call is to stay up", told, s.state)
		}
	})
}

func TestConformance_T24_InviteAndCancelAtOnce(t *testing.T) {
	onRig(t, "TCP", func(r *rig) {
		r.layer.OnRequest(func(s *Server) {
			s.OnCancel(func(*message.Request) { _ = s.Respond(s.NewResponse(487, "")) })
			_ = s.Respond(s.NewResponse(180, ""))
		})
		for i := range 300 {
			invite := incoming(message.INVITE, fmt.Sprintf("z9hG4bK%d", i))
			cancel := incoming(message.CANCEL, fmt.Sprintf("z9hG4bK%d", i))
			for _, m := range []*message.Request{invite, cancel} {
				message.Set(m, "Call-ID", fmt.Sprintf("call%d", i))
			}
			r.do(func() {
				r.layer.Receive(transport.Inbound{Msg: invite, Flow: r.flow})
				r.layer.Receive(transport.Inbound{Msg: cancel, Flow: r.flow})
			})
		}
		var codes []string
		for _, out := range r.out {
			codes = append(codes, label(out.msg))
		}
		if want := slices.Repeat([]string{"180", "200", "487"}, 300); !slices.Equal(codes, want) {
			t.Errorf("answers differ from 180, 200, 487 each time")
		}
	})
}

func TestServerThatNeverAnswersIsBounded(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.receive(incoming(message.OPTIONS, "z9hG4bK1"))
		var end error
		r.do(func() { r.server().OnEnd(func(err error) { end = err }) })
		r.pass(32 * time.Second)
		if !errors.Is(end, ErrNoAnswer) {
			t.Errorf("ended with %v", end)
		}
		r.wired("")
		r.empty()
	})
}

func TestServerTableIsBounded(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.layer.Limits.ServersPerSource = 2
		for i := range 3 {
			m := incoming(message.OPTIONS, fmt.Sprintf("z9hG4bK%d", i))
			message.Set(m, "Call-ID", fmt.Sprintf("call%d", i))
			r.receive(m)
		}
		r.wired("503@0s")
		for range 100 {
			r.receive(incoming(message.ACK, "z9hG4bKstray"))
		}
		if len(r.layer.servers) != 2 {
			t.Errorf("%d open", len(r.layer.servers))
		}
	})
}

// A flood of requests outside of calls leaves room for the BYE of the call that is
// up, and not without bound.
func TestServerTableKeepsRoomForDialogs(t *testing.T) {
	onRig(t, "UDP", func(r *rig) {
		r.layer.Limits.Servers, r.layer.Limits.ServersPerSource = 3, 2
		for i := range 10 {
			m := incoming(message.OPTIONS, fmt.Sprintf("z9hG4bK%d", i))
			message.Set(m, "Call-ID", fmt.Sprintf("call%d", i))
			if i > 2 {
				m = incoming(message.BYE, fmt.Sprintf("z9hG4bK%d", i))
				message.Set(m, "Call-ID", fmt.Sprintf("call%d", i))
				message.Set(m, "To", message.Value(m, "To")+";tag=ours")
			}
			r.receive(m)
		}
		r.wired("503@0s 503@0s 503@0s 503@0s")
		if len(r.layer.servers) != 6 {
			t.Errorf("%d open", len(r.layer.servers))
		}
	})
}
