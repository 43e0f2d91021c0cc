package control

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ringback/agent"
)

// answerTime is how long an agent may take to answer a question.
const answerTime = 10 * time.Second

// maxAnswer bounds what a client reads: the state of a busy agent is far below.
const maxAnswer = 64 << 20

// NoAgentError says that nothing answered on the profile's socket.
type NoAgentError struct {
	Profile string
	Path    string
	Cause   error
}

// Error names the profile and the socket.
func (e *NoAgentError) Error() string {
	if errors.Is(e.Cause, context.DeadlineExceeded) {
		return fmt.Sprintf("the agent of profile %q did not answer in time", e.Profile)
	}
	return fmt.Sprintf("no agent of profile %q is running (%s)", e.Profile, e.Path)
}

// Unwrap is the socket's own error.
func (e *NoAgentError) Unwrap() error { return e.Cause }

// Hint is what to do about it.
func (e *NoAgentError) Hint() string {
	name := ""
	if e.Profile != "default" {
		name = " --profile " + e.Profile
	}
	return fmt.Sprintf("start one with: ringback agent%s, or try: ringback demo", name)
}

// Client talks to the agent of one profile. It is safe for several goroutines.
type Client struct {
	path string
	http *http.Client
}

// Dial is a client of the socket at path (see SocketPath). It connects with
// the first request.
func Dial(path string) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
	return &Client{path: path, http: &http.Client{Transport: transport}}
}

// Close lets the connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// State is the agent's snapshot.
func (c *Client) State(ctx context.Context) (agent.State, error) {
	var s agent.State
	return s, c.get(ctx, "/v1/state", &s)
}

// marked is the snapshot with the mark; see WaitOptions.
func (c *Client) marked(ctx context.Context) (s agent.State, mark uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	text, header, err := c.ask(ctx, http.MethodGet, "/v1/state", nil, "")
	if err != nil {
		return s, 0, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, 0, fmt.Errorf("read state: %w", err)
	}
	// An agent without the header has no mark.
	mark, _ = strconv.ParseUint(header.Get(markHeader), 10, 64)
	return s, mark, nil
}

// move tells the agent that everything up to seq was seen.
func (c *Client) move(ctx context.Context, seq uint64) error {
	text, err := json.Marshal(markBody{seq})
	if err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	_, _, err = c.ask(ctx, http.MethodPost, "/v1/mark", text, "")
	return err
}

// Trace is the SIP messages of an interaction; of all that is remembered for "".
func (c *Client) Trace(ctx context.Context, interaction string) (Trace, error) {
	var t Trace
	return t, c.get(ctx, "/v1/trace?interaction="+url.QueryEscape(interaction), &t)
}

// Appear waits until an agent answers on the socket, for a script that has just
// started it. It has to look again and again: before there is an agent there is
// nobody who could send an event. It returns *NoAgentError when ctx ends first.
func (c *Client) Appear(ctx context.Context) error {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", c.path)
		if err == nil {
			return conn.Close()
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &NoAgentError{Profile: profileOf(c.path), Path: c.path, Cause: err}
		}
	}
}

func (c *Client) get(ctx context.Context, path string, to any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	body, _, err := c.ask(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, to); err != nil {
		return fmt.Errorf("read answer of %s: %w", path, err)
	}
	return nil
}

// Do performs an action; its refusals are *agent.ActionError. args is what
// becomes the JSON object of its arguments, nil for none. A repeat after a lost
// connection is harmless: every call carries a key of its own.
func (c *Client) Do(ctx context.Context, name string, args any) (json.RawMessage, error) {
	text, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("write arguments of %s: %w", name, err)
	}
	if string(text) == "null" {
		text = []byte("{}")
	}
	ctx, cancel := context.WithTimeout(ctx, actionTime+answerTime)
	defer cancel()
	result, _, err := c.ask(ctx, http.MethodPost, "/v1/actions/"+name, text, rand.Text())
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &agent.ActionError{Code: agent.CodeTimeout, Message: name + ": no outcome in time", Hint: "it goes on; see: ringback status"}
	}
	return result, err
}

func (c *Client) ask(ctx context.Context, method, path string, body []byte, key string) (json.RawMessage, http.Header, error) {
	res, err := c.send(ctx, method, path, body, key)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, nil, c.absent(ctx, err)
	}
	if res.StatusCode == http.StatusOK {
		return text, res.Header, nil
	}
	return nil, nil, refusal(path, res.StatusCode, text)
}

func (c *Client) send(ctx context.Context, method, path string, body []byte, key string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://ringback"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask agent: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.absent(ctx, err)
	}
	return res, nil
}

// absent tells a caller's own end of patience from an agent that is not there.
func (c *Client) absent(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return &NoAgentError{Profile: profileOf(c.path), Path: c.path, Cause: err}
}

func refusal(path string, status int, text []byte) error {
	var body errorBody
	if err := json.Unmarshal(text, &body); err != nil || body.Error.Code == "" {
		return fmt.Errorf("ask agent for %s: answer %d is none of ours", path, status)
	}
	e := body.Error
	return &agent.ActionError{Code: e.Code, Message: e.Message, Hint: e.Hint, Allowed: e.Allowed, Candidates: e.Candidates}
}

// Stream reads events in order. It is used by one goroutine.
type Stream struct {
	client *Client
	body   io.ReadCloser
	lines  *bufio.Reader
}

// Events follows the events after seq until ctx ends or Close is called.
func (c *Client) Events(ctx context.Context, seq uint64) (*Stream, error) {
	path := "/v1/events?since=" + strconv.FormatUint(seq, 10)
	res, err := c.send(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		return nil, refusal(path, res.StatusCode, text)
	}
	return &Stream{client: c, body: res.Body, lines: bufio.NewReaderSize(res.Body, 64<<10)}, nil
}

// Close ends the stream.
func (s *Stream) Close() { s.body.Close() }

// Next waits for the next event. It returns agent.ErrFellBehind when events
// were lost to this reader, and *NoAgentError when the agent has ended.
func (s *Stream) Next(ctx context.Context) (agent.Event, error) {
	stop := context.AfterFunc(ctx, func() { s.body.Close() })
	defer stop()
	e, err := s.next()
	if err != nil && ctx.Err() != nil {
		return agent.Event{}, ctx.Err()
	}
	return e, err
}

func (s *Stream) next() (agent.Event, error) {
	name, data := "", ""
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return agent.Event{}, &NoAgentError{Profile: profileOf(s.client.path), Path: s.client.path, Cause: err}
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		switch {
		case field == "event":
			name = value
		case field == "data":
			data += value
		case field == "" && data != "":
			return s.read(name, data)
		}
	}
}

func (s *Stream) read(name, data string) (agent.Event, error) {
	switch name {
	case "fell-behind":
		return agent.Event{}, agent.ErrFellBehind
	case "ended":
		return agent.Event{}, &NoAgentError{Profile: profileOf(s.client.path), Path: s.client.path, Cause: io.EOF}
	}
	var e agent.Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return e, fmt.Errorf("read event: %w", err)
	}
	return e, nil
}
