package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"ringback/agent/load"
)

// How far a generator has come.
type standing uint8

const (
	absent standing = iota
	joined
	ready
	done
	lost
)

// member is one generator.
type member struct {
	standing standing
	id       string
	heard    time.Time
	result   *load.Result // the newest; nil: none yet
}

// roster is all of them by index.
type roster []member

func newRoster(n int) roster { return make(roster, n) }

// in are the indices of those who stand so.
func (r roster) in(s standing) []int {
	var all []int
	for i, m := range r {
		if m.standing == s {
			all = append(all, i)
		}
	}
	return all
}

func (r roster) all(s standing) bool { return len(r.in(s)) == len(r) }

// settled reports whether nothing comes any more of anybody.
func (r roster) settled() bool { return len(r.unsettled()) == 0 }

// unsettled are those of whom something is to come.
func (r roster) unsettled() []int { return append(r.in(joined), r.in(ready)...) }

// drop stops the waiting for those that never came.
func (r roster) drop() {
	for _, i := range r.in(absent) {
		r[i].standing = lost
	}
}

// silent are those that were not heard since.
func (r roster) silent(since time.Time) []int {
	return slices.DeleteFunc(r.unsettled(), func(i int) bool { return r[i].heard.After(since) })
}

// loses marks one as lost, with what was last heard of it, or nothing. It is false
// when nothing was to come of it any more.
func (r roster) loses(i int, nothing *load.Result, why string) bool {
	if i < 0 || i >= len(r) || r[i].standing == done || r[i].standing == lost {
		return false
	}
	if r[i].result == nil {
		r[i].result = nothing
	}
	r[i].standing = lost
	r[i].result.Lose(why)
	return true
}

// results are the newest of all that have counted something.
func (r roster) results() []*load.Result {
	var all []*load.Result
	for _, m := range r {
		if m.result != nil {
			all = append(all, m.result)
		}
	}
	return all
}

// names lists generators for people.
func names(indices []int, of int) string {
	var all []string
	for _, i := range indices {
		all = append(all, load.Part{Index: i, Of: of}.String())
	}
	word := "generator "
	if len(all) > 1 {
		word = "generators "
	}
	return word + strings.Join(all, ", ")
}

// hears takes what a generator says. What nobody of this run can have said is left
// alone.
func (co *coordinator) hears(m *nats.Msg) {
	var said message
	if json.Unmarshal(m.Data, &said) != nil {
		co.c.Log.Warn("load: a message that is none of ours", "subject", m.Subject)
		return
	}
	refused := co.refuses(said)
	if refused == "" {
		co.takes(said)
	}
	if m.Reply != "" {
		text, _ := json.Marshal(reply{refused, co.c.Ladders})
		_ = m.Respond(text) // it asks again
	}
}

// refuses says why a message cannot be of this run; empty: it can.
func (co *coordinator) refuses(said message) string {
	switch {
	case said.Of != co.c.Generators:
		return fmt.Sprintf("this run has %d generators, not %d", co.c.Generators, said.Of)
	case said.Index < 0 || said.Index >= len(co.roster) || said.ID == "":
		return fmt.Sprintf("there is no generator %d", said.Index)
	}
	m, part := &co.roster[said.Index], load.Part{Index: said.Index, Of: said.Of}
	switch {
	case m.id != "" && m.id != said.ID:
		return fmt.Sprintf("another process is generator %v already", part)
	case m.id == said.ID:
		return ""
	case said.Says != saysJoin:
		return fmt.Sprintf("generator %v has not joined", part)
	case said.Plan != co.plan.Digest():
		return fmt.Sprintf("the plan of generator %v is another than the coordinator's: give both the same file", part)
	case co.state.Phase != phaseWaiting:
		return "the run has begun without it"
	}
	return ""
}

func (co *coordinator) takes(said message) {
	m := &co.roster[said.Index]
	if m.standing == done || m.standing == lost {
		return
	}
	m.heard, m.id = time.Now(), said.ID
	if said.Result != nil {
		r, err := unpack(said.Result)
		if err != nil || len(r.Generators) != 1 || r.Generators[0].Index != said.Index || r.Terms.Plan != co.plan.Digest() {
			co.loses(said.Index, fmt.Sprintf("its result cannot be read: %v", err))
			return
		}
		m.result = r
	}
	switch said.Says {
	case saysJoin:
		m.standing = max(m.standing, joined)
	case saysReady:
		m.standing = max(m.standing, ready)
	case saysFail:
		co.loses(said.Index, said.Error)
	case saysDone:
		if said.Error != "" && co.state.Phase != phaseEnding {
			co.loses(said.Index, said.Error)
			return
		}
		m.standing = done
	}
}
