package agent

import (
	"errors"

	"ringback/agent/verdict"
	"ringback/media"
	"ringback/media/device"
)

// silentDevice is the device that hears and plays nothing.
const silentDevice = "null"

// deviceEvent tells of a device that was lost or changed.
func (a *Agent) deviceEvent(role string, e media.Event) {
	switch e := e.(type) {
	case media.DeviceLost:
		text := role
		switch {
		case errors.Is(e.Err, device.ErrHangs), errors.Is(e.Err, device.ErrGone):
			text += ": " + verdict.AudioHangs.Say("device", e.Name).Error()
		case e.Err != nil:
			text += ": " + e.Err.Error()
		}
		if role == roleHeadset && e.Name == a.sound.names.Headset {
			a.sound.gone = true
		}
		a.emit(Event{Type: MediaDeviceLost, Device: e.Name, Text: text})
	case media.DeviceChanged:
		switch names := &a.sound.names; role {
		case roleRing:
			names.Ring = e.Name
		case roleSecondEar:
			names.SecondEar = e.Name
		default:
			names.Headset = e.Name
			a.sound.gone = a.sound.gone && e.Name == silentDevice || e.Name == ""
		}
		a.emit(Event{Type: MediaDeviceChanged, Device: e.Name, Text: role})
	case media.DeviceFlows:
		if role == roleHeadset {
			a.sound.flow = device.Flow(e)
		}
	}
}

// followHeadset tells each call what is behind it. A headset that was lost has stopped,
// also when null stands in for it, which goes on and is heard by nobody.
func (a *Agent) followHeadset() {
	s := &a.sound
	for _, in := range a.interactions {
		waits := in.waiting()
		for _, l := range in.live() {
			if l.media == nil {
				continue
			}
			away := l.joined && in.away
			is := media.Headset{
				MicrophoneStopped: s.gone || !s.flow.Microphone,
				EarStopped:        (s.gone || !s.flow.Ear) && !away && !l.muted,
				Muted:             in.muted || away || l == waits,
			}
			if is != l.headset {
				l.headset = is
				l.media.SetHeadset(is)
			}
		}
	}
}
