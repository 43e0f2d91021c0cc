package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/media/audio"
	"ringback/media/device"
)

const (
	deviceTestRate = audio.Rate16k
	meterTime      = 100 * time.Millisecond // between two looks at the level
	meterFloor     = -60.0                  // dBFS at the left end of the bar
	soundLimit     = 5 * time.Second        // for a device to begin, and the sounding
)

// deviceTestResult is what devices test prints with --json.
type deviceTestResult struct {
	Schema   string  `json:"schema"`
	Device   string  `json:"device"`
	OK       bool    `json:"ok"`
	Captured uint64  `json:"captured_samples"`
	Played   uint64  `json:"played_samples"`
	PeakDBFS float64 `json:"peak_dbfs"`

	RoundTripMS *float64 `json:"round_trip_ms"` // null: the microphone does not hear the ear piece
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
portaudio: works, microphone up to -18.4 dBFS, round trip 84 ms

A short sweep is played first; the round trip is known when the microphone hears
it, as with the ear piece held to it. Then you hear yourself.`,
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

func (sh *shell) testDevice(c *cli.Context, d device.Device) error {
	way := newSounding(deviceTestRate)
	stream, err := d.Start(device.IO{Rate: deviceTestRate, Capture: way, Playback: way})
	if err != nil {
		return &failure{code: exitFailed, name: "failed", message: err.Error(), hint: "see: ringback devices"}
	}
	r := deviceTestResult{Schema: "ringback.device-test/1", Device: d.Name()}
	var peak int32
	failed := sound(c.Context, way, stream)
	if failed == nil {
		if trip, heard := way.roundTrip(); heard {
			r.RoundTripMS = new(milliseconds(trip))
		}
		ctx, cancel := context.WithTimeout(c.Context, c.Duration("duration"))
		defer cancel()
		if peak, failed = sh.meter(ctx, way, stream); failed == nil {
			failed = c.Context.Err()
		}
	}
	r.PeakDBFS = dbfs(peak)
	r.Captured, r.Played = stream.Frames()
	if err := stream.Stop(); failed == nil {
		failed = err
	}
	failed = plainly(failed)
	r.OK = failed == nil && r.Captured > 0 && r.Played > 0
	text := deviceTestText(r, failed)
	sh.result(c, r, text)
	if !r.OK {
		return &failure{code: exitFailed, name: "failed", message: text, told: true}
	}
	return nil
}

// sound waits until the way was sounded, or until it is clear that no sound moves.
func sound(ctx context.Context, way *sounding, stream device.Stream) error {
	limit := time.NewTimer(soundLimit)
	defer limit.Stop()
	select {
	case <-way.done:
		return nil
	case err := <-stream.Failed():
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-limit.C:
		return errors.New("no samples moved")
	}
}

// deadDBFS is below what any microphone's own noise is at.
const deadDBFS = -90

func deviceTestText(r deviceTestResult, failed error) string {
	switch {
	case failed != nil:
		return fmt.Sprintf("%s: %v", r.Device, failed)
	case !r.OK:
		return fmt.Sprintf("%s: no samples moved", r.Device)
	}
	text := fmt.Sprintf("%s: works, microphone up to %.1f dBFS, ", r.Device, r.PeakDBFS)
	switch {
	case r.RoundTripMS == nil && r.PeakDBFS <= deadDBFS:
		return fmt.Sprintf("%s: sound moves, but the microphone hears nothing at all: unmute it, or choose another one in the sound settings", r.Device)
	case r.RoundTripMS == nil:
		return text + "round trip unknown: the microphone does not hear the ear piece"
	}
	return text + fmt.Sprintf("round trip %.0f ms", *r.RoundTripMS)
}

// meter shows the level until ctx ends or the device fails, and returns the
// greatest sample.
func (sh *shell) meter(ctx context.Context, way *sounding, stream device.Stream) (int32, error) {
	tick := time.NewTicker(meterTime)
	defer tick.Stop()
	var most int32
	for {
		select {
		case <-ctx.Done():
			if sh.tty {
				fmt.Fprintln(sh.err)
			}
			return max(most, way.peak.Load()), nil
		case err := <-stream.Failed():
			return most, err
		case <-tick.C:
			now := way.peak.Swap(0)
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
