package agent

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
)

// Whatever the PBX was told, the codes lead to what is wanted in two steps at most, and
// then nothing is sent.
func TestQueueCodes_LeadToWhatIsWanted(t *testing.T) {
	states := []string{channelReady, channelNotReady, channelACW, channelDND, channelOut}
	for name, q := range map[string]queueCodes{
		"pause":           {pause: "*46", unpause: "*47"},
		"pause and login": {login: "*44", logout: "*45", pause: "*46", unpause: "*47"},
		"login only":      {login: "*44", logout: "*45"},
		"reasons":         {pause: "*46", unpause: "*47", reasons: map[string]string{"lunch": "*461", channelACW: "*462"}},
	} {
		told := []queueStand{{}, {login: "in"}, {login: "out"}, {"in", queueUnpaused}, {"in", "*46"}, {"in", "*461"}, {pause: "*46"}, {pause: queueUnpaused}}
		for _, was := range told {
			for _, state := range states {
				for _, reason := range []string{"", "lunch"} {
					want := q.want(state, reason)
					now, steps := was, []string{}
					for code, then := q.next(now, want); code != "" && len(steps) < 5; code, then = q.next(now, want) {
						now, steps = then, append(steps, code)
					}
					if len(steps) > 2 || want.pause != "" && now.pause != want.pause && q.pause != "" || want.login == "out" && now.login != "out" ||
						want.login == "in" && q.login != "" && now.login != "in" {
						t.Errorf("%s: from %+v to %s %s (%+v): %v, then %+v", name, was, state, reason, want, steps, now)
					}
				}
			}
		}
	}
}

func TestQueueCodes_WhatIsLeftBehind(t *testing.T) {
	for want, q := range map[string]queueCodes{
		"*47 {login: pause:unpaused}":   {pause: "*46", unpause: "*47"},
		"*45 {login:out pause:}":        {login: "*44", logout: "*45", pause: "*46", unpause: "*47"},
		" {login: pause:*46}":           {pause: "*46", unpause: "*47", exit: "pause"},
		"*47 {login:in pause:unpaused}": {login: "*44", logout: "*45", pause: "*46", unpause: "*47", exit: "unpause"},
	} {
		told := queueStand{pause: "*46"}
		if q.login != "" {
			told.login = "in"
		}
		code, then := q.next(told, q.wantAtExit(told))
		if got := fmt.Sprintf("%s %+v", code, then); got != want {
			t.Errorf("%+v: %s, want %s", q, got, want)
		}
	}
	q := queueCodes{pause: "*46", unpause: "*47", exit: "none"}
	if code, _ := q.next(queueStand{pause: "*46"}, q.wantAtExit(queueStand{pause: "*46"})); code != "" {
		t.Errorf("exit none sends %s", code)
	}
}

// What comes to the agent before its channels stand must not make it tell the PBX that
// it is logged out.
func TestStory_ThePBXIsToldNothingBeforeTheChannelsStand(t *testing.T) {
	story(t, func(_ *Config, p *lab.Config) {
		p.Calls.OpenCalls = true
		p.Extensions = []lab.Extension{{Number: "*46", Behaviour: lab.Behaviour{HangUpAfter: time.Second}}, {Number: "*47", Behaviour: lab.Behaviour{HangUpAfter: time.Second}}}
	}, func(b *bed) {
		cfg := testConfig()
		cfg.Account.Register, cfg.Channels.Publish = false, true
		cfg.Channels.PBX = map[string]string{"pause": "*46", "unpause": "*47"}
		a := b.make(cfg, "1002", "10.0.0.12")
		a.loop.Post(a.input(func() {}))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		if e := b.at(lab.Published, "1002"); !strings.Contains(e.Text, "<basic>open</basic>") {
			t.Errorf("%v", e)
		}
		if e := b.at(lab.CallStarted, "1002"); e.Peer != "*47" {
			t.Errorf("%v", e)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
