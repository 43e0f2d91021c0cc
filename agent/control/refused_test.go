package control

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
)

// What the desk refuses is counted by its cause, and the snapshot shows it.
func TestRefusalsAreCountedAndShown(t *testing.T) {
	for cause, request := range map[string]func() *http.Request{
		"control.origin": func() *http.Request {
			r := httpRequest(http.MethodGet, "/v1/state", "")
			r.Header.Set("Origin", "http://evil.example")
			return r
		},
		"control.method": func() *http.Request { return httpRequest(http.MethodDelete, "/v1/state", "") },
		"control.path":   func() *http.Request { return httpRequest(http.MethodGet, "/etc/passwd", "") },
		"control.size": func() *http.Request {
			return httpRequest(http.MethodPost, "/v1/actions/hold", strings.Repeat(" ", maxBody+1))
		},
		"control.arguments": func() *http.Request { return httpRequest(http.MethodPost, "/v1/actions/hold", "[1]") },
		"control.content_type": func() *http.Request {
			r := httpRequest(http.MethodPost, "/v1/actions/hold", "{}")
			r.Header.Set("Content-Type", "text/plain")
			return r
		},
	} {
		t.Run(cause, func(t *testing.T) {
			c := serve(t, newFake())
			res, err := c.http.Do(request())
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode < 400 {
				t.Errorf("it was answered %s", res.Status)
			}
			s, err := c.State(limited(t))
			if err != nil || s.Refused[cause] != 1 || len(s.Refused) != 1 {
				t.Errorf("the snapshot shows %v (%v)", s.Refused, err)
			}
		})
	}
	t.Run("control.unreadable", func(t *testing.T) {
		c := serve(t, newFake())
		conn, err := new(net.Dialer).DialContext(context.Background(), "unix", c.path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("POST /v1/actions/hold HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")); err != nil {
			t.Fatal(err)
		}
		var answer bytes.Buffer
		if _, err := answer.ReadFrom(conn); err != nil && answer.Len() == 0 {
			t.Fatal(err)
		}
		if s, err := c.State(limited(t)); err != nil || s.Refused["control.unreadable"] != 1 {
			t.Errorf("the snapshot shows %v (%v) after %q", s.Refused, err, answer.String())
		}
	})
}

func httpRequest(method, path, body string) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), method, "http://ringback"+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	return r
}
