package lab

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ringback/sip"
)

func TestCallback_Headers(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.FixedZone("JST", 9*3600))
	cb := Callback{ID: "cb-9", Name: "山田 太郎", DesiredTime: at, From: at, Until: at.Add(time.Hour), Attempt: 2,
		Data: map[string]any{"order": 7}, Headers: []sip.Header{{Name: "X-Callback-Tier", Value: "gold"}}}.withDefaults()
	want := map[string]string{
		"X-Callback-Id": "cb-9", "X-Callback-Type": "immediate", "X-Callback-Number": "+81312345678",
		"X-Callback-Name": "=?UTF-8?b?5bGx55SwIOWkqumDjg==?=", "X-Callback-Desired-Time": "2026-11-23T10:00:00+09:00",
		"X-Callback-Window":  "2026-11-23T10:00:00+09:00/2026-11-23T11:00:00+09:00",
		"X-Callback-Attempt": "2", "X-Callback-Data": `{"order":7}`, "X-Callback-Tier": "gold",
	}
	list, err := cb.headers(false)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range list {
		if want[h.Name] != h.Value {
			t.Errorf("%s: %q, want %q", h.Name, h.Value, want[h.Name])
		}
		delete(want, h.Name)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
	list, _ = cb.headers(true)
	if !strings.Contains(list[4].Value, "%E5%B1%B1%E7%94%B0%20") {
		t.Errorf("percent-encoded name is %q", list[4].Value)
	}
}

func TestCallback_WhatCannotBe(t *testing.T) {
	for _, cb := range []Callback{{Type: "later"}, {FirstLeg: "nobody"}} {
		if err := cb.withDefaults().validate(); err == nil {
			t.Errorf("%+v was taken", cb)
		}
	}
}

func TestLog_Wait(t *testing.T) {
	l := newLog()
	l.add(Event{Type: Registered, Party: "1001"})
	found := make(chan Event)
	go func() {
		e, _ := l.Wait(context.Background(), 1, Is(Registered, ""))
		found <- e
	}()
	l.add(Event{Type: Registered, Party: "1002"})
	if e := <-found; e.Party != "1002" || e.Seq != 2 {
		t.Errorf("waited for the second event and got %+v", e)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Wait(ctx, 2, Is(Registered, "")); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1002") {
		t.Errorf("the error does not say what happened instead: %v", err)
	}
	l.end()
	if _, err := l.Wait(context.Background(), 0, Is(CallEnded, "")); err == nil {
		t.Error("waiting at a closed lab has no end")
	}
}

func TestSpan(t *testing.T) {
	at := time.Now()
	var s span
	s.set(true, at)
	s.set(true, at.Add(time.Second)) // a second line
	s.set(false, at.Add(2*time.Second))
	if got := s.at(at.Add(3 * time.Second)); got != 3*time.Second {
		t.Errorf("%s so far, want 3s", got)
	}
	s.set(false, at.Add(4*time.Second))
	s.set(false, at.Add(5*time.Second))
	if got := s.at(at.Add(time.Hour)); got != 4*time.Second {
		t.Errorf("%s in all, want 4s", got)
	}
}
