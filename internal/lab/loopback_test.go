package lab

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// TestLoopback: the lab on the machine's own network, over each transport.
func TestLoopback(t *testing.T) {
	l, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	if got, want := l.URI("600"), "sip:600@"+l.Addr("udp").String(); got != want {
		t.Errorf("600 is at %s, want %s", got, want)
	}
	for _, transport := range []string{"udp", "tcp"} {
		conn, err := net.Dial(transport, l.Addr(transport).String())
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct{ method, want string }{{"OPTIONS", "SIP/2.0 200 "}, {"REGISTER", "SIP/2.0 401 "}, {"MESSAGE", "SIP/2.0 401 "}, {"SUBSCRIBE", "SIP/2.0 401 "}, {"PUBLISH", "SIP/2.0 401 "}, {"FETCH", "SIP/2.0 405 "}} {
			request := strings.Join([]string{
				row.method + " sip:" + l.Addr(transport).String() + " SIP/2.0",
				"Via: SIP/2.0/" + strings.ToUpper(transport) + " " + conn.LocalAddr().String() + ";branch=z9hG4bK" + transport + row.method + ";rport",
				"From: <sip:1001@lab>;tag=1", "To: <sip:1001@lab>", "Call-ID: " + transport + row.method,
				"CSeq: 1 " + row.method, "Max-Forwards: 70", "Event: presence", "Contact: <sip:1001@" + conn.LocalAddr().String() + ">", "Content-Length: 0", "", ""}, "\r\n")
			if _, err := fmt.Fprint(conn, request); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 4096)
			n, err := conn.Read(buf)
			if err != nil || !strings.HasPrefix(string(buf[:n]), row.want) {
				t.Errorf("%s by %s: %v, %q", row.method, transport, err, buf[:n])
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestStop: what a stopped lab is asked for says so, and its ports stay its own.
func TestStop(t *testing.T) {
	l, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr("udp")
	l.Stop(false)
	if _, err := l.Offer(Callback{}); err == nil || !strings.Contains(err.Error(), "Resume") {
		t.Errorf("offer at a stopped lab: %v", err)
	}
	if err := l.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.Addr("udp") != at {
		t.Errorf("it was at %s and is at %s", at, l.Addr("udp"))
	}
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestStart_WhatCannotBe(t *testing.T) {
	for _, cfg := range []Config{
		{Users: []User{{Name: "1001"}}},
		{Users: []User{{Name: "1001", Password: "p"}, {Name: "1001", Password: "p"}}},
		{Users: []User{{Name: "1001", Password: "p", Algorithms: []string{"MD4"}}}},
		{Extensions: []Extension{{Number: "600"}, {Number: "600"}}},
	} {
		if _, err := Start(t.Context(), cfg); err == nil || !strings.HasPrefix(err.Error(), "start lab: ") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
