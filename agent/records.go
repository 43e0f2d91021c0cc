package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ringback/agent/book"
	"ringback/agent/phone"
	"ringback/agent/store"
)

// Records are what of a profile is looked up and edited without a phone: contacts,
// responses, callbacks, history. The actions whose ActionSpec.Records is true run on
// them, on their caller's goroutine: a search never slows the phone. All methods may
// be called from any goroutine.
type Records struct {
	cfg     *Config
	store   *store.Store
	book    *book.Book
	numbers phone.Numbers
	state   func() State          // of the phone that runs; nil: none does
	written func(context.Context) // waits until the history has what has happened; nil: no phone runs
	now     func() time.Time
}

// storeName is the store's file in a state directory.
const storeName = "ringback.db"

// RecordsOptions say where the records of a profile are.
type RecordsOptions struct {
	Dir      string        // the state directory; empty: there are none, and what is written is forgotten
	Create   bool          // make the file when there is none; otherwise there are no records then
	Patience time.Duration // how long one change may take; 0: 2 s
}

// OpenRecords opens the records of a profile whose phone does not run, or runs in
// another process. Close it. The configuration needs no account.
func OpenRecords(cfg Config, o RecordsOptions) (*Records, error) {
	path := ""
	if o.Dir != "" {
		path = filepath.Join(o.Dir, storeName)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !o.Create {
			path = ""
		}
	}
	s, err := store.Open(path, store.Options{Patience: o.Patience})
	if err != nil {
		return nil, err
	}
	r, err := newRecords(&cfg, s, time.Now)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return r, nil
}

func newRecords(cfg *Config, s *store.Store, now func() time.Time) (*Records, error) {
	numbers, err := phone.New(cfg.Numbers.Region)
	if err != nil {
		return nil, &ConfigError{Field: "numbers.region", Value: cfg.Numbers.Region, Why: "has no telephone numbers", Remedy: "write the two letters of a country, such as JP"}
	}
	return &Records{cfg: cfg, store: s, numbers: numbers, book: book.New(s, book.Options{Numbers: numbers, Now: now}), now: now}, nil
}

// Close closes the file of records that OpenRecords has opened.
func (r *Records) Close() error { return r.store.Close() }

// Do performs an action on records by its name in Actions, as Agent.Do does.
func (r *Records) Do(ctx context.Context, name string, raw json.RawMessage) (any, *ActionError) {
	for _, spec := range Actions() {
		if spec.Name == name && spec.Records() {
			return r.do(ctx, spec, raw)
		}
	}
	return nil, refuse(CodeNotFound, "there is no action %q on records", name)
}

func (r *Records) do(ctx context.Context, spec ActionSpec, raw json.RawMessage) (any, *ActionError) {
	raw, refused := spec.check(raw)
	if refused != nil {
		return nil, refused
	}
	result, err := spec.ask(ctx, r, raw)
	if err != nil {
		return nil, recordsError(spec, err)
	}
	return result, nil
}

// asking makes an action of a function and the form of its arguments.
func asking[A any](fn func(ctx context.Context, r *Records, args A) (any, error)) func(context.Context, *Records, json.RawMessage) (any, error) {
	return func(ctx context.Context, r *Records, raw json.RawMessage) (any, error) {
		var args A
		if err := json.Unmarshal(raw, &args); err != nil {
			return nil, err
		}
		return fn(ctx, r, args)
	}
}

// recordsError is an error of the book or the store as an action's.
func recordsError(spec ActionSpec, err error) *ActionError {
	action := spec.Name
	var refused *ActionError
	var known *book.Error
	var faults *book.ImportError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &known):
		code := CodeInvalid
		if known.Kind == book.KindNotFound {
			code = CodeNotFound
		}
		e := refuse(code, "%s: %s", action, known.Message)
		e.Hint, e.Candidates = known.Hint, known.Candidates
		return e
	case errors.As(err, &faults):
		return refuse(CodeInvalid, "%s: %v", action, faults)
	case errors.As(err, &mismatch):
		return refuse(CodeInvalid, "%s: %s", spec.Name, wrongType(err, spec)).hint("such as %s", spec.Example)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return refuse(CodeTimeout, "%s: it took too long, nothing has changed", action)
	case errors.Is(err, store.ErrClosed):
		return refuse(CodeFailed, "%s: the agent has ended", action)
	}
	return refuse(CodeFailed, "%s: %v", action, err)
}
