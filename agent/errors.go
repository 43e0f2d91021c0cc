package agent

import (
	"fmt"
	"strings"
)

// Codes of an ActionError; every interface maps them to its own (exit codes,
// HTTP status).
const (
	CodeInvalid       = "invalid"        // an argument is missing or wrong
	CodeNotFound      = "not_found"      // no such interaction, call, party or action
	CodeNotAllowed    = "not_allowed"    // not in this state
	CodeNotRegistered = "not_registered" // the PBX does not know us now
	CodeUnauthorized  = "unauthorized"   // the PBX refuses us
	CodeRejected      = "rejected"       // the far end refused
	CodeBusy          = "busy"           // the far end is busy
	CodeTimeout       = "timeout"        // no outcome in time
	CodeFailed        = "failed"         // anything else
)

// ActionError is why an action was refused or failed. A refused action changed
// nothing.
type ActionError struct {
	Code       string   `json:"code"`
	Message    string   `json:"message"`
	Hint       string   `json:"hint,omitempty"`
	Allowed    []string `json:"allowed"`              // what would be allowed
	Candidates []string `json:"candidates,omitempty"` // which ones could have been meant
}

// Error is the message, with the hint behind it.
func (e *ActionError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

func refuse(code, format string, args ...any) *ActionError {
	return &ActionError{Code: code, Message: fmt.Sprintf(format, args...), Allowed: []string{}}
}

func (e *ActionError) hint(format string, args ...any) *ActionError {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// ConfigError names what is wrong in a configuration: where, which value, and
// what to write in its place.
type ConfigError struct {
	Source string // file, RINGBACK_X or flag; empty when the default is meant
	Line   int    // 0: unknown
	Column int
	Field  string // account.aor
	Value  string
	Why    string
	Remedy string
}

// Error is one line, with file:line:column where they are known.
func (e *ConfigError) Error() string {
	var b strings.Builder
	b.WriteString("read configuration: ")
	if e.Source != "" {
		b.WriteString(e.Source)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
		}
		b.WriteString(": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field)
		if e.Value != "" {
			fmt.Fprintf(&b, " %q", e.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Why)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}
