package sdp

import (
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"
)

func TestICE_ManyCandidatesAreNotAllRead(t *testing.T) {
	var many []pion.Attribute
	for range 3 * maxICECandidates {
		many = append(many, pion.Attribute{Key: "candidate", Value: "9 1 udp 1 10.9.9.9 9999 typ host"})
	}
	if got := len(readICE(many).Candidates); got != 64 {
		t.Errorf("%d candidates, want 64", got)
	}
}

// TestRFC8839_4_2_5_NoAddressYetIsNoHold: 0.0.0.0 with port 9 is where the checks will show, to
// who speaks ICE; to others, and with another port, it is the old form of hold.
func TestRFC8839_4_2_5_NoAddressYetIsNoHold(t *testing.T) {
	can := phone()
	can.ICE = &ICE{Ufrag: "ours", Pwd: "0123456789012345678901", Candidates: []string{"1 1 udp 2130706431 192.0.2.10 4000 typ host"}}
	ice := []string{"a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv", "a=rtcp-mux"}
	name := "a=candidate:1 1 udp 2130706431 7e3f2a80.local 5000 typ host"
	for what, row := range map[string]struct {
		lines  []string
		can    Capabilities
		sought bool
	}{
		"none yet":      {append([]string{"m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0"}, ice...), can, true},
		"a name":        {append([]string{"m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0", name}, ice...), can, true},
		"we do not":     {append([]string{"m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0", name}, ice...), phone(), false},
		"it does not":   {[]string{"m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0"}, can, false},
		"another port":  {append([]string{"m=audio 5000 RTP/AVP 0", "c=IN IP4 0.0.0.0"}, ice...), can, false},
		"no password":   {append([]string{"m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0"}, ice[0], ice[2]), can, false},
		"to our offer":  {append([]string{"m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0", name}, ice...), can, true},
		"plain, to our": {[]string{"m=audio 9 RTP/AVP 0", "c=IN IP4 0.0.0.0"}, can, false},
	} {
		l := NewLocal(1)
		var n *Negotiated
		if strings.Contains(what, "to our") {
			n = apply(t, l, offer(t, l, row.can), sdp(row.lines...))
		} else {
			_, n = negotiate(t, l, sdp(row.lines...), row.can)
		}
		if n.Sought != row.sought || n.HeldByAddress == row.sought || n.HeldByRemote() == row.sought || n.Direction.Sends() != row.sought || n.Remote.IsValid() || n.RemoteRTCP.IsValid() || (n.ICE != nil) != (row.can.ICE != nil && len(row.lines) > 4) {
			t.Errorf("%s: %+v", what, n)
		}
	}
}
