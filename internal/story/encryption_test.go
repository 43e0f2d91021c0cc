package story

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
	"ringback/media"
	mediasdp "ringback/media/sdp"
	"ringback/sip/message"
)

// encrypts has the agent speak SRTP by that policy. The stories' signalling is UDP.
func encrypts(policy string) func(*agent.Config) {
	return func(c *agent.Config) { c.Media.Encryption, c.Media.KeysInClear = policy, true }
}

func labEncrypts(e mediasdp.Encryption) func(*lab.Config) {
	return func(c *lab.Config) { c.Security = media.Security{Encryption: e} }
}

// events are those of these types since the agent was hired.
func (d *desk) events(types ...agent.EventType) []agent.Event {
	d.Helper()
	var found []agent.Event
	cursor := d.agent.Since(0)
	for last := d.agent.Events().Last(); ; {
		e, err := cursor.Next(context.Background())
		if err != nil {
			d.Fatal(err)
		}
		if slices.Contains(types, e.Type) {
			found = append(found, e)
		}
		if e.Seq == last {
			return found
		}
	}
}

func (d *desk) encrypted(want bool) {
	d.Helper()
	c := d.call(agent.RoleMain)
	if c.Encrypted != want || (c.Suite != "") != want {
		d.Errorf("encrypted %v with %q, want %v", c.Encrypted, c.Suite, want)
	}
}

// TestConformance_O20_EncryptedCalls: in and out, hold and resume; and no key is in
// the trace of any of it.
func TestConformance_O20_EncryptedCalls(t *testing.T) {
	for _, policy := range []string{"optional", "required"} {
		t.Run(policy, func(t *testing.T) {
			atLab(t, "", plan{agent: encrypts(policy), lab: labEncrypts(mediasdp.EncryptionOptional)}, func(d *desk) {
				d.inCall()
				d.encrypted(true)
				d.do("hold", nil)
				d.contactHeld()
				d.do("resume", nil)
				d.talks(agent.RoleMain, contact, contactHz)
				d.encrypted(true)
				d.do("end", nil)
				d.do("done", nil)
				d.do("ready", nil)
				d.do("dial", args{"target": colleague})
				d.talks(agent.RoleMain, colleague, colleagueHz)
				d.encrypted(true)
				d.do("end", nil)
				if got := d.events(agent.MediaEncrypted, agent.MediaUnencrypted); len(got) != 2 || got[0].Text != "AEAD_AES_256_GCM" {
					t.Errorf("told %+v", got)
				}
				d.noKeyShows()
			})
		})
	}
}

// noKeyShows looks for the keys of all messages in the agent's trace and events.
func (d *desk) noKeyShows() {
	d.Helper()
	d.wire.mu.Lock()
	defer d.wire.mu.Unlock()
	text := fmt.Sprintf("%+v %+v", d.agent.State(), d.events(agent.MediaEncrypted, agent.CallConnected, agent.ErrorHappened))
	for _, r := range d.agent.Trace("") {
		text += r.Message + "\n"
	}
	if !strings.Contains(text, "a=crypto:1 AEAD_AES_256_GCM inline:***") {
		d.Errorf("no masked line is in the trace")
	}
	keys := 0
	for _, m := range d.wire.msgs {
		for _, found := range regexp.MustCompile(`inline:(\S+)`).FindAllSubmatch(m.Raw, -1) {
			keys++
			raw, err := base64.StdEncoding.DecodeString(string(found[1]))
			if err != nil || strings.Contains(text, string(found[1])) || strings.Contains(text, string(raw)) {
				d.Fatalf("a key shows, or is none: %v", err)
			}
		}
	}
	if keys < 10 {
		d.Errorf("%d keys on the wire", keys)
	}
}

func TestConformance_O20_OptionalTalksPlainWhereThePBXDoes(t *testing.T) {
	atLab(t, "", plan{agent: encrypts("optional")}, func(d *desk) {
		d.inCall()
		d.encrypted(false)
		d.do("end", nil)
		d.do("done", nil)
		d.do("dial", args{"target": colleague})
		d.talks(agent.RoleMain, colleague, colleagueHz)
		d.encrypted(false)
	})
}

func TestConformance_O20_RequiredRefusesAPlainCall(t *testing.T) {
	atPBX(t, "", plan{agent: encrypts("required")}, func(d *desk, p *pbx) {
		p.invite(sdp("")...)
		if res := p.response(488); !strings.Contains(message.Value(res, "Warning"), "a call that is not encrypted") {
			t.Errorf("Warning %q", message.Value(res, "Warning"))
		}
		if n := len(d.agent.State().Interactions); n != 0 {
			t.Errorf("%d interactions: it was offered", n)
		}
	})
}

func TestConformance_O20_RequiredSaysWhyItsCallFailed(t *testing.T) {
	t.Run("refused by the far end", func(t *testing.T) {
		atLab(t, "", plan{agent: encrypts("required")}, func(d *desk) {
			d.do("dial", args{"target": colleague})
			d.is(agent.PhaseReadyToCall)
			if got := d.events(agent.ErrorHappened); len(got) != 1 || got[0].Code != 488 || !strings.Contains(got[0].Text, "media.encryption: required") {
				t.Errorf("told %+v", got)
			}
		})
	})
	t.Run("answered without keys", func(t *testing.T) {
		atPBX(t, "", plan{agent: encrypts("required")}, func(d *desk, p *pbx) {
			d.do("dial", args{"target": colleague})
			inv := p.request("INVITE")
			if !bytes.Contains(inv.Body(), []byte("RTP/SAVP")) {
				t.Errorf("offer\n%s", inv.Body())
			}
			p.reply(inv, 200, strings.Split(strings.Replace(strings.Join(sdp(""), "\n"), "RTP/AVP", "RTP/SAVP", 1), "\n")...)
			p.request("ACK")
			bye := p.request("BYE")
			p.reply(bye, 200)
			d.is(agent.PhaseReadyToCall)
			if got := d.events(agent.ErrorHappened); len(got) != 1 || !strings.Contains(got[0].Text, "would not be encrypted") {
				t.Errorf("told %+v", got)
			}
		})
	})
}

// TestConformance_O20_RequiredIsNotTalkedDown: a re-INVITE that is not encrypted is
// refused, and the call goes on encrypted.
func TestConformance_O20_RequiredIsNotTalkedDown(t *testing.T) {
	atPBX(t, "", plan{agent: encrypts("required")}, func(d *desk, p *pbx) {
		key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 30))
		safe := append(strings.Split(strings.Replace(strings.Join(sdp(""), "\n"), "RTP/AVP", "RTP/SAVP", 1), "\n"),
			"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+key)
		p.invite(safe...)
		p.response(180)
		accepted := d.starts("accept", nil)
		p.response(200)
		p.ask("ACK")
		if err := accepted(); err != nil {
			t.Fatal(err)
		}
		d.is(agent.PhaseConnected)
		d.encrypted(true)
		p.ask("INVITE", sdp("")...)
		if res := p.response(488); !strings.Contains(message.Value(res, "Warning"), "a call that is not encrypted") {
			t.Errorf("Warning %q", message.Value(res, "Warning"))
		}
		p.ask("ACK")
		d.pass(time.Second)
		if got := d.events(agent.ErrorHappened); len(got) != 1 || !strings.Contains(got[0].Text, "a call that is not encrypted") {
			t.Errorf("told %+v", got)
		}
		d.is(agent.PhaseConnected)
		d.encrypted(true)
		if got := d.events(agent.MediaUnencrypted); len(got) != 0 {
			t.Errorf("told %+v", got)
		}
	})
}

// TestConformance_O20_OptionalShowsADowngrade: a re-INVITE that is not encrypted is
// taken, and the state and an event say so.
func TestConformance_O20_OptionalShowsADowngrade(t *testing.T) {
	atPBX(t, "", plan{agent: encrypts("optional")}, func(d *desk, p *pbx) {
		key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 30))
		p.invite(append(sdp(""), "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+key)...)
		p.response(180)
		accepted := d.starts("accept", nil)
		if res := p.response(200); !bytes.Contains(res.Body(), []byte("RTP/AVP")) || !bytes.Contains(res.Body(), []byte("a=crypto:1 AES_CM_128_HMAC_SHA1_80")) {
			t.Errorf("answer\n%s", res.Body())
		}
		p.ask("ACK")
		if err := accepted(); err != nil {
			t.Fatal(err)
		}
		d.is(agent.PhaseConnected)
		d.encrypted(true)
		p.ask("INVITE", sdp("")...)
		p.response(200)
		p.ask("ACK")
		d.waitFor("a call that is not encrypted", func(s agent.State) bool { return !s.Calls[0].Encrypted })
		d.pass(time.Second)
		if got := d.events(agent.MediaUnencrypted); len(got) != 1 {
			t.Errorf("told %+v", got)
		}
	})
}

// TestRFC4568_7_1_KeysAreNotShownOnTheWay: over UDP no key is offered or taken unless
// that is allowed.
func TestRFC4568_7_1_KeysAreNotShownOnTheWay(t *testing.T) {
	shy := func(c *agent.Config) { c.Media.Encryption = "optional" }
	atPBX(t, "", plan{agent: shy}, func(d *desk, p *pbx) {
		d.do("dial", args{"target": colleague})
		inv := p.request("INVITE")
		if bytes.Contains(inv.Body(), []byte("a=crypto")) {
			t.Errorf("offer\n%s", inv.Body())
		}
		p.reply(inv, 486)
		p.request("ACK")
		d.is(agent.PhaseReadyToCall)
		d.do("done", nil)
		d.do("ready", nil)
		key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 30))
		p.invite(append(strings.Split(strings.Replace(strings.Join(sdp(""), "\n"), "RTP/AVP", "RTP/SAVP", 1), "\n"),
			"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+key)...)
		if res := p.response(488); !strings.Contains(message.Value(res, "Warning"), "signalling that is not encrypted") {
			t.Errorf("Warning %q", message.Value(res, "Warning"))
		}
	})
}
