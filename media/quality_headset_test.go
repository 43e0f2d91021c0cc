package media

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/device"
	"ringback/media/headset"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// spoken is a ride from mouth to ear: from the microphone of one phone to the loudspeaker of
// another, through all that the default configuration does to a headset's sound. The devices
// have no clock of their own; they move device.Period at a time.
type spoken struct {
	codec string
	lag   time.Duration // of the network: where a packet comes within the receiver's tick
}

// delay is how long it takes, without the network's lag: the median of windows of 400 ms.
func (s spoken) delay(t *testing.T) (median time.Duration) {
	t.Helper()
	const length, begin = 8 * time.Second, 3 * time.Second
	c, ok := named(s.codec)
	if !ok || !c.Sends() {
		t.Fatalf("%s: not in this build", s.codec)
	}
	rate, folder := c.SampleRate, t.TempDir()
	mouth, ear := filepath.Join(folder, "mouth.wav"), filepath.Join(folder, "ear.wav")
	said := quality.Speech(1, rate, length)
	writeWAV(t, mouth, said, rate)
	story(t, func(t *testing.T, n *simnet.Net) {
		at := func(low uint16) func(*SessionConfig) {
			return func(cfg *SessionConfig) {
				cfg.Codecs, cfg.Ports = []string{s.codec}, PortRange{Min: low, Max: low + 99}
				cfg.Opus.BitRate = 24000
			}
		}
		a, b := newPhoneAt(t, n, hereIP, rate, at(20000)), newPhoneAt(t, n, thereIP, rate, at(30000))
		defer a.close()
		defer b.close()
		way := newBump(t, n, road{longer: s.lag - roadLag}, a.session.LocalAddr(), b.session.LocalAddr())
		defer way.close()
		wear(t, a, "file:"+mouth+",")
		wear(t, b, "file:,"+ear)
		offer, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		answer, err := b.session.AcceptOffer(bytes.ReplaceAll(offer, []byte(hereIP), []byte(roadIP)), sdp.SendRecv)
		must(t, err)
		must(t, a.session.AcceptAnswer(bytes.ReplaceAll(answer, []byte(thereIP), []byte(roadIP)), false))
		pass(length)
	})
	heard := readWAV(t, ear)
	from := int(begin.Seconds()) * rate
	windows := quality.Align(said[from:len(heard)-rate], heard[from:], rate, time.Second)
	_, median, _, _ = quality.Delays(windows)
	// What the microphone hears until now is what was spoken in the period before; what the
	// ear is given now is heard from now on.
	return median + device.Period - s.lag
}

// wear gives a phone a headset in place of its player and meter.
func wear(t *testing.T, p *phone, entry string) {
	t.Helper()
	d, err := p.engine.NewDevicePort(DeviceConfig{Devices: parseDevices(t, entry), Listen: true, Sound: headset.Config{HighPass: true, Ceiling: -3}})
	must(t, err)
	_, err = p.bridge.Add(d)
	must(t, err)
	must(t, p.bridge.SetRoutes([]mixer.Route{{From: d.Slot(), To: p.session.Slot()}, {From: p.session.Slot(), To: d.Slot()}}))
}

func writeWAV(t *testing.T, path string, pcm []int16, rate int) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	w, err := audio.NewWAVWriter(f, rate, 1)
	must(t, err)
	must(t, w.Write(pcm))
}

func readWAV(t *testing.T, path string) []int16 {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	clip, err := audio.ReadWAV(f)
	must(t, err)
	return clip.Channel(0).Samples
}

// mouthLags are networks by which packets come at each moment of the receiver's tick alike.
func mouthLags() (lags []time.Duration) {
	for lag := 40 * time.Millisecond; lag < 60*time.Millisecond; lag += 4 * time.Millisecond {
		lags = append(lags, lag)
	}
	return lags
}

// mouthGoal is what a phone may add from mouth to ear.
const mouthGoal = 60 * time.Millisecond

// TestQuality_MouthToEar: a phone with a headset adds less than 60 ms at no jitter, on
// average over the moments of the tick, and with the network of the table.
func TestQuality_MouthToEar(t *testing.T) {
	for _, c := range qualityCodecs() {
		if d := (spoken{c, roadLag}).delay(t); d >= mouthGoal || d < 40*time.Millisecond {
			t.Errorf("%s: %v from mouth to ear, want less than %v", c, d, mouthGoal)
		}
	}
	var sum time.Duration
	for _, lag := range mouthLags() {
		sum += spoken{"PCMA", lag}.delay(t)
	}
	if mean := sum / time.Duration(len(mouthLags())); mean >= mouthGoal {
		t.Errorf("%v from mouth to ear on average, want less than %v", mean, mouthGoal)
	}
}

const mouthHead = `
## From mouth to ear

The whole way from the microphone of one phone to the loudspeaker of the other, at no jitter, without the network's own delay.
Beside what is above it has either device's period (5 ms of null devices, as here; hardware is asked for 10 ms) and 1 ms, the
filter that follows its clock (2 ms at 8 kHz, 0.3 ms at 48 kHz), and the 3 ms by which the limiter looks ahead. A packet waits
for the receiver's tick, and for the 7.5 ms that the buffer has at least: 7.5 to 27.5 ms, by what the network takes.

| codec | network 40 ms | 44 ms | 48 ms | 52 ms | 56 ms | on average |
| --- | --- | --- | --- | --- | --- | --- |
`

// mouthToEar is the row of a codec.
func mouthToEar(t *testing.T, c string, all *goals) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |", c)
	var sum time.Duration
	for _, lag := range mouthLags() {
		d := spoken{c, lag}.delay(t)
		sum += d
		fmt.Fprintf(&b, " %d ms |", d.Milliseconds())
	}
	mean := sum / time.Duration(len(mouthLags()))
	fmt.Fprintf(&b, " %d ms |\n", mean.Milliseconds())
	all.Lock()
	defer all.Unlock()
	if mean > all.mouth {
		all.mouth, all.mouthAt = mean, c
	}
	return b.String()
}
