package agent

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"ringback/sip"
)

// Who serves the account changes faster than the disk writes: the newest is what is kept, whole.
func TestStory_TheNewestThatServedIsKept(t *testing.T) {
	dir := t.TempDir()
	storyIn(t, dir, nil, func(b *bed) {
		const changes = 200
		for i := range changes {
			now := sip.Served{Host: fmt.Sprintf("pbx%d.example", i+1), By: "udp", Addr: netip.MustParseAddrPort("192.0.2.1:5060")}
			b.agent.loop.Post(b.agent.input(func() { b.agent.keepServed(now) }))
		}
		b.settle()
		text, err := os.ReadFile(filepath.Join(dir, servedFile))
		if err != nil {
			t.Fatal(err)
		}
		var kept sip.Served
		if err := json.Unmarshal(text, &kept); err != nil || kept.Host != fmt.Sprintf("pbx%d.example", changes) {
			t.Errorf("kept is %s (%v)", text, err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, ".ringback-*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	})
}
