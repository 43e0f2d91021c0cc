//go:build interop

package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringback/internal/asterisk"
)

// mortal is a phone, a process of the built binary, with one home in all of its lives.
type mortal struct {
	*testing.T
	binary, home, user, ip string
	pbx                    *asterisk.PBX
	id                     string      // of the callback in hand, which is its note, too
	partner                *sync.Mutex // held by who has the one partner at the phone
	cmd                    *exec.Cmd
	ended                  chan error // of this life
	log                    *bytes.Buffer
}

func newMortal(t *testing.T, binary string, pbx *asterisk.PBX, user, ip string) *mortal {
	t.Helper()
	home, err := os.MkdirTemp("", "rb") // t.TempDir's are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	p := &mortal{T: t, binary: binary, home: home, user: user, ip: ip, pbx: pbx}
	t.Cleanup(func() {
		p.dies(syscall.SIGKILL)
		_ = os.RemoveAll(home)
	})
	return p
}

func (p *mortal) socket() string { return filepath.Join(p.home, "ringback", p.user+".sock") }

func (p *mortal) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.binary, append([]string{"--profile", p.user, "--timeout", patience.String()}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+p.home, "XDG_RUNTIME_DIR="+p.home, "XDG_STATE_HOME="+p.home, "RINGBACK_PASSWORD=lab-secret")
	return cmd
}

// ringback runs a command, which must work.
func (p *mortal) ringback(args ...string) {
	p.Helper()
	if out, err := p.command(args...).CombinedOutput(); err != nil {
		p.Fatalf("ringback %s: %v: %s; the agent says %s", strings.Join(args, " "), err, out, p.log)
	}
}

// starts runs a command that may fail, because the agent dies under it.
func (p *mortal) starts(args ...string) {
	cmd := p.command(args...)
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = cmd.Wait() })
}

// born starts a life, whose registrar is at an address.
func (p *mortal) born(registrar string) {
	p.Helper()
	config := filepath.Join(p.home, "agent.yaml")
	text := fmt.Sprintf("account:\n  aor: sip:%s@%s\n  registrar: sip:%s\n  expires: 60s\n  bind: %s\naudio:\n  headset: [tone:440]\n"+
		"channels:\n  start: ready\n  start_webcallback: ready\ncallbacks:\n  report_to: sip:callbacks@%s\n", p.user, p.pbx.Address, registrar, p.ip, p.pbx.Address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
	p.cmd, p.log, p.ended = p.command("--config", config, "agent", "--headless"), &bytes.Buffer{}, make(chan error, 1)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(p.cmd, p.ended)
	p.until("the agent answers", patience, func() (bool, string) {
		if len(p.ended) > 0 {
			p.Fatalf("the agent has ended: %s", p.log)
		}
		out, err := p.command("status").CombinedOutput()
		return err == nil, string(out)
	})
}

// dies ends the life, if there is one, and says how long that took.
func (p *mortal) dies(signal syscall.Signal) time.Duration {
	if p.cmd == nil {
		return 0
	}
	began := time.Now()
	_ = p.cmd.Process.Signal(signal)
	err := <-p.ended
	var exit *exec.ExitError
	if killed := errors.As(err, &exit) && exit.ExitCode() == -1; err != nil && !(killed && signal == syscall.SIGKILL) || strings.Contains(p.log.String(), "panic") {
		p.Errorf("%v: it ends with %v and says %s", signal, err, p.log)
	}
	p.cmd = nil
	return time.Since(began)
}

type mortalState struct {
	Registration struct{ State string }
	Interactions []struct {
		State, Note string
		Callback    struct{ ID string }
	}
	Calls []struct {
		State        string
		HeldByRemote bool `json:"held_by_remote"`
	}
	Outbox struct{ Waiting, Failed int }
}

func (p *mortal) state() (s mortalState) {
	p.Helper()
	out, err := p.command("--json", "status").Output()
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		p.Fatalf("status: %v: %s", err, out)
	}
	return s
}

// until looks again for so long: what is looked at is in other processes, which send no event.
func (p *mortal) until(what string, most time.Duration, look func() (bool, string)) {
	p.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(most); ; <-tick.C {
		ok, seen := look()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("not so after %v: %s; seen: %s", most, what, seen)
		}
	}
}

func (p *mortal) console(command string) string {
	p.Helper()
	out, err := p.pbx.Console(command)
	if err != nil {
		p.Fatal(err)
	}
	return out
}

// unused waits until Asterisk has no channel of this phone.
func (p *mortal) unused(most time.Duration) {
	p.Helper()
	p.until("Asterisk has no channel of the phone", most, func() (bool, string) {
		all := p.console("core show channels concise")
		return !strings.Contains(all, "PJSIP/"+p.user+"-"), all
	})
}

// forgotten waits until Asterisk has neither a channel nor a contact of this phone.
func (p *mortal) forgotten(most time.Duration) {
	p.Helper()
	p.unused(most)
	if all := p.console("pjsip show contacts"); strings.Contains(all, " "+p.user+"/") {
		p.Errorf("its contact is left at Asterisk: %s", all)
	}
}

// contactAt is the channel that has gone to an extension; empty: there is none.
func (p *mortal) contactAt(extension string) string {
	p.Helper()
	for line := range strings.Lines(p.console("core show channels concise")) {
		if f := strings.Split(line, "!"); len(f) > 2 && f[2] == extension {
			return f[0]
		}
	}
	return ""
}

// channel waits until Asterisk serves an extension to this phone, or to who it sent there.
func (p *mortal) channel(extension string) {
	p.Helper()
	p.until("Asterisk serves "+extension, patience, func() (bool, string) {
		return p.contactAt(extension) != "", p.console("core show channels concise")
	})
}

// rung lets a contact of a kind wait for this agent.
func (p *mortal) rung(kind string) {
	p.Helper()
	variables := map[string]string{"__CBID": p.id, "__CBTYPE": "immediate", "__CBNUMBER": "+81312345678", "__CBNAME": "Sato"}
	if err := p.pbx.CallFile("Local/"+kind+"@contact/n", "desk", p.user, variables); err != nil {
		p.Fatal(err)
	}
	p.ringback("wait", "offer")
}

func (p *mortal) talks(kind string) {
	p.Helper()
	p.rung(kind)
	p.ringback("accept", "--wait", "connected")
}

// ordered brings a callback without a call as far as its preview.
func (p *mortal) ordered(number string) {
	p.Helper()
	order := fmt.Sprintf(`{"id":%q,"number":%q}`, p.id, number)
	if err := p.pbx.CallFile("Local/silent@contact/n", "desk", "order-"+p.user, map[string]string{"__CBORDER": order}); err != nil {
		p.Fatal(err)
	}
	p.ringback("wait", "offer")
	p.ringback("accept", "--wait", "preview")
}

// heldByPartner calls the phone of a colleague, who holds the call.
func (p *mortal) heldByPartner() {
	p.Helper()
	p.partner.Lock()
	p.Cleanup(p.partner.Unlock)
	other := newMortal(p.T, p.binary, p.pbx, "1067", "127.0.0.31")
	other.born(p.pbx.Address)
	other.ringback("wait", "registered")
	p.ordered("1067")
	p.ringback("call", "--wait", "dialling")
	other.ringback("wait", "offer")
	other.ringback("accept", "--wait", "connected")
	p.ringback("wait", "interaction", "connected")
	other.ringback("hold", "--wait", "on-hold")
	p.ringback("wait", "call", "held-by-remote")
}

// unanswered begins a life whose registration arrives at Asterisk, and of whose answers those that
// say so do not come back.
func (p *mortal) unanswered() {
	p.Helper()
	front, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(p.ip), 0)))
	if err != nil {
		p.Fatal(err)
	}
	back, err := net.Dial("udp", p.pbx.Address+":5060")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { front.Close(); back.Close() })
	from, arrived := make(chan net.Addr, 1), make(chan struct{})
	go func() {
		buf := make([]byte, 65536)
		for n, addr, err := front.ReadFrom(buf); err == nil; n, addr, err = front.ReadFrom(buf) {
			select {
			case from <- addr:
			default:
			}
			_, _ = back.Write(buf[:n])
		}
	}()
	go func() {
		phone, swallowed := <-from, false
		buf := make([]byte, 65536)
		for n, err := back.Read(buf); err == nil; n, err = back.Read(buf) {
			if bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200")) {
				if !swallowed {
					swallowed = true
					close(arrived)
				}
				continue
			}
			_, _ = front.WriteTo(buf[:n], phone)
		}
	}()
	p.born(front.LocalAddr().String())
	select {
	case <-arrived:
	case <-time.After(patience):
		p.Fatalf("Asterisk accepts no registration; the agent says %s", p.log)
	}
	if s := p.state(); s.Registration.State != "registering" {
		p.Errorf("the phone is %+v", s.Registration)
	}
}
