package story

import (
	"context"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/verdict"
)

// reasons are what the events so far said of the registration.
func (d *desk) reasons() string {
	var all []string
	last := d.agent.Events().Last()
	for cursor, n := d.agent.Since(0), uint64(0); n < last; n++ {
		e, err := cursor.Next(context.Background())
		if err != nil {
			d.Fatal(err)
		}
		if strings.HasPrefix(string(e.Type), "registration.") {
			all = append(all, e.Reason)
		}
	}
	return strings.Join(all, "\n")
}

// says fails unless a verdict's words stand in a text, with what to do.
func (d *desk) says(text string, id verdict.ID) {
	d.Helper()
	f := id.Say()
	form := regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(f.Error()), ".*")
	if !regexp.MustCompile(form).MatchString(text) || strings.ContainsAny(text, "{}") {
		d.Errorf("it says %q, want %q", text, f.Error())
	}
}

func TestVerdict_NoNetwork(t *testing.T) {
	p := fresh("")
	p.offline, p.agent = true, func(c *agent.Config) { c.Account.Bind = "[::]:5060" }
	atLab(t, "", p, func(d *desk) {
		d.waitFor("the failure", func(s agent.State) bool { return s.Registration.State == "failed" })
		d.says(d.agent.State().Registration.Reason, verdict.NetNoWay)
		d.laptop.SetAddrs(agentIP)
		d.registered()
	})
}

func TestVerdict_ConnectionLost(t *testing.T) {
	atLab(t, "", plan{agent: func(c *agent.Config) { c.Account.Transport = "tcp" }}, func(d *desk) {
		d.lab.Stop(false)
		d.waitFor("the loss", func(s agent.State) bool { return s.Registration.State != "registered" })
		d.says(d.reasons(), verdict.NetLost)
	})
}

// A laptop that slept for longer than its binding lives.
func TestVerdict_ClockJumped(t *testing.T) {
	atLab(t, "", plan{}, func(d *desk) {
		d.clock.Add(int64(2 * time.Hour))
		d.pass(10 * time.Second)
		d.registered()
		d.says(d.reasons(), verdict.ClockJumped)
	})
}

// A disk that hangs refuses what it cannot keep, in the table's words.
func TestVerdict_SlowDisk(t *testing.T) {
	var disk atomic.Pointer[chan struct{}] // made inside of the story: what waits there lets time go by
	commit := func(_ string, before bool) {
		if hang := disk.Load(); hang != nil && before {
			<-*hang
		}
	}
	atLab(t, "", plan{keeps: true, commit: commit}, func(d *desk) {
		d.do("dial", args{"target": colleague})
		d.waitFor("the call", func(s agent.State) bool { return len(s.Interactions) == 1 })
		free := make(chan struct{})
		disk.Store(&free)
		defer func() { disk.Store(nil); close(free) }()
		refused := d.now("note", args{"text": "kept?"})
		if refused == nil {
			t.Fatal("the note was kept on a disk that hangs")
		}
		d.says(refused.Message+"; "+refused.Hint, verdict.StoreSlow)
		if took := time.Since(d.start); took > time.Minute {
			t.Errorf("refused after %v", took)
		}
	})
}
