package sdp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestConformance_O10_PayloadTypesDifferPerDirection(t *testing.T) {
	l := NewLocal(1)
	o := offer(t, l, phone(opus, pcmu))
	n := apply(t, l, o, sdp("m=audio 5000 RTP/AVP 111 120", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 stereo=0", "a=rtpmap:120 telephone-event/48000", "a=ptime:40"))
	if n.Send.PayloadType != 111 || n.Send.Params != "stereo=0" || n.Receive[96].Name != "opus" || n.Receive[111].Name != "" {
		t.Errorf("got %+v", n)
	}
	if n.Events == nil || *n.Events != (Events{Send: 120, Receive: 101, ClockRate: 48000}) {
		t.Errorf("events %+v", n.Events)
	}
	if n.Ptime != 40*time.Millisecond || n.Direction != SendRecv || n.Remote.String() != "192.0.2.20:5000" || n.RemoteRTCP.Port() != 5001 {
		t.Errorf("got %+v", n)
	}
	// Our number stays ours in the next offer (RFC 3264 section 8.3.2).
	has(t, string(offer(t, l, phone(opus, pcmu)).Bytes()), "m=audio 4000 RTP/AVP 96 0 101 97")
}

func TestApply_AnswerWithSeveralCodecs(t *testing.T) {
	l := NewLocal(1)
	o := offer(t, l, phone(pcmu, pcma, g722))
	n := apply(t, l, o, sdp("m=audio 5000 RTP/AVP 8 18 0"))
	if n.Send.Name != "PCMA" || len(n.SendAll) != 2 || len(n.Receive) != 3 {
		t.Errorf("got %+v", n)
	}
}

func TestApply_HoldIsMirrored(t *testing.T) {
	for _, row := range []struct {
		want   Direction
		answer string
		ours   Direction
	}{
		{SendRecv, "sendrecv", SendRecv}, {SendRecv, "recvonly", SendOnly}, {SendRecv, "sendonly", RecvOnly},
		{SendRecv, "inactive", Inactive}, {SendOnly, "recvonly", SendOnly}, {SendOnly, "inactive", Inactive},
		{SendOnly, "sendrecv", SendOnly}, // the peer errs: not heard anyway
		{Inactive, "sendrecv", Inactive},
	} {
		l, can := NewLocal(1), phone()
		can.Direction = row.want
		n := apply(t, l, offer(t, l, can), sdp("m=audio 5000 RTP/AVP 0", "a="+row.answer))
		if n.Direction != row.ours {
			t.Errorf("%s answered by %s is %s, want %s", row.want, row.answer, n.Direction, row.ours)
		}
	}
	l := NewLocal(1)
	n := apply(t, l, offer(t, l, phone()), strings.Replace(sdp("m=audio 5000 RTP/AVP 0"), "c=IN IP4 192.0.2.20", "c=IN IP4 0.0.0.0", 1))
	if !n.HeldByAddress || n.Direction != RecvOnly || n.Remote.IsValid() {
		t.Errorf("old hold in the answer: %+v", n)
	}
}

func TestConformance_O16_AnswerOutsideTheOffer(t *testing.T) {
	for name, text := range map[string]string{
		"codec not offered": sdp("m=audio 5000 RTP/AVP 3 18"),
		"events alone":      sdp("m=audio 5000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
		"two m= lines":      sdp("m=audio 5000 RTP/AVP 0", "m=video 0 RTP/AVP 31"),
		"other media":       sdp("m=video 5000 RTP/AVP 31"),
		"other transport":   sdp("m=audio 5000 RTP/SAVP 0"),
		"audio refused":     sdp("m=audio 0 RTP/AVP 0"),
		"other family":      sdp("m=audio 5000 RTP/AVP 0", "c=IN IP6 2001:db8::1"),
		"no description":    "",
		"garbage":           "hello",
	} {
		l := NewLocal(1)
		o := offer(t, l, phone())
		a, err := ParseAnswer([]byte(text))
		if err == nil {
			_, err = Apply(l, o, a)
		}
		var r *Refusal
		if !errors.As(err, &r) || r.Why == "" {
			t.Errorf("%s: got %v", name, err)
		}
		if l.agreed {
			t.Errorf("%s: it counts as agreed", name)
		}
	}
}

func TestConformance_O17_SecondAnswerToOneOffer(t *testing.T) {
	l := NewLocal(1)
	o := offer(t, l, phone())
	early := sdp("m=audio 5000 RTP/AVP 0")
	if n := apply(t, l, o, early); n.Unchanged {
		t.Error("the first answer is taken for a repeat")
	}
	if n := apply(t, l, o, early); !n.Unchanged {
		t.Error("the same answer again is taken for another")
	}
	if n := apply(t, l, o, sdp("m=audio 6000 RTP/AVP 8")); n.Unchanged || n.Send.Name != "PCMA" || n.Remote.Port() != 6000 {
		t.Errorf("got %+v", n)
	}
}

func TestConformance_O09_AnswerTurnsAudioOff(t *testing.T) {
	l := NewLocal(1)
	apply(t, l, offer(t, l, phone()), sdp("m=audio 5000 RTP/AVP 0"))
	if n := apply(t, l, offer(t, l, phone()), sdp("m=audio 0 RTP/AVP 0")); !n.Rejected {
		t.Errorf("got %+v", n)
	}
	has(t, string(offer(t, l, phone()).Bytes()), "m=audio 4000 RTP/AVP 0 8 101")
}

// An offer that was refused leaves the session as it was (RFC 3264 section 8).
func TestApply_RefusedOfferChangesNothingButTheVersion(t *testing.T) {
	l := NewLocal(1)
	apply(t, l, offer(t, l, phone()), sdp("m=audio 5000 RTP/AVP 0"))
	hold := phone()
	hold.Direction = SendOnly
	offer(t, l, hold) // refused by the peer
	answer, n := negotiate(t, l, sdp("m=audio 5000 RTP/AVP 0"), phone())
	has(t, answer, "o=- 1 3 IN IP4 192.0.2.10", "a=sendrecv")
	if n.Direction != SendRecv {
		t.Errorf("got %+v", n)
	}
}

func FuzzApply(f *testing.F) {
	f.Add([]byte(sdp("m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000")))
	f.Add([]byte(sdp("m=audio 5000 RTP/AVP 111", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 x", "a=inactive")))
	f.Add([]byte(sdp("m=audio 0 RTP/AVP 0")))
	f.Fuzz(func(t *testing.T, text []byte) {
		l := NewLocal(1)
		o := offer(t, l, phone(opus, pcmu, pcma))
		a, err := ParseAnswer(text)
		if err != nil {
			return
		}
		n, err := Apply(l, o, a)
		if err != nil {
			return
		}
		if n.Send.Name == "" || len(n.Receive) != 3 || n.Direction.Sends() && !n.Remote.IsValid() {
			t.Fatalf("agreed on %+v", n)
		}
		if _, err := BuildOffer(l, phone(pcma)); err != nil {
			t.Fatal(err)
		}
	})
}
