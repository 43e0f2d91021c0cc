package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent"
	"ringback/internal/simnet"
)

// webFixture is a fake behind a listener on TCP.
type webFixture struct {
	*testing.T
	fake   *fakeAgent
	client *http.Client
	addr   string
	token  string
}

func serveWeb(t *testing.T) *webFixture {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveWebOn(t, l, http.DefaultClient)
}

func serveWebOn(t *testing.T, l net.Listener, client *http.Client) *webFixture {
	t.Helper()
	token, err := NewToken(filepath.Join(t.TempDir(), "ringback", "test.sock"))
	if err != nil {
		t.Fatal(err)
	}
	f := &webFixture{T: t, fake: newFake(), client: client, addr: l.Addr().String(), token: token.Text()}
	f.fake.do = func(string, json.RawMessage) (any, *agent.ActionError) { return map[string]string{}, nil }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ServeWeb(ctx, l, f.fake, "1.0.0", token.Text(), slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return f
}

// ask sends a sound request with the token, after edit has spoilt it, and gives the
// answer's status and body.
func (f *webFixture) ask(edit func(*http.Request)) (int, string) {
	f.Helper()
	r, err := http.NewRequestWithContext(f.Context(), http.MethodPost, "http://"+f.addr+"/v1/actions/hold", strings.NewReader("{}"))
	if err != nil {
		f.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+f.token)
	r.Header.Set("Content-Type", "application/json")
	if edit != nil {
		edit(r)
	}
	res, err := f.client.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		f.Fatal(err)
	}
	if origin := res.Header.Get("Access-Control-Allow-Origin"); origin != "" {
		f.Errorf("other origins are let in: %q", origin)
	}
	return res.StatusCode, string(text)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestWeb_RefusesAndCounts(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*http.Request)
		want  int
		cause agent.Refusal
	}{
		"no token":              {func(r *http.Request) { r.Header.Del("Authorization") }, 401, agent.RefusedToken},
		"an empty token":        {header("Authorization", "Bearer "), 401, agent.RefusedToken},
		"a wrong token":         {header("Authorization", "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAA"), 401, agent.RefusedToken},
		"another scheme":        {func(r *http.Request) { r.SetBasicAuth("x", "y") }, 401, agent.RefusedToken},
		"DNS rebinding":         {func(r *http.Request) { r.Host = "evil.example:" + r.URL.Port() }, 403, agent.RefusedHost},
		"rebinding, no port":    {func(r *http.Request) { r.Host = "evil.example" }, 403, agent.RefusedHost},
		"another port":          {func(r *http.Request) { r.Host = "127.0.0.1:1" }, 403, agent.RefusedHost},
		"another address":       {func(r *http.Request) { r.Host = "127.0.0.2:" + r.URL.Port() }, 403, agent.RefusedHost},
		"another origin":        {header("Origin", "http://evil.example"), 403, agent.RefusedOrigin},
		"another port's origin": {header("Origin", "http://127.0.0.1:1"), 403, agent.RefusedOrigin},
		"no origin":             {header("Origin", "null"), 403, agent.RefusedOrigin},
		"two origins": {func(r *http.Request) {
			r.Header["Origin"] = []string{"http://" + r.Host, "http://evil.example"}
		}, 403, agent.RefusedOrigin},
		"cross-site":                    {header("Sec-Fetch-Site", "cross-site"), 403, agent.RefusedOrigin},
		"same-site":                     {header("Sec-Fetch-Site", "same-site"), 403, agent.RefusedOrigin},
		"a form":                        {header("Content-Type", "application/x-www-form-urlencoded"), 400, agent.RefusedContentType},
		"plain text":                    {header("Content-Type", "text/plain"), 400, agent.RefusedContentType},
		"no type":                       {func(r *http.Request) { r.Header.Del("Content-Type") }, 400, agent.RefusedContentType},
		"a wrong method":                {func(r *http.Request) { r.Method, r.Body, r.ContentLength = http.MethodDelete, nil, 0 }, 405, agent.RefusedMethod},
		"a preflight":                   {func(r *http.Request) { r.Method, r.Body, r.ContentLength = http.MethodOptions, nil, 0 }, 405, agent.RefusedMethod},
		"another path":                  {func(r *http.Request) { r.URL.Path = "/v1/secrets" }, 404, agent.RefusedPath},
		"outside of the API":            {func(r *http.Request) { r.URL.Path = "/etc/passwd"; r.Header.Del("Authorization") }, 404, agent.RefusedPath},
		"dots, to a path that there is": {func(r *http.Request) { r.URL.Opaque = "//" + r.Host + "/v1/x/../actions/hold" }, 404, agent.RefusedPath},
		"dots, out of the API":          {func(r *http.Request) { r.URL.Opaque = "//" + r.Host + "/v1/../etc/passwd" }, 404, agent.RefusedPath},
		"two slashes":                   {func(r *http.Request) { r.URL.Path = "//v1/state"; r.Header.Del("Authorization") }, 404, agent.RefusedPath},
		"a huge body": {func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, maxBody+1))), maxBody+1
		}, 413, agent.RefusedSize},
	} {
		t.Run(name, func(t *testing.T) {
			f := serveWeb(t)
			done := 0
			f.fake.do = func(string, json.RawMessage) (any, *agent.ActionError) { done++; return nil, nil }
			status, body := f.ask(c.edit)
			if status != c.want || f.fake.Refused()[c.cause.String()] != 1 || done != 0 {
				t.Errorf("answered %d, counted %v, done %d times; %s", status, f.fake.Refused(), done, body)
			}
			if strings.Contains(body, f.token) {
				t.Error("the token stands in the answer")
			}
		})
	}
}

func TestWeb_ServesWhoHasTheToken(t *testing.T) {
	f := serveWeb(t)
	for name, edit := range map[string]func(*http.Request){
		"a program": nil,
		"its own page": func(r *http.Request) {
			r.Header.Set("Origin", "http://"+r.Host)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		},
		"by localhost": func(r *http.Request) { r.Host = "localhost:" + r.URL.Port() },
		"the state": func(r *http.Request) {
			r.Method, r.URL.Path, r.Body, r.ContentLength = http.MethodGet, "/v1/state", nil, 0
		},
		"JSON with charset": header("Content-Type", "application/json; charset=utf-8"),
	} {
		if status, body := f.ask(edit); status != 200 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if len(f.fake.Refused()) != 0 {
		t.Errorf("counted %v", f.fake.Refused())
	}
}

// A missing and a wrong token get the same answer; beyond ten in a second they are told
// to wait, and the right one is served all the same.
func TestWeb_WrongTokensAreBounded(t *testing.T) {
	f := serveWeb(t)
	seen := map[string]bool{}
	for _, edit := range []func(*http.Request){func(r *http.Request) { r.Header.Del("Authorization") }, header("Authorization", "Bearer x"), header("Authorization", "Bearer "+f.token[:25])} {
		status, body := f.ask(edit)
		seen[fmt.Sprint(status, body)] = true
	}
	if len(seen) != 1 {
		t.Errorf("the answers differ: %v", seen)
	}
	for range 200 {
		f.ask(header("Authorization", "Bearer x"))
	}
	got := f.fake.Refused()
	if got["control.rate"] == 0 || got["control.token"]+got["control.rate"] != 203 {
		t.Errorf("counted %v", got)
	}
	if status, _ := f.ask(nil); status != 200 {
		t.Errorf("the right token got %d", status)
	}
}

// Clients that say nothing or half of something are let go, those beyond the limit are
// closed at once, and a sound one is served meanwhile.
func TestWeb_SlowAndMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := simnet.New()
		defer network.Close()
		desk := network.Host("127.0.0.1")
		l, err := desk.Listen(t.Context(), "tcp", "127.0.0.1:8410")
		if err != nil {
			t.Fatal(err)
		}
		ways := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return desk.Dial(ctx, network, "", addr)
		}}
		f := serveWebOn(t, l, &http.Client{Transport: ways})
		dial := func(text string) net.Conn {
			c, err := desk.Dial(t.Context(), "tcp", "", f.addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			if _, err := io.WriteString(c, text); err != nil {
				t.Logf("write: %v", err)
			}
			return c
		}
		garbage := dial("\x16\x03\x01\x00garbage\r\n\r\n")
		huge := dial("GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 64<<10) + "\r\n\r\n")
		_ = huge.SetReadDeadline(time.Now().Add(5 * time.Second))
		first, err := bufio.NewReader(huge).ReadString('\n')
		if err != nil || !strings.HasPrefix(first, "HTTP/1.1 431 ") {
			t.Errorf("64 kB of headers are answered with %q, %v", first, err)
		}
		for _, c := range []net.Conn{garbage, huge} {
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, c); err != nil && os.IsTimeout(err) {
				t.Errorf("not closed: %v", err)
			}
		}
		slow := dial("GET /v1/state HTTP/1.1\r\nHost: x\r\n")
		if status, _ := f.ask(nil); status != 200 {
			t.Errorf("meanwhile %d", status)
		}
		begin := time.Now()
		_ = slow.SetReadDeadline(begin.Add(15 * time.Second)) // in figures: a longer readTime is what this is to find
		if _, err := io.Copy(io.Discard, slow); err != nil && os.IsTimeout(err) {
			t.Errorf("a slow client is not let go: %v", err)
		}
		if took := time.Since(begin); took > 13*time.Second {
			t.Errorf("let go after %v", took)
		}
		ways.CloseIdleConnections()
		for range maxWebClients + 10 {
			dial("")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if !f.fake.counted(ctx, map[string]uint64{"control.connections": 9, "control.unreadable": 3}) {
			t.Fatalf("counted %v", f.fake.Refused())
		}
	})
}

func TestWebAddress(t *testing.T) {
	for text, want := range map[string]string{"127.0.0.1:8410": "127.0.0.1:8410", "localhost:0": "127.0.0.1:0", "[::1]:1": "[::1]:1", "127.9.9.9:5": "127.9.9.9:5",
		"0.0.0.0:1": "", ":8410": "", "192.0.2.1:1": "", "[::]:1": "", "pbx.example:1": "", "127.0.0.1": "", "": "", "[::ffff:192.0.2.1]:1": ""} {
		got, err := WebAddress(text, false)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	if got, err := WebAddress("0.0.0.0:1", true); got != "0.0.0.0:1" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

func TestToken(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ringback", "desk.sock")
	first, err := NewToken(socket)
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewToken(socket)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(second.File)
	if err != nil || strings.TrimSpace(string(text)) != second.Text() || first.Text() == second.Text() || len(second.Text()) < 26 {
		t.Errorf("%q %v", text, err)
	}
	info, err := os.Stat(second.File)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", second, second, second, second); strings.Contains(shown, second.Text()) {
		t.Errorf("it shows itself: %s", shown)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
