package main

import (
	"testing"
	"time"

	"ringback/agent"
)

func at(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", "2026-11-23 "+text, time.Local)
	if err != nil {
		panic(err)
	}
	return t
}

func TestStatusText(t *testing.T) {
	now := at("10:02:30")
	for _, row := range []struct {
		name  string
		state func(*agent.State)
		want  string
	}{
		{"nothing yet", func(s *agent.State) {
			s.Registration = agent.RegistrationState{State: "registering", AOR: "sip:1001@pbx.example.com"}
			s.Channels = map[agent.ChannelName]agent.ChannelState{"voice": {State: "ready", Since: at("10:00:00")}}
		}, `sip:1001@pbx.example.com  registering
voice                     ready        since 10:00, 2m

no interactions
`},
		{"refused", func(s *agent.State) {
			s.Registration = agent.RegistrationState{State: "failed", AOR: "sip:1001@pbx.example.com", Code: 403, Reason: "Forbidden", NextTry: new(at("10:02:45"))}
			s.Channels = map[agent.ChannelName]agent.ChannelState{
				"voice":       {State: "after-call-work", Since: at("09:58:00"), WrapUpUntil: new(at("10:02:42")), Pending: "not-ready", PendingReason: "lunch", PBX: &agent.QueueState{State: "unpaused", Reason: "*46: 404 Not Found"}},
				"webcallback": {State: "dnd", Since: at("09:00:00")}}
			s.Outbox = agent.OutboxState{Waiting: 2, Failed: 1}
		}, `sip:1001@pbx.example.com  failed           403 Forbidden, next try 10:02:45
voice                     after-call-work  since 09:58, 4m                   12s left  then not-ready lunch  queue unpaused (*46: 404 Not Found)
webcallback               dnd              since 09:00, 1h02m

no interactions

outbox: 2 waiting, 1 failed
`},
		{"registered, but", func(s *agent.State) {
			s.Registration = agent.RegistrationState{State: "registered", AOR: "sip:1001@pbx.example.com", Expires: new(at("10:05:00")), Reason: "the DNS is silent"}
		}, `sip:1001@pbx.example.com  registered         until 10:05
but                       the DNS is silent

no interactions
`},
		{"strangers", func(s *agent.State) {
			s.Registration = agent.RegistrationState{State: "registered", AOR: "sip:1001@pbx.example.com", Expires: new(at("10:05:00"))}
			s.Refused = map[string]uint64{"stranger.invite": 12, "media.stranger": 3, "newer.cause": 1}
		}, `sip:1001@pbx.example.com  registered  until 10:05

no interactions

refused since the start
12  calls of strangers          (stranger.invite)
3   media packets of strangers  (media.stranger)
1   newer.cause
`},
		{"an offer", func(s *agent.State) {
			s.Registration = agent.RegistrationState{State: "registered", AOR: "sip:1001@pbx.example.com", Expires: new(at("10:05:00"))}
			s.Interactions = []agent.InteractionState{{ID: "i7", Kind: "voicecallback", State: agent.PhaseOffered, AcceptMeans: "answer", Allowed: []string{"accept", "reject"},
				Contact: agent.Contact{Name: "山田 太郎", Number: "+81312345678"}, OfferExpires: new(at("10:02:48")), Info: agent.InfoState{Case: []agent.InfoRow{{Field: "order", Label: "order", Value: "4711"}}},
				Callback: &agent.Callback{Type: "scheduled", DesiredTime: new(at("10:00:00")), DesiredLocal: "2026-11-23 19:00 JST", Timezone: "Asia/Tokyo", Reason: "invoice", Origin: "web", Attempt: 2}, Attempts: 1}}
		}, `sip:1001@pbx.example.com  registered  until 10:05

i7  offered  voicecallback  山田 太郎  +81312345678
    accept means answer; 18s left
    scheduled for 2026-11-23 19:00 JST (Asia/Tokyo there, 10:00 here); invoice; from web; attempt 2
    called before: 1
    order: 4711
    can: accept reject
`},
		{"a consultation", func(s *agent.State) {
			s.Registration = agent.RegistrationState{State: "registered", AOR: "sip:1001@pbx.example.com"}
			s.Interactions = []agent.InteractionState{{ID: "i7", Kind: "call", State: agent.PhaseConsulting, Allowed: []string{"end"}, Contact: agent.Contact{Number: "601"},
				Muted: true, Note: "two\nlines\x1b[31m", Disposition: "sold", Calls: []agent.CallID{"c1", "c2"}}}
			s.Calls = []agent.CallState{
				{ID: "c1", State: agent.CallPhaseConnected, Role: agent.RoleMain, Remote: "sip:601@pbx", HeldByMe: true, Codec: "PCMU", Quality: agent.Quality{RXPackets: 9, Lost: 2, JitterMS: 1.24, MOS: 4.41, Trouble: "it is muted", Troubled: true}},
				{ID: "c2", State: agent.CallPhaseEnded, Role: agent.RoleConsultation, Remote: "sip:2002@pbx", Reason: "busy"}}
		}, `sip:1001@pbx.example.com  registered

i7  consulting  call  601  muted  sold
    note: two lines` + "\ufffd" + `[31m
    c1  connected  main          sip:601@pbx   held by me  PCMU  lost 2  jitter 1.2 ms  MOS 4.4  it is muted
    c2  ended      consultation  sip:2002@pbx  busy
    can: end
`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := agent.NewState()
			row.state(&s)
			if got := statusText(s, now); got != row.want {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
		})
	}
}

func TestEventLine(t *testing.T) {
	e := agent.Event{Seq: 41, Time: at("10:02:11"), Type: agent.CallEnded, Interaction: "i7", Call: "c12", Remote: "sip:601@pbx\x1b[0m", Code: 486, Reason: "busy"}
	const want = "10:02:11.000    41  call.ended              i7  c12  sip:601@pbx\ufffd[0m  486  busy"
	if got := eventLine(e); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
