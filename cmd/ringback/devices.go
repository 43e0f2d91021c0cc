package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/urfave/cli/v2"

	"ringback/media/device"
)

// devicesResult is what devices prints with --json.
type devicesResult struct {
	Schema  string        `json:"schema"`
	Devices []device.Info `json:"devices"`
	Note    string        `json:"note"` // why there are no more, if that is so
}

// devicesCommand is `ringback devices` and `ringback devices test`.
func devicesCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "devices", Usage: "audio devices, by the names that a configuration uses",
		Description: `$ ringback devices
portaudio:USB Headset  ALSA  1 in  2 out  48000 Hz  default
null                         1 in  1 out`,
		Subcommands: []*cli.Command{deviceTestCommand(sh)},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback devices, or: ringback devices test")
			}
			list, err := device.List()
			r := devicesResult{Schema: "ringback.devices/1", Devices: list}
			if r.Devices == nil {
				r.Devices = []device.Info{}
			}
			if err != nil {
				r.Note = err.Error()
				sh.progress("note: %v", err)
			}
			sh.result(c, r, deviceLines(list))
			return nil
		},
	}
}

// devicesOutside is what this program prints as devices --json when it is run beside itself:
// the sound library of a process that has a device open does not see those that come.
func devicesOutside(ctx context.Context) ([]device.Info, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("list devices in another process: %w", err)
	}
	out, err := exec.CommandContext(ctx, self, "--json", "devices").Output()
	if err != nil {
		return nil, fmt.Errorf("list devices in another process: %w", err)
	}
	var r devicesResult
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("list devices in another process: %w", err)
	}
	return r.Devices, nil
}

func deviceLines(list []device.Info) string {
	var t table
	for _, d := range list {
		rate, standard := "", ""
		if d.Rate > 0 {
			rate = fmt.Sprintf("%d Hz", d.Rate)
		}
		if d.Default {
			standard = "default"
		}
		t.row(clean(d.Name), clean(d.HostAPI), fmt.Sprintf("%d in", d.Inputs), fmt.Sprintf("%d out", d.Outputs), rate, standard)
	}
	return t.String()
}
