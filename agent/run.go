package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"ringback/media"
	"ringback/sip"
)

// Bounds of the ways in and out of Run.
const (
	goodbyeCalls = 2 * time.Second       // for BYE and CANCEL to be answered: they went out three times by then
	goodbyeTime  = 4 * time.Second       // for that and the un-REGISTER
	goodbyeLook  = 20 * time.Millisecond // between two looks whether they are
	diskPatience = 3 * time.Second       // for files that are being opened, closed or removed at the end
	qualityEvery = 5 * time.Second       // between two quality events of a call
	qualityFirst = time.Second           // from the answer to the first of them
)

// Run opens sockets and devices, registers, and serves offers and actions until
// ctx is done. Then it takes no new actions, ends what is up, unregisters,
// closes, and returns when everything that it started has ended, within about
// five seconds, and another five with a disk that does not answer. Call it once.
func (a *Agent) Run(ctx context.Context) error {
	defer close(a.ended)
	defer a.events.close()
	if err := a.open(); err != nil {
		return errors.Join(err, a.closeStore())
	}
	var rooms sync.WaitGroup
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	rooms.Go(func() { a.loop.Run(life) })
	if a.deps.Media == nil {
		rooms.Go(func() {
			if err := a.engine.Run(life); err != nil {
				a.log.Error("run media", "error", err)
			}
		})
	}
	rooms.Go(func() { a.renumberContacts(life) })
	writing, enough := context.WithCancel(context.WithoutCancel(ctx))
	defer enough()
	var writer sync.WaitGroup
	if !a.deps.Brief {
		writer.Go(func() { a.historian.write(writing) })
	}
	a.loop.Post(a.input(a.begin))
	<-ctx.Done()
	err := a.goodbye(life)
	a.sound.close()
	stop()
	rooms.Wait()
	a.freeMedia()
	enough() // there are no more events
	writer.Wait()
	err = errors.Join(err, a.closeStore())
	a.awaitDisk()
	return err
}

// freeMedia ends what calls have in the engine whose BYE was not answered: the engine may
// go on for other agents. The loop has ended.
func (a *Agent) freeMedia() {
	for _, in := range a.interactions {
		for _, l := range in.legs {
			a.closeMedia(l)
		}
	}
}

// awaitDisk waits for what is beside the loop, and mostly has ended by now; for a disk
// that does not answer only so long, since the phone is to end all the same.
func (a *Agent) awaitDisk() {
	done := make(chan struct{})
	go func() {
		a.lookups.Wait()
		close(done)
	}()
	patience := time.NewTimer(diskPatience)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
		a.log.Warn("the disk does not answer: the phone ends without it, and what it was to write last may be missing", "after", diskPatience)
	}
}

// open makes the rooms below; nothing runs yet.
func (a *Agent) open() error {
	engine := media.EngineConfig{Log: a.log, Rate: media.RateFor(a.cfg.codecs()), Impair: a.deps.Impair}
	config := sip.Config{Loop: a.loop, Listen: a.listeners(), UserAgent: "Ringback", Log: a.log, Trace: a.trace, Handler: upcalls{a}, Random: a.deps.Random, WallClock: a.deps.WallClock, Resolver: a.deps.Resolver,
		TLS: sip.TLSConfig{CAFile: a.cfg.Account.CAFile, CertFile: a.cfg.Account.CertFile, KeyFile: a.cfg.Account.KeyFile}, WSPath: a.cfg.Account.WSPath,
		Policy: sip.Policy{Available: a.available, LocalUsers: func(user string) bool { return user == a.account.AOR.User }}}
	if a.deps.Brief {
		config.Trace = a.deps.Trace
	}
	if a.deps.Network != nil {
		engine.Network, config.Network = a.deps.Network, a.deps.Network
	}
	shut := func() error { return nil }
	if a.engine = a.deps.Media; a.engine == nil {
		a.engine = media.NewEngine(engine)
		shut = a.engine.Close
	}
	if err := a.sound.open(a); err != nil {
		a.sound.close()
		return errors.Join(err, shut())
	}
	var err error
	if a.ua, err = sip.NewUA(config); err != nil {
		a.sound.close()
		return errors.Join(err, shut())
	}
	a.below.Store(&rooms{a.ua, a.engine})
	return nil
}

// listeners: every account has a UDP or TCP port of its own, on all addresses that
// the machine has and will have unless the configuration names one; a TLS account
// uses the connection that it opens.
func (a *Agent) listeners() []sip.Listen {
	at := fmt.Sprintf(":%d", a.port)
	if a.bind.IsValid() {
		at = netip.AddrPortFrom(a.bind, a.port).String()
	}
	if a.account.Transport == "tcp" {
		return []sip.Listen{{Transport: "tcp", Address: at}}
	}
	if a.account.Transport == "tls" || a.account.Transport == "ws" || a.account.Transport == "wss" {
		// TLS listens only with a certificate of our own; requests come by our connection.
		return []sip.Listen{{Transport: "tcp", Address: at}}
	}
	return []sip.Listen{{Transport: "udp", Address: at}, {Transport: "tcp", Address: at}}
}

// begin is the first input.
func (a *Agent) begin() {
	a.begun = true
	a.sound.started(a)
	if err := errors.Join(a.restore(), a.loadAgenda()); err != nil {
		a.emit(Event{Type: ErrorHappened, Text: a.storeFailed("read the store", err).Message})
	}
	a.moveChannel(a.voice, startOf(a.cfg.Channels.Start), "")
	a.moveChannel(a.web, startOf(a.cfg.Channels.StartWeb), "")
	if a.cfg.Account.Register {
		a.afterServers(a.register)
	} else {
		a.afterServers(func() {})
		a.watchTeam()
	}
	a.loop.After(qualityFirst, a.input(a.tellQuality))
	a.mendRecordings()
	a.forget()
	a.forgetRecordings(map[string]bool{})
	a.warnOfUnused()
}

func startOf(state string) channelInput {
	if state == channelNotReady {
		return askNotReady
	}
	return askReady
}

// warnOfUnused names what the configuration asks for and this build does not do.
func (a *Agent) warnOfUnused() {
	for _, name := range a.cfg.Audio.Codecs {
		if !media.Sends(name) {
			a.log.Warn("this build can receive the codec but not send it, so calls do not use it: install libopus-dev and pkg-config, and build with make build, or take it out of audio.codecs", "codec", name)
		}
	}
	for _, name := range a.cfg.Headset.unheard() {
		a.log.Warn("this build goes without it: install libwebrtc-audio-processing-dev and pkg-config, and build with make build, or switch it off", "setting", name)
	}
}

// goodbye ends calls and registration, in that order, and closes the user agent.
func (a *Agent) goodbye(life context.Context) error {
	ctx, cancel := context.WithTimeout(life, goodbyeTime)
	defer cancel()
	over := make(chan struct{})
	a.loop.Post(a.input(func() {
		a.stopping = true
		for _, c := range a.channels() {
			a.moveChannel(c, loggedOff, "")
		}
		a.hangUpAll()
		a.dropSpares()
		a.giveBackOrders()
		a.afterCalls(a.now().Add(goodbyeCalls), func() { a.leave(over) })
	}))
	select {
	case <-over:
	case <-ctx.Done():
	}
	if err := a.ua.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("close user agent: %w", err)
	}
	return nil
}

// leave ends the publication, the subscriptions, then the registration, then closes over. A PBX that
// did not answer the BYEs gets both at once: there may be no time for a second.
func (a *Agent) leave(over chan struct{}) {
	if !a.signalling() {
		a.unpublish(func() { a.unwatchTeam(func() { a.unregister(func() { close(over) }) }) })
		return
	}
	left := 3
	done := func() {
		if left--; left == 0 {
			close(over)
		}
	}
	a.unpublish(done)
	a.unwatchTeam(done)
	a.unregister(done)
}

// switchedOff is why calls end, and callbacks go back, with the phone.
const switchedOff = "the phone is switched off"

func (a *Agent) hangUpAll() {
	reason := sip.ReasonHeader{Protocol: "SIP", Cause: 480, Text: switchedOff}
	for _, in := range a.interactions {
		if in.offer.open() {
			a.closeOffer(in, offerWithdrawn)
			a.refuseOffered(in, a.cfg.Callbacks.NotReadyCode, 480, reason.Text)
			e := in.offerEvent(OfferCancelled)
			e.Reason = "switched-off"
			if a.agenda.of(in) == nil {
				a.tell(in, ReportWithdrawn, func(r *Report) { r.Reason = switchedOff })
			}
			a.emit(e)
		}
		for _, l := range in.live() {
			_ = l.session.Hangup(reason)
		}
	}
}

// afterCalls runs fn once every BYE and CANCEL is answered, at the latest when the
// time is over. Nobody tells of those answers, so that it looks for them.
func (a *Agent) afterCalls(latest time.Time, fn func()) {
	if !a.signalling() || !a.now().Before(latest) {
		fn()
		return
	}
	a.loop.After(goodbyeLook, a.input(func() { a.afterCalls(latest, fn) }))
}

// signalling reports whether a call's session still has something to say, or the
// outbox, or the PBX's queue is to be told of the end.
func (a *Agent) signalling() bool {
	if a.telling() || a.tellingQueue() || a.recordingOpen() {
		return true
	}
	for _, in := range a.interactions {
		for _, l := range in.legs {
			if l.live() || l.session != nil && l.session.State() != sip.StateTerminated {
				return true
			}
		}
	}
	return false
}
