package control

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"

	"ringback/agent"
)

// markHeader carries the mark beside a snapshot.
const markHeader = "Ringback-Mark"

// mark is how far people have got in the events: to where the last action began
// or the last wait was met. A wait for an event begins there, so that what
// happened between two commands of a script is not missed. It never goes back.
type mark struct{ seq atomic.Uint64 }

func (m *mark) get() uint64 { return m.seq.Load() }

func (m *mark) move(seq uint64) {
	for {
		old := m.seq.Load()
		if seq <= old || m.seq.CompareAndSwap(old, seq) {
			return
		}
	}
}

// markBody is what POST /v1/mark takes.
type markBody struct {
	Seq uint64 `json:"seq"`
}

// postMark serves POST /v1/mark.
func (s *Server) postMark(w http.ResponseWriter, r *http.Request) {
	text, why, refused := readArgs(w, r, agent.ActionSpec{})
	if refused != nil {
		s.refuse(w, why, refused)
		return
	}
	var body markBody
	if err := json.Unmarshal(text, &body); err != nil {
		s.fail(w, &agent.ActionError{Code: agent.CodeInvalid, Message: "seq is no whole number"})
		return
	}
	if newest := s.agent.State().Seq; body.Seq > newest {
		s.fail(w, &agent.ActionError{Code: agent.CodeInvalid, Message: fmt.Sprintf("seq %d is not there yet: the newest is %d", body.Seq, newest)})
		return
	}
	s.mark.move(body.Seq)
	s.reply(w, http.StatusOK, markBody{s.mark.get()})
}
