package agent

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"ringback/agent/store"
	"ringback/internal/lab"
	"ringback/sip"
)

// Whatever the note is, its reports together say it whole, and each is small enough.
func TestReport_SplitLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(600, 3000).Draw(t, "most")
		note := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("山田\"\\\n\t\u2028<&🙂a")))).Draw(t, "note")
		note = strings.Repeat(note, rapid.IntRange(1, 200).Draw(t, "times"))
		r := Report{Schema: ReportSchema, Time: time.Now().UTC(), Agent: "sip:1001@pbx.example.com", Callback: "cb-1", Type: ReportDone, Interaction: "i1",
			Channel: ChannelVoice, Disposition: "sold", Note: note}
		all := r.split(most)
		var got string
		for i, part := range all {
			text := part.text()
			if len(text) > most || !utf8.Valid(text) {
				t.Fatalf("part %d has %d bytes of %d", i, len(text), most)
			}
			var read Report
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			if got += read.Note; i < len(all)-1 && (read.Type != ReportNote || read.Part != i+1 || read.Parts != len(all)-1) {
				t.Fatalf("part %d is %+v", i, read)
			}
		}
		if last := all[len(all)-1]; got != note || last.Type != ReportDone || last.Disposition != "sold" {
			t.Fatalf("%q became %q; the last is %+v", note, got, last)
		}
	})
}

func TestReport_TextsAreBounded(t *testing.T) {
	long := strings.Repeat("長", 1000)
	r := Report{Reason: long, Name: long, Disposition: long, Number: long, Zone: long, Callback: "cb-1"}
	r.bound()
	if n := len(r.text()); n > 900 || !strings.HasSuffix(r.Reason, "…") || !utf8.ValidString(r.Reason) {
		t.Errorf("%d bytes: %s", n, r.text())
	}
}

func TestReport_WrittenTwiceIsKeptOnce(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.on(func(a *Agent) {
			in := &interaction{id: "i9", channel: ChannelVoice, created: a.now()}
			in.key = "cb-9"
			for range 2 {
				for n := 1; n <= 2; n++ {
					a.tell(in, ReportAttempt, func(r *Report) { r.Attempt, r.Result = n, "busy" })
				}
				a.tell(in, ReportDone, func(r *Report) { r.Note = strings.Repeat("山", 1000) })
			}
			all, err := a.store.Reports(store.ReportFilter{Callback: "cb-9"})
			if err != nil || len(all) != 7 { // two attempts, four parts of the note, done
				t.Errorf("%d reports, %v", len(all), err)
			}
			for i, r := range all {
				var body Report
				if json.Unmarshal(r.Body, &body); body.Seq != i+1 || body.ID != r.ID {
					t.Errorf("%d: %+v", i, body)
				}
			}
		})
		b.settle()
	})
}

func TestOutbox_Pauses(t *testing.T) {
	for _, far := range []bool{false, true} {
		a := &Agent{deps: Deps{Random: func(n int) int {
			if far {
				return n - 1
			}
			return 0
		}}}
		for failures, most := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 9: 256 * time.Second, 10: 300 * time.Second, 1000: 300 * time.Second} {
			want := most / 2
			if far {
				want = most
			}
			if got := a.pause(failures); got != want {
				t.Errorf("after %d failures %s, want %s", failures, got, want)
			}
		}
	}
}

func TestOutbox_RetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{"20": 20 * time.Second, " 7 (busy);duration=3": 7 * time.Second, "99999": mostPause, "soon": 0, "": 0,
		"99999999999999999999": 0} {
		if got := retryAfter([]sip.Header{{Name: "retry-after", Value: value}}); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

// A report that was delivered and could not be noted is not sent again, and nothing
// passes it, until the store is well.
func TestStory_TheStoreHangsWhenAReportWasDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		cfg.Callbacks.ReportTo = "sip:callbacks@" + labIP
		b := newBed(t, "", cfg, lab.Config{Queue: lab.QueuePolicy{Pause: time.Hour}})
		defer b.close()
		b.wait(RegistrationRegistered)
		held := make(chan struct{})
		b.on(func(a *Agent) {
			if err := a.store.Close(); err != nil {
				t.Error(err)
			}
			var err error
			if a.store, err = store.Open("", store.Options{Commit: func(point string, before bool) {
				if point == "report" && before {
					<-held
				}
			}}); err != nil {
				t.Error(err)
			}
			a.ids.store, a.outbox.begun = a.store, false
		})
		b.offer(lab.Callback{ID: "cb-1"})
		b.wait(OfferReceived)
		b.do("reject", nil)
		if e := b.wait(ErrorHappened); !strings.Contains(e.Text, "the disk does not answer in time") {
			t.Errorf("%+v", e)
		}
		<-time.After(time.Minute)
		if o := b.agent.State().Outbox; o.Waiting != 1 || o.NextTry == nil || !strings.Contains(o.Reason, "disk") {
			t.Errorf("%+v", o)
		}
		close(held)
		b.wait(OutboxDelivered)
		b.settle()
		if n := len(b.lab.Messages()); n != 1 {
			t.Errorf("sent %d times", n)
		}
		if o := b.agent.State().Outbox; o != (OutboxState{}) {
			t.Errorf("%+v", o)
		}
		failures := 0
		for _, e := range eventsOf(t, b.agent) {
			if e.Type == ErrorHappened && strings.HasPrefix(e.Text, "outbox: ") { // the history has the closed store
				failures++
			}
		}
		if failures != 1 {
			t.Errorf("told %d times", failures)
		}
		b.holds()
	})
}

// Whatever is lost on the way, and whoever restarts: each report arrives, those of one
// callback in their order, and one that comes twice has the same id.
func TestStory_ReportsArriveThroughLossAndRestarts(t *testing.T) {
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfig()
			cfg.Callbacks.ReportTo, cfg.Channels.StartWeb = "sip:callbacks@"+labIP, "ready"
			cfg.Account.Keepalive = 5 * time.Second
			b := newBed(t, t.TempDir(), cfg, lab.Config{})
			defer b.close()
			chance := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			lossy := func(_ bool, text string) bool { // REGISTER and orders have their own stories
				mu.Lock()
				defer mu.Unlock()
				return strings.Contains(text, "MESSAGE") && strings.Contains(text, "callbacks@") && chance.IntN(10) < 4
			}
			const callbacks = 8
			for n := range callbacks {
				b.wait(RegistrationRegistered)
				key := fmt.Sprint("w-", n)
				if code := b.order("text/plain", fmt.Sprintf(`{"id":%q,"number":"610"}`, key)); code != 200 {
					t.Fatal(code)
				}
				b.wait(OfferReceived)
				b.lab.Lose(lossy)
				b.do("accept", nil)
				b.do("call", nil)
				b.wait(CallEnded)
				if n%3 == 1 { // the PBX falls dead, and forgets us
					b.lab.Stop(false)
				}
				b.do("done", nil)
				if n%2 == 1 { // the phone ends
					b.stops[len(b.stops)-1]()
					b.seen = 0
				}
				b.lab.Lose(nil)
				if err := b.lab.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n%2 == 1 {
					b.agent = b.run(cfg, "1001", agentIP)
				} else {
					b.on(func(a *Agent) { a.registration.Refresh() })
				}
			}
			b.wait(RegistrationRegistered)
			<-time.After(10 * time.Minute)
			if o := b.agent.State().Outbox; o != (OutboxState{}) {
				t.Errorf("seed %d: %+v", seed, o)
			}
			for n := range callbacks {
				last, ids, types := 0, map[string]int{}, []string{}
				for _, r := range b.lab.Reports(fmt.Sprint("w-", n)) {
					switch was, seen := ids[r.ID]; {
					case seen && was != r.Seq, !seen && r.Seq != last+1:
						t.Errorf("seed %d, w-%d: %s came as %d after %d", seed, n, r.Type, r.Seq, last)
					case !seen:
						ids[r.ID], last, types = r.Seq, r.Seq, append(types, r.Type)
					}
				}
				if got := strings.Join(types, " "); got != "accepted attempt done" {
					t.Errorf("seed %d, w-%d: %s", seed, n, got)
				}
			}
		})
	}
}
