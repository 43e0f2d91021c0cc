package sip_test

import (
	"ringback/internal/ladder"
	"ringback/sip"
)

var _ = sip.DrawWith(func(title string, parties map[string]string, msgs []sip.Wired) string {
	o := ladder.Options{Title: title, Show: []string{"Refer-To", "Event", "Subscription-State", "Reason"}, Bodies: true}
	for _, name := range []string{"agent", "far end"} {
		o.Parties = append(o.Parties, ladder.Party{Name: name, Addresses: []string{parties[name]}})
	}
	list := make([]ladder.Message, len(msgs))
	for i, m := range msgs {
		list[i] = ladder.Message{At: m.At, From: m.From, To: m.To, Raw: m.Raw}
	}
	return ladder.Render(list, o)
})
