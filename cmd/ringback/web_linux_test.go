package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ringback/internal/lab"
)

// liveAgent runs `ringback agent` as a process of its own at a lab, and gives what it
// printed.
func liveAgent(t *testing.T, dir string, flags ...string) (printed agentResult, pid int) {
	t.Helper()
	l, err := lab.Start(t.Context(), lab.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close(t.Context()) })
	args := append([]string{"ringback", "--json", "agent", "--headless", "--aor", "sip:1001@" + l.Addr("udp").String(), "--audio", "null"}, flags...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: args, Dir: dir, Stderr: os.Stderr, Env: append(os.Environ(), "RINGBACK_PASSWORD=lab-1001",
		"HOME="+dir, "XDG_RUNTIME_DIR="+filepath.Join(dir, "run"), "XDG_CONFIG_HOME="+dir, "XDG_STATE_HOME="+dir)}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("agent: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &printed)
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return printed, cmd.Process.Pid
}

// listening are the addresses of TCP listeners and UDP sockets that a process has.
func listening(t *testing.T, pid int) (all []netip.AddrPort) {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{}
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil {
			own[strings.TrimSuffix(strings.TrimPrefix(link, "socket:["), "]")] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 10 || !own[f[9]] || strings.HasPrefix(table, "tcp") && f[3] != "0A" {
				continue
			}
			all = append(all, procAddr(t, f[1]))
		}
	}
	return all
}

// procAddr reads an address as /proc/net writes it: words of the machine's byte order.
func procAddr(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	var n uint16
	if _, err := fmt.Sscanf(port, "%X", &n); err != nil {
		t.Fatal(err)
	}
	var ip []byte
	for i := 0; i+8 <= len(host); i += 8 {
		var word [4]byte
		if _, err := fmt.Sscanf(host[i:i+8], "%02X%02X%02X%02X", &word[3], &word[2], &word[1], &word[0]); err != nil {
			t.Fatal(err)
		}
		ip = append(ip, word[:]...)
	}
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), n)
}

// Nothing of a live agent is reached from other machines but what SIP needs, and that
// not either where the configuration binds it.
func TestLiveAgentListens(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		web   bool
	}{"bound": {[]string{"--bind", "127.0.0.91"}, false}, "bound, with web": {[]string{"--bind", "127.0.0.92", "--web", "127.0.0.1:0"}, true}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
				t.Fatal(err)
			}
			printed, pid := liveAgent(t, dir, c.flags...)
			for path, mode := range map[string]os.FileMode{printed.Socket: 0o600, filepath.Dir(printed.Socket): 0o700} {
				if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
					t.Errorf("%s: %v %v", path, info, err)
				}
			}
			web := ""
			all := listening(t, pid)
			for _, at := range all {
				if !at.Addr().IsLoopback() {
					t.Errorf("it listens on %s", at)
				}
				if at.Addr().String() == "127.0.0.1" {
					web = "http://" + at.String() + "/"
				}
			}
			if len(all) < 2 || web != printed.Web || (web != "") != c.web {
				t.Errorf("it listens on %v, and printed %+v", all, printed)
			}
			if c.web {
				asksWeb(t, printed, pid)
			}
		})
	}
}

// asksWeb does what a program with the token does, and what one without gets.
func asksWeb(t *testing.T, printed agentResult, pid int) {
	t.Helper()
	token, err := os.ReadFile(printed.Token)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(printed.Token); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || strings.Contains(string(argv), strings.TrimSpace(string(token))) {
		t.Errorf("%q %v", argv, err)
	}
	ask := func(token string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, printed.Web+"v1/state", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	if status, _ := ask("wrong"); status != 401 {
		t.Errorf("a wrong token: %d", status)
	}
	status, text := ask(strings.TrimSpace(string(token)))
	if status != 200 || !strings.Contains(text, `"control.token":1`) {
		t.Errorf("%d %s", status, text)
	}
	conn, err := net.DialTimeout("tcp", strings.TrimSuffix(strings.TrimPrefix(printed.Web, "http://"), "/"), time.Second)
	if err == nil {
		conn.Close()
	}
}

func TestWebFlags(t *testing.T) {
	for _, flags := range [][]string{{"--web", ""}, {"--web", "0.0.0.0:8410"}, {"--web", ":8410"}, {"--web", "8410"}, {"--web-to-network"}, {"--web", "pbx.example:1"}} {
		var out, err strings.Builder
		sh := &shell{in: strings.NewReader(""), out: &out, err: &err, getenv: func(name string) string { return map[string]string{"XDG_RUNTIME_DIR": t.TempDir()}[name] }}
		if code := run(t.Context(), sh, append([]string{"agent", "--headless", "--aor", "sip:1001@127.0.0.1"}, flags...)); code != exitUsage {
			t.Errorf("%q: code %d, %s", flags, code, err.String())
		}
	}
}
