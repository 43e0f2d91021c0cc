package control

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"ringback/agent"
)

// FuzzAPI: whatever is asked of the control API, it answers with JSON and a known
// code, panics never, and performs an action only for a POST of a JSON object.
func FuzzAPI(f *testing.F) {
	f.Add("POST", "/v1/actions/hold", "application/json", "key", "", []byte(`{"interaction":"i1"}`))
	f.Add("POST", "/v1/actions/../state", "text/plain", "", "http://evil.example", []byte(`[]`))
	f.Add("GET", "/v1/events?since=18446744073709551616", "", "", "", []byte(nil))
	f.Add("GET", "/v1/trace?interaction=%00", "", "", "", []byte(nil))
	f.Add("DELETE", "/v1/mark", "application/json", "", "null", []byte(`{"seq":-1}`))
	f.Add("POST", "/v1/actions/dial", "application/json; charset=x", "a", "", []byte(`{"target":"\ud800","x":{"y":[1e400]}}{}`))
	f.Fuzz(func(t *testing.T, method, path, kind, key, origin string, body []byte) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Path == "" || u.Path[0] != '/' {
			return // the server's own reader has refused it
		}
		fake := newFake()
		done := 0
		fake.do = func(string, json.RawMessage) (any, *agent.ActionError) { done++; return map[string]string{}, nil }
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond) // ends streams
		defer cancel()
		s := newServer(ctx, fake, "1.0.0", slog.New(slog.DiscardHandler))
		r := &http.Request{Method: method, URL: u, Host: "x", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RequestURI: path, Header: http.Header{},
			Body: http.NoBody, ContentLength: int64(len(body))}
		if len(body) > 0 {
			r.Body = readCloser{bytes.NewReader(body)}
		}
		for name, value := range map[string]string{"Content-Type": kind, "Idempotency-Key": key, "Origin": origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, r.WithContext(ctx))
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s %s: %s", method, path, w.Body)
		}
		if origin != "" && (done > 0 || w.Code < 400) {
			t.Errorf("a page of %q was served: %d", origin, w.Code)
		}
		if done > 1 || done == 1 && method != http.MethodPost {
			t.Errorf("%s performed %d actions", method, done)
		}
		if w.Code >= 400 && len(w.Body.Bytes()) > 0 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("no JSON: %d %q", w.Code, w.Body)
		}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }
