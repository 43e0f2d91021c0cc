package load

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/sip"
)

// labOf is a lab PBX with so many agents of one password, whose file is returned.
func labOf(t *testing.T, n *simnet.Net, agents int) (*lab.Lab, string) {
	t.Helper()
	cfg := lab.Config{Network: n.Host(farIP), IP: netip.MustParseAddr(farIP), Listen: []sip.Listen{{Transport: "udp", Address: farIP + ":5060"}}}
	for i := range agents {
		cfg.Users = append(cfg.Users, lab.User{Name: strconv.Itoa(3001 + i), Password: "load"})
	}
	pbx, err := lab.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("load\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return pbx, secret
}

const agents = 6

// Agents take what is offered, do what a plan's shares say, and leave nothing behind.
func TestLoad_AgentsWork(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		pbx, secret := labOf(t, n, agents)
		defer func() { _ = pbx.Close(t.Context()) }()
		p := plan(t, "users: {first: 3001, count: 6, password_file: "+secret+"}\n"+`agents: {for: 4m, think: {mean: 1s}, talk: {mean: 5s, spread: exponential}, hold: 50%, dtmf: 50%, reject: 10%, reschedule: 20%,
  consult: 30%, consult_to: "sip:601@192.0.2.20", transfer: 20%, transfer_to: "sip:601@192.0.2.20", dispositions: [sold, again], note: loaded, report_to: "sip:callbacks@192.0.2.20", media: tone}
thresholds: ["p99(accept) < 1s", "failures < 5%", "silent == 0", "mos.p5 > 4.0", "registration.failures == 0", "verbs.failures == 0"]
`)
		const callbacks = 60
		go func() {
			time.Sleep(5 * time.Second)
			for i := range callbacks {
				id := "cb-" + strconv.Itoa(i)
				if kind := []string{"immediate", "preview", "scheduled", ""}[i%4]; kind != "" {
					if _, err := pbx.Offer(lab.Callback{ID: id, Type: kind}); err != nil {
						t.Error(err)
					}
				} else if code, err := pbx.Send(t.Context(), strconv.Itoa(3001+i/4%agents), "application/json", `{"id":"`+id+`","number":"+81312345678"}`); err != nil || code >= 300 && code != 480 { // 480: the agent is busy
					t.Errorf("order: %d %v", code, err)
				}
				time.Sleep(3 * time.Second)
			}
		}()
		r := run(t.Context(), t, n, p, nil)
		if !r.OK || r.Registered != agents || r.LeftCalls != 0 || r.LeftRegistrations != 0 || r.Agents == nil {
			t.Fatalf("%+v", r)
		}
		a := r.Agents
		if r.Answered < callbacks*3/4 || a.Done != r.Answered || a.Offers != r.Answered+int(a.Verbs["reject"].Count) {
			t.Errorf("%d offers, %d answered, %d done: %+v", a.Offers, r.Answered, a.Done, a)
		}
		for _, verb := range []string{"accept", "call", "reject", "hold", "resume", "dtmf", "consult", "consult-answer", "consult-end", "transfer", "reschedule", "end", "dispose", "note", "done"} {
			if a.Verbs[verb].Count == 0 {
				t.Errorf("nobody did %s", verb)
			}
		}
		var page strings.Builder
		if err := (Page{Report: r}).HTML(&page, func([]sip.TraceRecord) string { return "" }); err != nil || !strings.Contains(page.String(), "agents: consult-answer") {
			t.Errorf("the page does not show the verbs: %v", err)
		}
		for i := range agents {
			if left := pbx.Bindings(strconv.Itoa(3001 + i)); len(left) != 0 {
				t.Errorf("left registered: %v", left)
			}
		}
	})
}

// An agent who transfers a contact whom the PBX is calling still: the lab says 491 then, and
// takes the REFER when it comes again.
func TestLoad_AgentsTransferBeforeTheContactIsThere(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		pbx, secret := labOf(t, n, agents)
		defer func() { _ = pbx.Close(t.Context()) }()
		p := plan(t, "users: {first: 3001, count: 6, password_file: "+secret+"}\n"+`agents: {for: 30s, think: {mean: 100ms}, talk: {mean: 1ms}, transfer: 100%, transfer_to: "sip:601@192.0.2.20"}
thresholds: ["verbs.failures == 0", "failures == 0", "completed == 12"]
`)
		for i := range 12 {
			if _, err := pbx.Offer(lab.Callback{ID: "cb-" + strconv.Itoa(i), Type: "preview"}); err != nil {
				t.Fatal(err)
			}
		}
		if r := run(t.Context(), t, n, p, nil); !r.OK || r.Agents.Verbs["transfer"].Count != 12 {
			t.Errorf("%+v %+v", r, r.Agents)
		}
	})
}

// An offer over which the shift ends is counted once, and given back by the phone.
func TestLoad_TheShiftEndsOverAnOffer(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		pbx, secret := labOf(t, n, 1)
		defer func() { _ = pbx.Close(t.Context()) }()
		p := plan(t, "users: {first: 3001, count: 1, password_file: "+secret+"}\nagents: {for: 10s, think: {mean: 1h}}\n")
		if _, err := pbx.Offer(lab.Callback{ID: "cb-1", Type: "immediate"}); err != nil {
			t.Fatal(err)
		}
		r := run(t.Context(), t, n, p, nil)
		if r.Agents == nil || r.Agents.Offers != 1 || r.Began != 0 || r.LeftCalls != 0 || r.LeftRegistrations != 0 {
			t.Errorf("%+v %+v", r, r.Agents)
		}
	})
}
