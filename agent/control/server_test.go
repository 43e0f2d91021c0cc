package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ringback/agent"
)

// ask sends one request as a foreign client would.
func ask(t *testing.T, c *Client, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(limited(t), method, "http://ringback"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(text))
}

func TestRequestsAreAnswered(t *testing.T) {
	f := newFake()
	f.do = func(name string, args json.RawMessage) (any, *agent.ActionError) {
		switch name {
		case "hold":
			return map[string]any{"interaction": "i7", "got": json.RawMessage(args)}, nil
		case "panic":
			panic("in the agent")
		case "mute":
			return nil, nil
		}
		return nil, &agent.ActionError{Code: agent.CodeNotAllowed, Message: "not now", Allowed: []string{"end"}}
	}
	c := serve(t, f)
	large := `{"text":"` + strings.Repeat("x", maxBody) + `"}`
	for _, row := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		want                     string
	}{
		{"state", "GET", "/v1/state", "", nil, 200, `{"schema":"ringback.state/1"`},
		{"an action", "POST", "/v1/actions/hold", `{"interaction":"i7"}`, nil, 200, `{"got":{"interaction":"i7"},"interaction":"i7"}`},
		{"an action without a body", "POST", "/v1/actions/hold", ``, nil, 200, `{"got":{},"interaction":"i7"}`},
		{"a result of nothing", "POST", "/v1/actions/mute", `{}`, nil, 200, `{}`},
		{"a refusal", "POST", "/v1/actions/done", `{}`, nil, 409, `{"error":{"code":"not_allowed","message":"not now","allowed":["end"]}}`},
		{"a list", "POST", "/v1/actions/hold", `[1]`, nil, 400, `not one JSON object`},
		{"null", "POST", "/v1/actions/hold", `null`, nil, 400, `not one JSON object`},
		{"two objects", "POST", "/v1/actions/hold", `{} {}`, nil, 400, `not one JSON object`},
		{"a form", "POST", "/v1/actions/hold", `a=b`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 400, `application/json`},
		{"an object by curl -d", "POST", "/v1/actions/hold", ` {"interaction":"i7"}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 200, `{"got":{"interaction":"i7"},"interaction":"i7"}`},
		{"an object as plain text", "POST", "/v1/actions/hold", `{}`, []string{"Content-Type", "text/plain"}, 400, `application/json`},
		{"a large body", "POST", "/v1/actions/hold", large, nil, 413, `"too_large"`},
		{"a file of contacts", "POST", "/v1/actions/contacts-import", large, nil, 409, `not now`},
		{"a web page", "GET", "/v1/state", "", []string{"Origin", "http://evil.example"}, 403, `"forbidden"`},
		{"a wrong method", "POST", "/v1/state", "", nil, 405, `"method_not_allowed"`},
		{"an action by GET", "GET", "/v1/actions/hold", "", nil, 405, `use POST`},
		{"an unknown path", "GET", "/v2/state", "", nil, 404, `"not_found"`},
		{"a panic", "POST", "/v1/actions/panic", "", nil, 500, `"failed"`},
		{"after the panic", "GET", "/v1/state", "", nil, 200, `"seq":0`},
		{"a since that is none", "GET", "/v1/events?since=now", "", nil, 400, `whole number`},
		{"a trace of nobody", "GET", "/v1/trace?interaction=i9", "", nil, 404, `"not_found"`},
		{"a trace", "GET", "/v1/trace", "", nil, 200, `"records":[]`},
		{"the description", "GET", "/v1/openapi.json", "", nil, 200, `"openapi":"3.1.0"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, text := ask(t, c, row.method, row.path, row.body, row.headers...)
			if status != row.status || !strings.Contains(text, row.want) {
				t.Errorf("%s %s = %d %s; want %d %s", row.method, row.path, status, text, row.status, row.want)
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	var done atomic.Int32
	f := newFake()
	f.do = func(name string, _ json.RawMessage) (any, *agent.ActionError) {
		n := done.Add(1)
		if name == "done" {
			return nil, &agent.ActionError{Code: agent.CodeNotAllowed, Message: "no"}
		}
		return map[string]int32{"n": n}, nil
	}
	c := serve(t, f)
	post := func(name, body, key string) (int, string) {
		return ask(t, c, "POST", "/v1/actions/"+name, body, "Idempotency-Key", key)
	}
	_, first := post("dial", `{"target":"601"}`, "k1")
	if _, again := post("dial", `{"target":"601"}`, "k1"); again != first || done.Load() != 1 {
		t.Errorf("a repeat got %s (done %d times), want %s (once)", again, done.Load(), first)
	}
	if status, text := post("dial", `{"target":"602"}`, "k1"); status != 400 || done.Load() != 1 {
		t.Errorf("the same key for something else: %d %s", status, text)
	}
	if _, other := post("dial", `{"target":"601"}`, "k2"); other == first {
		t.Error("another key got the first answer")
	}
	post("contacts", `{}`, "k4")
	if _, text := post("contacts", `{}`, "k4"); text != `{"n":4}` {
		t.Errorf("a repeated search is another search, and not remembered: %s", text)
	}
	done.Store(2)
	post("done", `{}`, "k3")
	if status, _ := post("done", `{}`, "k3"); status != 409 || done.Load() != 3 {
		t.Errorf("a refused repeat got %d and was done %d times in all", status, done.Load())
	}
	if status, _ := post("dial", `{}`, strings.Repeat("k", maxRepeatKey+1)); status != 400 {
		t.Errorf("a long key got %d", status)
	}
}

func TestIdempotencyKeyOfTwoAtOnce(t *testing.T) {
	var done atomic.Int32
	begun, goOn := make(chan struct{}), make(chan struct{})
	f := newFake()
	f.do = func(string, json.RawMessage) (any, *agent.ActionError) {
		if done.Add(1) == 1 {
			close(begun)
		}
		<-goOn
		return map[string]int{"n": 1}, nil
	}
	c := serve(t, f)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, text := ask(t, c, "POST", "/v1/actions/dial", "{}", "Idempotency-Key", "same"); text != `{"n":1}` {
				t.Errorf("got %s", text)
			}
		})
	}
	<-begun
	close(goOn)
	both.Wait()
	if done.Load() != 1 {
		t.Errorf("done %d times", done.Load())
	}
}

func TestIdempotencyKeysAreForgotten(t *testing.T) {
	r, now := newRepeats(), time.Now()
	running, _, _ := r.begin("running", "dial", nil, now)
	for i := range 3 * maxRepeats {
		a, first, _ := r.begin(strconv.Itoa(i), "dial", nil, now)
		if !first {
			t.Fatalf("key %d was known", i)
		}
		r.finish(a, answer{})
	}
	if n := r.order.Len(); n > maxRepeats+1 || len(r.byKey) != n {
		t.Errorf("%d keys are remembered, at most %d should be", n, maxRepeats)
	}
	if _, first, _ := r.begin("running", "dial", nil, now); first {
		t.Error("a request under way was forgotten")
	}
	r.finish(running, answer{})
	if _, first, _ := r.begin("late", "dial", nil, now.Add(2*repeatTime)); !first || r.order.Len() != 1 {
		t.Errorf("%d keys are remembered after their time", r.order.Len())
	}
}

func TestClientToldOfNoAgent(t *testing.T) {
	c := Dial(t.TempDir() + "/nobody.sock")
	defer c.Close()
	_, err := c.State(context.Background())
	var absent *NoAgentError
	if !errors.As(err, &absent) || absent.Profile != "nobody" {
		t.Fatalf("got %v, want NoAgentError of nobody", err)
	}
	if !strings.Contains(absent.Hint(), "--profile nobody") {
		t.Errorf("hint %q", absent.Hint())
	}
}

func TestClientGetsRefusalWhole(t *testing.T) {
	f := newFake()
	want := agent.ActionError{Code: agent.CodeNotFound, Message: "which?", Hint: "name one", Allowed: []string{"end"}, Candidates: []string{"i1", "i2"}}
	f.do = func(string, json.RawMessage) (any, *agent.ActionError) { return nil, &want }
	_, err := serve(t, f).Do(limited(t), "hold", nil)
	var got *agent.ActionError
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if string(a) != string(b) {
		t.Errorf("got %s, want %s", a, b)
	}
}
