package control

import (
	"fmt"
	"net/http"

	"ringback/agent"
)

// Trace is the answer of GET /v1/trace.
type Trace struct {
	Schema      string              `json:"schema"`
	Interaction agent.InteractionID `json:"interaction"`
	Records     []agent.TraceRecord `json:"records"`
}

// getTrace serves GET /v1/trace?interaction=ID.
func (s *Server) getTrace(w http.ResponseWriter, r *http.Request) {
	id := agent.InteractionID(r.URL.Query().Get("interaction"))
	state := s.agent.State()
	if _, found := state.Interaction(id); id != "" && !found {
		s.fail(w, &agent.ActionError{Code: agent.CodeNotFound, Message: fmt.Sprintf("there is no interaction %s", id), Candidates: interactionIDs(state)})
		return
	}
	records := s.agent.Trace(id)
	if records == nil {
		records = []agent.TraceRecord{}
	}
	s.reply(w, http.StatusOK, Trace{"ringback.trace/1", id, records})
}
