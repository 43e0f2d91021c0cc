package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ringback/agent"
	"ringback/agent/control"
)

// exitCode is what the program ends with; the numbers are a promise to scripts.
type exitCode int

const (
	exitDone        exitCode = 0 // done
	exitFailed      exitCode = 1 // failed
	exitUsage       exitCode = 2 // the command line or the configuration is wrong
	exitNoAgent     exitCode = 3 // no agent is running, or it did not answer
	exitUnauthed    exitCode = 4 // not registered or unauthorized
	exitNotFound    exitCode = 5 // no such interaction, call, offer, contact
	exitNotAllowed  exitCode = 6 // not allowed in this state
	exitRejected    exitCode = 7 // rejected or busy
	exitTimedOut    exitCode = 8 // timed out
	exitExpectation exitCode = 9 // an expectation was not met
)

// failure is an error with its exit code and what a person can do about it.
type failure struct {
	code       exitCode
	name       string // the error's name on the wire: not_found, invalid ...
	message    string
	hint       string
	allowed    []string
	candidates []string
	told       bool // the result on stdout has said it already
}

// Error is the sentence without the hint.
func (f *failure) Error() string { return f.message }

// usageError is a wrong command line: the value and the remedy are in the text.
func usageError(format string, args ...any) *failure {
	return &failure{code: exitUsage, name: "invalid", message: fmt.Sprintf(format, args...)}
}

func (f *failure) withHint(format string, args ...any) *failure {
	f.hint = fmt.Sprintf(format, args...)
	return f
}

// codeNames holds the exit code of each error name of the control API.
var codeNames = map[string]exitCode{
	agent.CodeInvalid:       exitUsage,
	agent.CodeNotFound:      exitNotFound,
	agent.CodeNotAllowed:    exitNotAllowed,
	agent.CodeNotRegistered: exitUnauthed,
	agent.CodeUnauthorized:  exitUnauthed,
	agent.CodeRejected:      exitRejected,
	agent.CodeBusy:          exitRejected,
	agent.CodeTimeout:       exitTimedOut,
	agent.CodeFailed:        exitFailed,
}

// errInterrupted is what a person reads who has ended a command.
var errInterrupted = errors.New("interrupted")

// plainly is err, or errInterrupted where somebody has ended the command.
func plainly(err error) error {
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

// asFailure gives any error its exit code.
func asFailure(err error) *failure {
	var f *failure
	var action *agent.ActionError
	var absent *control.NoAgentError
	var syntax *control.SyntaxError
	var unmet *control.UnmetError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &action):
		return actionFailure(action)
	case errors.As(err, &absent):
		return &failure{code: exitNoAgent, name: "no_agent", message: absent.Error(), hint: absent.Hint()}
	case errors.As(err, &syntax):
		return &failure{code: exitUsage, name: "invalid", message: syntax.Error(), hint: "forms:\n  " + strings.Join(syntax.Forms, "\n  ")}
	case errors.As(err, &unmet):
		return &failure{code: unmetCode(unmet), name: unmet.Code, message: unmet.Error(), candidates: unmet.Candidates}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{code: exitTimedOut, name: "timeout", message: err.Error()}
	case errors.Is(err, context.Canceled):
		return &failure{code: exitFailed, name: "failed", message: errInterrupted.Error()}
	}
	return &failure{code: exitFailed, name: "failed", message: err.Error()}
}

func actionFailure(e *agent.ActionError) *failure {
	code, known := codeNames[e.Code]
	if !known {
		code = exitFailed
	}
	return &failure{code: code, name: e.Code, message: e.Message, hint: e.Hint, allowed: e.Allowed, candidates: e.Candidates}
}

func unmetCode(e *control.UnmetError) exitCode {
	if code, known := codeNames[e.Code]; known {
		return code
	}
	return exitFailed
}
