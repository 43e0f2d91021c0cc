package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/control"
)

// life is what a child is told: how to live, and when to die.
type life struct {
	Dir, Socket, AOR, Registrar string
	Point                       string // dies at this commit; empty: at none
	Before                      bool   // before it, else after
	Nth                         int64  // at the nth of that name, from 1
	Folder                      string // of recordings; empty: in Dir
	Seen                        string // file that gets the name of each point that was passed
}

const lifeVariable = "RINGBACK_CRASH"

func TestMain(m *testing.M) {
	if text := os.Getenv(lifeVariable); text != "" {
		if err := live(text); err != nil {
			fmt.Fprintln(os.Stderr, "crash child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// live is the child: an agent with its desk.
func live(text string) error {
	var l life
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return err
	}
	cfg := agent.DefaultConfig()
	cfg.Account.AOR, cfg.Account.Registrar, cfg.Account.Password, cfg.Account.Bind = l.AOR, l.Registrar, "lab-1001", "127.0.0.1"
	cfg.Audio.Headset, cfg.Recording.Folder = []string{"tone:440"}, l.Folder
	cfg.Channels.StartWeb, cfg.Channels.WrapUp = "ready", 0
	cfg.Callbacks.OfferTimeout, cfg.Callbacks.MissedLimit, cfg.Callbacks.Retries = time.Second, 0, 1
	cfg.Callbacks.ReportTo = strings.Replace(l.Registrar, "sip:", "sip:callbacks@", 1)
	cfg.Reschedule.Again, cfg.Reschedule.PersonalToTeam = time.Second, 2*time.Second
	a, err := agent.New(cfg, agent.Deps{StateDir: l.Dir, Commit: l.commit()})
	if err != nil {
		return err
	}
	listener, err := control.Listen(context.Background(), l.Socket)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() {
		served <- control.Serve(context.Background(), listener, control.Of(a), "crash", slog.New(slog.DiscardHandler))
	}()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { // the parent closes our standard input for an orderly end
		_, _ = os.Stdin.Read(make([]byte, 1))
		stop()
	}()
	return a.Run(ctx)
}

// commit notes the points that are passed, and dies at its own.
func (l life) commit() func(point string, before bool) {
	seen, err := os.OpenFile(l.Seen, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	var passed atomic.Int64
	return func(point string, before bool) {
		if before {
			_, _ = seen.WriteString(point + "\n")
		}
		if point != l.Point || before != l.Before || passed.Add(1) != l.Nth {
			return
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// child is a running agent.
type child struct {
	*control.Client
	cmd   *exec.Cmd
	ended chan struct{}
	end   func() // asks for an orderly end
}

// start runs a child and waits until its phone is registered. A child that dies
// before is no error: it was told to.
func start(t *testing.T, l life) *child {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), lifeVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{Client: control.Dial(l.Socket), cmd: cmd, ended: make(chan struct{}), end: func() { _ = in.Close() }}
	go func() {
		_ = cmd.Wait()
		close(c.ended)
	}()
	ctx, cancel := c.patience()
	defer cancel()
	if err := c.Appear(ctx); err != nil && c.alive() {
		t.Fatalf("the agent does not appear: %v", err)
	}
	c.until(func(s agent.State) bool { return s.Registration.State == "registered" })
	return c
}

func (c *child) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// dies waits for the death that the child was told to die; false when it lives on.
func (c *child) dies() bool {
	select {
	case <-c.ended:
		return true
	case <-time.After(time.Minute):
		return false
	}
}

// patience is a context that ends with the child, or when something hangs.
func (c *child) patience() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	go func() {
		select {
		case <-c.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// until waits for a state; false when the child died before.
func (c *child) until(is func(agent.State) bool) bool {
	ctx, cancel := c.patience()
	defer cancel()
	s, err := c.State(ctx)
	if err != nil {
		return false
	}
	events, err := c.Events(ctx, s.Seq)
	if err != nil {
		return false
	}
	defer events.Close()
	for !is(s) {
		e, err := events.Next(ctx)
		if err != nil {
			return false
		}
		s = s.Apply(e)
	}
	return true
}

// kill ends the child as a pulled plug does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
	c.Close()
}

// leave ends it in order.
func (c *child) leave() {
	c.end()
	<-c.ended
	c.Close()
}
