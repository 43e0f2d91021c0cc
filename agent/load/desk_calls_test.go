package load

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"ringback/internal/simnet"
)

// told gathers calls. Any goroutine.
type told struct {
	mu    sync.Mutex
	calls []CallResult
}

func (t *told) add(r CallResult) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, r)
}

// loudest is the level of the loudest call that the far end hears now, in dBFS.
func loudest(far *Responder, before float64) float64 {
	most := before
	_ = far.parts[0].loop.Do(context.Background(), func() {
		for _, t := range far.parts[0].open {
			if t.voice != nil {
				most = max(most, t.voice.session.Stats().RxLevel)
			}
		}
	})
	return most
}

// Agents say what the plan says, in its codec, encrypted as it says; each of their calls is
// told, with what the agent did.
func TestOffers_MediaOfAgents(t *testing.T) {
	for _, row := range []struct{ says, far, encryption, codec, profile string }{
		{MediaFile, MediaSilence, "sdes", "g722", "RTP/SAVP "},
		{MediaEcho, MediaTone, "dtls", "pcma", "UDP/TLS/RTP/SAVP"},
		{MediaTone, MediaSilence, "sdes", "pcmu", "RTP/SAVP "},
		{MediaSilence, MediaTone, "off", "pcmu", "RTP/AVP"},
	} {
		t.Run(row.says+" "+row.encryption, func(t *testing.T) {
			said := ""
			if row.says == MediaFile {
				said = ", file: " + wav(t)
			}
			story(t, func(t *testing.T, n *simnet.Net) {
				far := respond(t, n, ResponderPlan{Media: row.far, Codecs: []string{row.codec}, Encryption: row.encryption, Offers: 0.5})
				defer far.Close()
				p := plan(t, fmt.Sprintf("users: {first: 2001, count: 2}\nagents: {for: 20s, think: {mean: 100ms}, talk: {mean: 3s, spread: constant}, hold: 100%%, hold_for: {mean: 1s}, media: %s, encryption: %s, codecs: [%s]%s}\nthresholds: ['failures == 0', 'dropped == 0', 'verbs.failures == 0', 'silent == 0', 'completed > 3']\n",
					row.says, row.encryption, row.codec, said))
				var all told
				level := -200.0
				host := n.Host(generatorIP)
				res, err := Run(t.Context(), p, Options{Network: host, Media: host, OnCall: all.add, Ladders: true, Worst: true, OnProgress: func(*Snapshot) { level = loudest(far, level) }})
				if err != nil {
					t.Fatal(err)
				}
				r := res.Report()
				if !r.OK || r.Sounded < 4 {
					t.Fatalf("%+v", r)
				}
				if (level > -25) != (row.says != MediaSilence) {
					t.Errorf("the far end hears %.0f dB", level)
				}
				done := 0
				for _, c := range all.calls {
					if c.Outcome != CallDone {
						continue
					}
					done++
					if c.Media == nil || !strings.EqualFold(c.Media.Codec, row.codec) || c.Media.MOS < 3.5 || c.AnswerMS == nil || c.Talk < 3 || c.Role != "main" || !strings.HasPrefix(c.From, "200") || c.To == "" {
						t.Errorf("%+v", c)
					}
					if len(c.Verbs) < 5 || c.Verbs[0].Verb != "accept" || c.Verbs[1].Verb != "hold" || c.Verbs[len(c.Verbs)-1].Verb != "done" {
						t.Errorf("verbs %+v", c.Verbs)
					}
				}
				if done > r.Agents.Done || done < r.Agents.Done-2 { // the end of the shift cuts two at most
					t.Errorf("%d of %d are told as done", done, r.Agents.Done)
				}
				if len(res.Worst) == 0 || len(res.Worst[0].Messages()) < 8 {
					t.Fatalf("the worst calls: %+v", res.Worst)
				}
				if offer := res.Worst[0].Messages()[0].Text; !strings.HasPrefix(offer, "INVITE ") || !strings.Contains(offer, row.profile) {
					t.Errorf("no %s in %s", row.profile, offer)
				}
			})
		})
	}
}

// What an agent refuses, what fails and what is dropped is told as that, once, with the calls
// beside the contact's; those that fail with their messages.
func TestOffers_TellsEachCallOfAgents(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		far := respond(t, n, ResponderPlan{Media: MediaTone, Codecs: []string{"pcmu"}, Offers: 1, Busy: 0.5})
		defer far.Close()
		p := plan(t, "users: {first: 2001, count: 4}\n"+`agents: {for: 40s, think: {mean: 200ms}, talk: {mean: 2s}, hold_for: {mean: 1s}, wrap_up: {mean: 500ms}, reject: 30%, consult: 60%, consult_to: "sip:601@192.0.2.20", media: tone, codecs: [pcmu]}`+"\n")
		var all, failed told
		host := n.Host(generatorIP)
		res, err := Run(t.Context(), p, Options{Network: host, Media: host, OnCall: all.add, OnFailed: failed.add, Ladders: true, Part: Part{}})
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, c := range all.calls {
			count[c.Role+" "+c.Outcome]++
			if c.Outcome == CallFailed && !strings.Contains(c.Cause, "busy") && !strings.Contains(c.Cause, "486") || c.Outcome == CallDone && c.AnswerMS == nil {
				t.Errorf("%+v", c)
			}
		}
		r := res.Report()
		if count["main refused"] != int(r.Agents.Verbs["reject"].Count) || count["consultation done"] != int(r.Agents.Verbs["consult-answer"].Count) || count["consultation failed"] == 0 {
			t.Errorf("%v: %+v", count, r.Agents)
		}
		mains := 0
		for kind, n := range count {
			if strings.HasPrefix(kind, "main ") {
				mains += n
			}
		}
		if mains != r.Agents.Offers {
			t.Errorf("%d of %d offers are told: %v", mains, r.Agents.Offers, count)
		}
		if len(failed.calls) != count["consultation failed"]+count["main failed"]+count["main dropped"] {
			t.Errorf("%d are told as failed: %v", len(failed.calls), count)
		}
		for _, c := range failed.calls {
			if m := c.Messages(); len(m) < 3 || !strings.HasPrefix(m[0].Text, "INVITE sip:601@") || !strings.HasPrefix(m[len(m)-1].Text, "ACK ") {
				t.Errorf("%s: %d messages", c.Cause, len(m))
			}
		}
	})
}
