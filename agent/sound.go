package agent

import (
	"errors"
	"slices"

	"ringback/agent/verdict"
	"ringback/media"
	"ringback/media/audio"
	"ringback/media/device"
	"ringback/media/headset"
	"ringback/media/mixer"
	"ringback/sip"
)

// The roles of audio devices, as in the configuration and in events.
const (
	roleHeadset   = "headset"
	roleRing      = "ring"
	roleSecondEar = "second_ear"
)

// sound is the agent's side of the bridge: headset, ring device, tones.
type sound struct {
	bridge      *media.Bridge
	tone, alert *media.Player
	names       AudioState
	flow        device.Flow // of the headset
	gone        bool        // the headset that was in use is, and none but null has taken its place

	speaking, alerting, listening duty // of headset, ring device (none: the headset rings) and second ear

	headsetSlot, toneSlot, alertSlot, ringSlot, secondSlot mixer.Slot

	routes  []mixer.Route // what the bridge has
	levels  []mixer.Slot  // whose voice it levels
	ringing bool          // the tone player plays ringback
	alerts  string        // what the alert player plays: ring, call-waiting or nothing
}

// open makes the ports. Nothing runs yet.
func (s *sound) open(a *Agent) error {
	s.ringSlot, s.secondSlot = mixer.None, mixer.None
	s.flow = device.Flow{Microphone: true, Ear: true}
	s.bridge = a.engine.NewBridge()
	for _, role := range []struct {
		name    string
		devices []string
		listen  bool
		sound   headset.Config
		duty    *duty
	}{
		{roleHeadset, a.cfg.Audio.Headset, true, a.cfg.headset(), &s.speaking},
		{roleRing, a.cfg.Audio.Ring, false, a.cfg.ring(), &s.alerting},
		{roleSecondEar, a.cfg.Audio.SecondEar, false, a.cfg.secondEar(), &s.listening},
	} {
		if len(role.devices) == 0 {
			continue
		}
		devices, err := parseDevices(a.deps.Devices, "audio."+role.name, role.devices)
		if err != nil {
			return err
		}
		role.duty.port, err = a.engine.NewDevicePort(media.DeviceConfig{Devices: devices, Listen: role.listen, Resting: true, Sound: role.sound, Log: a.log, Outside: a.deps.Outside,
			OnEvent: func(e media.Event) { a.loop.Post(a.input(func() { a.deviceEvent(role.name, e) })) }})
		if err != nil {
			return err
		}
	}
	return s.place(a)
}

func (s *sound) place(a *Agent) error {
	s.tone, s.alert = a.engine.NewPlayer(), a.engine.NewPlayer()
	var errs [5]error
	s.headsetSlot, errs[0] = s.bridge.Add(s.speaking.port)
	s.toneSlot, errs[1] = s.bridge.Add(s.tone)
	s.alertSlot, errs[2] = s.bridge.Add(s.alert)
	if s.alerting.port != nil {
		s.ringSlot, errs[3] = s.bridge.Add(s.alerting.port)
	}
	if s.listening.port != nil {
		s.secondSlot, errs[4] = s.bridge.Add(s.listening.port)
	}
	return errors.Join(errs[:]...)
}

// started notes which devices were found first.
func (s *sound) started(a *Agent) {
	s.names.Headset = s.speaking.port.Device()
	s.names.MicrophoneGain, s.names.Volume = a.cfg.Headset.MicrophoneGain, a.cfg.Headset.Volume
	s.names.Microphone, s.names.Ear = s.speaking.port.Sound()
	if s.alerting.port != nil {
		s.names.Ring = s.alerting.port.Device()
	}
	if s.listening.port != nil {
		s.names.SecondEar = s.listening.port.Device()
	}
}

func (s *sound) view() AudioState { return s.names }

// close stops the devices, for which it waits, and frees what else is in the engine,
// which may go on for other agents. Not on the loop.
func (s *sound) close() {
	for _, port := range []*media.DevicePort{s.speaking.port, s.alerting.port, s.listening.port} {
		if port != nil {
			_ = port.Close()
		}
	}
	for _, p := range []*media.Player{s.tone, s.alert} {
		if p != nil {
			_ = p.Close()
		}
	}
	_ = s.bridge.Close()
}

// seat puts a call, and the meter that listens to it, into the bridge.
func (s *sound) seat(a *Agent, l *leg) error {
	var err error
	if l.slot, err = s.bridge.Add(l.media); err != nil {
		return err
	}
	l.meter = a.engine.NewMeter(media.MeterConfig{AnyTone: true, Speech: true,
		OnEvent: func(e media.Event) { a.loop.Post(a.input(func() { a.heard(l, e) })) }})
	l.hears, err = s.bridge.Add(l.meter)
	return err
}

func (s *sound) unseat(l *leg) {
	if l.meter != nil {
		_ = l.meter.Close()
	}
	s.bridge.Remove(l.media)
	l.slot, l.hears, l.meter = mixer.None, mixer.None, nil
	s.routes, s.levels = nil, nil // slots may be given to others
}

// seatRecording puts a recording, with its consent tone, into the bridge.
func (s *sound) seatRecording(a *Agent, t *recording) error {
	var errs [3]error
	t.left, errs[0] = s.bridge.Add(t.take.Port(0))
	t.right, errs[1] = s.bridge.Add(t.take.Port(1))
	if a.cfg.Recording.Tone {
		t.beep = a.engine.NewPlayer()
		t.beepSlot, errs[2] = s.bridge.Add(t.beep)
	}
	return errors.Join(errs[:]...)
}

func (s *sound) unseatRecording(t *recording) {
	s.bridge.Remove(t.take.Port(0))
	s.bridge.Remove(t.take.Port(1))
	if t.beep != nil {
		s.bridge.Remove(t.beep)
	}
	t.left, t.right, t.beepSlot, t.beep = mixer.None, mixer.None, mixer.None, nil
	s.routes, s.levels = nil, nil // slots may be given to others
}

// seatPlayer puts what plays a file into the bridge.
func (s *sound) seatPlayer(a *Agent, p *playing) (err error) {
	p.player = a.engine.NewPlayer()
	p.slot, err = s.bridge.Add(p.player)
	return err
}

func (s *sound) unseatPlayer(p *playing) {
	if p.player != nil {
		_ = p.player.Close()
	}
	p.player, p.slot = nil, mixer.None
	s.routes, s.levels = nil, nil
}

// beep tells the agent that a call was answered without his hand.
func (s *sound) beep() { s.tone.PlayTone(audio.AutoAnswerBeep(), nil); s.ringing = false }

// refused lets the agent hear that a call was not put through.
func (s *sound) refused(c sip.Cause) {
	var tone audio.Cadence
	switch c.Kind {
	case sip.CauseBusy:
		tone = audio.Busy()
	case sip.CauseCancelled, sip.CauseCompleted:
		return
	default:
		tone = audio.Congestion()
	}
	tone.Repeat = 4
	s.tone.PlayTone(tone, nil)
	s.ringing = false
}

// followSound makes routes and tones what the state asks for. It runs after
// every input.
func (a *Agent) followSound() {
	s := &a.sound
	if s.bridge == nil {
		return
	}
	if want := a.localTone(); want != s.ringing {
		if s.ringing = want; want {
			s.tone.PlayTone(audio.Ringback(), nil)
		} else {
			s.tone.Stop()
		}
	}
	alert := ""
	if a.alerting() {
		if alert = "ring"; a.callWaits() {
			alert = "call-waiting"
		}
	}
	if alert != s.alerts {
		s.alerts = alert
		switch alert {
		case "ring":
			s.alert.PlayTone(audio.RingTone(), nil)
		case "call-waiting":
			s.alert.PlayTone(audio.CallWaiting(), nil)
		default:
			s.alert.Stop()
		}
	}
	a.followDevices()
	a.followHeadset()
	h := a.hearing()
	if want := levelled(h); a.cfg.Calls.ConferenceLevels && (s.levels == nil || !slices.Equal(want, s.levels)) {
		s.levels = want
		s.bridge.SetLevelled(want...)
	}
	want := routes(h)
	if s.routes != nil && slices.Equal(want, s.routes) {
		return
	}
	s.routes = want
	if err := s.bridge.SetRoutes(want); err != nil && !a.stopping {
		a.log.Error("set audio routes", "error", err)
	}
}

// mediaEvent serves what a call's media tells.
func (a *Agent) mediaEvent(l *leg, e media.Event) {
	if l.media == nil {
		return
	}
	switch e := e.(type) {
	case media.DigitReceived:
		a.digitReceived(l, e.Digit, "rfc4733")
	case media.MediaStarted:
		a.emit(l.event(MediaStarted))
	case media.MediaSilent:
		out := l.event(MediaSilent)
		out.Text = verdict.MediaGone.Say("time", e.For.String()).Error()
		a.emit(out)
	case media.TroubleChanged:
		a.troubled(l, e)
	case media.EncryptionChanged:
		a.encryptionChanged(l, e.Suite)
	case media.PathGathered:
		a.serversAnsweredFor(l)
	case media.PathFailed:
		a.pathFailed(l, e)
	case media.PathFound:
		a.pathFound(l)
	case media.EncryptionFailed:
		a.encryptionFailed(l, e.Err)
	case media.RTPTimeout:
		out := l.event(MediaStopped)
		out.Text = "no packet for " + e.For.String()
		a.emit(out)
		if a.cfg.Media.Timeout > 0 && l.up() && !l.onHold() {
			_ = l.session.Hangup(sip.ReasonHeader{Protocol: "SIP", Cause: 200, Text: "no media"})
		}
	case media.Failed:
		out := l.event(ErrorHappened)
		out.Text = "media of the call failed: " + e.Err.Error()
		a.emit(out)
	}
}

// heard takes what a call's meter tells.
func (a *Agent) heard(l *leg, e media.Event) {
	if l.meter == nil {
		return
	}
	switch e := e.(type) {
	case media.AudioHeard:
		l.heard.Sound = e.On
	case media.ToneHeard:
		tones := slices.DeleteFunc(slices.Clone(l.heard.Tones), func(hz float64) bool { return hz == e.Hz })
		if e.On {
			tones = append(tones, e.Hz)
		}
		l.heard.Tones = tones
	default:
		return
	}
	a.emit(l.event(MediaHeard))
}

// tellQuality publishes the figures of all connected calls, again and again: soon
// after the answer, since a person looks then, and from there on now and then.
func (a *Agent) tellQuality() {
	if a.stopping {
		return
	}
	for _, in := range a.interactions {
		for _, l := range in.live() {
			due := l.measured.Add(qualityEvery)
			if l.measured.IsZero() {
				due = l.connected.Add(qualityFirst)
			}
			if l.up() && !a.now().Before(due) {
				l.measured = a.now()
				l.measure()
				a.emit(l.event(MediaQuality))
			}
		}
	}
	a.loop.After(qualityFirst, a.input(a.tellQuality))
}

// codecName is the name alone: PCMU of PCMU/8000.
func codecName(text string) string {
	for i := range len(text) {
		if text[i] == '/' {
			return text[:i]
		}
	}
	return text
}
