package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"ringback/agent"
)

// postAction serves POST /v1/actions/NAME. The body is one JSON object, or
// nothing for an action without arguments.
func (s *Server) postAction(w http.ResponseWriter, r *http.Request) {
	name, key := r.PathValue("name"), r.Header.Get("Idempotency-Key")
	spec := specOf(name)
	args, why, refused := readArgs(w, r, spec)
	if refused != nil {
		s.refuse(w, why, refused)
		return
	}
	if key == "" || spec.Records() && !spec.Edits { // a repeated search does no harm, and is not remembered
		result := s.perform(name, args)
		s.write(w, result.status, result.text)
		return
	}
	if len(key) > maxRepeatKey {
		s.fail(w, &agent.ActionError{Code: agent.CodeInvalid, Message: "Idempotency-Key is longer than 200 bytes"})
		return
	}
	s.performOnce(w, r, key, name, args)
}

func (s *Server) performOnce(w http.ResponseWriter, r *http.Request, key, name string, args []byte) {
	a, first, same := s.repeats.begin(key, name, args, time.Now())
	if !same {
		s.fail(w, &agent.ActionError{Code: agent.CodeInvalid, Message: "Idempotency-Key was used for another request", Hint: "take a new key for each action"})
		return
	}
	if first {
		result := answer{http.StatusInternalServerError, []byte(`{"error":{"code":"failed","message":"the action failed inside the agent","allowed":[]}}`)}
		defer func() { s.repeats.finish(a, result) }()
		result = s.perform(name, args)
		s.write(w, result.status, result.text)
		return
	}
	select {
	case <-a.done:
		w.Header().Set("Idempotent-Replayed", "true")
		s.write(w, a.result.status, a.result.text)
	case <-r.Context().Done():
	}
}

// perform does the action to its end whether or not the client stays: what was
// asked of a phone is not taken back by a closed terminal.
func (s *Server) perform(name string, args []byte) answer {
	ctx, cancel := context.WithTimeout(s.ctx, actionTime)
	defer cancel()
	s.mark.move(s.agent.State().Seq)
	result, refused := s.agent.Do(ctx, name, args)
	if refused != nil {
		status, text := errorText(refused)
		return answer{status, text}
	}
	if result == nil {
		result = struct{}{}
	}
	text, err := json.Marshal(result)
	if err != nil {
		status, text := errorText(&agent.ActionError{Code: agent.CodeFailed, Message: "write result of " + name + ": " + err.Error()})
		return answer{status, text}
	}
	return answer{http.StatusOK, text}
}

// specOf is the row of an action; one without a name for an unknown one, which the
// agent refuses.
func specOf(name string) agent.ActionSpec {
	all := agent.Actions()
	if at := slices.IndexFunc(all, func(a agent.ActionSpec) bool { return a.Name == name }); at >= 0 {
		return all[at]
	}
	return agent.ActionSpec{}
}

// saysJSON reports whether body is to be read as JSON: by its Content-Type, by none, or
// where it is an object under the type that curl -d writes. On TCP, where a web page could
// send such a form, the web's own rules have refused it before.
func saysJSON(kind string, body []byte) bool {
	if kind == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(kind)
	return err == nil && (media == "application/json" || media == "application/x-www-form-urlencoded" && bytes.HasPrefix(body, []byte("{")))
}

func readArgs(w http.ResponseWriter, r *http.Request, spec agent.ActionSpec) (json.RawMessage, agent.Refusal, *agent.ActionError) {
	limit := int64(maxBody)
	if spec.Large {
		limit = maxLargeBody
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, agent.RefusedSize, &agent.ActionError{Code: codeTooLarge, Message: fmt.Sprintf("arguments are larger than %d KiB", limit>>10)}
	}
	if err != nil {
		return nil, agent.RefusedUnreadable, &agent.ActionError{Code: agent.CodeInvalid, Message: "read arguments: " + err.Error()}
	}
	body = bytes.TrimSpace(body)
	if kind := r.Header.Get("Content-Type"); !saysJSON(kind, body) {
		return nil, agent.RefusedContentType, &agent.ActionError{Code: agent.CodeInvalid, Message: "Content-Type " + kind + ": arguments are application/json"}
	}
	if len(body) == 0 {
		return json.RawMessage("{}"), 0, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, agent.RefusedArguments, &agent.ActionError{Code: agent.CodeInvalid, Message: "arguments are not one JSON object", Hint: `send for example {"interaction":"i7"}`}
	}
	return body, 0, nil
}
