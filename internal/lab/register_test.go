package lab

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/ladder"
	"ringback/internal/ladder/golden"
	"ringback/sip"
)

// rawClient writes REGISTER by hand and signs with a library that is not ours, so
// that the registrar is judged by something other than package sip.
type rawClient struct {
	s    *scene
	conn net.PacketConn
	cseq int
	uses int
	auth []sip.Header // the challenges in use
}

type reply struct {
	code    int
	headers map[string][]string
}

func (s *scene) rawClient(ip string) *rawClient {
	s.t.Helper()
	conn, err := s.net.Host(ip).ListenPacket(context.Background(), "udp", ip+":5060")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return &rawClient{s: s, conn: conn}
}

// send sends one REGISTER and reads its answer; ok is false when none came.
func (c *rawClient) send(password string, headers ...string) (r reply, ok bool) {
	c.s.t.Helper()
	c.cseq++
	local := c.conn.LocalAddr().String()
	lines := []string{"REGISTER sip:lab SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bKraw%d", local, c.cseq),
		"From: <sip:1001@lab>;tag=raw", "To: <sip:1001@lab>", "Call-ID: raw-registration", "Max-Forwards: 70",
		fmt.Sprintf("CSeq: %d REGISTER", c.cseq)}
	if c.auth != nil {
		c.uses++
		lines = append(lines, "Authorization: "+sign(c.s.t, c.auth, "SHA-256", "1001", password, c.uses))
	}
	lines = append(lines, headers...)
	lines = append(lines, "Content-Length: 0", "", "")
	at := net.UDPAddrFromAddrPort(c.s.lab.Addr("udp"))
	if _, err := c.conn.WriteTo([]byte(strings.Join(lines, "\r\n")), at); err != nil {
		c.s.t.Fatal(err)
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		c.s.t.Fatal(err)
	}
	buf := make([]byte, 65536)
	n, _, err := c.conn.ReadFrom(buf)
	if err != nil {
		return reply{}, false
	}
	return c.read(string(buf[:n])), true
}

func (c *rawClient) read(text string) reply {
	lines := strings.Split(text, "\r\n")
	r := reply{headers: map[string][]string{}}
	if _, err := fmt.Sscanf(lines[0], "SIP/2.0 %d", &r.code); err != nil {
		c.s.t.Fatalf("read %q: %v", lines[0], err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.headers[name] = append(r.headers[name], value)
	}
	if challenges := r.headers["WWW-Authenticate"]; challenges != nil {
		c.auth, c.uses = nil, 0
		for _, v := range challenges {
			c.auth = append(c.auth, sip.Header{Name: "WWW-Authenticate", Value: v})
		}
	}
	return r
}

// register sends until the answer is not a challenge, twice at most.
func (c *rawClient) register(headers ...string) reply {
	c.s.t.Helper()
	r, ok := c.send("lab-1001", headers...)
	if ok && r.code == 401 {
		r, ok = c.send("lab-1001", headers...)
	}
	if !ok {
		c.s.t.Fatal("the registrar does not answer")
	}
	return r
}

const rawContact = "Contact: <sip:1001@10.0.0.11>"

// registrarStory runs fn with a lab and a client written by hand.
func registrarStory(t *testing.T, cfg Config, fn func(t *testing.T, s *scene, c *rawClient)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, cfg)
		fn(t, s, s.rawClient("10.0.0.11"))
	})
}

func TestRegister(t *testing.T) {
	registrarStory(t, Config{}, func(t *testing.T, s *scene, c *rawClient) {
		r := c.register(rawContact, "Expires: 60")
		if r.code != 200 || len(r.headers["Contact"]) != 1 || !strings.Contains(r.headers["Contact"][0], ";expires=60") {
			t.Fatalf("answered with %+v", r)
		}
		if b := s.lab.Bindings("1001"); len(b) != 1 || b[0].Contact != "sip:1001@10.0.0.11" || b[0].Source.Addr().String() != "10.0.0.11" {
			t.Errorf("bindings %+v", b)
		}
		if r = c.register(rawContact, "Expires: 60"); r.code != 200 {
			t.Errorf("the refresh with the same nonce got %d", r.code)
		}
		if r = c.register("Contact: *", "Expires: 0"); r.code != 200 || r.headers["Contact"] != nil {
			t.Errorf("unregistering got %+v", r)
		}
		if b := s.lab.Bindings("1001"); len(b) != 0 {
			t.Errorf("after unregistering there are bindings: %+v", b)
		}
		s.settle()
		golden.Ladder(t, "lab-register", s.draw(ladder.Options{
			Title: "A phone registers, refreshes and leaves", Show: []string{"WWW-Authenticate", "Authorization", "Contact", "Expires"}}))
	})
}

func TestRegister_WhatIsRefused(t *testing.T) {
	rows := []struct {
		name     string
		policy   RegistrarPolicy
		password string
		headers  []string
		code     int
		header   string
		value    string
	}{
		{"a wrong password", RegistrarPolicy{}, "guess", []string{rawContact}, 401, "", ""},
		{"an interval too brief", RegistrarPolicy{MinExpires: time.Minute}, "lab-1001", []string{rawContact, "Expires: 30"}, 423, "Min-Expires", "60"},
		{"a star that is not alone", RegistrarPolicy{}, "lab-1001", []string{"Contact: *", rawContact, "Expires: 0"}, 400, "", ""},
		{"a star without zero", RegistrarPolicy{}, "lab-1001", []string{"Contact: *"}, 400, "", ""},
		{"a contact that is none", RegistrarPolicy{}, "lab-1001", []string{"Contact: <sip:1001@10.0.0.11"}, 400, "", ""},
		{"anything, out of service", RegistrarPolicy{Refuse: 503, RetryAfter: 20 * time.Second}, "lab-1001", []string{rawContact}, 503, "Retry-After", "20"},
	}
	for _, row := range rows {
		registrarStory(t, Config{Registrar: row.policy}, func(t *testing.T, s *scene, c *rawClient) {
			r, _ := c.send(row.password, row.headers...)
			if r.code == 401 {
				r, _ = c.send(row.password, row.headers...)
			}
			if r.code != row.code || row.header != "" && (r.headers[row.header] == nil || r.headers[row.header][0] != row.value) {
				t.Errorf("%s: %+v, want %d", row.name, r, row.code)
			}
			if b := s.lab.Bindings("1001"); len(b) != 0 {
				t.Errorf("%s made %+v", row.name, b)
			}
		})
	}
}

func TestRegister_Life(t *testing.T) {
	registrarStory(t, Config{Registrar: RegistrarPolicy{MaxExpires: 90 * time.Second}}, func(t *testing.T, s *scene, c *rawClient) {
		start := time.Now()
		if r := c.register(rawContact + ";expires=3600"); !strings.Contains(r.headers["Contact"][0], "expires=90") {
			t.Errorf("asked for an hour and got %v", r.headers["Contact"])
		}
		if e := s.await(0, Unregistered, "1001"); e.Text != "expired" {
			t.Errorf("unregistered: %+v", e)
		}
		if life := time.Since(start).Round(time.Second); life != 90*time.Second {
			t.Errorf("the binding lived for %s, want 90s", life)
		}
	})
}

func TestRegister_StaleNonce(t *testing.T) {
	registrarStory(t, Config{}, func(t *testing.T, s *scene, c *rawClient) {
		c.register(rawContact)
		if err := s.lab.ForgetNonces(); err != nil {
			t.Fatal(err)
		}
		r, _ := c.send("lab-1001", rawContact)
		if r.code != 401 || !strings.Contains(r.headers["WWW-Authenticate"][0], "stale=true") {
			t.Errorf("a forgotten nonce got %+v", r)
		}
		if r, _ = c.send("lab-1001", rawContact); r.code != 200 {
			t.Errorf("the fresh nonce got %d", r.code)
		}
	})
}

func TestRegister_Silent(t *testing.T) {
	registrarStory(t, Config{Registrar: RegistrarPolicy{Silent: true}}, func(t *testing.T, s *scene, c *rawClient) {
		if r, ok := c.send("lab-1001", rawContact); ok {
			t.Errorf("a silent registrar answered with %+v", r)
		}
		s.lab.SetRegistrar(RegistrarPolicy{})
		if r := c.register(rawContact); r.code != 200 {
			t.Errorf("got %d", r.code)
		}
	})
}

// TestRegister_Restart: a restart keeps the bindings or forgets them; nonces are
// gone in any case.
func TestRegister_Restart(t *testing.T) {
	for _, keep := range []bool{true, false} {
		registrarStory(t, Config{}, func(t *testing.T, s *scene, c *rawClient) {
			c.register(rawContact)
			at := s.lab.Addr("udp")
			s.lab.Stop(keep)
			if err := s.lab.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.lab.Addr("udp") != at {
				t.Errorf("the lab was at %s and is at %s", at, s.lab.Addr("udp"))
			}
			if have := len(s.lab.Bindings("1001")) == 1; have != keep {
				t.Errorf("keep=%v: bindings kept: %v", keep, have)
			}
			if r, _ := c.send("lab-1001", rawContact); r.code != 401 {
				t.Errorf("an old nonce got %d", r.code)
			}
		})
	}
}
