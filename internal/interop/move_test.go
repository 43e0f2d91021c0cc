//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringback/internal/asterisk"
)

// The PBX, and the two networks that a laptop reaches it from.
const (
	routedPBX = "10.50.0.1"
	wlan      = "10.50.1"
	cable     = "10.50.2"
)

// TestMove takes a laptop from one network to another under a registered agent and
// under a call, in network namespaces of the test's own: one of the PBX, which routes
// between the networks, and one of the laptop.
func TestMove(t *testing.T) {
	binary := os.Getenv("RINGBACK")
	if binary == "" {
		t.Fatal("set RINGBACK to the binary to test (make interop does)")
	}
	scripts, err := filepath.Abs("../../testdata/asterisk")
	if err != nil {
		t.Fatal(err)
	}
	l := newLaptop(t, binary)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pbx, err := asterisk.StartIn(ctx, scripts, l.pbxns, routedPBX)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pbx.Stop)
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			l := *l
			l.T, l.profile = t, transport
			l.plug("")
			l.starts(transport, pbx.Path("tls/ca.crt"))
			if r := l.registration(); r.State != "failed" || !strings.Contains(r.Reason, "connected to a network") || r.NextTry == nil {
				t.Errorf("without a network: %+v", r)
			}
			l.plug(wlan)
			l.registered(wlan)
			l.ringback("dial", "609", "--wait", "connected")
			l.ringback("wait", "tone", "852")
			l.plug("")
			l.ringback("wait", "silence", "2s")
			l.plug(cable)
			l.registered(cable)
			l.ringback("wait", "tone", "852")
			before := toneWindows(pbx.Path("spool/rec/609-heard.wav"), 440)
			l.ringback("hold")
			l.ringback("resume")
			l.ringback("wait", "tone", "852")
			l.until("Asterisk hears the agent again", func() bool {
				return toneWindows(pbx.Path("spool/rec/609-heard.wav"), 440) > before+3
			})
			l.plug(wlan)
			l.registered(wlan)
			before = toneWindows(pbx.Path("spool/rec/609-heard.wav"), 440)
			l.until("Asterisk hears the agent in the first network again", func() bool {
				return toneWindows(pbx.Path("spool/rec/609-heard.wav"), 440) > before+3
			})
			l.ringback("wait", "tone", "852")
			l.ringback("end")
		})
	}
}

// laptop is a machine with two network cards, of which none or one has an address.
type laptop struct {
	*testing.T
	binary, home string
	pbxns, ns    string
	profile      string
	links        map[string]string // network to the laptop's card
}

func newLaptop(t *testing.T, binary string) *laptop {
	t.Helper()
	id := fmt.Sprint(os.Getpid())
	l := &laptop{T: t, binary: binary, home: t.TempDir(), pbxns: "rbpbx" + id, ns: "rblap" + id,
		links: map[string]string{wlan: "wlan0", cable: "eth0"}}
	for _, ns := range []string{l.pbxns, l.ns} {
		l.ip("netns", "add", ns)
		t.Cleanup(func() { l.ip("netns", "del", ns) })
		l.ip("-n", ns, "link", "set", "lo", "up")
	}
	l.ip("-n", l.pbxns, "addr", "add", routedPBX+"/32", "dev", "lo")
	for network, card := range l.links {
		l.ip("-n", l.pbxns, "link", "add", card, "type", "veth", "peer", "name", card, "netns", l.ns)
		l.ip("-n", l.pbxns, "addr", "add", network+".1/24", "dev", card)
		l.ip("-n", l.pbxns, "link", "set", card, "up")
	}
	return l
}

func (l *laptop) ip(args ...string) {
	l.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.Fatalf("ip %s: %v: %s (this test makes network namespaces: run it as root)", strings.Join(args, " "), err, out)
	}
}

// plug puts the laptop into one network and out of the other; without a name into none.
func (l *laptop) plug(network string) {
	l.Helper()
	for other, card := range l.links {
		if other != network {
			l.ip("-n", l.ns, "addr", "flush", "dev", card)
			l.ip("-n", l.ns, "link", "set", card, "down")
		}
	}
	if network == "" {
		return
	}
	card := l.links[network]
	l.ip("-n", l.ns, "link", "set", card, "up")
	l.ip("-n", l.ns, "addr", "add", network+".2/24", "dev", card)
	l.ip("-n", l.ns, "route", "replace", "default", "via", network+".1")
}

func (l *laptop) command(args ...string) *exec.Cmd {
	args = append([]string{"netns", "exec", l.ns, l.binary, "--profile", l.profile, "--timeout", patience.String()}, args...)
	cmd := exec.Command("ip", args...)
	cmd.Env = append(os.Environ(), "HOME="+l.home, "XDG_RUNTIME_DIR="+l.home, "XDG_STATE_HOME="+l.home, "RINGBACK_PASSWORD=lab-secret")
	return cmd
}

// starts has an agent run on the laptop until the end of the test.
func (l *laptop) starts(transport, ca string) {
	l.Helper()
	args := []string{"agent", "--headless", "--aor", "sip:1001@" + routedPBX, "--transport", transport, "--audio", "tone:440"}
	if transport == "tls" {
		args = append(args, "--ca-file", ca)
	}
	cmd := l.command(args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || l.Failed() {
			l.Errorf("the agent ends with %v and says\n%s", err, log.String())
		}
	})
	l.until("the agent answers and has tried to register", func() bool { return l.registration().State == "failed" })
}

// ringback runs a command, which must work, and gives what it prints.
func (l *laptop) ringback(args ...string) []byte {
	l.Helper()
	out, err := l.command(args...).CombinedOutput()
	if err != nil {
		trace, _ := l.command("trace").CombinedOutput()
		l.Fatalf("ringback %s: %v: %s\n%s", strings.Join(args, " "), err, out, trace)
	}
	return out
}

type registration struct {
	State, Reason, Contact string
	NextTry                *time.Time `json:"next_try"`
}

func (l *laptop) registration() registration {
	var s struct{ Registration registration }
	if out, err := l.command("--json", "status").Output(); err == nil {
		_ = json.Unmarshal(out, &s)
	}
	return s.Registration
}

// registered waits until the agent is registered in a network.
func (l *laptop) registered(network string) {
	l.Helper()
	l.until("registered in "+network, func() bool {
		r := l.registration()
		return r.State == "registered" && strings.Contains(r.Contact, "@"+network+".2:")
	})
}

// until looks again for 30 s, in which what is promised of a move has to come.
func (l *laptop) until(what string, is func() bool) {
	l.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !is(); <-tick.C {
		if time.Now().After(deadline) {
			l.Fatalf("not so after 30 s: %s; it is %+v", what, l.registration())
		}
	}
}
