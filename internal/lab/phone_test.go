package lab

import (
	"context"
	"sync"
	"time"

	"ringback/dtmf"
	"ringback/media"
	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/media/sdp"
	"ringback/sip"
	"ringback/sip/loop"
)

// phone is a plain SIP phone made of the rooms below the lab: an agent in
// miniature, so that the lab is tested by something simpler than the agent.
type phone struct {
	s       *scene
	user    string
	loop    *loop.Loop
	ua      *sip.UA
	engine  *media.Engine
	bridge  *media.Bridge
	account *sip.Account
	reg     *sip.Registration
	hz      float64
	deaf    bool // takes no telephone-event
	events  chan happening
	cancel  context.CancelFunc
	closed  bool
	done    sync.WaitGroup
	calls   map[*sip.Session]*phoneCall // loop
}

// happening is what a test waits for at a phone.
type happening struct {
	what string // registered, failed, invited, ringing, answered, ended, held, transfer, digit, hears, tone off
	call *phoneCall
	code int
	text string
}

type phoneCall struct {
	phone   *phone
	session *sip.Session
	media   *media.Session
	player  *media.Player
	meter   *media.Meter
}

// newPhone starts a phone that says a tone of hz in each call. It is not
// registered yet.
func (s *scene) newPhone(user, ip string, hz float64) *phone {
	s.t.Helper()
	p := &phone{s: s, user: user, loop: loop.New(nil), hz: hz, events: make(chan happening, 1000), calls: map[*sip.Session]*phoneCall{}}
	host := s.net.Host(ip)
	var err error
	p.ua, err = sip.NewUA(sip.Config{Loop: p.loop, Network: host, Handler: p,
		Listen: []sip.Listen{{Transport: "udp", Address: ip + ":5060"}, {Transport: "tcp", Address: ip + ":5060"}}})
	if err != nil {
		s.t.Fatal(err)
	}
	at := s.lab.Addr("udp")
	home := sip.URI{Scheme: "sip", Host: at.Addr().String(), Port: at.Port()}
	aor := home
	aor.User = user
	p.account = &sip.Account{AOR: aor, Registrar: home, Username: user, Password: sip.Secret("lab-" + user), Transport: "udp"}
	p.engine = media.NewEngine(media.EngineConfig{Network: host, Shards: 1})
	p.bridge = p.engine.NewBridge()
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.done.Go(func() { p.loop.Run(ctx) })
	p.done.Go(func() { _ = p.engine.Run(ctx) })
	s.t.Cleanup(p.close)
	return p
}

func (p *phone) do(fn func()) {
	p.s.t.Helper()
	if err := p.loop.Do(context.Background(), fn); err != nil {
		p.s.t.Fatal(err)
	}
}

func (p *phone) tell(h happening) { p.events <- h }

// wait is the next happening of that kind; others are passed over.
func (p *phone) wait(what string) happening {
	p.s.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case h := <-p.events:
			if h.what == what {
				return h
			}
		case <-limit:
			p.s.t.Fatalf("%s waited for %q; the lab saw %v", p.user, what, tail(p.s.lab.Log().Since(0)))
		}
	}
}

func (p *phone) register() {
	p.s.t.Helper()
	p.startRegister()
	p.wait("registered")
}

func (p *phone) startRegister() {
	p.s.t.Helper()
	p.do(func() {
		p.reg = p.ua.Register(p.account, func(st sip.RegistrationStatus) {
			switch st.State {
			case sip.Registered:
				p.tell(happening{what: "registered", code: st.Code})
			case sip.Failed:
				p.tell(happening{what: "failed", code: st.Code, text: st.Reason})
			}
		})
	})
}

// close leaves as a phone does that is switched off in order.
func (p *phone) close() {
	p.s.t.Helper()
	if p.closed {
		return
	}
	p.closed = true
	if p.reg != nil {
		gone := make(chan struct{})
		p.do(func() { p.reg.Unregister(func(error) { close(gone) }) })
		<-gone
	}
	p.do(func() {
		for session := range p.calls {
			_ = session.Hangup(sip.ReasonHeader{})
		}
	})
	if err := p.ua.Close(context.Background()); err != nil {
		p.s.t.Errorf("close phone: %v", err)
	}
	p.cancel()
	p.done.Wait()
}

// Invited implements sip.Handler: the test decides what becomes of the call.
func (p *phone) Invited(s *sip.Session) {
	c := p.newCall()
	c.session = s
	p.calls[s] = c
	s.Handle(p)
	_ = s.Ring()
	p.tell(happening{what: "invited", call: c})
}

// Requested implements sip.Handler.
func (p *phone) Requested(r *sip.IncomingRequest) {
	p.tell(happening{what: "message", text: string(r.Body())})
	_ = r.Respond(200, "", nil, "", nil)
}

func (p *phone) newCall() *phoneCall {
	c := &phoneCall{phone: p}
	var err error
	c.media, err = p.engine.NewSession(media.SessionConfig{LocalIP: p.ua.LocalAddr("udp").Addr(), DTMF: !p.deaf, OnEvent: func(e media.Event) {
		if d, ok := e.(media.DigitReceived); ok {
			p.tell(happening{what: "digit", call: c, text: d.Digit.String()})
		}
	}})
	if err != nil {
		p.s.t.Error(err)
	}
	c.player = p.engine.NewPlayer()
	c.player.PlayTone(audio.Sine(p.hz, -10), nil)
	c.meter = p.engine.NewMeter(media.MeterConfig{Tones: []float64{firstHz, secondHz, ToneHz, MusicHz, ContactHz, ColleagueHz, EarlyHz}, OnEvent: func(e media.Event) {
		if h, ok := e.(media.ToneHeard); ok {
			what := "hears"
			if !h.On {
				what = "tone off"
			}
			p.tell(happening{what: what, call: c, code: int(h.Hz)})
		}
	}})
	p.connect(c)
	return c
}

func (p *phone) connect(c *phoneCall) {
	var slots [3]mixer.Slot
	for i, port := range []media.Port{c.media, c.player, c.meter} {
		slot, err := p.bridge.Add(port)
		if err != nil {
			p.s.t.Error(err)
		}
		slots[i] = slot
	}
	var routes []mixer.Route
	for _, other := range p.calls {
		routes = append(routes, mixer.Route{From: other.player.Slot(), To: other.media.Slot()}, mixer.Route{From: other.media.Slot(), To: other.meter.Slot()})
	}
	routes = append(routes, mixer.Route{From: slots[1], To: slots[0]}, mixer.Route{From: slots[0], To: slots[2]})
	if err := p.bridge.SetRoutes(routes); err != nil {
		p.s.t.Error(err)
	}
}

// dial calls a number through the lab.
func (p *phone) dial(number string) *phoneCall {
	p.s.t.Helper()
	var c *phoneCall
	p.do(func() {
		c = p.newCall()
		offer, err := c.media.CreateOffer(sdp.SendRecv)
		if err != nil {
			p.s.t.Error(err)
		}
		to := p.account.Registrar
		to.User = number
		if c.session, err = p.ua.Invite(sip.InviteOptions{Account: p.account, To: to, Offer: offer}, p); err != nil {
			p.s.t.Error(err)
		}
		p.calls[c.session] = c
	})
	return c
}

func (c *phoneCall) answer() {
	c.phone.do(func() {
		var body []byte
		var err error
		if c.session.Offer() == nil {
			body, err = c.media.CreateOffer(sdp.SendRecv)
		} else {
			body, err = c.media.AcceptOffer(c.session.Offer(), sdp.SendRecv)
		}
		if err != nil {
			c.phone.s.t.Error(err)
		}
		if err := c.session.Answer(body); err != nil {
			c.phone.s.t.Error(err)
		}
	})
}

func (c *phoneCall) reject(code int) {
	c.phone.do(func() {
		if err := c.session.Reject(code, ""); err != nil {
			c.phone.s.t.Error(err)
		}
	})
}

func (c *phoneCall) hangUp() {
	c.phone.do(func() { _ = c.session.Hangup(sip.ReasonHeader{}) })
}

// offer sends a re-INVITE with a direction: hold and resume.
func (c *phoneCall) offer(d sdp.Direction) {
	c.phone.do(func() {
		body, err := c.media.CreateOffer(d)
		if err == nil {
			err = c.session.Reinvite(body)
		}
		if err != nil {
			c.phone.s.t.Error(err)
		}
	})
}

// refer sends the other side to a number, or to the far end of another call.
func (c *phoneCall) refer(number string, other *phoneCall) {
	c.phone.do(func() {
		to := c.phone.account.Registrar
		to.User = number
		o := sip.ReferOptions{}
		if other != nil {
			o.Replaces = other.session
		}
		if _, err := c.session.Refer(to, o); err != nil {
			c.phone.s.t.Error(err)
		}
	})
}

// SessionEvent implements sip.SessionHandler.
func (p *phone) SessionEvent(s *sip.Session, e sip.Event) {
	c := p.calls[s]
	switch e := e.(type) {
	case sip.Progressed:
		if e.SDP != nil {
			_ = c.media.AcceptAnswer(e.SDP, true)
		}
		p.tell(happening{what: "ringing", call: c, code: e.Code})
	case sip.Answered:
		if err := c.media.AcceptAnswer(e.SDP, false); err != nil {
			p.s.t.Error(err)
		}
		p.tell(happening{what: "answered", call: c})
	case sip.Confirmed:
		if e.SDP != nil {
			_ = c.media.AcceptAnswer(e.SDP, false)
		}
		p.tell(happening{what: "confirmed", call: c})
	case sip.OfferReceived:
		answer, err := c.media.AcceptOffer(e.SDP, sdp.SendRecv)
		if err == nil {
			err = s.AnswerOffer(answer)
		}
		if err != nil {
			p.s.t.Error(err)
		}
		p.tell(happening{what: "offered", call: c})
	case sip.AnswerReceived:
		if err := c.media.AcceptAnswer(e.SDP, false); err != nil {
			p.s.t.Error(err)
		}
		p.tell(happening{what: "reoffered", call: c})
	case sip.OfferRefused:
		c.media.RollbackOffer()
		p.tell(happening{what: "refused", call: c, code: e.Code})
	case sip.InfoReceived:
		info, err := dtmf.ParseInfo(e.ContentType, e.Body)
		if err != nil {
			p.s.t.Error(err)
		}
		p.tell(happening{what: "digit", call: c, text: info.Digit.String()})
	case sip.TransferProgressed:
		p.tell(happening{what: "transfer", call: c, code: e.Code})
	case sip.TransferEnded:
		p.tell(happening{what: "transferred", call: c, code: e.Code})
		if e.OK {
			_ = s.Hangup(sip.ReasonHeader{})
		}
	case sip.Ended:
		delete(p.calls, s)
		_ = c.media.Close()
		_ = c.player.Close()
		_ = c.meter.Close()
		p.tell(happening{what: "ended", call: c, code: e.Cause.Code, text: string(e.Cause.Kind)})
	}
}

func (c *phoneCall) press(digits string) {
	seq, err := dtmf.ParseDigits(digits)
	if err == nil {
		err = c.media.SendDigits(seq, media.RFC4733, nil)
	}
	if err != nil {
		c.phone.s.t.Error(err)
	}
}

// inform sends one digit by INFO.
func (c *phoneCall) inform(d dtmf.Digit) {
	c.phone.do(func() {
		body, err := dtmf.FormatInfo(dtmf.TypeDTMF, dtmf.Info{Digit: d})
		if err == nil {
			err = c.session.Info(dtmf.TypeDTMF, body, nil)
		}
		if err != nil {
			c.phone.s.t.Error(err)
		}
	})
}

// message sends a MESSAGE through the lab and returns the answer's code.
func (p *phone) message(to, kind, body string) int {
	p.s.t.Helper()
	code := make(chan int, 1)
	p.do(func() {
		uri := p.account.Registrar
		uri.User = to
		p.ua.Request(p.account, sip.RequestOptions{Method: "MESSAGE", To: uri, ContentType: kind, Body: []byte(body)},
			func(r sip.Reply) { code <- r.Code })
	})
	return <-code
}
