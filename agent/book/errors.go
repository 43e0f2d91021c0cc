package book

import "fmt"

// ErrorKind sorts errors by what a caller does about them.
type ErrorKind string

// The kinds of errors. Errors that are no *Error are the store's.
const (
	KindInvalid  ErrorKind = "invalid"   // what was given cannot be taken
	KindNotFound ErrorKind = "not_found" // there is none, or more than one could be meant
)

// Error is why something was refused. Nothing has changed.
type Error struct {
	Kind       ErrorKind
	Message    string   // what, and which value
	Hint       string   // what to do
	Candidates []string // which ones could have been meant
}

// Error is the message, with the hint behind it.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

// Invalid is an error about what was given.
func Invalid(format string, args ...any) *Error {
	return &Error{Kind: KindInvalid, Message: fmt.Sprintf(format, args...)}
}

// NotFound is an error about what is not there.
func NotFound(format string, args ...any) *Error {
	return &Error{Kind: KindNotFound, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) hint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}
