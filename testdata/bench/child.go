package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// patience is how long a child may take longer than it should.
const patience = 60 * time.Second

func findPeer(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// versionOf is what a SIPp calls itself, such as 3.7.3; empty when it says nothing.
func versionOf(sipp string) string {
	if sipp == "" {
		return ""
	}
	out, _ := exec.Command(sipp, "-v").CombinedOutput() // its exit code is 99
	return string(regexp.MustCompile(`\d+(\.\d+)+`).Find(out))
}

// child is a process of ours with its output in files.
type child struct {
	cmd      *exec.Cmd
	out, err string
	limit    *time.Timer
}

func (b *bench) start(name, program string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(program, args...), out: filepath.Join(b.tmp, name+".out"), err: filepath.Join(b.tmp, name+".err")}
	out, err := os.Create(c.out)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	errs, err := os.Create(c.err)
	if err != nil {
		return nil, err
	}
	defer errs.Close()
	c.cmd.Stdout, c.cmd.Stderr = out, errs
	c.cmd.Env = append(os.Environ(), "TERM=dumb")
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	return c, nil
}

// wait waits for a child's end and returns its CPU time in seconds, as wait4 tells it.
func (c *child) wait(limit time.Duration) (cpu float64, err error) {
	c.limit = time.AfterFunc(limit, func() { _ = c.cmd.Process.Kill() })
	defer c.limit.Stop()
	err = c.cmd.Wait()
	if usage, ok := c.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		cpu = seconds(usage.Utime) + seconds(usage.Stime)
	}
	return cpu, err
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// stop asks a child to end and waits.
func (c *child) stop(how os.Signal) (cpu float64) {
	_ = c.cmd.Process.Signal(how)
	cpu, _ = c.wait(patience) // how it ended is no matter: what it used is
	return cpu
}

// said is what a child has written.
func (c *child) said() string {
	out, _ := os.ReadFile(c.out)
	errs, _ := os.ReadFile(c.err)
	return strings.TrimSpace(string(out) + "\n" + string(errs))
}

// freePort is a UDP and TCP port of loopback that nobody had a moment ago.
func freePort() (int, error) {
	for range 20 {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := c.LocalAddr().(*net.UDPAddr).Port
		l, err := net.Listen("tcp4", c.LocalAddr().String())
		c.Close()
		if err == nil {
			l.Close()
			return port, nil
		}
	}
	return 0, errors.New("no free port")
}

// listening waits until somebody has bound a UDP port of loopback.
func listening(port int) error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		c, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return nil
		}
		c.Close()
	}
	return fmt.Errorf("nobody listens on port %d", port)
}
