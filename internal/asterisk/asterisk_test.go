//go:build interop

package asterisk

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestPBX(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := Start(ctx, "../../testdata/asterisk")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	t.Run("a console command answers", func(t *testing.T) {
		out, err := p.Console("pjsip show transports")
		if err != nil || !strings.Contains(out, p.Address) {
			t.Fatalf("%v: %s", err, out)
		}
	})
	t.Run("a call file makes a call", func(t *testing.T) {
		if err := p.CallFile("Local/echo@contact/n", "agents", "601", map[string]string{"__CBID": "cb-1"}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.WaitLog(ctx, "Milliwatt"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("it comes back after a crash", func(t *testing.T) {
		if err := p.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	})
}
