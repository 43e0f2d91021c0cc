package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"ringback/agent"
)

// versionResult is what version prints with --json.
type versionResult struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
	Audio    string `json:"audio"` // portaudio, or none in the pure-Go build
	Opus     bool   `json:"opus"`  // can send it: built with libopus
	Noise    bool   `json:"noise"` // noise suppression, automatic gain, echo cancellation: built with webrtc-audio-processing
}

// versionCommand is `ringback version`.
func versionCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "which build this is",
		Description: `$ ringback version
ringback 1.2.0 (4f2a9c1d) go1.26.8 linux/amd64, audio: portaudio, opus: true, noise suppression: true`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback version")
			}
			v := buildVersion()
			text := "ringback " + v.Version
			if v.Revision != "" {
				text += " (" + v.Revision + ")"
			}
			sh.result(c, v, fmt.Sprintf("%s %s %s/%s, audio: %s, opus: %t, noise suppression: %t", text, v.Go, v.OS, v.Arch, v.Audio, v.Opus, v.Noise))
			return nil
		},
	}
}

func buildVersion() versionResult {
	v := versionResult{Schema: "ringback.version/1", Version: version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Audio: audioBuild, Opus: agent.ThisBuild().Opus, Noise: agent.ThisBuild().Noise}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if version == "devel" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 8 {
			v.Revision = s.Value[:8]
		}
	}
	return v
}
