package agent

import (
	"fmt"
	"strings"
	"testing"
)

// openOnes are the interactions that are not done.
func (b *bed) openOnes() map[InteractionID]bool {
	open := map[InteractionID]bool{}
	for _, in := range b.agent.State().Interactions {
		if in.State != PhaseDone {
			open[in.ID] = true
		}
	}
	return open
}

func TestStory_PlainCallsThatNobodyMarksDoneCloseByThemselves(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		for n := 1; n <= openCalls+5; n++ {
			b.do("dial", map[string]any{"target": "3000"})
			s := <-p.came
			p.do(func() { _ = s.Reject(486, "") })
			b.wait(CallEnded)
			id := InteractionID(fmt.Sprintf("i%d", n))
			switch n {
			case 1:
				b.do("note", map[string]any{"interaction": id, "text": "asks for a quote"})
			case 2:
				b.do("dispose", map[string]any{"interaction": id, "code": "call-again"})
			}
		}
		b.settle()
		open := b.openOnes()
		if !open["i1"] || !open["i2"] || open["i3"] || open["i5"] || !open["i6"] || len(open) != openCalls+2 {
			t.Errorf("open are %v", open)
		}
		var told []string
		for _, e := range eventsOf(t, b.agent) {
			if e.Type == InteractionDone {
				told = append(told, string(e.Interaction)+" "+e.Text)
			}
		}
		if len(told) != 3 || !strings.HasPrefix(told[0], "i3 closed by itself: 20 newer calls") {
			t.Errorf("told %q", told)
		}
	})
}

func TestStory_WorkedOnCallsStayOpenLonger(t *testing.T) {
	peerStory(t, func(c *Config) { c.Dispositions = DispositionConfig{Mandatory: true, Codes: []string{"sold"}} }, func(b *bed, p *peer) {
		b.on(func(a *Agent) {
			a.input(func() {
				for range openTouched + 30 {
					a.newInteraction(KindCall, Contact{Number: "3000"})
				}
				a.newInteraction(KindVoiceCallback, Contact{Number: "3000"})
			})()
		})
		b.settle()
		if open := b.openOnes(); len(open) != openTouched+1 || open["i30"] || !open["i31"] {
			t.Errorf("%d are open", len(open))
		}
	})
}
