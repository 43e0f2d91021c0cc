package scenario

import (
	"fmt"
	"time"

	"ringback/agent"
)

// Finding is something odd about a call, by its name and in words with the values.
// It fails nothing by itself: the expectation "clean" is that there is none.
type Finding struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// From here on a call is odd.
const (
	lateAnswer   = 5 * time.Second // from dialling to the answer
	lateSound    = time.Second     // from the answer to the first sound, of a call that has some
	enoughTalk   = 2 * time.Second // a shorter call is not judged
	badLoss      = 1.0             // percent of the packets that were to come
	badJitter    = 30.0            // ms
	badDelay     = 250.0           // ms from mouth to ear
	badRoundTrip = 300.0           // ms of packets, by RTCP
)

// odd is a row of what can be odd: when it is, its name, and what is said.
type odd struct {
	is   bool
	name string
	text func() string
}

// oddities are all that can be odd about a call, in the order in which they are told.
func (r *Record) oddities(m measured) []odd {
	q, judged := m.quality, m.up >= enoughTalk
	say := func(format string, args ...any) func() string {
		return func() string { return fmt.Sprintf(format, args...) }
	}
	return []odd{
		{r.ghost(), "ghost-call", say("a call came from %s that no step took", clean(m.state.Remote))},
		{!m.state.Incoming && m.answer > lateAnswer, "late-answer", say("answered %s after it was dialled", seconds(m.answer))},
		{judged && q.RXPackets == 0 && q.TXPackets > 0, "one-way-audio", say("%d packets were sent, and none came", q.TXPackets)},
		{q.TroubleName == "unheard", "one-way-audio", say("%s", q.Trouble)},
		{judged && q.RXPackets > 0 && m.sound == 0, "silence", say("packets came, and no sound in %s", seconds(m.up))},
		{m.first > lateSound, "late-sound", say("the first sound came %s after the answer", seconds(m.first))},
		{judged && lossOf(q) > badLoss, "loss", say("%.1f %% of the packets were lost: %d of %d", lossOf(q), q.Lost, q.Lost+q.RXPackets)},
		{judged && q.RemoteLost > badLoss, "far-loss", say("the far end reports that %.1f %% of ours were lost", q.RemoteLost)},
		{judged && q.JitterMS > badJitter, "jitter", say("%.0f ms", q.JitterMS)},
		{judged && q.DelayMS > badDelay, "delay", say("%.0f ms from mouth to ear", q.DelayMS)},
		{judged && q.DelayMS <= badDelay && q.RTTMS > badRoundTrip, "delay", say("packets take %.0f ms there and back", q.RTTMS)},
		{q.TroubleName == "clipped", "clipped-audio", say("%s", q.Trouble)},
		{q.TroubleName == "too-loud", "too-loud", say("%s", q.Trouble)},
	}
}

// findings are what is odd about a call.
func (r *Record) findings(m measured) []Finding {
	found := []Finding{}
	for _, o := range r.oddities(m) {
		if o.is {
			found = append(found, Finding{o.name, o.text()})
		}
	}
	return found
}

// ghost says whether the call came in and no step wanted it.
func (r *Record) ghost() bool { return r.state.Incoming && !r.taken }

// lossOf is the share of packets that did not come, in percent.
func lossOf(q agent.Quality) float64 {
	if q.Lost == 0 {
		return 0
	}
	return 100 * float64(q.Lost) / float64(q.Lost+q.RXPackets)
}
