package agent

import (
	"slices"
	"time"

	"ringback/media"
	"ringback/sip/loop"
)

// restAfter is how long a device stays at work after its last use: what follows
// at once does not wait for it.
const restAfter = 2 * time.Second

// duty is when a device is at work: a phone that is not in use holds no
// microphone open.
type duty struct {
	port  *media.DevicePort // nil: there is none
	on    bool
	relax *loop.Timer // until it may rest
}

// followDevices wakes the devices that the state needs: the headset from the first
// sign of a call to its last tone, the ring device while it rings.
func (a *Agent) followDevices() {
	if a.deps.Brief && slices.Equal(a.cfg.Audio.Headset, []string{"null"}) {
		return // at rest it is as silent and deaf as at work, and a thousand of them need no clock each
	}
	calls := false
	for _, in := range a.interactions {
		calls = calls || len(in.live()) > 0
	}
	a.followDevice(&a.sound.speaking, calls || a.sound.tone.Playing())
	a.followDevice(&a.sound.listening, calls || a.sound.tone.Playing())
	a.followDevice(&a.sound.alerting, a.sound.alerts == "ring")
}

func (a *Agent) followDevice(d *duty, needed bool) {
	if d.port == nil {
		return
	}
	if needed {
		if d.relax != nil {
			d.relax.Stop()
			d.relax = nil
		}
		if !d.on {
			d.on = true
			d.port.Wake()
		}
		return
	}
	if !d.on || d.relax != nil {
		return
	}
	d.relax = a.loop.After(restAfter, a.input(func() {
		d.relax, d.on = nil, false
		d.port.Rest()
	}))
}
