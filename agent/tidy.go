package agent

import "fmt"

// An agent marks callbacks Done, but hardly each plain call of a day. Calls that are
// over close by themselves when enough newer ones are there: soon those that were
// never worked on, late the others. History and recents have them all the same.
const (
	openCalls   = 20  // untouched ones that stay open
	openTouched = 200 // all
)

// tidy closes the oldest plain calls that are over, beyond those bounds. It runs
// after every input.
func (a *Agent) tidy() {
	var over, untouched []*interaction
	for _, in := range a.interactions {
		if in.kind != KindCall || in.closed || in.key != "" || in.armed != nil || in.phase() != PhaseReadyToCall {
			continue
		}
		over = append(over, in)
		if in.disposition == "" && in.note == "" && len(in.caseData) == 0 && !a.cfg.Dispositions.Mandatory {
			untouched = append(untouched, in)
		}
	}
	for len(untouched) > openCalls {
		a.closeByItself(untouched[0], openCalls)
		untouched = untouched[1:]
	}
	for _, in := range over {
		if len(over) <= openTouched {
			return
		}
		if !in.closed {
			a.closeByItself(in, openTouched)
		}
		over = over[1:]
	}
}

func (a *Agent) closeByItself(in *interaction, newer int) {
	in.closed = true
	a.save(in, "done")
	a.emit(Event{Type: InteractionDone, Interaction: in.id, Channel: in.channel, Reason: in.disposition,
		Text: fmt.Sprintf("closed by itself: %d newer calls are over and open", newer)})
	a.wrapUpDone(in)
}
