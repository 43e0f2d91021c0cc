package agent

import (
	"errors"
	"slices"

	"ringback/media"
	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/sip"
)

// sound is the agent's side of the bridge: headset, ring device, tones.
type sound struct {
	bridge      *media.Bridge
	headset     *media.DevicePort
	ringer      *media.DevicePort // nil: the headset rings
	tone, alert *media.Player
	names       AudioState

	speaking, alerting duty // of headset and ring device

	headsetSlot, toneSlot, alertSlot, ringSlot mixer.Slot

	routes  []mixer.Route // what the bridge has
	ringing bool          // the tone player plays ringback
	alerts  string        // what the alert player plays: ring, call-waiting or nothing
}

// open makes the ports. Nothing runs yet.
func (s *sound) open(a *Agent) error {
	headset, err := parseDevices("audio.headset", a.cfg.Audio.Headset)
	if err != nil {
		return err
	}
	s.ringSlot = mixer.None
	s.bridge = a.engine.NewBridge()
	s.headset, err = a.engine.NewDevicePort(media.DeviceConfig{Devices: headset, Listen: true, Resting: true, Log: a.log,
		OnEvent: func(e media.Event) { a.loop.Post(a.input(func() { a.deviceEvent("headset", e) })) }})
	if err != nil {
		return err
	}
	if len(a.cfg.Audio.Ring) > 0 {
		ring, err := parseDevices("audio.ring", a.cfg.Audio.Ring)
		if err != nil {
			return err
		}
		s.ringer, err = a.engine.NewDevicePort(media.DeviceConfig{Devices: ring, Resting: true, Log: a.log,
			OnEvent: func(e media.Event) { a.loop.Post(a.input(func() { a.deviceEvent("ring", e) })) }})
		if err != nil {
			return err
		}
	}
	s.speaking.port, s.alerting.port = s.headset, s.ringer
	return s.place(a)
}

func (s *sound) place(a *Agent) error {
	s.tone, s.alert = a.engine.NewPlayer(), a.engine.NewPlayer()
	var errs [4]error
	s.headsetSlot, errs[0] = s.bridge.Add(s.headset)
	s.toneSlot, errs[1] = s.bridge.Add(s.tone)
	s.alertSlot, errs[2] = s.bridge.Add(s.alert)
	if s.ringer != nil {
		s.ringSlot, errs[3] = s.bridge.Add(s.ringer)
	}
	return errors.Join(errs[:]...)
}

// started notes which devices were found first.
func (s *sound) started(*Agent) {
	s.names.Headset = s.headset.Device()
	if s.ringer != nil {
		s.names.Ring = s.ringer.Device()
	}
}

func (s *sound) view() AudioState { return s.names }

// close stops the devices; it waits for them. Not on the loop.
func (s *sound) close() {
	if s.headset != nil {
		_ = s.headset.Close()
	}
	if s.ringer != nil {
		_ = s.ringer.Close()
	}
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
	s.routes = nil // slots may be given to others
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
		if alert = "ring"; a.voice.busy {
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
	want := routes(a.hearing())
	if s.routes != nil && slices.Equal(want, s.routes) {
		return
	}
	s.routes = want
	if err := s.bridge.SetRoutes(want); err != nil && !a.stopping {
		a.log.Error("set audio routes", "error", err)
	}
}

// deviceEvent tells of a headset or ring device that was lost or changed.
func (a *Agent) deviceEvent(role string, e media.Event) {
	switch e := e.(type) {
	case media.DeviceLost:
		text := role
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		a.emit(Event{Type: MediaDeviceLost, Device: e.Name, Text: text})
	case media.DeviceChanged:
		if role == "ring" {
			a.sound.names.Ring = e.Name
		} else {
			a.sound.names.Headset = e.Name
		}
		a.emit(Event{Type: MediaDeviceChanged, Device: e.Name, Text: role})
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
		out.Text = "no packet for " + e.For.String()
		a.emit(out)
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
