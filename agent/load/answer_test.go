package load

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/sip"
)

// Calls that come to users who have registered are answered, with what the plan says that
// their callers hear; they are counted beside the registrations and their refreshes, and when
// the run ends neither a call nor a binding is left.
func TestAnswer_CallsThatComeToUsers(t *testing.T) {
	for _, row := range []struct {
		name, far, answer string
		check             func(r *Report, a Answers) bool
	}{
		{"signalling only", MediaNone, "{}", func(r *Report, a Answers) bool {
			return r.Sounded == 0 && r.Inbound.Answered == r.Inbound.Came && a.Taken == r.Inbound.Came && len(a.NotTaken) == 0
		}},
		{"with media", MediaTone, "{media: echo, codecs: [pcmu]}", func(r *Report, a Answers) bool {
			return r.Sounded >= r.Inbound.Answered-3 && r.Silent == 0 && r.MOS.P5 > 4 && a.Says[MediaTone] == r.Inbound.Came
		}},
		{"busy and refused", MediaNone, "{ring: 1s, busy: 30%, refuse: 20%}", func(r *Report, a Answers) bool {
			return r.Inbound.Refused == a.NotTaken["486 Busy Here"]+a.NotTaken["503 Service Unavailable"] && r.Inbound.Refused > 50 && r.Inbound.Refused < 130 &&
				r.Inbound.Answered+r.Inbound.Refused >= r.Inbound.Came-1 && r.Inbound.Failed+r.Inbound.Missed == 0
		}},
		{"nobody takes it", MediaNone, "{mute: 100%}", func(r *Report, a Answers) bool {
			return r.Inbound.Answered+r.Inbound.Failed+r.Inbound.Refused == 0 && r.Inbound.Missed >= 10
		}},
		{"no codec in common", MediaTone, "{media: echo, codecs: [g722]}", func(r *Report, a Answers) bool {
			return !r.OK && r.Inbound.Failed == r.Inbound.Came && strings.HasPrefix(r.Inbound.Causes[0].Text, "488 ") && a.NotTaken["488 Not Acceptable Here"] == r.Inbound.Came
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				far := respond(t, n, ResponderPlan{Media: row.far, Codecs: []string{"pcmu"}, Offers: 2, Most: 3 * time.Second})
				p := plan(t, users+"register: true\nanswer: "+row.answer+"\ncalls: {for: 90s}\nthresholds: ['registration.failures == 0', 'inbound >= 10', 'inbound.failures == 0']\n")
				p.Account.Expires = 20 * time.Second
				var told []CallResult
				host := n.Host(generatorIP)
				result, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 1, Ladders: true, OnCall: func(c CallResult) { told = append(told, c) }})
				if err != nil {
					t.Fatal(err)
				}
				r := result.Report()
				synctest.Wait()
				got := far.Answers()
				far.Close()
				t.Logf("%+v %+v, the far end %+v", r, r.Inbound, got)
				if r.Inbound == nil || r.Inbound.Came < 10 || r.Refreshed == 0 || r.Lapsed != 0 || r.Began != 0 || !row.check(r, got) {
					t.Errorf("%+v: inbound %+v", r, r.Inbound)
				}
				if r.LeftCalls+r.LeftRegistrations+r.Inbound.Up+got.Active+got.Registered != 0 {
					t.Errorf("something is left: %+v %+v, the far end %+v", r, r.Inbound, got)
				}
				if len(told) != r.Inbound.Came {
					t.Errorf("%d calls are told of %d", len(told), r.Inbound.Came)
				}
				for _, c := range told {
					if first := c.Messages()[0].Text; !c.Inbound || !strings.HasPrefix(c.To, "20") || !strings.HasPrefix(first, "INVITE ") {
						t.Fatalf("told %+v, which begins with %.20q", c, first)
					}
				}
			})
		})
	}
}

// Users of one plan call each other by way of the PBX, in sound, and hang up after their
// own time where their caller does not.
func TestAnswer_UsersCallEachOther(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		pbx, err := lab.Start(t.Context(), lab.Config{Network: n.Host(farIP), IP: netip.MustParseAddr(farIP), Listen: []sip.Listen{{Transport: "udp", Address: farIP + ":5060"}},
			Users: []lab.User{{Name: "1001", Password: "secret"}, {Name: "1002", Password: "secret"}}})
		if err != nil {
			t.Fatal(err)
		}
		p := plan(t, "users: {first: 1001, count: 2}\nregister: true\nanswer: {ring: 500ms, media: tone, talk: {mean: 3s}}\n"+
			"calls: {to: ['sip:1002@192.0.2.20', 'sip:1001@192.0.2.20'], rate: 1, for: 20s, talk: {mean: 1m}, media: tone}\nthresholds: ['failures == 0', 'silent == 0', 'inbound.answered == 20', 'inbound.failures < 1%']\n")
		p.Users.PasswordFile = filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(p.Users.PasswordFile, []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		r := run(t.Context(), t, n, p, nil)
		if !r.OK || r.Answered != 20 || r.Dropped != 20 || r.Inbound.Came != 20 || r.Sounded != 40 || r.Answer.P50 < 500 || r.LeftCalls+r.LeftRegistrations != 0 {
			t.Errorf("%+v: inbound %+v", r, r.Inbound)
		}
		for _, name := range []string{"1001", "1002"} {
			if left := pbx.Bindings(name); len(left) != 0 {
				t.Errorf("left at the PBX: %v", left)
			}
		}
		_ = pbx.Close(context.Background())
	})
}

// A run that is interrupted hangs up what came, rings still or is up, before it unregisters.
func TestAnswer_InterruptedLeavesNothing(t *testing.T) {
	for _, answer := range []string{"{}", "{ring: 1h}"} {
		story(t, func(t *testing.T, n *simnet.Net) {
			far := respond(t, n, ResponderPlan{Media: MediaNone, Offers: 5})
			p := plan(t, users+"register: true\nanswer: "+answer+"\ncalls: {for: 1h}\n")
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			r := run(ctx, t, n, p, nil)
			synctest.Wait()
			if got := far.Answers(); r.Inbound == nil || r.Inbound.Came != 10 || r.LeftCalls+r.LeftRegistrations != 0 || got.Active+got.Registered != 0 || r.Inbound.Failed+r.Inbound.Missed != 0 {
				t.Errorf("%s: %+v: inbound %+v, the far end %+v", answer, r, r.Inbound, got)
			}
			far.Close()
		})
	}
}

// What is wrong with a plan's answer is said with its place and a remedy.
func TestAnswer_SaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"calls: {to: ['sip:1@p'], rate: 1}\nanswer: {}":             "[2:1] answer: without register: write register: true",
		"register: true\nanswer: {busy: 120%}":                      "[2:16] answer.busy: 120%: write a share",
		"register: true\nanswer: {busy: 60%, mute: 50%}":            "[2:1] answer: busy, refuse, mute and late are 110%: write shares of 100% in all at most",
		"register: true\nanswer: {ring: 2h}":                        "[2:16] answer.ring: 2h0m0s: write 0s to 1h",
		"register: true\nanswer: {late: 5%, late_by: 1s, ring: 2s}": "[2:29] answer.late_by: 1s: write a time that is longer than ring",
		"register: true\nanswer: {media: film}":                     "[2:17] answer.media: film: write none, echo",
		"register: true\nanswer: {media: 'echo 50%'}":               "[2:17] answer.media: echo 50%: 50% in all: write",
		"register: true\nanswer: {media: file}":                     `[2:1] answer.file: "": write the WAV file`,
		"register: true\nanswer: {media: echo, codecs: [g729]}":     "[2:32] answer.codecs: g729: write codecs",
		"register: true\nanswer: {encryption: zrtp}":                "[2:22] answer.encryption: zrtp: write off, sdes or dtls",
		"register: true\nanswer: {talk: {spread: wide}}":            "[2:25] answer.talk.spread: wide: write constant",
		"register: true\nanswer: {rings: 2s}":                       `[2:10] unknown field "rings"`,
		"agents: {}\nanswer: {}":                                    "[2:1] answer: beside agents: write one of them",
	} {
		_, err := ParsePlan([]byte(text + "\naccount: {registrar: 'sip:p'}\nusers: {first: 1}\n"))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", fmt.Sprint(text), err, want)
		}
	}
}
