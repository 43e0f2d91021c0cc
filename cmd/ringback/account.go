package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"ringback/agent"
)

// accountFields are the flags that stand for a field of the configuration.
var accountFields = map[string]string{
	"aor": "account.aor", "username": "account.username", "password-file": "account.password_file",
	"registrar": "account.registrar", "proxy": "account.proxy", "transport": "account.transport",
	"expires": "account.expires", "bind": "account.bind", "ca-file": "account.ca_file",
	"codecs": "audio.codecs", "encryption": "media.encryption", "ptime": "media.ptime", "report-to": "callbacks.report_to", "start": "channels.start",
}

// accountFlags are the flags of what registers or calls by itself.
func accountFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "aor", Usage: "the address of record, a SIP `URI`"},
		&cli.StringFlag{Name: "username", Usage: "the `NAME` for the digest, if it is not the address's user"},
		&cli.StringFlag{Name: "password-file", Usage: "a `FILE` whose first line is the password; or set RINGBACK_PASSWORD"},
		&cli.StringFlag{Name: "registrar", Usage: "where to register, a SIP `URI`, if it is not the address's domain"},
		&cli.StringFlag{Name: "proxy", Usage: "the outbound proxy, a SIP `URI`"},
		&cli.StringFlag{Name: "transport", Usage: "by this `TRANSPORT`: udp, tcp, tls, ws, wss, or auto as the DNS says"},
		&cli.StringFlag{Name: "expires", Usage: "life of the registration, a `DURATION`"},
		&cli.StringFlag{Name: "bind", Usage: "the local `ADDRESS[:PORT]`; without, whichever leads to the PBX as the machine moves"},
		&cli.StringFlag{Name: "ca-file", Usage: "certificates to trust for TLS, a PEM `FILE`"},
	}
}

func mediaFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "audio", Usage: "headset, a preference `LIST`: portaudio[:NAME], tone:HZ, file:IN.wav,OUT.wav, null"},
		&cli.StringFlag{Name: "codecs", Usage: "codecs by preference, a `LIST` such as pcmu,pcma"},
		&cli.StringFlag{Name: "ptime", Usage: "sound in a packet, a `DURATION` of 10ms, 20ms, 30ms, 40ms or 60ms: asked of the far end, and sent unless it asks otherwise (default: 20ms)"},
		&cli.StringFlag{Name: "encryption", Usage: "SRTP by this `POLICY`: off, optional or required"},
	}
}

// loadConfig reads the configuration of this command: its file, the
// environment, its flags.
func (sh *shell) loadConfig(c *cli.Context) (agent.Config, error) {
	return sh.readConfig(c, agent.LoadOptions{})
}

func (sh *shell) readConfig(c *cli.Context, o agent.LoadOptions) (agent.Config, error) {
	path, err := sh.configPath(c)
	if err != nil {
		return agent.Config{}, err
	}
	o.Path, o.Flags, o.Getenv = path, map[string]string{}, func(name string) (string, bool) {
		value := sh.getenv(name)
		return value, value != ""
	}
	for flag, field := range accountFields {
		if c.IsSet(flag) {
			o.Flags[field] = c.String(flag)
		}
	}
	if c.IsSet("audio") {
		o.Flags["audio.headset"] = strings.Join(c.StringSlice("audio"), ",")
	}
	cfg, err := agent.LoadConfig(o)
	if err != nil {
		return cfg, configFailure(err, path)
	}
	return cfg, nil
}

// configPath is --config, or the profile's own file where there is one.
func (sh *shell) configPath(c *cli.Context) (string, error) {
	if c.IsSet("config") {
		path := c.String("config")
		if _, err := os.Stat(path); err != nil {
			return "", usageError("flag --config: %v", err)
		}
		return path, nil
	}
	dir := sh.getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home := sh.getenv("HOME")
		if home == "" {
			return "", nil
		}
		dir = filepath.Join(home, ".config")
	}
	path := filepath.Join(dir, "ringback", c.String("profile")+".yaml")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return path, nil
}

func configFailure(err error, path string) error {
	f := &failure{code: exitUsage, name: "invalid", message: err.Error()}
	var field *agent.ConfigError
	if errors.As(err, &field) && field.Field == "account.aor" && field.Value == "" && path == "" {
		return f.withHint("give --aor sip:1001@pbx.example.com, or --config FILE; without a PBX try: ringback demo")
	}
	return f
}
