package control

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ringback/agent"
)

const peerVariable = "RINGBACK_PEER_SOCKET"

// TestPeerChild is another user's process: it asks the agent and says how that went.
func TestPeerChild(t *testing.T) {
	path := os.Getenv(peerVariable)
	if path == "" {
		return // it is started by TestPeer_AnotherUser
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		_, _ = os.Stdout.WriteString("NO WAY\n")
		return
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(c, "GET /v1/state HTTP/1.0\r\n\r\n")
	if answer, _ := io.ReadAll(c); len(answer) > 0 {
		_, _ = os.Stdout.WriteString("ANSWERED\n")
		return
	}
	_, _ = os.Stdout.WriteString("CLOSED\n")
}

// Another user does not get as far as the socket; where somebody has changed the modes,
// the kernel's word about who is there keeps him out.
func TestPeer_AnotherUser(t *testing.T) {
	base, err := os.MkdirTemp("", "ringback-peer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	f := newFake()
	path := filepath.Join(base, "run", "test.sock")
	ctx, cancel := context.WithCancel(context.Background())
	l, err := Listen(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	uid := os.Geteuid()
	if uid != 0 { // who is not root cannot be somebody else: then the server is told to be
		uid++
	}
	s := newServer(ctx, f, "1.0.0", slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() {
		ended <- s.serve(ctx, cancel, &limitListener{Listener: l, free: make(chan struct{}, 8), closed: make(chan struct{}), mayUse: s.mine(uid)})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	if os.Geteuid() != 0 {
		if got := asPeer(t, base, path, nil); got != "CLOSED\n" {
			t.Errorf("a client of another user: %q", got)
		}
	} else {
		nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
		for _, dir := range []string{base} {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if got := asPeer(t, base, path, nobody); got != "NO WAY\n" {
			t.Errorf("by the modes: %q", got)
		}
		for _, file := range []string{filepath.Dir(path), path} {
			if err := os.Chmod(file, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if got := asPeer(t, base, path, nobody); got != "CLOSED\n" {
			t.Errorf("by who it is: %q", got)
		}
		if got := asPeer(t, base, path, nil); got != "ANSWERED\n" {
			t.Errorf("the user's own: %q", got)
		}
	}
	if n := f.Refused()[agent.RefusedPeer.String()]; n != 1 {
		t.Errorf("counted %v", f.Refused())
	}
}

// asPeer runs TestPeerChild as a user, from a copy that he may read.
func asPeer(t *testing.T, base, path string, who *syscall.Credential) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(base, "child.test")
	if err := os.WriteFile(copied, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), copied, "-test.run", "^TestPeerChild$")
	cmd.Dir, cmd.Env = base, []string{peerVariable + "=" + path}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out[:min(len(out), len(out)-len("PASS\n"))])
}
