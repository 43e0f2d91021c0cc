package doctor

import (
	"context"
	"errors"
	"strings"
	"time"

	"ringback/agent/verdict"
	"ringback/media/audio"
	"ringback/media/device"
)

// deviceTime is how long a device may take to say that it is there: PortAudio opens
// the hardware for a moment.
const deviceTime = 5 * time.Second

// errHangs says that a device did not answer.
var errHangs = errors.New("no answer")

// headset looks for the audio devices of the preference list: the first that is there
// is the one that the phone uses.
func (e *exam) headset(ctx context.Context) {
	for _, list := range []struct {
		name  string
		names []string
	}{{"headset", e.Config.Audio.Headset}, {"ring", e.Config.Audio.Ring}} {
		if len(list.names) > 0 {
			e.devices(ctx, list.name, list.names)
		}
	}
}

func (e *exam) devices(ctx context.Context, list string, names []string) bool {
	found, err := e.Devices(names)
	if err != nil {
		return e.tell(list, Wrong, verdict.AudioAbsent.Say("device", strings.Join(names, ", "), "error", err.Error()))
	}
	var missing *verdict.Finding
	cause := ""
	for _, d := range found {
		err := e.find(ctx, d)
		if err != nil {
			if f := deviceFault(d, err); missing == nil {
				missing, cause = &f, err.Error()
			}
			continue
		}
		switch {
		case missing == nil && d.Name() == "null":
			return e.ok(list, "null, as the configuration says: nobody hears anything")
		case missing == nil:
			return e.ok(list, "%s is there", d.Name())
		case d.Name() == "null": // it stands for having none
			return e.tell(list, Wrong, *missing)
		}
		return e.tell(list, Warning, verdict.AudioFallback.Say("device", d.Name(), "error", cause))
	}
	return e.tell(list, Wrong, *missing)
}

// deviceFault is why a device cannot be used.
func deviceFault(d device.Device, err error) verdict.Finding {
	switch {
	case errors.Is(err, device.ErrNoPortAudio):
		return verdict.AudioBuild.Say()
	case errors.Is(err, errHangs):
		return verdict.AudioHangs.Say("device", d.Name())
	case d.Name() == "portaudio":
		return verdict.AudioNone.Say("error", err.Error())
	}
	return verdict.AudioAbsent.Say("device", d.Name(), "error", err.Error())
}

// find looks whether a device is there, and does not wait for one that hangs.
func (e *exam) find(ctx context.Context, d device.Device) error {
	finder, ok := d.(device.Finder)
	if !ok {
		return nil
	}
	ring := audio.NewRing(audio.Rate16k)
	found := make(chan error, 1)
	go func() { found <- finder.Find(device.IO{Rate: audio.Rate16k, Capture: ring, Playback: ring}) }()
	timer := time.NewTimer(min(deviceTime, 2*e.Patience))
	defer timer.Stop()
	select {
	case err := <-found:
		return err
	case <-timer.C:
		return errHangs
	case <-ctx.Done():
		return errHangs
	}
}
