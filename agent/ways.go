package agent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"ringback/agent/verdict"
	"ringback/media"
	"ringback/sip"
	"ringback/sip/loop"
)

const (
	spareLife  = 5 * time.Minute  // after which servers are asked anew
	spareAgain = 30 * time.Second // after they gave nothing
	// How long the answer to an offer that restarts ICE waits for servers. Far ends wait for
	// it for 32 s (RFC 3261 17.1.1.2, 17.1.2.2).
	answerTime = 4 * time.Second
)

// spare is a media session for the next call. STUN and TURN servers have been asked for its
// addresses: that takes a round trip or seconds, and an offer cannot wait for it.
type spare struct {
	session *media.Session
	local   netip.Addr
	tell    func(media.Event) // of the call that has it; nil: it is nobody's
}

// spares are for the calls to come: ready is the next call's, coming has its servers still
// to answer.
type spares struct {
	ready, coming *spare
	known         chan struct{} // closed when servers have answered once, or will not
	waiting       func()        // for that
	trouble       string        // what is wrong with them, as it was told
	again         *loop.Timer   // when they are asked next; nil: they have not answered yet
}

// asksServers says that STUN or TURN servers are configured.
func (m *MediaConfig) asksServers() bool { return m.ICE && len(m.ICEServers) > 0 }

// ways are those of the configuration.
func (c *Config) ways() (media.Ways, error) {
	m := &c.Media
	w := media.Ways{RelayOnly: m.ICEPolicy == "relay"}
	if !m.ICE {
		return media.Ways{}, nil
	}
	for _, url := range m.ICEServers {
		w.Servers = append(w.Servers, media.Server{URL: url, Username: m.TURNUsername, Password: string(m.TURNPassword)})
	}
	var err error
	w.TLS, err = c.ServerTLS()
	return w, err
}

// ServerTLS is how turns: servers are verified: by the system's authorities and
// account.ca_file.
func (c *Config) ServerTLS() (*tls.Config, error) {
	if c.Account.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.Account.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read account.ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read account.ca_file %s: no PEM certificate in it", c.Account.CAFile)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, nil
}

// mediaSession is the media of a call: the spare one where that fits, or a new one.
// session is nil in a call out.
func (a *Agent) mediaSession(session *sip.Session, tell func(media.Event)) (*media.Session, error) {
	local, err := a.address(session)
	if err != nil {
		return nil, err
	}
	if sp := a.spares.ready; sp != nil {
		a.spares.ready = nil
		defer a.openSpare()
		if sp.local == local && a.security(session).KeysReadable == a.security(nil).KeysReadable {
			sp.tell = tell
			return sp.session, nil
		}
		a.drop(sp)
	}
	return a.newSession(session, local, func(e media.Event) { a.loop.Post(a.input(func() { tell(e) })) })
}

func (a *Agent) newSession(session *sip.Session, local netip.Addr, tell func(media.Event)) (*media.Session, error) {
	first, last, err := splitPorts(a.cfg.Media.Ports)
	if err != nil {
		return nil, err
	}
	return a.engine.NewSession(media.SessionConfig{LocalIP: local, Ports: media.PortRange{Min: first, Max: last},
		Codecs: a.cfg.codecs(), Opus: a.cfg.opus(), Comfort: a.cfg.Audio.ComfortNoise, DTMF: true, NAT: a.cfg.Media.NAT, Ptime: a.cfg.Media.Ptime, TimeoutFor: a.mediaTimeout(), Log: a.log,
		Security: a.security(session), Ways: a.ways, OnEvent: tell})
}

// openSpare asks the servers for the next call, unless that is under way.
func (a *Agent) openSpare() {
	if !a.cfg.Media.asksServers() || a.spares.coming != nil || a.stopping {
		return
	}
	local, err := a.address(nil)
	sp := &spare{local: local}
	if err == nil {
		sp.session, err = a.newSession(nil, local, func(e media.Event) { a.loop.Post(a.input(func() { a.spareEvent(sp, e) })) })
	}
	if err != nil {
		a.serversAnswered(err)
		return
	}
	a.spares.coming = sp
}

// spareEvent serves the media events of a session that is or was spare.
func (a *Agent) spareEvent(sp *spare, e media.Event) {
	gathered, isGathered := e.(media.PathGathered)
	switch {
	case sp.tell != nil:
		sp.tell(e)
	case !isGathered || sp != a.spares.coming:
	case a.stopping:
		a.drop(sp)
	default:
		a.drop(a.spares.ready)
		a.spares.ready, a.spares.coming = sp, nil
		a.serversAnswered(gathered.Err)
	}
}

// serversAnswered tells what servers lack, once, and has them asked again.
func (a *Agent) serversAnswered(err error) {
	again, trouble := spareLife, ""
	if err != nil {
		again, trouble = spareAgain, ServerFinding(err).Error()
	}
	if trouble != "" && trouble != a.spares.trouble {
		a.emit(Event{Type: ErrorHappened, Text: trouble})
	}
	a.spares.trouble = trouble
	if fn := a.spares.waiting; fn != nil {
		a.spares.waiting = nil
		close(a.spares.known)
		fn()
	}
	if a.spares.again != nil { // that of the answer before, which a call may have asked for
		a.spares.again.Stop()
	}
	a.spares.again = a.loop.After(again, a.input(a.openSpare))
}

// ServerFinding says in words what is wrong with STUN and TURN servers.
func ServerFinding(err error) verdict.Finding {
	id := verdict.MediaServer
	switch {
	case errors.Is(err, media.ErrServerAuth):
		id = verdict.MediaServerAuth
	case errors.Is(err, media.ErrServerSilent):
		id = verdict.MediaServerSilent
	}
	return id.Say("error", err.Error())
}

func (a *Agent) drop(sp *spare) {
	if sp != nil {
		if err := sp.session.Close(); err != nil {
			a.log.Debug("close spare media", "error", err)
		}
	}
}

// dropSpares is the end of all that no call has.
func (a *Agent) dropSpares() {
	a.drop(a.spares.ready)
	a.drop(a.spares.coming)
	a.spares.ready, a.spares.coming = nil, nil
}

// afterServers calls fn when servers have been asked once: calls before that could not
// use them.
func (a *Agent) afterServers(fn func()) {
	if !a.cfg.Media.asksServers() {
		fn()
		return
	}
	a.spares.waiting = fn
	a.openSpare()
}

// letWait puts the answer to an offer that restarts ICE off until servers have said where
// we are now, or answerTime is over.
func (a *Agent) letWait(l *leg, e sip.OfferReceived) {
	x := &l.exchange
	x.theirs = &e
	x.patience.Stop()
	x.patience = a.loop.After(answerTime, a.input(func() { a.waitedEnough(l) }))
}

// serversAnsweredFor goes on with the offer that waits for servers, if that is what they
// have been asked for.
func (a *Agent) serversAnsweredFor(l *leg) {
	if e := l.exchange.theirs; e != nil && !l.media.Gather(e.SDP) {
		a.waitedEnough(l)
	}
}

// waitedEnough answers the offer that waits, unless it is gone.
func (a *Agent) waitedEnough(l *leg) {
	x := &l.exchange
	e := x.theirs
	if e == nil {
		return
	}
	x.theirs = nil
	x.patience.Stop()
	if l.session.OfferWaits() {
		a.answerOffer(l, *e)
	} else if l.media != nil {
		l.media.Ungather()
	}
}
