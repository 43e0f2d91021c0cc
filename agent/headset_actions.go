package agent

import (
	"context"
	"slices"
	"time"

	"ringback/media"
	"ringback/media/device"
	"ringback/media/headset"
)

// MaxDecibels is how many dB the headset's gain and volume can be set to, either way.
const MaxDecibels = headset.MaxGain

// useLimit is how long headset-use waits for a device: for one that starts slowly, behind
// one that hangs.
const useLimit = 15 * time.Second

// headsetActions change the headset while the phone runs, and its configuration not.
func headsetActions() []ActionSpec {
	db := ArgSpec{Name: "db", Type: "decibels", Required: true, Help: "dB, -30 to 30; 0 leaves the sound as it is"}
	return []ActionSpec{
		{Name: "headset-use", Targets: OnAgent,
			Args: []ArgSpec{{Name: "device", Type: "string", Help: "an entry of a preference list, before those of the configuration; without it those alone"}},
			Help: "take another headset now, also within a call, until the phone ends; returns when it is at work", Example: `{"device":"portaudio:USB Headset"}`, do: (*Agent).actHeadsetUse},
		{Name: "headset-gain", Targets: OnAgent, Args: []ArgSpec{db},
			Help: "how loud the microphone is, until the phone ends", Example: `{"db":6}`, do: (*Agent).actHeadsetGain},
		{Name: "headset-volume", Targets: OnAgent, Args: []ArgSpec{db},
			Help: "how loud the ear and the second ear hear, never above the ceiling, until the phone ends", Example: `{"db":-6}`, do: (*Agent).actHeadsetVolume},
	}
}

func (a *Agent) actHeadsetUse(r *request) {
	list := a.cfg.Audio.Headset
	if wanted := r.args.Device; wanted != "" {
		list = prefer(wanted, a.sound.names.Headset, list)
	}
	devices, err := parseDevices(a.deps.Devices, "device", list)
	if err != nil {
		r.fail(refuse(CodeInvalid, "headset-use: %v", err).hint("see: ringback devices"))
		return
	}
	port := a.sound.speaking.port
	a.lookups.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), useLimit)
		defer cancel()
		err := port.Use(ctx, devices)
		a.loop.Post(a.input(func() { a.headsetUsed(r, devices[0], err) }))
	})
}

// prefer puts the wanted device before a list, and behind it the one in use, which goes on
// when the wanted one does not work.
func prefer(wanted, inUse string, list []string) []string {
	all := []string{wanted}
	if inUse != "" && inUse != silentDevice && inUse != wanted {
		all = append(all, inUse)
	}
	for _, name := range list {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

func (a *Agent) headsetUsed(r *request, wanted device.Device, err error) {
	if err != nil {
		r.fail(refuse(CodeFailed, "headset-use: %s is not in use: %v", wanted.Name(), err).hint("it is taken once it works; see: ringback devices"))
		return
	}
	r.done(a.sound.names)
}

func (a *Agent) actHeadsetGain(r *request) {
	if err := a.sound.speaking.port.SetGain(r.args.DB); err != nil {
		r.fail(refuse(CodeInvalid, "headset-gain: %v", err))
		return
	}
	a.sound.names.MicrophoneGain = r.args.DB
	a.levelled(r)
}

func (a *Agent) actHeadsetVolume(r *request) {
	for _, port := range []*media.DevicePort{a.sound.speaking.port, a.sound.listening.port} {
		if port == nil {
			continue
		}
		if err := port.SetVolume(r.args.DB); err != nil {
			r.fail(refuse(CodeInvalid, "headset-volume: %v", err))
			return
		}
	}
	a.sound.names.Volume = r.args.DB
	a.levelled(r)
}

// levelled answers with how the headset is set now.
func (a *Agent) levelled(r *request) {
	a.sound.names.Microphone, a.sound.names.Ear = a.sound.speaking.port.Sound()
	r.done(a.sound.names)
}
