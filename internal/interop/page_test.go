//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReportPage opens the page of a scenario in a browser without a network, and looks at
// what it shows: the ladder and both lines of the levels. The screenshot stays in
// $RINGBACK_PAGES for people, where that is set.
func TestReportPage(t *testing.T) {
	dir := t.TempDir()
	if keep := os.Getenv("RINGBACK_PAGES"); keep != "" {
		dir = keep
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	page := filepath.Join(dir, "report.html")
	run := exec.CommandContext(ctx, os.Getenv("RINGBACK"), "test", "run", "--html", page, "../../testdata/scenarios/dial.yaml")
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	shows(ctx, t, page, []string{"INVITE sip:1002@", "<polyline class=\"in\"", "plain call", "both-ways"},
		map[string]colour{"the line of what came": {0x0b, 0x57, 0xd0}, "the line of what went": {0xc2, 0x64, 0x01}, "the word ok": {0x0a, 0x6b, 0x2d}})
}

// TestLoadPage does the same with the page of a load test, of one generator and of two.
func TestLoadPage(t *testing.T) {
	t.Run("one", func(t *testing.T) { loadPage(t, nil, "failed: 486 Busy Here") })
	t.Run("generators", func(t *testing.T) {
		loadPage(t, []string{"--generators", "2"}, "failed: 486 Busy Here</b> generator ", "<td>2/2</td>")
	})
}

func loadPage(t *testing.T, flags []string, texts ...string) {
	t.Helper()
	dir := t.TempDir()
	if keep := os.Getenv("RINGBACK_PAGES"); keep != "" {
		dir = keep
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	program, plan := os.Getenv("RINGBACK"), filepath.Join(dir, "plan.yaml")
	far := exec.CommandContext(ctx, program, "load", "responder", "--listen", "127.0.0.1:0", "--busy", "30%")
	told, err := far.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := far.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Process.Signal(os.Interrupt); _ = far.Wait() }()
	line, err := bufio.NewReader(told).ReadString('\n')
	_, at, found := strings.Cut(strings.TrimSpace(line), "answering on ")
	if err != nil || !found {
		t.Fatalf("the far end says %q: %v", line, err)
	}
	text := "account: {registrar: 'sip:" + at + "', bind: 127.0.0.1}\nusers: {first: 2001, count: 5}\nlateness: 2s\n" +
		"calls: {to: ['sip:601@" + at + "'], rate: 10, for: 5s, talk: {mean: 1s}, media: tone}\nthresholds: ['failures == 0', 'p99(setup) < 5s']\n"
	if err := os.WriteFile(plan, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "load.html")
	if out, err := exec.CommandContext(ctx, program, slices.Concat([]string{"load", "--html", page}, flags, []string{plan})...).CombinedOutput(); err == nil || !strings.Contains(string(out), "failures == 0") {
		t.Fatalf("calls to who is busy do not fail: %v: %s", err, out)
	}
	shows(ctx, t, page, append(texts, "INVITE sip:601@", "<polyline class=\"out\"", "coordinated omission"),
		map[string]colour{"a first line": {0x0b, 0x57, 0xd0}, "a second line": {0xc2, 0x64, 0x01}, "what failed": {0xb0, 0x00, 0x20}})
}

// colour is red, green and blue of a pixel.
type colour [3]uint32

// shows opens a page in a browser: it has the texts in it, and the picture beside it,
// PAGE.png, has lines or letters in the colours.
func shows(ctx context.Context, t *testing.T, page string, texts []string, colours map[string]colour) {
	t.Helper()
	dir, shot := filepath.Dir(page), strings.TrimSuffix(page, ".html")+".png"
	dom := browse(ctx, t, dir, "--dump-dom", "file://"+page)
	for _, want := range texts {
		if !strings.Contains(dom, want) {
			t.Errorf("the browser does not show %q", want)
		}
	}
	browse(ctx, t, dir, "--screenshot="+shot, "file://"+page)
	data, err := os.ReadFile(shot)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range colours {
		if n := pixels(picture, c); n < 20 {
			t.Errorf("%d pixels of %s", n, name)
		}
	}
}

// browse runs a browser that can reach nothing: every name and every proxy is a dead end.
func browse(ctx context.Context, t *testing.T, dir string, args ...string) string {
	t.Helper()
	all := append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,2600", "--user-data-dir=" + filepath.Join(dir, "browser"),
		"--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--disable-background-networking"}, args...)
	cmd := exec.CommandContext(ctx, "chromium", all...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v: %s", err, complaints.String())
	}
	if strings.Contains(complaints.String(), "Content Security Policy") {
		t.Errorf("the page wants what its own policy forbids: %s", complaints.String())
	}
	return string(out)
}

// pixels counts those that are nearly of a colour.
func pixels(picture image.Image, want colour) (n int) {
	near := func(a, b uint32) bool { return max(a>>8, b)-min(a>>8, b) < 24 }
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			r, g, b, _ := picture.At(x, y).RGBA()
			if near(r, want[0]) && near(g, want[1]) && near(b, want[2]) {
				n++
			}
		}
	}
	return n
}
