//go:build interop

package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringback/internal/asterisk"
)

// What is promised of the end of a phone, and what Asterisk needs for the legs of a dead one:
// rtp_timeout, or the end of what it rings for (testdata/asterisk/etc).
const (
	farewell = 5 * time.Second // Agent.Run, with a PBX that is dead, too
	burial   = 30 * time.Second
)

// moment is a state in which a phone is ended.
type moment struct {
	name  string
	reach func(p *mortal) // from registered, and idle
	// left is the state of the interaction in the next life: empty when there is none, offered
	// when it comes again by itself.
	left      string
	elsewhere string // the extension where Asterisk still has the contact; empty: it has him no more
}

func moments() []moment {
	return []moment{
		{name: "registering", reach: func(p *mortal) { p.unanswered() }},
		{name: "registered", reach: func(p *mortal) {}},
		{name: "offered", reach: func(p *mortal) { p.rung("tone") }},
		{name: "preview", left: "preview", reach: func(p *mortal) { p.ordered("609") }},
		{name: "dialling", left: "ready-to-call", reach: func(p *mortal) {
			p.ordered("613")
			p.ringback("call", "--wait", "dialling")
			p.channel("613")
		}},
		{name: "ringing", left: "ready-to-call", reach: func(p *mortal) {
			p.ordered("614")
			p.ringback("call", "--wait", "dialling")
			p.ringback("wait", "call", "ringing")
		}},
		{name: "connected", left: "ready-to-call", reach: func(p *mortal) { p.talks("tone") }},
		{name: "on hold", left: "ready-to-call", reach: func(p *mortal) {
			p.talks("tone")
			p.ringback("hold", "--wait", "on-hold")
		}},
		{name: "held by the far end", left: "ready-to-call", reach: (*mortal).heldByPartner},
		{name: "consulting", left: "ready-to-call", reach: func(p *mortal) {
			p.talks("tone")
			p.ringback("consult", "611", "--wait", "connected")
		}},
		{name: "transferring", left: "ready-to-call", elsewhere: "604", reach: func(p *mortal) {
			p.talks("silent")
			p.starts("transfer", "604")
			p.channel("604")
		}},
		{name: "conference", left: "ready-to-call", reach: func(p *mortal) {
			p.talks("tone")
			p.ringback("conference", "611", "--wait", "conference")
		}},
		{name: "ready to call", left: "ready-to-call", reach: func(p *mortal) {
			p.talks("tone")
			p.ringback("end", "--wait", "ready-to-call")
		}},
		{name: "to be called again", left: "offered", reach: func(p *mortal) {
			p.ordered("609")
			p.ringback("reschedule", "--at", "+8s", "--personal", "--reason", "busy")
			p.ringback("done")
		}},
	}
}

// TestKill ends a phone, by SIGTERM and by SIGKILL, in each state of a registration and a call. By
// SIGTERM it is gone within what it promises, and Asterisk has neither a channel nor a contact of
// it any more. By SIGKILL Asterisk lets its channels go by its own timers. In either case the store is whole, and the
// next life of the phone has the interaction with its note, ends it, and Asterisk gets the report.
func TestKill(t *testing.T) {
	binary := os.Getenv("RINGBACK")
	if binary == "" {
		t.Fatal("set RINGBACK to the binary to test (make interop does)")
	}
	scripts, err := filepath.Abs("../../testdata/asterisk")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pbx, err := asterisk.Start(ctx, scripts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pbx.Stop)
	type end struct {
		moment
		signal syscall.Signal
	}
	ends := make(chan end, 100)
	for _, m := range moments() {
		ends <- end{m, syscall.SIGTERM}
		ends <- end{m, syscall.SIGKILL}
	}
	close(ends)
	var phones, partner = sync.WaitGroup{}, &sync.Mutex{}
	for n := range 6 { // side by side: most of the time is Asterisk's timers
		phones.Go(func() {
			for e := range ends {
				name := map[syscall.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGKILL: "SIGKILL"}[e.signal]
				t.Run(name+" "+e.name, func(t *testing.T) {
					p := newMortal(t, binary, pbx, fmt.Sprint(1061+n), fmt.Sprintf("127.0.0.%d", 21+n))
					p.partner = partner
					p.diesAt(e.moment, e.signal)
				})
			}
		})
	}
	phones.Wait()
	p := newMortal(t, binary, pbx, "1067", "127.0.0.31")
	p.until("Asterisk has no channel any more", burial, func() (bool, string) {
		all := p.console("core show channels concise")
		return !strings.Contains(all, "PJSIP/") && !strings.Contains(all, "Local/"), all
	})
}

// diesAt is one life, its end, and the life after it.
func (p *mortal) diesAt(m moment, signal syscall.Signal) {
	p.Helper()
	p.id = strings.ReplaceAll(p.Name()[strings.Index(p.Name(), "/")+1:], "_", "-")
	if m.name != "registering" {
		p.born(p.pbx.Address)
		p.ringback("wait", "registered")
	}
	m.reach(p)
	if m.left != "" && m.left != "offered" {
		p.ringback("note", p.id)
	}
	took, died := p.dies(signal), time.Now()
	if signal == syscall.SIGTERM {
		if took > farewell {
			p.Errorf("gone after %v", took)
		}
		p.forgotten(time.Second)
		if _, err := os.Stat(p.socket()); err == nil {
			p.Error("its socket is left")
		}
	}
	p.Logf("%v: gone after %v", signal, took)
	p.ringback("store", "check")
	p.born(p.pbx.Address)
	p.ringback("wait", "registered")
	p.goesOn(m)
	if p.unused(burial); signal == syscall.SIGKILL {
		p.Logf("Asterisk let its channels go %v after the death", time.Since(died).Round(time.Second/10))
	}
	if m.elsewhere != "" {
		if at := p.contactAt(m.elsewhere); at == "" {
			p.Errorf("the contact is not at %s: its call should have survived", m.elsewhere)
		} else {
			p.console("channel request hangup " + at)
		}
	}
	p.dies(syscall.SIGTERM)
	p.forgotten(time.Second)
}

// goesOn ends what the next life found, and sees its report arrive.
func (p *mortal) goesOn(m moment) {
	p.Helper()
	if m.left == "offered" {
		p.ringback("wait", "offer")
		p.ringback("accept", "--wait", "preview")
	}
	s := p.state()
	if m.left == "" {
		if len(s.Interactions) > 0 {
			p.Errorf("the next life has %+v", s.Interactions)
		}
		return
	}
	want, note := m.left, p.id
	if m.left == "offered" {
		want, note = "preview", ""
	}
	if len(s.Interactions) != 1 || s.Interactions[0].State != want || s.Interactions[0].Note != note || s.Interactions[0].Callback.ID != p.id {
		p.Errorf("the next life has %+v, want one of %s with its note %q in %s", s.Interactions, p.id, note, want)
		return
	}
	p.ringback("done")
	p.until("the report arrives", burial, func() (bool, string) {
		data, _ := os.ReadFile(p.pbx.Path("spool/messages"))
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, `"`+p.id+`"`) && strings.Contains(line, `"type":"done"`) {
				return true, line
			}
		}
		return false, string(data)
	})
	p.until("the outbox is empty", burial, func() (bool, string) {
		s := p.state()
		return s.Outbox.Waiting == 0 && s.Outbox.Failed == 0, fmt.Sprintf("%+v", s.Outbox)
	})
}
