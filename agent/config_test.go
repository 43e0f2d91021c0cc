package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ringback/media"
)

// exampleConfig is cli.md section 5.
const exampleConfig = `
account:
  aor: sip:1001@pbx.example.com          # --aor
  username: "1001"
  registrar: sip:pbx.example.com
  proxy: sip:10.0.0.1:5060;lr
  transport: udp
  expires: 300s
  bind: 127.0.0.21
audio:
  headset: [portaudio, null]
  ring: [portaudio:Speakers]
  codecs: [opus, g722, pcmu, pcma]
callbacks:
  report_to: sip:callbacks@pbx.example.com
  offer_timeout: 20s
  reject_code: 603
  missed_offers_to_not_ready: 3
  headers: {id: X-Callback-Id, type: X-Callback-Type}
dispositions: {mandatory: false, codes: [sold, no-interest, call-again]}
channels: {not_ready_reasons: [break, lunch, training], wrap_up: 30s, start: ready}
`

func load(t *testing.T, text string, env, flags map[string]string) (Config, error) {
	t.Helper()
	o := LoadOptions{Flags: flags, Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	if text != "" {
		o.Path = filepath.Join(t.TempDir(), "p.yaml")
		if err := os.WriteFile(o.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return LoadConfig(o)
}

func TestLoadConfig_ExampleOfTheSpecification(t *testing.T) {
	c, err := load(t, exampleConfig, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Account.AOR != "sip:1001@pbx.example.com" || c.Account.Expires != 300*time.Second || c.Channels.WrapUp != 30*time.Second ||
		len(c.Audio.Headset) != 2 || c.Audio.Headset[1] != "null" || c.Callbacks.Headers["id"] != "X-Callback-Id" {
		t.Errorf("%+v", c)
	}
	want := []string{"G722", "PCMU", "PCMA"}
	if media.Sends("opus") {
		want = append([]string{"OPUS"}, want...)
	}
	if got := c.codecs(); !reflect.DeepEqual(got, want) {
		t.Errorf("codecs of this build: %v", got)
	}
}

func TestLoadConfig_Precedence(t *testing.T) {
	env := map[string]string{"RINGBACK_ACCOUNT_AOR": "sip:env@h", "RINGBACK_ACCOUNT_TRANSPORT": "tcp", "RINGBACK_AUDIO_CODECS": "pcma, pcmu",
		"RINGBACK_CALLBACKS_HEADERS": "id=X-My-Id", "RINGBACK_DISPOSITIONS_MANDATORY": "true", "RINGBACK_CALLBACKS_OFFER_TIMEOUT": "5s",
		"RINGBACK_DISPOSITIONS_CODES": "a,b", "RINGBACK_PASSWORD": "hunter2", "RINGBACK_CALLBACKS_REJECT_CODE": "486"}
	c, err := load(t, "account: {aor: 'sip:file@h', username: file}\n", env, map[string]string{"account.aor": "sip:flag@h"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Account.AOR != "sip:flag@h" || c.Account.Username != "file" || c.Account.Transport != "tcp" || c.Audio.Codecs[0] != "pcma" ||
		c.Callbacks.Headers["id"] != "X-My-Id" || !c.Dispositions.Mandatory || c.Callbacks.OfferTimeout != 5*time.Second ||
		c.Callbacks.RejectCode != 486 || string(c.Account.Password) != "hunter2" {
		t.Errorf("%+v", c)
	}
}

func TestLoadConfig_ErrorsNamePlaceValueAndRemedy(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"unknown key":        {"account:\n  aor: sip:1@h\n  colour: red\n", "p.yaml:3:3"},
		"unknown section":    {"acount:\n  aor: sip:1@h\n", "p.yaml:1:1"},
		"a password":         {"account: {aor: 'sip:1@h', password: hunter2}\n", "name that in password_file, or set RINGBACK_PASSWORD"},
		"unknown key's name": {"account:\n  aor: sip:1@h\n  colour: red\n", "colour"},
		"broken yaml":        {"account: [\n", "p.yaml:"},
		"wrong type":         {"account: {aor: 'sip:1@h', expires: soon}\n", "soon"},
		"wrong type's place": {"account:\n  aor: sip:1@h\n  expires: soon\n", `p.yaml:3:12: account.expires "soon"`},
		"no unit":            {"channels: {wrap_up: 30}\n", `p.yaml:1:21: channels.wrap_up "30": cannot be read; write a duration such as 20s`},
		"no number":          {"callbacks: {reject_code: abc}\n", `callbacks.reject_code "abc"`},
		"no bool":            {"media: {nat: perhaps}\n", "true or false"},
		"no list":            {"audio:\n  headset: portaudio\n", `p.yaml:2:12: audio.headset "portaudio": is no list`},
		"no map":             {"callbacks: {headers: X-Id}\n", "is no map"},
		"a list for a text":  {"account: {aor: [a]}\n", "p.yaml:1:16: account.aor: is one value"},
		"CA file":            {"account: {aor: 'sip:1@h', ca_file: /no/such/ca.pem}\n", `account.ca_file "/no/such/ca.pem"`},
		"tag":                {"audio:\n  codecs: ! ", "p.yaml"},
		"anchor":             {"account: &a {aor: *a}\n", "p.yaml:1:10"},
		"missing aor":        {"account: {username: x}\n", "account.aor"},
		"bad aor":            {"account: {aor: '1001'}\n", "sip:1001@pbx.example.com"},
		"transport":          {"account: {aor: 'sip:1@h', transport: sctp}\n", `account.transport "sctp"`},
		"encryption":         {"account: {aor: 'sip:1@h'}\nmedia: {encryption: always}\n", `media.encryption "always"`},
		"suite":              {"account: {aor: 'sip:1@h'}\nmedia: {suites: [DES]}\n", `media.suites "DES"`},
		"ice server":         {"account: {aor: 'sip:1@h'}\nmedia: {ice: true, ice_servers: ['turn.example.com']}\n", "write stun:HOST"},
		"ice off":            {"account: {aor: 'sip:1@h'}\nmedia: {ice_servers: ['stun:x']}\n", "media.ice: true"},
		"ice policy":         {"account: {aor: 'sip:1@h'}\nmedia: {ice: true, ice_policy: direct}\n", `media.ice_policy "direct"`},
		"relay of nobody":    {"account: {aor: 'sip:1@h'}\nmedia: {ice: true, ice_servers: ['stun:x'], ice_policy: relay}\n", "needs a TURN server"},
		"turn of whom":       {"account: {aor: 'sip:1@h'}\nmedia: {ice: true, ice_servers: ['turns:x'], turn_username: u}\n", "RINGBACK_TURN_PASSWORD"},
		"keys in clear":      {"account: {aor: 'sip:1@h'}\nmedia: {encryption: required}\n", "account.transport: tls"},
		"keys by whatever":   {"account: {aor: 'sip:1@h', transport: auto}\nmedia: {encryption: required}\n", "account.transport: tls"},
		"codec":              {"account: {aor: 'sip:1@h'}\naudio: {codecs: [mp3]}\n", `audio.codecs "mp3"`},
		"no codec left":      {"account: {aor: 'sip:1@h'}\naudio: {codecs: []}\n", "add pcmu"},
		"bit rate":           {"account: {aor: 'sip:1@h'}\nopus: {bit_rate: 5000}\n", "6000 to 510000"},
		"complexity":         {"account: {aor: 'sip:1@h'}\nopus: {complexity: 11}\n", "1 to 10"},
		"reject code":        {"account: {aor: 'sip:1@h'}\ncallbacks: {reject_code: 200}\n", "400 to 699"},
		"header field":       {"account: {aor: 'sip:1@h'}\ncallbacks: {headers: {colour: X-Y}}\n", "colour"},
		"header name":        {"account: {aor: 'sip:1@h'}\ncallbacks: {headers: {id: 'X Y'}}\n", "X Y"},
		"bind":               {"account: {aor: 'sip:1@h', bind: here}\n", `account.bind "here"`},
		"ports":              {"account: {aor: 'sip:1@h'}\nmedia: {ports: 20000-1}\n", "20000-20999"},
		"start":              {"account: {aor: 'sip:1@h'}\nchannels: {start: maybe}\n", `channels.start "maybe"`},
		"mandatory":          {"account: {aor: 'sip:1@h'}\ndispositions: {mandatory: true}\n", "dispositions.codes"},
		"auto answer":        {"account: {aor: 'sip:1@h'}\ncallbacks: {auto_answer: maybe}\n", "3s"},
		"team no list":       {"team: 1002\n", `p.yaml:1:7: team "1002": is no list`},
		"team no map":        {"team: ['1002']\n", `p.yaml:1:8: team[1]`},
		"team wrong type":    {"team:\n  - target: '1002'\n  - target: [1003]\n", "p.yaml:3:13: team[2].target: is one value"},
		"team unknown key":   {"team: [{target: '1002', colour: red}]\n", "p.yaml:1:25: key \"colour\""},
		"team target":        {"account: {aor: 'sip:1@h'}\nteam: [{name: x}]\n", `team[1].target: cannot be dialled`},
		"team twice":         {"account: {aor: 'sip:1@h'}\nteam: [{target: '2'}, {target: '2'}]\n", `team[2].target "2": stands in team[1] too`},
		"team kind":          {"account: {aor: 'sip:1@h'}\nteam: [{target: '2', kind: robot}]\n", `team[1].kind "robot"`},
		"team presence":      {"account: {aor: 'sip:1@h'}\nteam_presence: blf\n", `team_presence "blf"`},
		"team presence list": {"team_presence: [dialog]\n", "p.yaml:1:16: team_presence: is one value"},
		"team bool":          {"team: [{target: '2', presence: perhaps}]\n", `p.yaml:1:32: team[1].presence "perhaps"`},
		"team too many":      {"account: {aor: 'sip:1@h'}\nteam: [" + strings.Repeat("{target: '7', presence: true}, ", 501) + "]\n", "team"},
		"team name":          {"account: {aor: 'sip:1@h'}\nteam: [{target: '2', name: \"a\\tb\"}]\n", `team[1].name`},
		"password file":      {"account: {aor: 'sip:1@h', password_file: /no/such/file}\n", "RINGBACK_PASSWORD"},
	} {
		_, err := load(t, c.text, nil, nil)
		var located *ConfigError
		if !errors.As(err, &located) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := load(t, "", map[string]string{"RINGBACK_CALLBACKS_REJECT_CODE": "many"}, nil); err == nil || !strings.Contains(err.Error(), "RINGBACK_CALLBACKS_REJECT_CODE") {
		t.Errorf("environment: %v", err)
	}
	if _, err := LoadConfig(LoadOptions{Path: "/no/such.yaml"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestLoadConfig_PasswordFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("hunter2\nrest\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, "account: {aor: 'sip:1@h', password_file: '"+path+"'}\n", nil, nil)
	if err != nil || string(c.Account.Password) != "hunter2" {
		t.Errorf("%v", err)
	}
}

func TestSecret_NeverShowsItself(t *testing.T) {
	c := DefaultConfig()
	c.Account.Password = "hunter2"
	text, _ := json.Marshal(c)
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c.Account.Password, c.Account.Password, c.Account.Password), string(text)} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e74657232") {
			t.Errorf("shown in %s", shown)
		}
	}
}

func TestFields_AllCanBeSet(t *testing.T) {
	c := DefaultConfig()
	for _, f := range c.fields() {
		text := map[string]string{"bool": "true", "int": "5", "time.Duration": "7s", "map[string]string": "a=b"}[f.value.Type().String()]
		if text == "" {
			text = "x"
		}
		if err := f.set("flag", text); err != nil || f.value.IsZero() {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(exampleConfig))
	f.Add([]byte("account: &a {aor: *a}"))
	f.Add([]byte("a: [[[[[[{"))
	f.Add([]byte("account:\n  aor: !!binary x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := DefaultConfig()
		if err := c.decode("f.yaml", text); err != nil {
			if !strings.HasPrefix(err.Error(), "read configuration: f.yaml") {
				t.Errorf("%v", err)
			}
			return
		}
		if c.Validate() == nil {
			if _, err := c.SIPAccount(); err != nil {
				t.Errorf("valid, and no account: %v", err)
			}
		}
	})
}

func TestLoadConfig_DevicesFromTheEnvironment(t *testing.T) {
	for text, want := range map[string]string{
		"portaudio,null":                       "portaudio|null",
		"file:in.wav,out.wav":                  "file:in.wav,out.wav",
		"portaudio:USB, file:a.wav,b.wav,null": "portaudio:USB|file:a.wav,b.wav|null",
		"file:,out.wav":                        "file:,out.wav",
		"moon":                                 "moon",
	} {
		c, err := load(t, "account: {aor: 'sip:1@h'}\n", map[string]string{"RINGBACK_AUDIO_HEADSET": text, "RINGBACK_AUDIO_RING": text}, nil)
		if got := strings.Join(c.Audio.Headset, "|"); err != nil || got != want || strings.Join(c.Audio.Ring, "|") != want {
			t.Errorf("%s: got %s, want %s (%v)", text, got, want, err)
		}
	}
}

func TestLoadConfig_FilesAtHome(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.WriteFile(filepath.Join(home, "ca.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, "account: {aor: 'sip:1@h', ca_file: ~/ca.pem}\n", nil, nil)
	if err != nil || c.Account.CAFile != filepath.Join(home, "ca.pem") {
		t.Errorf("%q: %v", c.Account.CAFile, err)
	}
}

func TestConfig_RingInCallNeedsARingDevice(t *testing.T) {
	c := DefaultConfig()
	c.Account.AOR, c.Audio.RingInCall = "sip:1001@pbx.example.com", true
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "audio.ring_in_call") || !strings.Contains(err.Error(), "name a device in audio.ring") {
		t.Errorf("%v", err)
	}
	if c.Audio.Ring = []string{"null"}; c.Validate() != nil {
		t.Errorf("%v", c.Validate())
	}
}

func TestConfig_ConferenceParties(t *testing.T) {
	for n, good := range map[int]bool{0: false, 1: true, 32: true, MaxConferenceParties: true, MaxConferenceParties + 1: false, -3: false} {
		c := DefaultConfig()
		c.Account.AOR, c.Calls.ConferenceParties = "sip:1001@pbx.example.com", n
		err := c.Validate()
		if (err == nil) != good {
			t.Errorf("%d parties: %v", n, err)
		}
		if err != nil && !strings.Contains(err.Error(), "write 1 to 100") {
			t.Errorf("%d parties: the remedy is missing: %v", n, err)
		}
	}
}

func TestConfig_QueueCodes(t *testing.T) {
	const account = "account: {aor: \"sip:1001@pbx\"}\n"
	for text, want := range map[string]string{
		`channels: {pbx: {pause: "*46", unpause: "*47"}, pbx_reasons: {lunch: "*461"}, pbx_by: message, pbx_exit: pause}`: "",
		`channels: {pbx: {login: "*44", logout: "*45"}, pbx_exit: logout}`:                                                "",
		`channels: {pbx: {pause: "*46"}}`:                                                                          "pause and unpause belong together",
		`channels: {pbx: {stop: "*46"}}`:                                                                           `channels.pbx "stop"`,
		`channels: {pbx: {pause: "a b", unpause: "*47"}}`:                                                          `channels.pbx.pause "a b": cannot be dialled`,
		`channels: {pbx: {login: "*44"}, pbx_reasons: {lunch: "*461"}}`:                                            "no pause code",
		`channels: {pbx: {pause: "*46", unpause: "*47"}, not_ready_reasons: [lunch], pbx_reasons: {golf: "*461"}}`: `"golf": is no reason`,
		`channels: {pbx: {pause: "*46", unpause: "*47"}, not_ready_reasons: [lunch], pbx_reasons: {after-call-work: "*461", lunch: "*462"}}`: "",
		`channels: {pbx: {pause: "*46", unpause: "*47"}, pbx_exit: logout}`:                                                                  `channels.pbx_exit "logout": there is no code`,
		`channels: {pbx_exit: pause}`:   "there is no code",
		`channels: {pbx_by: pigeon}`:    `channels.pbx_by "pigeon"`,
		`media: {ptime: 25ms}`:          `media.ptime "25ms": is no packet time; write 10ms, 20ms, 30ms, 40ms or 60ms`,
		`callbacks: {report_size: 100}`: `callbacks.report_size "100": is out of range`,
		`callbacks: {report_age: 1s}`:   `callbacks.report_age "1s": is out of range`,
	} {
		_, err := load(t, account+text, nil, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
