//go:build interop

package interop

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/internal/asterisk"
	"ringback/internal/script"
	"ringback/internal/turnserver"
)

const patience = 40 * time.Second // for one thing to happen on a busy machine

// TestInterop runs each script with an Asterisk of its own.
func TestInterop(t *testing.T) {
	binary := os.Getenv("RINGBACK")
	if binary == "" {
		t.Fatal("set RINGBACK to the binary to test (make interop does)")
	}
	scripts, err := filepath.Abs("../../testdata/asterisk")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/interop",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			pbx, err := asterisk.Start(ctx, scripts)
			if err != nil {
				return err
			}
			env.Defer(pbx.Stop)
			env.Defer(func() { evidence(env, pbx) }) // before that
			env.Values["pbx"], env.Values["headset"], env.Values["capture"], env.Values["turn"], env.Values["road"] = pbx, &headset{}, &capture{}, &[]*turnserver.Server{}, &road{open: map[net.Conn]bool{}}
			env.Values["browser"] = new(*browser)
			env.Setenv("PBX", pbx.Address)
			env.Setenv("PBX6", pbx.Address6)
			env.Setenv("CA", pbx.Path("tls/ca.crt"))
			env.Setenv("SPOOL", pbx.Path("spool"))
			env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_RUNTIME_DIR", filepath.Join(env.WorkDir, "run"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("RINGBACK_PASSWORD", "lab-secret")
			env.Setenv("SCENARIOS", filepath.Join(filepath.Dir(scripts), "scenarios"))
			env.Setenv("SIPP", filepath.Join(filepath.Dir(scripts), "sipp"))
			for _, name := range []string{"SIPP_PORT", "SIPP_PORT2", "AGENT_PORT"} {
				port, err := freePort()
				if err != nil {
					return err
				}
				env.Setenv(name, port)
			}
			return os.MkdirAll(filepath.Join(env.WorkDir, "run"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"pbx": cmdPBX, "callback": cmdCallback, "heard": cmdHeard, "wrote": cmdWrote, "config": cmdConfig, "pulse": cmdPulse,
			"member": cmdMember, "bound": cmdBound, "capture": cmdCapture, "shows": cmdShows,
			"turn": cmdTURN, "road": cmdRoad, "browser": cmdBrowser, "within": cmdWithin, "expand": script.Expand, "holds": script.Holds, "wav": cmdWAV,
		},
	})
}

// freePort is a UDP port of 127.0.0.1 that nobody has now.
func freePort() (string, error) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer c.Close()
	_, port, err := net.SplitHostPort(c.LocalAddr().String())
	return port, err
}

func pbxOf(ts *testscript.TestScript) *asterisk.PBX { return ts.Value("pbx").(*asterisk.PBX) }

// pbx console COMMAND, pbx log REGEXP [DURATION], pbx restart, pbx kill, pbx resume.
func cmdPBX(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: pbx console|log|restart|kill|resume …")
	}
	limit := patience
	if args[0] == "log" && len(args) > 2 {
		var err error
		limit, err = time.ParseDuration(args[2])
		ts.Check(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	pbx := pbxOf(ts)
	switch args[0] {
	case "console":
		out, err := pbx.Console(strings.Join(args[1:], " "))
		ts.Check(err)
		fmt.Fprint(ts.Stdout(), out)
	case "log":
		line, err := pbx.WaitLog(ctx, args[1])
		ts.Check(err)
		ts.Logf("%s", line)
	case "restart":
		ts.Check(pbx.Restart(ctx))
	case "kill":
		pbx.Kill()
	case "resume":
		ts.Check(pbx.Resume(ctx))
	default:
		ts.Fatalf("pbx: unknown word %q", args[0])
	}
}

// callback KIND EXTENSION NAME=VALUE…: a contact of that kind (contexts contact and desk in
// testdata/asterisk/etc/extensions.conf) waits for the agent or queue named.
func cmdCallback(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: callback KIND EXTENSION NAME=VALUE…")
	}
	variables := map[string]string{}
	for _, pair := range args[2:] {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			ts.Fatalf("callback: %q is not NAME=VALUE", pair)
		}
		variables["__CB"+strings.ToUpper(name)] = value
	}
	ts.Logf("callback with %v", slices.Sorted(maps.Keys(variables)))
	ts.Check(pbxOf(ts).CallFile("Local/"+args[0]+"@contact/n", "desk", args[1], variables))
}

// wrote FILE TEXT…: Asterisk has written lines with these texts to spool/FILE, in this order.
func cmdWrote(ts *testscript.TestScript, neg bool, args []string) {
	path := pbxOf(ts).Path("spool/" + args[0])
	until(ts, fmt.Sprintf("%s holds %q", args[0], args[1:]), func() (bool, string) {
		data, _ := os.ReadFile(path)
		rest, found := string(data), true
		for _, text := range args[1:] {
			var there bool
			_, rest, there = strings.Cut(rest, text)
			found = found && there
		}
		return found, string(data)
	})
}

// member USER [paused [REASON]]: Asterisk's queue has the agent paused, for a reason; without
// paused it is not.
func cmdMember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: member USER [paused [REASON]]")
	}
	want := "paused"
	if len(args) > 2 {
		want += ":" + args[2]
	}
	until(ts, strings.Join(args, " "), func() (bool, string) {
		out, err := pbxOf(ts).Console("queue show callbacks")
		ts.Check(err)
		for line := range strings.Lines(out) {
			if strings.Contains(line, "Local/"+args[0]+"@offer") {
				return strings.Contains(line, want) == (len(args) > 1), line
			}
		}
		return false, out
	})
}

// bound USER: the PBX comes to have a contact of that user.
func cmdBound(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bound USER")
	}
	until(ts, args[0]+" is registered", func() (bool, string) {
		out, err := pbxOf(ts).Console("pjsip show contacts")
		ts.Check(err)
		return strings.Contains(out, " "+args[0]+"/sip"), out
	})
}

// shows PROFILE REGEXP: the status of that agent, as JSON, comes to match.
func cmdShows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: shows PROFILE REGEXP")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	until(ts, args[0]+" shows "+args[1], func() (bool, string) {
		cmd := exec.Command(os.Getenv("RINGBACK"), "--profile", args[0], "--json", "status")
		cmd.Env = []string{"XDG_RUNTIME_DIR=" + ts.Getenv("XDG_RUNTIME_DIR"), "HOME=" + ts.Getenv("HOME")}
		out, err := cmd.CombinedOutput()
		return err == nil && re.Match(out), string(out) // the agent may be just starting
	})
}

// heard FILE HZ: 600 ms of a tone of that frequency is in the recording spool/rec/FILE,
// 16 bit mono, which may still be growing.
func cmdHeard(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: heard FILE HZ")
	}
	hz, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	path := pbxOf(ts).Path("spool/rec/" + args[0])
	if neg {
		if n := toneWindows(path, hz); n > 0 {
			ts.Fatalf("%s holds %d ms of %v Hz", args[0], n*200, hz)
		}
		return
	}
	until(ts, fmt.Sprintf("%s holds %v Hz", args[0], hz), func() (bool, string) {
		n := toneWindows(path, hz)
		return n >= 3, fmt.Sprintf("%d ms of it", n*200)
	})
}

// until looks again as long as patience lasts; what is looked at is another process's file, which
// sends no event.
func until(ts *testscript.TestScript, what string, look func() (bool, string)) {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, seen := look()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not so after %v: %s; seen: %s", patience, what, seen)
		}
		<-tick.C
	}
}

// toneWindows counts the windows of 200 ms in which the tone is there with at least 1.5 % of full scale.
func toneWindows(path string, hz float64) int {
	data, err := os.ReadFile(path)
	if err != nil || len(data) < 44 {
		return 0
	}
	rate := int(binary.LittleEndian.Uint32(data[24:]))
	if rate < 8000 {
		return 0 // its head is not written yet
	}
	samples := make([]int16, len(data[44:])/2)
	for i := range samples {
		samples[i] = int16(binary.LittleEndian.Uint16(data[44+2*i:]))
	}
	return script.Windows(samples, rate, hz)
}

// config FILE USER [KEY=VALUE…]: writes the configuration of an agent. The keys are transport (udp),
// audio (tone:440) and ring (none), both with | between devices, start (ready),
// pbx ($PBX), bind (127.0.0.1), transfer (refer) and extra, lines as they are with | between them.
func cmdConfig(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: config FILE USER [KEY=VALUE…]")
	}
	set := map[string]string{"pbx": ts.Getenv("PBX"), "transport": "udp", "audio": "tone:440", "ring": "", "start": "ready", "bind": "127.0.0.1", "transfer": "refer"}
	for _, pair := range args[2:] {
		name, value, _ := strings.Cut(pair, "=")
		set[name] = value
	}
	pbx := set["pbx"]
	account := fmt.Sprintf("account:\n  aor: sip:%s@%s\n  registrar: sip:%s\n  transport: %s\n  expires: 60s\n  bind: %q\n",
		args[1], pbx, pbx, set["transport"], set["bind"])
	if set["transport"] == "tls" || set["transport"] == "wss" {
		account += "  ca_file: " + ts.Getenv("CA") + "\n"
	}
	text := account + fmt.Sprintf("audio:\n  headset: %s\n  ring: %s\ncalls:\n  transfer: %s\nchannels:\n  start: %s\n", devices(set["audio"]), devices(set["ring"]), set["transfer"], set["start"])
	for _, line := range strings.Split(set["extra"], "|") {
		text += line + "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
