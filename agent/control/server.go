package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path"
	"strconv"
	"time"

	"ringback/agent"
)

// Limits of one socket. They are far above what a desk full of tools needs and
// keep a runaway script from taking the phone's memory.
const (
	maxBody      = 256 << 10        // bytes of one action's arguments
	maxLargeBody = 32 << 20         // of one that takes a file
	maxHeaders   = 16 << 10         // bytes of one request's headers
	maxClients   = 256              // connections at a time
	readTime     = 10 * time.Second // for a whole request to come in
	actionTime   = 2 * time.Minute  // for an action to be done: a transfer waits for its target
	writeTime    = 10 * time.Second // for one answer, or one event, to be taken
	idleTime     = 2 * time.Minute  // for a connection without a request
	heartbeat    = 15 * time.Second // between two signs of life on a quiet stream
)

// Agent is what the desk needs of a softphone; Of makes one of *agent.Agent.
// All methods are called from any goroutine.
type Agent interface {
	// State is the snapshot, with the seq of the last event in it.
	State() agent.State
	// Since is a reader of the events after seq.
	Since(seq uint64) Reader
	// Do performs an action by its name in agent.Actions.
	Do(ctx context.Context, name string, args json.RawMessage) (any, *agent.ActionError)
	// Trace is the SIP messages of an interaction, or all for "".
	Trace(id agent.InteractionID) []agent.TraceRecord
	// Refused counts what was refused since the start, by cause; Refuse adds what the
	// desk refused.
	Refused() map[string]uint64
	Refuse(why agent.Refusal)
}

// Reader hands out events in order: *agent.Cursor is one. Next returns
// agent.ErrFellBehind when events are lost to it, and io.EOF when the agent has
// ended.
type Reader interface {
	Next(ctx context.Context) (agent.Event, error)
}

// Of is the desk's view of a softphone.
func Of(a *agent.Agent) Agent { return desk{a} }

type desk struct{ *agent.Agent }

func (d desk) Since(seq uint64) Reader { return d.Agent.Since(seq) }

// Server answers on one socket for one agent.
type Server struct {
	agent   Agent
	log     *slog.Logger
	repeats *repeats
	version string
	ctx     context.Context // ends with Serve: it ends streams and actions
	web     *web            // nil: the profile's socket
	mark    mark
}

// Serve answers on l for a until ctx ends, and returns when every request has
// ended. version is what the OpenAPI document names.
func Serve(ctx context.Context, l net.Listener, a Agent, version string, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newServer(ctx, a, version, log)
	return s.serve(ctx, cancel, &limitListener{Listener: l, free: make(chan struct{}, maxClients), closed: make(chan struct{}), mayUse: s.mine(os.Geteuid())})
}

// mine refuses clients of other users than this one. Modes keep them out already; this
// holds where somebody has changed those.
func (s *Server) mine(uid int) func(net.Conn) bool {
	return func(c net.Conn) bool {
		peer, known := peerUID(c)
		if !known || int(peer) == uid {
			return true
		}
		s.agent.Refuse(agent.RefusedPeer)
		s.log.Debug("refused a client of another user on the control socket", "uid", peer)
		return false
	}
}

// serve answers on l until ctx ends.
func (s *Server) serve(ctx context.Context, cancel context.CancelFunc, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: readTime,
		ReadTimeout:       readTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaders,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	s.watch(srv)
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		closing, done := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
		defer done()
		stopped <- srv.Shutdown(closing)
	}()
	err := srv.Serve(l)
	cancel()
	if shut := <-stopped; shut != nil {
		srv.Close()
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func newServer(ctx context.Context, a Agent, version string, log *slog.Logger) *Server {
	return &Server{agent: a, log: log, repeats: newRepeats(), version: version, ctx: ctx}
}

// route is a row of the API; the OpenAPI document is made from the same rows.
type route struct {
	method, path string
	handle       func(*Server, http.ResponseWriter, *http.Request)
	summary      string
}

func routes() []route {
	return []route{
		{http.MethodGet, "/v1/state", (*Server).getState, "The snapshot: what `ringback status --json` prints"},
		{http.MethodGet, "/v1/events", (*Server).getEvents, "Server-sent events after a seq; nothing is skipped between the snapshot and the stream"},
		{http.MethodPost, "/v1/mark", (*Server).postMark, "Moves the mark: where the next wait for an event begins"},
		{http.MethodPost, "/v1/actions/{name}", (*Server).postAction, "Performs an action"},
		{http.MethodGet, "/v1/trace", (*Server).getTrace, "The SIP messages of an interaction or of the account, secrets redacted"},
		{http.MethodGet, "/v1/openapi.json", (*Server).getOpenAPI, "This document"},
	}
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.HandleFunc(r.path, func(w http.ResponseWriter, req *http.Request) {
			if req.Method != r.method {
				w.Header().Set("Allow", r.method)
				s.refuse(w, agent.RefusedMethod, &agent.ActionError{Code: codeMethod, Message: "method " + req.Method + " is not served at " + req.URL.Path, Hint: "use " + r.method})
				return
			}
			r.handle(s, w, req)
		})
	}
	mux.HandleFunc("/", s.noPath)
	return s.guard(mux)
}

func (s *Server) noPath(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, agent.RefusedPath, &agent.ActionError{Code: agent.CodeNotFound, Message: "no such path: " + r.URL.Path, Hint: "see /v1/openapi.json"})
}

// guard keeps a panic in one request from anything else, and refuses what a
// web page may send across origins: nothing but a program of this user has
// business here.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				s.log.Error("control request failed", "path", r.URL.Path, "panic", p)
				s.fail(w, &agent.ActionError{Code: agent.CodeFailed, Message: "the request failed inside the agent; its log says where"})
			}
		}()
		served(r)
		if s.web != nil {
			if !s.web.admit(s, w, r) {
				return
			}
		} else if r.Header.Get("Origin") != "" {
			s.refuse(w, agent.RefusedOrigin, &agent.ActionError{Code: codeForbidden, Message: "requests from web pages are not served on this socket"})
			return
		}
		if path.Clean(r.URL.Path) != r.URL.Path { // the mux would lead to where it points, past what was asked of the path
			s.noPath(w, r)
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(actionTime + writeTime))
		next.ServeHTTP(w, r)
	})
}

func (s *Server) getState(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(markHeader, strconv.FormatUint(s.mark.get(), 10))
	state := s.agent.State()
	state.Refused = s.agent.Refused()
	s.reply(w, http.StatusOK, state)
}

func (s *Server) reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		s.fail(w, &agent.ActionError{Code: agent.CodeFailed, Message: "write answer: " + err.Error()})
		return
	}
	s.write(w, status, text)
}

func (s *Server) write(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}

// errorBody is the form of every error on the wire.
type errorBody struct {
	Error wireError `json:"error"`
}

type wireError struct {
	Code       string   `json:"code"`
	Message    string   `json:"message"`
	Hint       string   `json:"hint,omitempty"`
	Allowed    []string `json:"allowed"`
	Candidates []string `json:"candidates,omitempty"`
}

// Codes that only HTTP has beside those of agent.
const (
	codeMethod    = "method_not_allowed"
	codeForbidden = "forbidden"
	codeTooLarge  = "too_large"
	codeOverload  = "overloaded"
)

// httpStatus has the status of each error code.
var httpStatus = map[string]int{
	agent.CodeInvalid:       http.StatusBadRequest,
	agent.CodeNotFound:      http.StatusNotFound,
	agent.CodeNotAllowed:    http.StatusConflict,
	agent.CodeNotRegistered: http.StatusServiceUnavailable,
	agent.CodeUnauthorized:  http.StatusForbidden,
	agent.CodeRejected:      http.StatusConflict,
	agent.CodeBusy:          http.StatusConflict,
	agent.CodeTimeout:       http.StatusGatewayTimeout,
	agent.CodeFailed:        http.StatusInternalServerError,
	codeMethod:              http.StatusMethodNotAllowed,
	codeForbidden:           http.StatusForbidden,
	codeNoToken:             http.StatusUnauthorized,
	codeTooMany:             http.StatusTooManyRequests,
	codeTooLarge:            http.StatusRequestEntityTooLarge,
	codeOverload:            http.StatusServiceUnavailable,
}

// refuse answers what did not get as far as the agent, and counts it.
func (s *Server) refuse(w http.ResponseWriter, why agent.Refusal, e *agent.ActionError) {
	s.agent.Refuse(why)
	s.fail(w, e)
}

func (s *Server) fail(w http.ResponseWriter, e *agent.ActionError) {
	status, text := errorText(e)
	s.write(w, status, text)
}

func errorText(e *agent.ActionError) (int, []byte) {
	status, known := httpStatus[e.Code]
	if !known {
		status = http.StatusInternalServerError
	}
	body := errorBody{wireError{Code: e.Code, Message: e.Message, Hint: e.Hint, Allowed: e.Allowed, Candidates: e.Candidates}}
	if body.Error.Allowed == nil {
		body.Error.Allowed = []string{}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"error":{"code":"failed","message":"write error","allowed":[]}}`)
	}
	return status, text
}
