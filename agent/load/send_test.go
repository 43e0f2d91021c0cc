package load

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
)

// file writes a text to a file of the test's own.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wav is half a second of a tone.
func wav(t *testing.T) string {
	t.Helper()
	var samples []int16
	for i := range 8000 {
		samples = append(samples, int16(8000*math.Sin(2*math.Pi*440*float64(i)/16000)))
	}
	path := filepath.Join(t.TempDir(), "tone.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := audio.NewWAVWriter(f, 16000, 1)
	if err == nil {
		err = w.Write(samples)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Whatever a plan may say and encrypt is heard by both ends.
func TestSend_MediaKinds(t *testing.T) {
	for _, row := range []struct{ name, calls, far, farCodecs, encryption string }{
		{"a file", "media: file, file: WAV, codecs: [pcmu]", MediaEcho, "pcmu", "off"},
		{"echo of a tone", "media: echo, codecs: [pcma]", MediaTone, "pcma", "off"},
		{"G.722", "media: tone, codecs: [g722]", MediaEcho, "g722", "off"},
		{"SRTP by SDES", "media: tone, codecs: [pcmu], encryption: sdes", MediaEcho, "pcmu", "sdes"},
		{"SRTP by DTLS", "media: tone, codecs: [pcmu], encryption: dtls", MediaEcho, "pcmu", "dtls"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := wav(t)
			story(t, func(t *testing.T, n *simnet.Net) {
				far := respond(t, n, ResponderPlan{Media: row.far, Codecs: []string{row.farCodecs}, Encryption: row.encryption})
				p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 4, for: 2s, talk: {mean: 4s}, "+strings.Replace(row.calls, "WAV", path, 1)+"}\n"+
					"thresholds: ['mos.p5 > 4.0', 'silent == 0', 'failures == 0']\n")
				if r := run(t.Context(), t, n, p, nil); !r.OK || r.Sounded != 8 {
					t.Errorf("%+v", r)
				}
				if got := far.Answers(); got.Says[row.far] != 8 {
					t.Errorf("the far end: %+v", got)
				}
				far.Close()
			})
		})
	}
}

// A far end that does not encrypt is not talked to in the clear where the plan encrypts.
func TestSend_NeverInTheClear(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaEcho, Codecs: []string{"pcmu"}})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 4, for: 1s, talk: {mean: 4s}, media: tone, encryption: sdes}\n")
		if r := run(t.Context(), t, n, p, nil); r.Answered != 0 || len(r.Causes) != 1 || !strings.HasPrefix(r.Causes[0].Text, "488") {
			t.Errorf("%+v", r)
		}
		far.Close()
	})
}

// Columns of a file are in targets and headers, a row for each call, and users have
// theirs.
func TestSend_Data(t *testing.T) {
	data := file(t, "numbers.csv", "number,name,Case-Id\n601,\"Sato, Hanako\",c1\n# left out\n602,山田,c2\n603,Li,c3\n")
	people := file(t, "users.csv", "user,password,team\n2001,a,north\n2002,b,south\n")
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, "users: {file: "+people+"}\ncalls: {to: ['sip:{number}@192.0.2.20'], data: "+data+", headers: {X-Case: '{case-id} of {name}', X-Team: '{team}/{user}'}, rate: 3, for: 2s, talk: {mean: 1s}}\n")
		var seen []string
		host := n.Host(generatorIP)
		result, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 1, Ladders: true, OnCall: func(r CallResult) {
			for _, m := range r.Messages() {
				if m.Out && strings.HasPrefix(m.Text, "INVITE ") {
					header := func(name string) string {
						_, rest, _ := strings.Cut(m.Text, "\r\n"+name+": ")
						value, _, _ := strings.Cut(rest, "\r\n")
						return value
					}
					seen = append(seen, r.From+" "+strings.Fields(m.Text)[1]+" "+header("X-Case")+" "+header("X-Team"))
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if r := result.Report(); r.Answered != 6 {
			t.Errorf("%+v", r)
		}
		want := []string{
			"2001 sip:601@192.0.2.20 c1 of Sato, Hanako north/2001", "2002 sip:602@192.0.2.20 c2 of 山田 south/2002", "2001 sip:603@192.0.2.20 c3 of Li north/2001",
			"2002 sip:601@192.0.2.20 c1 of Sato, Hanako south/2002", "2001 sip:602@192.0.2.20 c2 of 山田 north/2001", "2002 sip:603@192.0.2.20 c3 of Li south/2002",
		}
		if strings.Join(seen, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
		}
		far.Close()
	})
}

// What cannot be read says which file, which line and what to do; no cell is told.
func TestSend_DataThatIsWrong(t *testing.T) {
	for _, row := range []struct{ name, data, to, want string }{
		{"no column", "number\n601\n", "sip:{phone}@192.0.2.20", "{phone} in sip:{phone}@192.0.2.20: write a column"},
		{"no row", "number\n", "sip:{number}@192.0.2.20", "holds no row"},
		{"a cell too many", "number\n601\n602,x\n", "sip:{number}@192.0.2.20", "line 3"},
		{"a name twice", "number,Number\n601,602\n", "sip:{number}@192.0.2.20", `column 2 is called "number"`},
		{"the password", "number\n601\n", "sip:{password}@192.0.2.20", "{password} in"},
	} {
		t.Run(row.name, func(t *testing.T) {
			people := file(t, "users.csv", "user,password\n2001,secret-of-2001\n")
			path := file(t, "data.csv", row.data)
			p := plan(t, "users: {file: "+people+"}\ncalls: {to: ['"+row.to+"'], data: "+path+", rate: 1, for: 1s}\n")
			_, err := Run(t.Context(), p, Options{})
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret-of") {
				t.Errorf("%v, want %s", err, row.want)
			}
		})
	}
}

// callers counts calls by where they come from.
func callers() (from map[string]int, count func(CallResult)) {
	var mu sync.Mutex // each loop tells
	from = map[string]int{}
	return from, func(r CallResult) {
		mu.Lock()
		defer mu.Unlock()
		from[r.Messages()[0].Local.String()]++
	}
}

// Each source address calls from there, from the port that it is given.
func TestSend_Sources(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 4, for: 2s, talk: {mean: 1s}}\n")
		p.Account.Bind, p.Account.Sources = "", []string{generatorIP + ":5080", generatorIP + ":5081"}
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		from, count := callers()
		host := n.Host(generatorIP)
		result, err := Run(t.Context(), p, Options{Network: host, Media: host, Ladders: true, OnCall: count})
		if err != nil {
			t.Fatal(err)
		}
		if r := result.Report(); r.Answered != 8 || fmt.Sprint(from) != "map[192.0.2.10:5080:4 192.0.2.10:5081:4]" {
			t.Errorf("%v %+v", from, r)
		}
		far.Close()
	})
}

// A range of ports is of the users in turn, who register and call from there; two
// generators have halves of it.
func TestSend_SourcePorts(t *testing.T) {
	for _, row := range []struct {
		part  Part
		calls int
		want  string
	}{
		{Part{}, 8, "map[192.0.2.10:20001:2 192.0.2.10:20002:2 192.0.2.10:20003:2 192.0.2.11:20009:2]"},
		{Part{Index: 1, Of: 2}, 4, "map[192.0.2.10:20003:2 192.0.2.11:20009:2]"},
	} {
		story(t, func(t *testing.T, n *simnet.Net) {
			far := respond(t, n, ResponderPlan{Media: MediaEcho, Codecs: []string{"pcmu"}})
			p := plan(t, "users: {first: 2001, count: 8}\nregister: true\ncalls: {to: ['sip:601@192.0.2.20'], rate: 4, for: 2s, talk: {mean: 1s}, media: tone}\nthresholds: ['failures == 0', 'registration.failures == 0', 'silent == 0']\n")
			p.Account.Bind, p.Account.Sources = "", []string{generatorIP + ":20001-20003", "192.0.2.11:20009"}
			if err := p.Check(); err != nil {
				t.Fatal(err)
			}
			from, count := callers()
			host := n.Host(generatorIP)
			host.SetAddrs(generatorIP, "192.0.2.11")
			result, err := Run(t.Context(), p, Options{Network: host, Media: host, Shards: 2, Part: row.part, Ladders: true, OnCall: count})
			if err != nil {
				t.Fatal(err)
			}
			if r := result.Report(); !r.OK || r.Answered != row.calls || fmt.Sprint(from) != row.want {
				t.Errorf("%v %+v", from, r)
			}
			far.Close()
			if got := far.Answers(); got.Registered != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// What a plan's sources come to, for loops and for generators.
func TestSources(t *testing.T) {
	for _, row := range []struct {
		texts        []string
		part         Part
		loops, users int
		want         string
	}{
		{[]string{"192.0.2.10", "192.0.2.11"}, Part{}, 1, 9, "[[192.0.2.10:0 192.0.2.11:0]]"},
		{[]string{"192.0.2.10", "192.0.2.11"}, Part{}, 3, 9, "[[192.0.2.10:0] [192.0.2.11:0] [192.0.2.10:0]]"},
		{[]string{"192.0.2.10", "192.0.2.11"}, Part{1, 2}, 2, 9, "[[192.0.2.11:0] [192.0.2.11:0]]"},
		{[]string{"192.0.2.10", "192.0.2.11"}, Part{1, 3}, 1, 9, "[[192.0.2.10:0 192.0.2.11:0]]"},
		{[]string{"192.0.2.10:7-9"}, Part{}, 2, 9, "[[192.0.2.10:7 192.0.2.10:9] [192.0.2.10:8]]"},
		{[]string{"192.0.2.10:7-9"}, Part{}, 9, 9, "[[192.0.2.10:7] [192.0.2.10:8] [192.0.2.10:9]]"},
		{[]string{"192.0.2.10:7-9"}, Part{0, 2}, 2, 9, "[[192.0.2.10:7]]"},
		{[]string{"192.0.2.10:7-9"}, Part{}, 1, 2, "[[192.0.2.10:7 192.0.2.10:8]]"},
		{[]string{"[2001:db8::1]:7", "192.0.2.10"}, Part{}, 3, 9, "[[[2001:db8::1]:7] [192.0.2.10:0] [192.0.2.10:0]]"},
	} {
		s, err := sourcesOf(row.texts, row.part)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]source
		loops := s.loops(row.loops)
		for i := range loops {
			got = append(got, s.dealt(i, loops, row.users))
		}
		if fmt.Sprint(got) != row.want {
			t.Errorf("%v of %v: %v, want %s", row.part, row.texts, got, row.want)
		}
	}
	if _, err := sourcesOf([]string{"192.0.2.10:7-9"}, Part{0, 4}); err == nil || err.Error() != "account.sources: 3 ports are too few for 4 generators: each needs one" {
		t.Error(err)
	}
}

// Every transport takes calls to a responder, and back.
func TestSend_Transports(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "ws"} {
		t.Run(transport, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				host := n.Host(farIP)
				listen := farIP + ":5060"
				if transport == "ws" {
					listen = "ws:" + listen
				}
				far, err := StartResponder(ResponderPlan{Listen: []string{listen}, Seed: 1, Media: MediaEcho, Codecs: []string{"pcmu"}}, Options{Network: host, Media: host})
				if err != nil {
					t.Fatal(err)
				}
				p := plan(t, users+"register: true\ncalls: {to: ['sip:601@192.0.2.20'], rate: 4, for: 2s, talk: {mean: 2s}, media: tone}\nthresholds: ['failures == 0', 'silent == 0', 'registration.failures == 0']\n")
				p.Account.Transport = transport
				r := run(t.Context(), t, n, p, nil)
				if !r.OK || r.Answered != 8 || r.Registered != 10 {
					t.Errorf("%+v", r)
				}
				synctest.Wait()
				if got := far.Answers(); got.Active+got.Registered != 0 {
					t.Errorf("the far end: %+v", got)
				}
				far.Close()
			})
		})
	}
}

// Users go and come back by rate while calls are made, and none is left.
func TestSend_Churn(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaNone})
		p := plan(t, users+"register: true\nchurn: {rate: 1, away: {mean: 3s}}\n"+
			"calls: {to: ['sip:601@192.0.2.20'], rate: 2, for: 60s, talk: {mean: 1s}}\nthresholds: ['registration.failures == 0', 'registration.lost == 0', 'returned > 50', 'failures == 0']\n")
		p.Account.Expires = 30 * time.Second
		low := 10
		r := run(t.Context(), t, n, p, func(s *Snapshot) {
			if !s.start.IsZero() {
				low = min(low, s.tally.registered)
			}
		})
		if !r.OK || r.Went < 58 || r.CameBack < r.Went-4 || r.Refreshed == 0 || r.LeftRegistrations != 0 {
			t.Errorf("%+v", r)
		}
		if low < 5 || low > 8 { // 3 of the 10 are away at a time
			t.Errorf("%d users were registered at the fewest", low)
		}
		synctest.Wait()
		if got := far.Answers(); got.Registered != 0 || got.Active != 0 {
			t.Errorf("the far end: %+v", got)
		}
		far.Close()
	})
}

// A far end answers, rings, refuses and speaks in the shares that it is given, and a
// late answer comes late.
func TestResponder_Shares(t *testing.T) {
	path := wav(t)
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Ring: 100 * time.Millisecond, Busy: 0.1, Refuse: 0.1, Mute: 0.1, Late: 0.2, LateBy: 3 * time.Second,
			Media: "echo 40%, tone 20%, file 20%, silence 10%, none 10%", File: path, Codecs: []string{"pcmu"}})
		p := plan(t, users+"calls: {to: ['sip:601@192.0.2.20'], rate: 10, for: 40s, ring: 5s, talk: {mean: 2s}, media: tone, codecs: [pcmu]}\n")
		r := run(t.Context(), t, n, p, nil)
		near := func(what string, got, of int, share float64) {
			if want := share * float64(of); math.Abs(float64(got)-want) > 4*math.Sqrt(want) {
				t.Errorf("%s: %d of %d, want about %.0f", what, got, of, want)
			}
		}
		got := far.Answers()
		near("answered", got.Answered, 400, 0.7)
		near("refused", got.Refused, 400, 0.2)
		near("late", got.Late, 400, 0.2)
		for kind, share := range map[string]float64{MediaEcho: 0.4, MediaTone: 0.2, MediaFile: 0.2, MediaSilence: 0.1, MediaNone: 0.1} {
			near(kind, got.Says[kind], got.Answered, share)
		}
		if r.Began != 400 || r.Answered != got.Answered || r.Silent != got.Says[MediaNone] || r.Answer.P50 > 200 || r.Answer.P90 < 3000 || r.Answer.Max > 3100 {
			t.Errorf("%+v\nthe far end %+v", r, got)
		}
		far.Close()
	})
}

func TestResponder_SaysWhatIsWrong(t *testing.T) {
	for want, p := range map[string]ResponderPlan{
		"media: echo 50%, tone 40%: 90% in all":   {Media: "echo 50%, tone 40%"},
		"media: film":                             {Media: "film"},
		`file: "": write the WAV file`:            {Media: "file"},
		"late-by: 1s: write a time that is long":  {Media: "none", Late: 0.1, LateBy: time.Second, Ring: 2 * time.Second},
		"encryption: zrtp: write off, sdes or dt": {Media: "echo", Encryption: "zrtp"},
		"codecs: g729: write codecs":              {Media: "echo", Codecs: []string{"g729"}},
	} {
		p.Listen = []string{"127.0.0.1:0"}
		if p.Codecs == nil {
			p.Codecs = []string{"pcmu"}
		}
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
