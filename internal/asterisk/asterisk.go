//go:build linux

package asterisk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// PBX is one running Asterisk. Make it with Start.
type PBX struct {
	// Address is the address, a loopback one as a rule, that SIP (5060 UDP and TCP, 5061 TLS) is bound to.
	Address string
	// Address6 is the address and port of SIP over IPv6 (UDP and TCP), such as
	// [::1]:40312; empty where the machine has no IPv6.
	Address6 string

	scripts string // testdata/asterisk
	netns   string // the network namespace that it runs in; empty: this one
	root    string // the root folder
	dir     string // this run's folder, as seen from inside the root folder

	mu      sync.Mutex
	lines   []string      // the console since the last start
	changed chan struct{} // closed and made anew when lines or ended change
	ended   bool
	cmd     *exec.Cmd
	read    sync.WaitGroup
}

// Start runs Asterisk and returns when it is ready. scripts is the folder
// testdata/asterisk. It fails when the root folder is not there, when Asterisk
// ends at once, or when ctx is done first.
func Start(ctx context.Context, scripts string) (*PBX, error) {
	return StartIn(ctx, scripts, "", "")
}

// Root is the root folder that testdata/asterisk/install makes.
func Root() (string, error) {
	if root := os.Getenv("RINGBACK_ASTERISK_ROOT"); root != "" {
		return root, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	return filepath.Join(cache, "ringback", "asterisk"), nil
}

// StartIn is Start in a network namespace of the caller's, at an address there.
func StartIn(ctx context.Context, scripts, netns, address string) (*PBX, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, ".ringback-complete")); err != nil {
		return nil, fmt.Errorf("start asterisk: %s is not complete: run %s/install first", root, scripts)
	}
	id := rand.IntN(1 << 24)
	p := &PBX{
		Address: fmt.Sprintf("127.%d.%d.%d", 100+id>>16%100, id>>8&0xff, 1+id%250),
		scripts: scripts, netns: netns, root: root,
		dir:     fmt.Sprintf("/run/ringback-%06x", id),
		changed: make(chan struct{}),
	}
	if address != "" {
		p.Address = address
	}
	p.Address6 = freeAddress6()
	if err := p.launch(ctx); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// freeAddress6 is an IPv6 loopback address and port that nobody has now: loopback has only one
// address there, so each PBX needs a port of its own.
func freeAddress6() string {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return ""
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *PBX) launch(ctx context.Context) error {
	p.mu.Lock()
	p.lines, p.ended = nil, false
	command := []string{filepath.Join(p.scripts, "run"), p.Address, p.dir, p.Address6}
	if p.netns != "" {
		command = append([]string{"ip", "netns", "exec", p.netns}, command...)
	}
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Env = append(os.Environ(), "RINGBACK_ASTERISK_ROOT="+p.root, "TERM=dumb")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.cmd.Stderr = p.cmd.Stdout
		err = p.cmd.Start()
	}
	p.mu.Unlock()
	if err != nil {
		return fmt.Errorf("start asterisk: %w", err)
	}
	p.read.Go(func() { p.follow(out) })
	if _, err := p.WaitLog(ctx, "Asterisk Ready"); err != nil {
		return fmt.Errorf("start asterisk on %s: %w; the end of its console:\n%s", p.Address, err, p.tail(20))
	}
	return nil
}

func (p *PBX) follow(out io.Reader) {
	in := bufio.NewScanner(out)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, in.Text())
		p.signal()
		p.mu.Unlock()
	}
	p.cmd.Wait()
	p.mu.Lock()
	p.ended = true
	p.signal()
	p.mu.Unlock()
}

// signal wakes who waits for a line; p.mu is held.
func (p *PBX) signal() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *PBX) tail(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines[max(0, len(p.lines)-n):], "\n")
}

// ErrEnded means that Asterisk ended while something was waited for.
var ErrEnded = errors.New("asterisk has ended")

// WaitLog waits for a console line since the last start that matches the
// regular expression, and returns it.
func (p *PBX) WaitLog(ctx context.Context, expression string) (string, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return "", err
	}
	for seen := 0; ; {
		p.mu.Lock()
		lines, ended, changed := p.lines, p.ended, p.changed
		p.mu.Unlock()
		for ; seen < len(lines); seen++ {
			if re.MatchString(lines[seen]) {
				return lines[seen], nil
			}
		}
		if ended {
			return "", ErrEnded
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", fmt.Errorf("no console line matches %q: %w", expression, ctx.Err())
		}
	}
}

// Console runs a console command and returns what it prints.
func (p *PBX) Console(command string) (string, error) {
	cmd := exec.Command(filepath.Join(p.scripts, "run"), "--console", p.dir, command)
	cmd.Env = append(os.Environ(), "RINGBACK_ASTERISK_ROOT="+p.root, "TERM=dumb")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run console command %q: %w: %s", command, err, out)
	}
	return string(out), nil
}

// CallFile has Asterisk make a call now: channel is dialled, and when it answers
// it goes to extension in context with the variables set (pbx_spool).
func (p *PBX) CallFile(channel, context, extension string, variables map[string]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Channel: %s\nContext: %s\nExtension: %s\nPriority: 1\nMaxRetries: 0\nWaitTime: 30\n", channel, context, extension)
	for name, value := range variables {
		fmt.Fprintf(&b, "Setvar: %s=%s\n", name, value)
	}
	name := fmt.Sprintf("%d.call", rand.Int64())
	made := p.Path("spool/tmp/" + name)
	if err := os.WriteFile(made, []byte(b.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(made, p.Path("spool/outgoing/"+name)) // complete when Asterisk sees it
}

// Path is the place of one of this run's files, as seen from outside the root folder.
func (p *PBX) Path(file string) string { return filepath.Join(p.root, p.dir, file) }

// Restart kills Asterisk, as a crash would, and starts it again.
func (p *PBX) Restart(ctx context.Context) error {
	p.Kill()
	return p.launch(ctx)
}

// Resume starts Asterisk again after Kill.
func (p *PBX) Resume(ctx context.Context) error { return p.launch(ctx) }

// Kill ends Asterisk at once and waits until it is gone.
func (p *PBX) Kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.read.Wait()
}

// Stop ends Asterisk and removes this run's folder.
func (p *PBX) Stop() {
	if p.cmd != nil && p.cmd.Process != nil {
		p.Console("core stop now")
		kill := time.AfterFunc(5*time.Second, func() { syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
		p.read.Wait()
		kill.Stop()
	}
	os.RemoveAll(filepath.Join(p.root, p.dir))
}
