package sdp

import (
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
