package story

import (
	"testing"

	"ringback/agent"
)

func TestDigits_ArriveBothWaysAndAreKept(t *testing.T) {
	atLab(t, "digits", plan{title: "Digits both ways by RFC 4733"}, func(d *desk) {
		d.inCall()
		d.do("dtmf", args{"digits": "12#"})
		d.until("the digits at the contact", func() bool { return d.lab.Heard(contact).Digits == "12#" })
		d.beat()
		if err := d.lab.Press(contact, "9*"); err != nil {
			t.Fatal(err)
		}
		d.waitFor("the contact's digits", func(s agent.State) bool { return s.Interactions[0].Case["dtmf_received"] == "9*" })
		if sent := d.interaction().Case["dtmf_sent"]; sent != "12#" {
			t.Errorf("kept as sent: %v", sent)
		}
		d.saw("dtmf.sent 12#", "dtmf.received 9", "dtmf.received *")
		d.do("end", nil)
	})
}

func TestDigits_ByInfoBothWays(t *testing.T) {
	atLab(t, "digits-info", plan{title: "Digits both ways by SIP INFO"}, func(d *desk) {
		d.inCall()
		d.do("dtmf", args{"digits": "7A", "method": "info"})
		d.until("the digits at the contact", func() bool { return d.lab.Heard(contact).Digits == "7A" })
		d.beat()
		if err := d.lab.Inform(contact, "5"); err != nil {
			t.Fatal(err)
		}
		d.waitFor("the contact's digit", func(s agent.State) bool { return s.Interactions[0].Case["dtmf_received"] == "5" })
		d.saw("dtmf.sent 7A", "dtmf.received 5")
		d.do("end", nil)
	})
}
