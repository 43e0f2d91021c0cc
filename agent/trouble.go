package agent

import (
	"strings"

	"ringback/media"
	"ringback/media/device"
)

// troubled tells what is wrong with a call's sound, or that it is over. Silence of our own
// is told with its cause, for which the sound system is asked beside the loop.
func (a *Agent) troubled(l *leg, e media.TroubleChanged) {
	l.troubles++
	if e.Trouble != media.SaysNothing {
		a.tellTrouble(l, e, e.Text())
		return
	}
	if l.onHold() || a.sound.names.Headset == silentDevice {
		over := media.TroubleChanged{} // what there was is worse, so that it has gone
		a.tellTrouble(l, over, over.Text())
		return
	}
	ask := a.deps.Mute
	if ask == nil {
		ask = device.MicrophoneMute
		if !strings.HasPrefix(a.sound.names.Headset, "portaudio") {
			a.tellTrouble(l, e, e.Text())
			return
		}
	}
	asked := l.troubles
	a.lookups.Go(func() {
		found := ask()
		a.loop.Post(a.input(func() {
			if l.media == nil || l.troubles != asked {
				return
			}
			text := e.Text()
			if why := found.Text(); why != "" {
				text = "only silence is sent: " + why
			}
			a.tellTrouble(l, e, text)
		}))
	})
}

func (a *Agent) tellTrouble(l *leg, e media.TroubleChanged, text string) {
	kind := MediaQuality
	switch e.Trouble {
	case media.PathLost, media.EarStopped, media.MicrophoneStopped, media.Unheard, media.SaysNothing, media.HearsNothing:
		kind = MediaSilent
	case media.NoTrouble:
		if !l.stats.Troubled {
			return
		}
	}
	l.measure()
	if l.stats.Troubled = e.Trouble != media.NoTrouble; l.stats.Troubled {
		l.stats.Trouble, l.stats.TroubleName = text, e.Trouble.Name()
	}
	out := l.event(kind)
	out.Text = text
	a.emit(out)
}
