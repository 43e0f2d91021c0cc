package scenario

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"ringback/agent"
)

const head = "phones:\n  a:\n    account:\n      aor: sip:1001@127.0.0.1\n"

func TestRead_ErrorsNamePlaceAndRemedy(t *testing.T) {
	for _, row := range []struct{ name, text, want, remedy string }{
		{"no YAML", "phones: [", "s.yaml:1:", ""},
		{"empty", "", "s.yaml: it is one YAML document", "--help"},
		{"an unknown key", "nmae: x\n" + head, `s.yaml:1:1: the scenario has no key "nmae"`, "it is one of: name timeout"},
		{"no phones", "name: x\n", "phones are missing", "add phones"},
		{"no steps", head, "steps are missing", "add steps"},
		{"a phone in one line", "phones: {a: {account: {aor: x}}}\nsteps: []\n", "s.yaml:1:10: phone a has no sections", "lines of their own"},
		{"an unknown section", "phones:\n  a:\n    acount: {}\nsteps: []\n", `s.yaml:3:5: phone a has no key "acount"`, "account"},
		{"an unknown action", head + "steps:\n  - {phone: a, do: dail}\n", `s.yaml:6:20: there is no action "dail"`, "dial"},
		{"a missing argument", head + "steps:\n  - {phone: a, do: dial}\n", "s.yaml:6:20: dial needs the argument target", "with: target"},
		{"an unknown argument", head + "steps:\n  - phone: a\n    do: hold\n    with: {targt: 1}\n", `s.yaml:8:12: hold has no argument "targt"`, "interaction"},
		{"an unknown phone", head + "steps:\n  - {phone: b, do: hold}\n", `s.yaml:6:13: there is no phone "b"`, "under phones"},
		{"a bad wait", head + "steps:\n  - {phone: a, wait: call up}\n", `s.yaml:6:22: expression "call up"`, "forms:"},
		{"a bad expectation", head + "steps:\n  - {phone: a, expect: [mos 4]}\n", `s.yaml:6:25: expectation "mos 4": after it comes`, "forms:"},
		{"a bad state", head + "steps:\n  - {phone: a, do: hold, until: held up}\n", `"held up" is no state`, "on-hold"},
		{"a bad code", head + "steps:\n  - {phone: a, do: hold, fails: no}\n", `"no" is no code`, "not_allowed"},
		{"until without an action", head + "steps:\n  - {phone: a, wait: offer, until: done}\n", "until needs an action", "add do"},
		{"nothing to do", head + "steps:\n  - {phone: a, timeout: 1s}\n", "phone a has nothing to do", "add do"},
		{"no kind", head + "steps:\n  - {timeout: 1s}\n", "neither whose it is nor what it is", "begin it with"},
		{"two kinds", head + "steps:\n  - {pause: 1s, do: hold}\n", "do does not go with pause", ""},
		{"a bad duration", head + "steps:\n  - {pause: 5}\n", `s.yaml:6:13: "5" is no duration`, "500ms"},
		{"too long", "timeout: 2h\n" + head, `"2h" is no duration up to 1h0m0s`, ""},
		{"an unknown variable", head + "steps:\n  - {phone: a, wait: \"tone ${hz}\"}\n", "s.yaml:6:22: nothing is called ${hz}", "under vars"},
		{"an unknown variable of a phone", strings.Replace(head, "127.0.0.1", "${host}", 1) + "steps:\n  - {phone: a, wait: offer}\n", "nothing is called ${host}", ""},
		{"a bad source", head + "steps:\n  - {phone: a, wait: offer, capture: {x: y}}\n", `"y" is none of result`, "result.call"},
		{"too many turns", head + "steps:\n  - repeat: 100000\n    steps: [{pause: 1s}]\n", "no number from 1 to 1000", ""},
		{"twice", head + "steps:\n  - {pause: 1s, pause: 2s}\n", "s.yaml:6:", ""},
		{"an anchor", head + "steps: &x\n  - {pause: 1s}\n", "anchors", ""},
		{"a bad loss", "phones:\n  a:\n    impair: {loss: 120%}\nsteps: []\n", `s.yaml:3:20: "120%" is no share`, "5%"},
		{"a bad name", "phones:\n  1a:\n    account: {}\nsteps: []\n", `"1a" is no name of a phone`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Read("s.yaml", []byte(row.text))
			var wrong *FileError
			if !errors.As(err, &wrong) || !strings.Contains(wrong.Error(), row.want) || !strings.Contains(wrong.Remedy, row.remedy) {
				t.Errorf("got %v (%+v), want %q, remedy %q", err, wrong, row.want, row.remedy)
			}
		})
	}
}

// TestRead_AConfigurationsErrorNamesThePlaceInTheScenario: what a phone's section
// says is read as a configuration is.
func TestRead_AConfigurationsErrorNamesThePlaceInTheScenario(t *testing.T) {
	f, err := Read("s.yaml", []byte(head+"      expires: soon\n  b:\n    account:\n      aor: sip:1002@127.0.0.1\nsteps:\n  - {pause: 1s}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), f, Options{Getenv: func(string) (string, bool) { return "", false }})
	var wrong *agent.ConfigError
	if !errors.As(err, &wrong) || wrong.Line != 5 || wrong.Column != 16 || wrong.Field != "account.expires" {
		t.Errorf("got %v", err)
	}
}

// TestPassword: of a file, of a variable, of the lab; never of another phone.
func TestPassword(t *testing.T) {
	secret := t.TempDir() + "/secret"
	if err := os.WriteFile(secret, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"RINGBACK_PASSWORD": "common", "BOB": "bobs", "RINGBACK_ACCOUNT_AOR": "sip:9@127.0.0.1"}
	o := Options{Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	text := "phones:\n  a:\n    account:\n      aor: sip:1001@127.0.0.1\n      password_file: " + secret +
		"\n  b:\n    password_env: BOB\n    account:\n      aor: sip:1002@127.0.0.1\n  c:\n    account:\n      aor: sip:1003@127.0.0.1\nsteps:\n  - {pause: 1s}\n"
	f, err := Read("s.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	vars, _ := newVariables(f, nil, "", "")
	for i, want := range []string{"from-file", "bobs", "common"} {
		cfg, err := f.Phones[i].configuration(f, vars, &o)
		if err != nil || string(cfg.Account.Password) != want || cfg.Account.AOR == env["RINGBACK_ACCOUNT_AOR"] {
			t.Errorf("%s: %q of %s, want %q: %v", f.Phones[i].Name, string(cfg.Account.Password), cfg.Account.AOR, want, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(head + twoTalk))
	f.Fuzz(func(t *testing.T, text []byte) {
		begun := time.Now()
		file, err := Read("s.yaml", text)
		took := time.Since(begun)
		for tries := 0; tries < 5 && took > time.Second; tries++ { // the least counts: the machine may have stood still
			begun = time.Now()
			_, _ = Read("s.yaml", text)
			took = min(took, time.Since(begun))
		}
		if took > time.Second {
			t.Errorf("it took %v", took)
		}
		if (file == nil) == (err == nil) {
			t.Errorf("neither a scenario nor an error, or both: %v", err)
		}
	})
}
