package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/media/audio"
	"ringback/media/device"
)

const (
	deviceTestRate = audio.Rate16k
	meterTime      = 100 * time.Millisecond // between two looks at the level
	meterFloor     = -60.0                  // dBFS at the left end of the bar
)

// deviceTestResult is what devices test prints with --json.
type deviceTestResult struct {
	Schema   string  `json:"schema"`
	Device   string  `json:"device"`
	OK       bool    `json:"ok"`
	Captured uint64  `json:"captured_samples"`
	Played   uint64  `json:"played_samples"`
	PeakDBFS float64 `json:"peak_dbfs"`
}

// deviceTestCommand is `ringback devices test`.
func deviceTestCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "the microphone into the headset, with a level meter",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "audio", Usage: "the device, as an `ENTRY` of a preference list", Value: "portaudio"},
			&cli.DurationFlag{Name: "duration", Usage: "how long, as a `DURATION`", Value: 5 * time.Second},
		},
		Description: `$ ringback devices test --duration 3s
portaudio: works, microphone up to -18.4 dBFS`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback devices test --audio ENTRY")
			}
			if c.Duration("duration") <= 0 {
				return usageError("flag --duration %v: it is more than 0", c.Duration("duration"))
			}
			d, err := device.Parse(c.String("audio"))
			if err != nil {
				return usageError("flag --audio: %v", err)
			}
			return sh.testDevice(c, d)
		},
	}
}

// levelTap measures what goes into the ring. Its writer is the device's own
// callback, so it neither locks nor allocates.
type levelTap struct {
	ring *audio.Ring
	peak atomic.Int32 // since it was last read
}

func (t *levelTap) Write(samples []int16) int {
	peak := t.peak.Load()
	for _, s := range samples {
		peak = max(peak, int32(s), -int32(s))
	}
	t.peak.Store(peak)
	return t.ring.Write(samples)
}

func (sh *shell) testDevice(c *cli.Context, d device.Device) error {
	tap := &levelTap{ring: audio.NewRing(deviceTestRate / 2)}
	stream, err := d.Start(device.IO{Rate: deviceTestRate, Capture: tap, Playback: tap.ring})
	if err != nil {
		return &failure{code: exitFailed, name: "failed", message: fmt.Sprintf("start %s: %v", d.Name(), err), hint: "see: ringback devices"}
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("duration"))
	defer cancel()
	peak, failed := sh.meter(ctx, tap, stream)
	r := deviceTestResult{Schema: "ringback.device-test/1", Device: d.Name(), PeakDBFS: dbfs(peak)}
	r.Captured, r.Played = stream.Frames()
	if err := stream.Stop(); failed == nil {
		failed = err
	}
	r.OK = failed == nil && r.Captured+r.Played > 0
	text := fmt.Sprintf("%s: works, microphone up to %.1f dBFS", r.Device, r.PeakDBFS)
	if !r.OK {
		text = fmt.Sprintf("%s: no samples moved", r.Device)
		if failed != nil {
			text = fmt.Sprintf("%s: %v", r.Device, failed)
		}
	}
	sh.result(c, r, text)
	if !r.OK {
		return &failure{code: exitFailed, name: "failed", message: text, told: true}
	}
	return nil
}

// meter shows the level until ctx ends or the device fails, and returns the
// greatest sample.
func (sh *shell) meter(ctx context.Context, tap *levelTap, stream device.Stream) (int32, error) {
	tick := time.NewTicker(meterTime)
	defer tick.Stop()
	var most int32
	for {
		select {
		case <-ctx.Done():
			if sh.tty {
				fmt.Fprintln(sh.err)
			}
			return max(most, tap.peak.Load()), nil
		case err := <-stream.Failed():
			return most, err
		case <-tick.C:
			now := tap.peak.Swap(0)
			most = max(most, now)
			if sh.tty {
				fmt.Fprintf(sh.err, "\r%s", levelBar(dbfs(now)))
			}
		}
	}
}

func dbfs(peak int32) float64 {
	if peak <= 0 {
		return audio.SilenceDBFS
	}
	return math.Round(200*math.Log10(float64(peak)/32768)) / 10
}

func levelBar(db float64) string {
	const width = 40
	full := int(math.Round(width * (1 - db/meterFloor)))
	full = min(max(full, 0), width)
	return fmt.Sprintf("[%s%s] %6.1f dBFS", strings.Repeat("#", full), strings.Repeat(" ", width-full), db)
}
