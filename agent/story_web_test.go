package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"ringback/agent/store"
	"ringback/internal/lab"
)

// webReady lets web callbacks come.
func webReady(c *Config, _ *lab.Config) { c.Channels.StartWeb = "ready" }

// order sends a MESSAGE from the PBX and gives the code of its answer.
func (b *bed) order(contentType, body string) int {
	b.t.Helper()
	code, err := b.lab.Send(context.Background(), "1001", contentType, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return code
}

func (b *bed) row(key string) store.Callback {
	b.t.Helper()
	row, have, err := b.agent.store.Callback(key)
	if err != nil || !have {
		b.t.Fatalf("callback %s: there %v, %v", key, have, err)
	}
	return row
}

const yamada = `{"id":"w-1","number":"+81312345678","name":"山田 太郎","timezone":"Asia/Tokyo","reason":"wants a price","data":{"product":"光回線"},"shop":"銀座"}`

func TestStory_WebCallback(t *testing.T) {
	story(t, webReady, func(b *bed) {
		if code := b.order("application/json", yamada); code != 200 {
			t.Fatalf("the order got %d", code)
		}
		if e := b.wait(OfferReceived); e.Channel != ChannelWebCallback || e.Call != "" {
			t.Errorf("%+v", e)
		}
		in := b.phase(PhaseOffered)
		if in.Kind != KindWebCallback || in.AcceptMeans != "preview" || in.Contact.Name != "山田 太郎" || in.Case["shop"] != "銀座" || in.Case["product"] != "光回線" || in.Timezone != "Asia/Tokyo" {
			t.Errorf("%+v", in)
		}
		b.do("accept", nil)
		b.wait(OfferAccepted)
		if in := b.phase(PhasePreview); len(in.Calls) != 0 || in.Attempts != 0 {
			t.Errorf("accept dials nothing: %+v", in)
		}
		if row := b.row("w-1"); row.State != store.CallbackOpen || row.Interaction != string(in.ID) {
			t.Errorf("%+v", row)
		}
		r := b.do("call", nil)
		b.wait(CallConnected)
		b.phase(PhaseConnected)
		b.agentHears(r.Call, lab.ContactHz, true)
		b.do("hold", nil)
		b.phase(PhaseOnHold)
		b.do("resume", nil)
		b.do("end", nil)
		if in := b.phase(PhaseReadyToCall); in.Attempts != 1 || in.Result != ResultAnswered || in.AttemptLog[0].Number != "+81312345678" {
			t.Errorf("%+v", in)
		}
		if c := b.web(); c.State != "after-call-work" {
			t.Errorf("%+v", c)
		}
		if c := b.channel(); c.State != "ready" {
			t.Errorf("the other channel: %+v", c)
		}
		b.do("call", nil)
		b.wait(CallConnected)
		b.do("end", nil)
		b.do("done", nil)
		if in := b.phase(PhaseDone); in.Attempts != 2 {
			t.Errorf("%+v", in)
		}
		if row := b.row("w-1"); row.State != store.CallbackDone || row.Attempts != 2 {
			t.Errorf("%+v", row)
		}
		if c := b.web(); c.State != "ready" {
			t.Errorf("%+v", c)
		}
	})
}

func TestStory_WebCallbackDoneWithoutACall(t *testing.T) {
	story(t, webReady, func(b *bed) {
		b.order("text/plain", yamada)
		b.wait(OfferReceived)
		b.do("accept", nil)
		b.do("done", nil)
		if in := b.phase(PhaseDone); in.Attempts != 0 || len(in.Calls) != 0 {
			t.Errorf("%+v", in)
		}
	})
}

func TestStory_WebCallbackOrders(t *testing.T) {
	rows := []struct {
		name, contentType, body string
		code                    int
		says                    string
	}{
		{"no JSON", "application/json", `{"id":`, 400, "no JSON object"},
		{"a list", "application/json", `[1]`, 400, "no JSON object"},
		{"not UTF-8", "application/json", "{\"id\":\"\xff\"}", 400, "UTF-8"},
		{"no number", "application/json", `{"id":"w-2"}`, 400, "number is missing"},
		{"number of another kind", "application/json", `{"id":"w-2","number":81}`, 400, "number is a number"},
		{"undialable", "application/json", `{"id":"w-2","number":"call me"}`, 400, "call me"},
		{"this phone", "application/json", `{"id":"w-2","number":"1001"}`, 400, "this phone itself"},
		{"no time", "text/plain", `{"id":"w-2","number":"600","desired_time":"noon"}`, 400, "desired_time"},
		{"no zone", "application/json", `{"id":"w-2","number":"600","timezone":"Tokyo"}`, 400, "IANA"},
		{"no type", "application/json", `{"id":"w-2","number":"600","type":"later"}`, 400, "immediate, delayed"},
		{"data of another kind", "application/json", `{"id":"w-2","number":"600","data":[1]}`, 400, "data is no JSON object"},
		{"no channel", "application/json", `{"id":"w-2","number":"600","channel":"fax"}`, 400, "voice or webcallback"},
		{"another type", "text/html", `<p>`, 415, ""},
		{"a text", "text/plain", `hello`, 200, ""},
	}
	story(t, webReady, func(b *bed) {
		for _, row := range rows {
			b.mark()
			if code := b.order(row.contentType, row.body); code != row.code {
				t.Errorf("%s: %d, want %d", row.name, code, row.code)
			}
			if row.code == 400 {
				if e := b.wait(MessageReceived); e.Code != 400 || !strings.Contains(e.Reason, row.says) {
					t.Errorf("%s: recorded as %+v", row.name, e)
				}
			}
		}
		if all := b.agent.State().Interactions; len(all) != 0 {
			t.Errorf("offered: %+v", all)
		}
	})
}

func TestStory_WebCallbackTheSameIdTwiceIsOfferedOnce(t *testing.T) {
	story(t, webReady, func(b *bed) {
		for range 2 {
			if code := b.order("application/json", yamada); code != 200 {
				t.Errorf("%d", code)
			}
		}
		b.wait(OfferReceived)
		b.do("accept", nil)
		b.order("application/json", yamada)
		b.do("done", nil)
		if code := b.order("application/json", yamada); code != 200 {
			t.Errorf("after done: %d", code)
		}
		b.settle()
		if all := b.agent.State().Interactions; len(all) != 1 {
			t.Errorf("offered %d times", len(all))
		}
		// The PBX means it: another attempt of the same callback.
		b.order("application/json", strings.Replace(yamada, `"id"`, `"attempt":2,"id"`, 1))
		b.wait(OfferReceived)
		if in := b.phase(PhaseOffered); in.Callback.Attempt != 2 {
			t.Errorf("%+v", in.Callback)
		}
	})
}

func TestStory_WebCallbackRefusedWhereNotReady(t *testing.T) {
	story(t, nil, func(b *bed) {
		if code := b.order("application/json", yamada); code != 480 {
			t.Errorf("not ready: %d", code)
		}
		if e := b.wait(MessageReceived); e.Code != 480 || e.Reason != "not-ready" {
			t.Errorf("%+v", e)
		}
		if row := b.row("w-1"); row.State != store.CallbackReturned {
			t.Errorf("%+v", row)
		}
		reports, err := b.agent.store.Reports(store.ReportFilter{Callback: "w-1"})
		if err != nil || len(reports) != 1 || reports[0].Kind != "rejected" || !strings.Contains(string(reports[0].Body), "480") {
			t.Errorf("%+v %v", reports, err)
		}
		b.do("ready", map[string]any{"channel": "webcallback"})
		b.do("not-ready", map[string]any{"channel": "voice"})
		if code := b.order("application/json", yamada); code != 200 {
			t.Errorf("ready: %d", code)
		}
		b.wait(OfferReceived)
		if code := b.order("application/json", `{"id":"w-2","number":"600"}`); code != 480 {
			t.Errorf("during an offer: %d", code)
		}
		b.do("accept", nil)
		if code := b.order("application/json", `{"id":"w-2","number":"600"}`); code != 480 {
			t.Errorf("during a preview: %d", code)
		}
	})
}

func TestStory_WebCallbackRejectedAndMissedGoBack(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) {
		c.Channels.StartWeb, c.Callbacks.MissedLimit = "ready", 2
	}, func(b *bed) {
		b.order("application/json", yamada)
		b.wait(OfferReceived)
		b.do("reject", map[string]any{"reason": "wrong language"})
		if row := b.row("w-1"); row.State != store.CallbackReturned {
			t.Errorf("%+v", row)
		}
		for n := range 2 {
			key := fmt.Sprintf("w-m%d", n)
			b.order("application/json", fmt.Sprintf(`{"id":%q,"number":"600"}`, key))
			b.wait(OfferReceived)
			b.wait(OfferMissed)
			if row := b.row(key); row.State != store.CallbackReturned {
				t.Errorf("%+v", row)
			}
		}
		b.settle()
		if c := b.web(); c.State != "not-ready" || c.Reason != "missed offers" {
			t.Errorf("%+v", c)
		}
		if c := b.channel(); c.State != "ready" {
			t.Errorf("%+v", c)
		}
	})
}

func TestStory_OrderThroughTheAPI(t *testing.T) {
	story(t, webReady, func(b *bed) {
		order := map[string]any{"order": json.RawMessage(`{"number":"600","name":"Web"}`)}
		b.do("order", order)
		b.wait(OfferReceived)
		if in := b.phase(PhaseOffered); in.Callback.ID == "" || in.Contact.Name != "Web" {
			t.Errorf("%+v", in)
		}
		b.fails("order", map[string]any{"order": json.RawMessage(`{"id":"x"}`)}, CodeInvalid)
		if err := b.fails("order", map[string]any{"order": json.RawMessage(`{"id":"x","number":"601"}`)}, CodeNotAllowed); !strings.Contains(err.Message, "busy with another contact") {
			t.Errorf("%v", err)
		}
	})
}

func TestStory_RestartKeepsWhatWasOpenAndWaiting(t *testing.T) {
	dir := t.TempDir()
	keep := func(c *Config, _ *lab.Config) { c.Channels.StartWeb = "ready" }
	var id InteractionID
	storyIn(t, dir, keep, func(b *bed) {
		b.order("application/json", yamada)
		b.wait(OfferReceived)
		id = b.do("accept", nil).Interaction
		b.do("note", map[string]any{"text": "折り返し"})
		b.do("case", map[string]any{"values": map[string]string{"k": "v"}})
		b.do("dispose", map[string]any{"code": "sold"})
		b.do("call", map[string]any{"number": "610"})
		b.wait(CallEnded)
		b.do("reschedule", map[string]any{"at": "+1h", "personal": true, "reason": "busy"})
	})
	storyIn(t, dir, keep, func(b *bed) {
		in := b.phase(PhaseReadyToCall)
		if in.ID != id || in.Note != "折り返し" || in.Case["k"] != "v" || in.Case["shop"] != "銀座" || in.Disposition != "sold" || in.Result != ResultBusy ||
			in.Attempts != 1 || len(in.AttemptLog) != 1 || in.AttemptLog[0].Code != 486 || in.Callback.Reason != "wants a price" ||
			in.Reschedule == nil || in.Reschedule.Reason != "busy" || in.Kind != KindWebCallback {
			t.Errorf("%+v", in)
		}
		b.do("done", nil)
		if row := b.row("w-1"); row.State != store.CallbackScheduled || row.Scope != ScopePersonal {
			t.Errorf("%+v", row)
		}
	})
	storyIn(t, dir, keep, func(b *bed) {
		if all := b.agent.State().Interactions; len(all) != 0 {
			t.Errorf("%+v", all)
		}
		<-time.After(time.Hour)
		b.wait(OfferReceived)
		if in := b.phase(PhaseOffered); in.Callback.ID != "w-1" || in.Callback.Type != CallbackScheduled || in.Attempts != 1 {
			t.Errorf("%+v", in)
		}
		b.do("accept", nil)
	})
	storyIn(t, dir, keep, func(b *bed) {
		b.phase(PhasePreview)
		<-time.After(time.Hour)
		if all := b.agent.State().Interactions; len(all) != 1 {
			t.Errorf("due again: %+v", all)
		}
	})
}

func TestStory_AnOrderFromAStrangerGets403AndLeavesNothing(t *testing.T) {
	story(t, webReady, func(b *bed) {
		evil, err := b.net.Host("10.0.0.66").ListenPacket(t.Context(), "udp", "10.0.0.66:5060")
		if err != nil {
			t.Fatal(err)
		}
		defer evil.Close()
		contact := b.agent.State().Registration.Contact // sip:1001@10.0.0.11:49152
		phone, err := net.ResolveUDPAddr("udp", strings.TrimPrefix(contact, "sip:1001@"))
		if err != nil {
			t.Fatal(err)
		}
		pbx := b.lab.Addr("udp") // whom he says to be
		message := fmt.Sprintf("MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.66:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"+
			"From: <sip:callbacks@%s>;tag=1\r\nTo: <sip:1001@%s>\r\nCall-ID: evil\r\nCSeq: 1 MESSAGE\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			contact, pbx, pbx, len(yamada), yamada)
		if _, err := evil.WriteTo([]byte(message), phone); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 4096)
		n, _, err := evil.ReadFrom(answer)
		if err != nil || !strings.HasPrefix(string(answer[:n]), "SIP/2.0 403 ") {
			t.Errorf("%q %v", answer[:n], err)
		}
		b.settle()
		if rows, err := b.agent.store.Callbacks(store.CallbackFilter{}); err != nil || len(rows) != 0 || len(b.agent.State().Interactions) != 0 {
			t.Errorf("%v %v", rows, err)
		}
	})
}
