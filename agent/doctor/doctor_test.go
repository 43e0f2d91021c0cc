package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/control"
	"ringback/agent/store"
	"ringback/agent/verdict"
	"ringback/internal/lab"
	"ringback/media/device"
	"ringback/sip"
)

// provoke makes each fault, and gives what the doctor is to look at.
var provoke = map[verdict.ID]func(t *testing.T) Options{
	verdict.ConfigWrong: func(t *testing.T) Options {
		o := options(t, nobody(t))
		o.Config.Account.AOR = "1001"
		return o
	},
	verdict.ConfigOpen: func(t *testing.T) Options {
		o := options(t, nobody(t))
		o.Config.Account.PasswordFile = filepath.Join(t.TempDir(), "secret")
		write(t, o.Config.Account.PasswordFile, []byte("lab-1001\n"), 0o644)
		return o
	},

	verdict.DNSNoName: func(t *testing.T) Options { return atZone(t, zone{}) },
	verdict.DNSSilent: func(t *testing.T) Options { return atZone(t, zone{mute: true}) },
	verdict.DNSFails:  func(t *testing.T) Options { return atZone(t, zone{rcode: 2}) },
	verdict.DNSLies:   func(t *testing.T) Options { return atZone(t, zone{a: map[string]string{"pbx.example": "0.0.0.0"}}) },
	verdict.DNSService: func(t *testing.T) Options {
		return atZone(t, zone{a: map[string]string{"pbx.example": "127.0.0.1"}, srv: map[string]string{"_sip._udp.pbx.example": "5060 gone.example"}})
	},

	verdict.NetRefused: func(t *testing.T) Options { return options(t, nobody(t)) },
	verdict.NetSilent:  func(t *testing.T) Options { return options(t, addrOf(listenUDP(t).LocalAddr())) },
	verdict.NetTransport: func(t *testing.T) Options {
		_, at := startLab(t, nil)
		o := options(t, at)
		o.Config.Account.Transport = "tcp"
		return o
	},
	verdict.NetHalfOpen: func(t *testing.T) Options {
		o := options(t, stream(t, func(net.Conn) {}))
		o.Config.Account.Transport = "tcp"
		return o
	},
	verdict.NetUnreachable: func(t *testing.T) Options {
		o := options(t, addrOf(listenUDP(t).LocalAddr()))
		o.Config.Account.Bind = "[::1]"
		return o
	},
	verdict.NetPortTaken: func(t *testing.T) Options {
		o := options(t, nobody(t))
		o.Config.Account.Bind = listenUDP(t).LocalAddr().String()
		return o
	},
	verdict.NetNotOurs: func(t *testing.T) Options {
		o := options(t, nobody(t))
		o.Config.Account.Bind = "192.0.2.77"
		return o
	},

	verdict.TLSExpired: func(t *testing.T) Options { return atTLS(t, "pbx.example", -48*time.Hour, -24*time.Hour, true) },
	verdict.TLSNotYet:  func(t *testing.T) Options { return atTLS(t, "pbx.example", 24*time.Hour, 48*time.Hour, true) },
	verdict.TLSName:    func(t *testing.T) Options { return atTLS(t, "other.example", -time.Hour, 9000*time.Hour, true) },
	verdict.TLSUnknownCA: func(t *testing.T) Options {
		return atTLS(t, "pbx.example", -time.Hour, 9000*time.Hour, false)
	},
	verdict.TLSSoon: func(t *testing.T) Options { return atTLS(t, "pbx.example", -time.Hour, 72*time.Hour, true) },
	verdict.TLSHandshake: func(t *testing.T) Options {
		return named(t, "tls", stream(t, func(c net.Conn) { _, _ = c.Write([]byte("SIP/2.0 400 Bad Request\r\n\r\n")) }))
	},
	verdict.TLSFiles: func(t *testing.T) Options {
		o := named(t, "tls", stream(t, func(net.Conn) {}))
		o.Config.Account.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		write(t, o.Config.Account.CAFile, []byte("no certificate"), 0o600)
		return o
	},

	verdict.AuthPassword: func(t *testing.T) Options {
		return atLab(t, nil, func(o *Options) { o.Config.Account.Password = "wrong" })
	},
	verdict.AuthNone: func(t *testing.T) Options { return atLab(t, nil, func(o *Options) { o.Config.Account.Password = "" }) },
	verdict.AuthRealm: func(t *testing.T) Options {
		return atLab(t, nil, func(o *Options) { o.Config.Account.Realms = []string{"other"} })
	},
	verdict.AuthAlgorithm: func(t *testing.T) Options {
		return atLab(t, func(c *lab.Config) {
			c.Users = []lab.User{{Name: "1001", Password: "lab-1001", Algorithms: []string{"MD5"}}}
		},
			func(o *Options) { o.Config.Account.Algorithms = []string{"SHA-256"} })
	},
	verdict.AuthStale: func(t *testing.T) Options {
		return atLab(t, func(c *lab.Config) { c.Registrar.NonceLife = time.Nanosecond }, nil)
	},
	verdict.AuthChallenge: func(t *testing.T) Options {
		return options(t, scripted(t, func(method string) (string, string, []string) {
			if method == "REGISTER" {
				return "401 Unauthorized", "", []string{`WWW-Authenticate: Digest realm="x`}
			}
			return "200 OK", "", nil
		}))
	},

	verdict.SIPForbidden:   func(t *testing.T) Options { return refusing(t, 403) },
	verdict.SIPUnknown:     func(t *testing.T) Options { return refusing(t, 404) },
	verdict.SIPUnavailable: func(t *testing.T) Options { return refusing(t, 503) },
	verdict.SIPMoved:       func(t *testing.T) Options { return refusing(t, 302) },
	verdict.SIPNoRegistrar: func(t *testing.T) Options { return refusing(t, 405) },
	verdict.SIPRefused:     func(t *testing.T) Options { return refusing(t, 488) },
	verdict.SIPForgotten: func(t *testing.T) Options {
		l, at := startLab(t, nil)
		o := options(t, at)
		runAgent(t, &o, "registered")
		l.Stop(false) // the PBX is restarted and has lost its bindings
		if err := l.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		return o
	},

	verdict.NATBehind: func(t *testing.T) Options { return behindNAT(t, true) },
	verdict.NATMedia:  func(t *testing.T) Options { return behindNAT(t, false) },

	verdict.MediaPorts: func(t *testing.T) Options {
		first, last := takenPorts(t)
		return atLab(t, nil, func(o *Options) { o.Config.Media.Ports = fmt.Sprintf("%d-%d", first, last) })
	},
	verdict.MediaUntested: func(t *testing.T) Options { return atLab(t, nil, nil) },
	verdict.MediaRefused:  func(t *testing.T) Options { return atLab(t, nil, func(o *Options) { o.Echo = "610" }) },
	verdict.MediaNoSound:  func(t *testing.T) Options { return atLab(t, nil, func(o *Options) { o.Echo = "606" }) },

	verdict.MediaServer:       func(t *testing.T) Options { return asking(t, "stun:stun.invalid", "agent") },
	verdict.MediaServerAuth:   func(t *testing.T) Options { return asking(t, "turn:"+relaying(t), "somebody") },
	verdict.MediaServerSilent: func(t *testing.T) Options { return asking(t, "stun:"+nobody(t).String(), "agent") },

	verdict.AudioBuild: func(t *testing.T) Options { return withDevices(t, gone{"portaudio", device.ErrNoPortAudio}) },
	verdict.AudioNone:  func(t *testing.T) Options { return withDevices(t, gone{"portaudio", errors.New("no default device")}) },
	verdict.AudioAbsent: func(t *testing.T) Options {
		return withDevices(t, gone{"portaudio:USB Headset", errors.New("no microphone called that")})
	},
	verdict.AudioHangs: func(t *testing.T) Options { return withDevices(t, gone{"portaudio:USB Headset", nil}) },
	verdict.AudioFallback: func(t *testing.T) Options {
		return withDevices(t, gone{"portaudio:USB Headset", errors.New("unplugged")}, gone{"portaudio:Speakers", errFound})
	},

	verdict.StoreNewer: func(t *testing.T) Options {
		return withStore(t, func(path string) {
			patch(t, path, 60, []byte{0, 0, 3, 231}) // PRAGMA user_version
		})
	},
	verdict.StoreDamaged: func(t *testing.T) Options {
		return withStore(t, func(path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			half := info.Size() / 2 / 4096 * 4096
			patch(t, path, half, []byte(strings.Repeat("\xff", int(info.Size()-half))))
		})
	},
	verdict.StoreDisk: func(t *testing.T) Options {
		o := options(t, nobody(t))
		if err := os.MkdirAll(filepath.Join(o.StateDir, store.FileName), 0o700); err != nil {
			t.Fatal(err)
		}
		return o
	},
	verdict.StoreLow: func(t *testing.T) Options {
		o := options(t, nobody(t))
		o.Free = func(string) (uint64, bool) { return 3 << 20, true }
		return o
	},

	verdict.ControlForeign: func(t *testing.T) Options {
		o := options(t, nobody(t))
		write(t, filepath.Dir(o.Socket), []byte("a file"), 0o600)
		return o
	},
	verdict.ControlPath: func(t *testing.T) Options {
		o := options(t, nobody(t))
		_, o.SocketErr = control.SocketPath("test", func(string) string { return "not/absolute" })
		return o
	},
	verdict.ControlBusy: func(t *testing.T) Options {
		o := options(t, nobody(t))
		l, err := control.Listen(t.Context(), o.Socket) // and nobody serves it
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return o
	},
	verdict.AgentNone: func(t *testing.T) Options { return options(t, nobody(t)) },
	verdict.AgentFails: func(t *testing.T) Options {
		o := atLab(t, nil, func(o *Options) { o.Config.Account.Password = "wrong" })
		runAgent(t, &o, "failed")
		return o
	},
	verdict.AgentRefused: func(t *testing.T) Options {
		o := atLab(t, nil, nil)
		a := runAgent(t, &o, "registered")
		a.Refuse(agent.RefusedOffer)
		return o
	},
	verdict.AgentOutbox: func(t *testing.T) Options {
		return withDesk(t, func(s *agent.State) {
			s.Outbox = agent.OutboxState{Waiting: 2, Failed: 1, Reason: "503 Service Unavailable"}
		})
	},
	verdict.AgentQueue: func(t *testing.T) Options {
		return withDesk(t, func(s *agent.State) {
			s.Channels["voice"] = agent.ChannelState{State: "ready", PBX: &agent.QueueState{State: "unpaused", Reason: "*46: 404 Not Found"}}
		})
	},

	verdict.ClockOff: func(t *testing.T) Options {
		return atLab(t, nil, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Hour) } })
	},
	verdict.ClockBack: func(t *testing.T) Options {
		o := options(t, nobody(t))
		s, err := store.Open(filepath.Join(o.StateDir, store.FileName), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Update(func(tx *store.Tx) error {
			return tx.PutInteraction(store.Interaction{ID: "i1", Kind: "call", Created: time.Now().Add(time.Hour)})
		}); err != nil {
			t.Fatal(err)
		}
		return o
	},
	verdict.ClockUnknown: func(t *testing.T) Options { return behindNAT(t, true) },
}

// shownElsewhere are the verdicts that a running phone says and the doctor does not
// meet, or that need a machine's rights: the test that provokes each.
var shownElsewhere = map[verdict.ID]string{
	verdict.NetNoWay:      "internal/story/verdict_test.go",
	verdict.DNSStale:      "internal/story/fault_dns_test.go",
	verdict.DNSAstray:     "internal/story/fault_dns_test.go",
	verdict.NetLost:       "internal/story/verdict_test.go",
	verdict.ClockJumped:   "internal/story/verdict_test.go",
	verdict.StoreSlow:     "internal/story/verdict_test.go",
	verdict.StoreFull:     "agent/doctor/disk_linux_test.go",
	verdict.StoreReadOnly: "agent/doctor/disk_linux_test.go",
	verdict.MediaLoss:     "agent/doctor/loss_test.go",

	verdict.MediaGone:       "internal/story/verdict_call_test.go",
	verdict.CallForgotten:   "internal/story/verdict_call_test.go",
	verdict.CallSilent:      "internal/story/verdict_call_test.go",
	verdict.CallMoved:       "internal/story/verdict_call_test.go",
	verdict.CallUnconfirmed: "internal/story/verdict_call_test.go",
	verdict.CallUnrefreshed: "internal/story/verdict_call_test.go",
	verdict.CallTransfer:    "internal/story/verdict_call_test.go",
}

// Each text of the table is shown by a fault that is really there; a text that no test
// shows fails.
func TestEveryVerdictIsShown(t *testing.T) {
	readme, err := os.ReadFile("../../testdata/robustness/README.md")
	if want := fmt.Sprintf("%d texts in one table, each shown by a fault that is really made: %d by `doctor`", len(verdict.All()), len(provoke)); err != nil || !strings.Contains(string(readme), want) {
		t.Errorf("testdata/robustness/README.md does not say %q (%v)", want, err)
	}
	for _, v := range verdict.All() {
		fault, here := provoke[v.ID]
		if file := shownElsewhere[v.ID]; file != "" {
			text, err := os.ReadFile(filepath.Join("../..", file))
			if err != nil || !strings.Contains(string(text), constantOf(t, v.ID)) {
				t.Errorf("%s: %s does not show it (%v)", v.ID, file, err)
			}
			continue
		}
		if !here {
			t.Errorf("%s: no test shows it; see agent/verdict/doc.go", v.ID)
			continue
		}
		t.Run(string(v.ID), func(t *testing.T) {
			t.Parallel()
			r := Run(t.Context(), fault(t))
			for _, c := range r.Checks {
				if c.Verdict != v.ID {
					continue
				}
				if strings.ContainsAny(c.Text+c.Do, "{}") || !matches(v.Wrong, c.Text) || !matches(v.Do, c.Do) || c.State == OK {
					t.Errorf("it says %+v", c)
				}
				t.Logf("%s: %s; %s", c.State, c.Text, c.Do)
				return
			}
			t.Errorf("it says %+v", r.Checks)
		})
	}
}

// matches reports whether a text is the form with values in the place of names.
func matches(form, text string) bool {
	form = regexp.QuoteMeta(form)
	return regexp.MustCompile("^" + strings.TrimSuffix(regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(form, ".*"), ": .*") + ".*$").MatchString(text)
}

// constantOf is the name by which a test names a verdict.
func constantOf(t *testing.T, id verdict.ID) string {
	t.Helper()
	text, err := os.ReadFile("../verdict/table.go")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(\w+)\s+ID = "` + regexp.QuoteMeta(string(id)) + `"`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no constant", id)
	}
	return string(m[1])
}

// A phone that nothing is wrong with is told so, by every transport, with a call that
// brings sound; a running agent keeps its registration.
func TestHealthy(t *testing.T) {
	l, at := startLab(t, nil)
	o := options(t, at)
	runAgent(t, &o, "registered")
	o.Echo = "600"
	before := len(l.Log().Since(0))
	r := Run(t.Context(), o)
	for _, c := range r.Checks {
		if c.State == Wrong || c.State == Warning || c.State == NotChecked && c.Name != "tls" {
			t.Errorf("%+v", c)
		}
	}
	if !r.OK || r.Schema != "ringback.doctor/1" || len(r.Checks) < 11 {
		t.Errorf("%+v", r)
	}
	for _, e := range l.Log().Since(0)[before:] {
		if e.Type == lab.Registered || e.Type == lab.Unregistered {
			t.Errorf("the registrar saw %s", e)
		}
	}
	if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), "lab-1001") {
		t.Errorf("%s %v", text, err)
	}
}

// A transport that is left to the DNS is the one that the PBX answers by; what the DNS
// names beside it and is not there is told.
func TestTransportOfTheDNS(t *testing.T) {
	l, _ := startLab(t, func(c *lab.Config) { c.Listen = []sip.Listen{{Transport: "tcp", Address: "127.0.0.1:0"}} })
	o := options(t, nobody(t))
	o.Config.Account.AOR, o.Config.Account.Transport = "sip:1001@pbx.example", "auto"
	o.Resolver = dns(t, zone{a: map[string]string{"pbx.example": "127.0.0.1"}, srv: map[string]string{
		"_sip._tcp.pbx.example":  fmt.Sprintf("%d pbx.example", l.Addr("tcp").Port()),
		"_sips._tcp.pbx.example": "5061 gone.example"}})
	r := Run(t.Context(), o)
	want := map[string]bool{string(verdict.DNSService): true, "transport": true, "registration": true}
	for _, c := range r.Checks {
		switch {
		case c.Verdict == verdict.DNSService && strings.Contains(c.Text, "gone.example"):
			delete(want, string(c.Verdict))
		case c.State == OK && (c.Name == "registration" || c.Name == "transport" && strings.Contains(c.Text, l.Addr("tcp").String()+" answers by tcp")):
			delete(want, c.Name)
		}
	}
	if len(want) > 0 {
		t.Errorf("without %v: %+v", want, r.Checks)
	}
}

// One fault is told once: what hangs on it is not checked.
func TestOneFaultIsToldOnce(t *testing.T) {
	r := Run(t.Context(), options(t, nobody(t)))
	if r.Wrong != 1 || r.OK {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{"registration", "nat", "clock", "rtp"} {
		for _, c := range r.Checks {
			if c.Name == name && c.State != NotChecked {
				t.Errorf("%+v", c)
			}
		}
	}
}
