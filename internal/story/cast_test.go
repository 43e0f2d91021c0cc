package story

import (
	"math"
	"slices"
	"strconv"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
	"ringback/sip"
)

// Who plays, and by which tone each is known, in Hz. The agent says 440.
const (
	contact   = "+81312345678"
	colleague = "2001"
	refusing  = "2002"
	absent    = "2003"
	leaving   = "2005"

	agentHz     = 440
	contactHz   = 1004
	colleagueHz = 620
)

func cast() []lab.Extension {
	say := lab.Tone(colleagueHz)
	return []lab.Extension{
		{Number: contact, Name: "山田 太郎", Behaviour: lab.Behaviour{Ring: time.Second, Say: lab.Tone(contactHz)}},
		{Number: colleague, Name: "Sato", Behaviour: lab.Behaviour{Ring: time.Second, Say: say}},
		{Number: refusing, Name: "Busy", Behaviour: lab.Behaviour{Ring: time.Second, Refuse: 486}},
		{Number: absent, Name: "Absent", Behaviour: lab.Behaviour{NoAnswer: true, Say: say}},
		{Number: leaving, Name: "Leaves", Behaviour: lab.Behaviour{Ring: time.Second, Say: say, HangUpAfter: 3 * time.Second}},
	}
}

func listen(transport, address string) sip.Listen {
	return sip.Listen{Transport: transport, Address: address}
}

func codeText(code int) string { return strconv.Itoa(code) }

// offers has the queue offer a callback of the contact's.
func (d *desk) offers(cb lab.Callback) {
	d.Helper()
	d.beat()
	if _, err := d.lab.Offer(cb); err != nil {
		d.Fatal(err)
	}
}

// accepts has the agent accept a callback and talk with the contact.
func (d *desk) accepts() {
	d.Helper()
	d.offers(lab.Callback{ID: "cb-1"})
	d.is(agent.PhaseOffered)
	d.do("accept", nil)
	d.talks(agent.RoleMain, contact, contactHz)
}

// inCall begins a story in the middle of a call with the contact.
func (d *desk) inCall() {
	d.Helper()
	d.accepts()
	d.beat()
	d.begin()
}

// talks waits until the agent hears the party of a call, and the party the agent.
func (d *desk) talks(role agent.Role, party string, hz int) {
	d.Helper()
	d.hears(role, hz)
	d.heardBy(party, agentHz)
}

// hears waits until the agent hears a tone in the newest call of a role.
func (d *desk) hears(role agent.Role, hz int) {
	d.Helper()
	d.waitFor("a tone of "+codeText(hz)+" Hz in the "+string(role)+" call", func(s agent.State) bool { return tone(s, role, hz) })
}

// deafTo waits until the agent does not hear a tone any more.
func (d *desk) deafTo(role agent.Role, hz int) {
	d.Helper()
	d.waitFor("no tone of "+codeText(hz)+" Hz in the "+string(role)+" call", func(s agent.State) bool { return !tone(s, role, hz) })
}

func tone(s agent.State, role agent.Role, hz int) bool {
	for _, c := range slices.Backward(s.Calls) {
		if c.Role == role {
			return slices.ContainsFunc(c.Heard.Tones, func(t float64) bool { return int(math.Round(t)) == hz })
		}
	}
	return false
}

// heardBy waits until a party hears a tone.
func (d *desk) heardBy(party string, hz int) {
	d.Helper()
	d.until(party+" hears "+codeText(hz)+" Hz", func() bool { return slices.Contains(d.lab.Heard(party).Now, hz) })
}

// notHeardBy waits until a party does not hear a tone any more.
func (d *desk) notHeardBy(party string, hz int) {
	d.Helper()
	d.until(party+" does not hear "+codeText(hz)+" Hz", func() bool { return !slices.Contains(d.lab.Heard(party).Now, hz) })
}

// contactHeld waits until the contact is on hold: it hears music, not the agent, and
// the agent does not hear it.
func (d *desk) contactHeld() {
	d.Helper()
	d.heardBy(contact, lab.MusicHz)
	d.notHeardBy(contact, agentHz)
	d.deafTo(agent.RoleMain, contactHz)
}

// givesUp has the contact leave the queue, on the next beat.
func (d *desk) givesUp() {
	d.Helper()
	d.beat()
	if err := d.lab.GiveUp("cb-1"); err != nil {
		d.Fatal(err)
	}
}

// hangsUp has a party leave its calls, on the next beat.
func (d *desk) hangsUp(party string) {
	d.Helper()
	d.beat()
	if err := d.lab.HangUp(party); err != nil {
		d.Fatal(err)
	}
}

// holds has the contact's side put the agent on hold, in this moment.
func (d *desk) holds(form lab.HoldForm) {
	d.Helper()
	if err := d.lab.Hold(contact, form); err != nil {
		d.Fatal(err)
	}
}

// labSaw waits for something that happened at the lab since the beginning.
func (d *desk) labSaw(what lab.EventType, party string, code int) {
	d.Helper()
	d.until(string(what), func() bool {
		return slices.ContainsFunc(d.lab.Log().Since(0), func(e lab.Event) bool { return e.Type == what && e.Party == party && e.Code == code })
	})
}
