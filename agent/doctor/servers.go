package doctor

import (
	"context"
	"fmt"

	"ringback/agent"
	"ringback/agent/verdict"
	"ringback/media"
)

// servers asks each STUN and TURN server as a call does.
func (e *exam) servers(ctx context.Context) bool {
	m := &e.Config.Media
	if !m.ICE || len(m.ICEServers) == 0 {
		return true
	}
	local, err := e.localAddr()
	if err != nil {
		return e.tell("ice", Wrong, verdict.MediaServer.Say("error", err.Error()))
	}
	roots, err := e.Config.ServerTLS()
	if err != nil {
		return e.tell("ice", Wrong, verdict.MediaServer.Say("error", err.Error()))
	}
	for _, url := range m.ICEServers {
		asking, cancel := context.WithTimeout(ctx, e.Patience)
		at, err := media.ProbeServer(asking, local, roots, media.Server{URL: url, Username: m.TURNUsername, Password: string(m.TURNPassword)})
		cancel()
		if err != nil {
			e.tell("ice", Wrong, agent.ServerFinding(err))
			continue
		}
		e.add(Check{Name: "ice", State: OK, Text: fmt.Sprintf("%s gives this phone the address %s", url, at)})
	}
	return true
}
