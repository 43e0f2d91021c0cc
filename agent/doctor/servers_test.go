package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"ringback/internal/turnserver"
	"ringback/media"
)

// asking is a phone with this STUN or TURN server.
func asking(t *testing.T, url, user string) Options {
	return atLab(t, nil, func(o *Options) {
		m := &o.Config.Media
		m.ICE, m.ICEServers, m.TURNUsername, m.TURNPassword = true, []string{url}, user, "turn-secret"
	})
}

// relaying is the address of a TURN server on loopback that knows the user agent.
func relaying(t *testing.T) string {
	t.Helper()
	server, err := turnserver.Start(turnserver.Config{Network: media.Host(), Address: netip.MustParseAddrPort("127.0.0.1:0"), Username: "agent", Password: "turn-secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server.Addr().String()
}

func TestServers_AreAsked(t *testing.T) {
	at := relaying(t)
	for url, want := range map[string]string{"stun:" + at: "stun:" + at + " gives this phone the address 127.", "turn:" + at: "turn:" + at + " gives this phone the address 127."} {
		r := Run(t.Context(), asking(t, url, "agent"))
		found := false
		for _, c := range r.Checks {
			if c.Name == "ice" {
				found = c.State == OK && strings.HasPrefix(c.Text, want)
			}
			if strings.Contains(c.Text+c.Do, "turn-secret") {
				t.Errorf("%+v", c)
			}
		}
		if !found {
			t.Errorf("%s: %+v", url, r.Checks)
		}
	}
}
