package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"ringback/agent"
)

// Schemas of the two messages of a stream that are no events.
const (
	fellBehindSchema = "ringback.fell-behind/1"
	endedSchema      = "ringback.ended/1"
)

// streamEnd is the last message of a stream that could go no further.
type streamEnd struct {
	Schema  string `json:"schema"`
	Seq     uint64 `json:"seq"` // of the newest event
	Message string `json:"message"`
}

// getEvents serves GET /v1/events?since=SEQ as server-sent events, each with
// its seq as id, its type as event and its JSON as data. Without since it
// starts at now; a reconnecting client's Last-Event-ID does as well.
func (s *Server) getEvents(w http.ResponseWriter, r *http.Request) {
	newest := s.agent.State().Seq
	since, refused := sinceOf(r, newest)
	if refused != nil {
		s.fail(w, refused)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := &stream{w: w, control: http.NewResponseController(w)}
	if since > newest {
		out.end("fell-behind", streamEnd{fellBehindSchema, newest, fmt.Sprintf("seq %d is not there yet: the agent was started anew; take a new snapshot", since)})
		return
	}
	if out.say(": from seq "+strconv.FormatUint(since, 10)+"\n\n") == nil {
		s.follow(r.Context(), out, s.agent.Since(since))
	}
}

func sinceOf(r *http.Request, newest uint64) (uint64, *agent.ActionError) {
	text := r.URL.Query().Get("since")
	if text == "" {
		text = r.Header.Get("Last-Event-ID")
	}
	if text == "" {
		return newest, nil
	}
	since, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, &agent.ActionError{Code: agent.CodeInvalid, Message: fmt.Sprintf("since %q: it is the seq of an event, a whole number", text)}
	}
	return since, nil
}

// follow copies events to the stream until one side ends. A quiet stream gets
// a comment now and then, so that a client knows it is alive.
func (s *Server) follow(ctx context.Context, out *stream, events Reader) {
	for {
		quiet, cancel := context.WithTimeout(ctx, heartbeat)
		e, err := events.Next(quiet)
		cancel()
		switch {
		case err == nil:
			err = out.event(e)
		case errors.Is(err, agent.ErrFellBehind):
			out.end("fell-behind", streamEnd{fellBehindSchema, s.agent.State().Seq, "events were lost to this reader: take a new snapshot"})
		case errors.Is(err, io.EOF):
			out.end("ended", streamEnd{endedSchema, s.agent.State().Seq, "the agent has ended"})
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			err = out.say(": quiet\n\n")
		}
		if err != nil {
			return
		}
	}
}

// stream writes server-sent events, each within writeTime: a client that takes
// nothing more is let go, and holds up nobody.
type stream struct {
	w       io.Writer
	control *http.ResponseController
}

func (o *stream) event(e agent.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write event %d: %w", e.Seq, err)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data)
	return o.say(text.String())
}

func (o *stream) end(name string, last streamEnd) {
	if data, err := json.Marshal(last); err == nil {
		_ = o.say("event: " + name + "\ndata: " + string(data) + "\n\n")
	}
}

func (o *stream) say(text string) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := io.WriteString(o.w, text); err != nil {
		return err
	}
	return o.control.Flush()
}
