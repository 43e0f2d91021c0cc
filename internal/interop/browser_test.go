//go:build interop

package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/media/audio"
)

// browserHz is what is said into the browser's microphone.
const browserHz = 660

// browser is a headless Chromium with testdata/browser/phone.html, which is a WebRTC phone
// that has no code of ours below the page.
type browser struct {
	commands chan command
	done     chan string // what each command came to; empty: well
	log      bytes.Buffer

	mu    sync.Mutex
	state browserState
	told  chan struct{} // closed and made anew when the page has told how it stands
}

type command struct {
	Name     string `json:"name"`
	Argument string `json:"argument"`
}

// browserState is what the page tells.
type browserState struct {
	Registered bool
	Call       string  // none, ringing, up
	Held       bool    // by it
	Hz         float64 // the strongest frequency that comes out of its loudspeaker; 0: silence
	Level      float64 // of that, dB
	Codec      string  // of what comes, audio/opus
	DTLS       string  // the cipher of SRTP
	Trouble    string
}

// cmdBrowser is a browser as a phone:
//
//	browser start USER     registers at the PBX by a WebSocket; 660 Hz are in its microphone
//	browser call NUMBER, answer, hold, resume, end, dtmf DIGITS
//	browser is none|ringing|up
//	browser hears HZ|nothing
//	browser gets CODEC     audio/opus, encrypted
func cmdBrowser(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: browser start|call|answer|hold|resume|end|dtmf|is|hears|gets …")
	}
	if args[0] == "start" {
		startBrowser(ts, args[1])
		return
	}
	b, ok := ts.Value("browser").(**browser)
	if !ok || *b == nil {
		ts.Fatalf("browser %s: write browser start first", args[0])
	}
	argument := ""
	if len(args) > 1 {
		argument = args[1]
	}
	switch args[0] {
	case "is":
		(*b).until(ts, "the call is "+argument, func(s browserState) bool { return s.Call == argument })
	case "hears":
		hz, err := strconv.ParseFloat(argument, 64)
		if argument != "nothing" {
			ts.Check(err)
		}
		(*b).until(ts, "it hears "+argument, func(s browserState) bool { return s.Hz > hz-8 && s.Hz < hz+8 })
	case "gets":
		(*b).until(ts, "it gets "+argument, func(s browserState) bool { return strings.EqualFold(s.Codec, argument) && s.DTLS != "" })
	case "call":
		(*b).obeys(ts, "call", fmt.Sprintf("sip:%s@%s", argument, ts.Getenv("PBX")))
	default:
		(*b).obeys(ts, args[0], argument)
	}
}

// obeys has the page carry a command out.
func (b *browser) obeys(ts *testscript.TestScript, name, argument string) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case b.commands <- command{name, argument}:
	case <-limit.C:
		ts.Fatalf("the page takes no command; chromium says: %s", b.log.String())
	}
	select {
	case wrong := <-b.done:
		if wrong != "" {
			ts.Fatalf("browser %s: %s", name, wrong)
		}
	case <-limit.C:
		ts.Fatalf("browser %s: it does not end", name)
	}
}

// until waits for the page to tell that something is so.
func (b *browser) until(ts *testscript.TestScript, what string, is func(browserState) bool) {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		b.mu.Lock()
		state, told := b.state, b.told
		b.mu.Unlock()
		if is(state) {
			return
		}
		select {
		case <-told:
		case <-limit.C:
			ts.Fatalf("not so after %v: %s; the page tells %+v", patience, what, state)
		}
	}
}

// ServeHTTP implements http.Handler: what the page asks and tells.
func (b *browser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/next":
		select {
		case c := <-b.commands:
			_ = json.NewEncoder(w).Encode(c)
		case <-r.Context().Done():
		}
	case "/done":
		var what struct{ Error string }
		if err := json.NewDecoder(r.Body).Decode(&what); err != nil {
			what.Error = err.Error()
		}
		b.done <- what.Error
	case "/state":
		b.mu.Lock()
		defer b.mu.Unlock()
		b.state = browserState{}
		if err := json.NewDecoder(r.Body).Decode(&b.state); err != nil {
			b.state.Trouble = err.Error()
		}
		close(b.told)
		b.told = make(chan struct{})
	default:
		http.NotFound(w, r)
	}
}

// startBrowser serves the page and has Chromium open it.
func startBrowser(ts *testscript.TestScript, user string) {
	folder, err := exec.Command("../../testdata/browser/install").Output()
	ts.Check(err)
	b := &browser{commands: make(chan command), done: make(chan string, 1), told: make(chan struct{})}
	pbx := ts.Getenv("PBX")
	mux := http.NewServeMux()
	mux.Handle("/", b)
	mux.Handle("/sip.js/", http.StripPrefix("/sip.js/", http.FileServer(http.Dir(filepath.Join(strings.TrimSpace(string(folder)), "lib")))))
	mux.HandleFunc("/phone.html", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../../testdata/browser/phone.html")
	})
	mux.HandleFunc("/setting", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"server": "ws://" + pbx + ":8088/ws", "aor": "sip:" + user + "@" + pbx, "user": user, "password": "lab-secret"})
	})
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	ts.Check(err)
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(ln) }()
	voice := ts.MkAbs("voice.wav")
	ts.Check(writeVoice(voice))
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
		"--user-data-dir="+ts.MkAbs("browser-"+user), "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--use-file-for-fake-audio-capture="+voice,
		"--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection", "http://"+ln.Addr().String()+"/phone.html")
	cmd.Stderr = &b.log
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"))
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cancel()
		_ = cmd.Wait()
		server.Close()
	})
	*ts.Value("browser").(**browser) = b
	b.until(ts, "it is registered", func(s browserState) bool { return s.Registered })
}

// writeVoice makes the file that Chromium plays into its microphone, again and again.
func writeVoice(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := audio.NewWAVWriter(f, 48000, 1)
	if err != nil {
		return err
	}
	second := make([]int16, 48000)
	audio.NewTone(audio.Sine(browserHz, -12), 48000).Fill(second)
	return w.Write(second)
}
