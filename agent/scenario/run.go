package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"ringback/agent"
	"ringback/agent/control"
)

// PBX is the lab PBX of a run, or any that does what a step says.
type PBX interface {
	// Do lets the PBX do what words say; an error names what it could not do.
	Do(ctx context.Context, words []string) error
}

// Options are what a run is given.
type Options struct {
	Vars     map[string]string                          // in the place of those of the file
	TCP      string                                     // the same by TCP, ${pbx_tcp}, where it is another one; empty: Address
	Address  string                                     // of the PBX, ${pbx}; empty: there is none
	PBX      PBX                                        // takes the steps pbx; nil: they are left to whoever runs the PBX
	Password func(user string) (secret string, ok bool) // of users of the lab PBX; nil: there are none
	Getenv   func(name string) (string, bool)           // nil: the process's environment
	Deps     func(phone string) agent.Deps              // nil: each phone on the machine's own network
	Step     func(StepResult)                           // told of each step at its end, from any goroutine; nil: nobody
}

// run is one run of a scenario.
type run struct {
	file         *File
	o            Options
	vars         *variables
	phones       map[string]*phone
	order        []*phone
	begun        time.Time
	ctx, limited context.Context // of whoever runs it, and with the time of the scenario
	taken        atomic.Int64    // steps so far

	mu      sync.Mutex
	results []StepResult
	failed  *Failure // the first
}

// Run plays a scenario and ends everything that it started: calls, registrations,
// sockets. It returns when that is done, within about five seconds after ctx is.
// The error is of the file or its phones' configurations, or why a phone could not
// start; what went wrong in the story stands in the report.
func Run(ctx context.Context, f *File, o Options) (Report, error) {
	r := &run{file: f, o: o, phones: map[string]*phone{}, begun: time.Now()}
	var err error
	if r.vars, err = newVariables(f, o.Vars, o.Address, cmp.Or(o.TCP, o.Address)); err != nil {
		return Report{}, &FileError{Path: f.Path, What: err.Error(), Remedy: "add it under vars"}
	}
	forget, err := r.folders()
	if err != nil {
		return Report{}, err
	}
	defer forget()
	configs := make([]agent.Config, len(f.Phones))
	for i, p := range f.Phones {
		if configs[i], err = p.configuration(f, r.vars, &o); err != nil {
			return Report{}, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	r.ctx, r.limited = ctx, limited
	for i, spec := range f.Phones {
		deps := agent.Deps{}
		if o.Deps != nil {
			deps = o.Deps(spec.Name)
		}
		p, err := startPhone(ctx, spec, configs[i], deps)
		if err != nil {
			return Report{}, errors.Join(fmt.Errorf("start phone %s: %w", spec.Name, err), r.close())
		}
		r.phones[spec.Name], r.order = p, append(r.order, p)
	}
	if r.registered(limited) {
		r.steps(limited, f.Steps, scope{vars: r.vars})
	}
	if err := r.close(); err != nil {
		r.fail(Failure{Message: err.Error(), Err: err})
	}
	return r.report(), nil
}

// folders gives the scenario its own as ${here}, and one as ${tmp} that goes with the run.
func (r *run) folders() (forget func(), err error) {
	here, err := filepath.Abs(filepath.Dir(r.file.Path))
	if err != nil {
		return nil, fmt.Errorf("run scenario: %w", err)
	}
	tmp, err := os.MkdirTemp("", "ringback-scenario-")
	if err != nil {
		return nil, fmt.Errorf("run scenario: %w", err)
	}
	r.vars.set("here", here)
	r.vars.set("tmp", tmp)
	return func() { _ = os.RemoveAll(tmp) }, nil // what is left of it is the system's to clear
}

// close ends all phones, side by side.
func (r *run) close() error {
	errs := make([]error, len(r.order))
	var all sync.WaitGroup
	for i, p := range r.order {
		all.Go(func() {
			if err := p.close(); err != nil {
				errs[i] = fmt.Errorf("phone %s: %w", p.spec.Name, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// registered waits for the phones that register, and says whether all are.
func (r *run) registered(ctx context.Context) bool {
	for _, p := range r.order {
		expr := "registered"
		if !p.agent.Config().Account.Register {
			expr = "event channel.changed" // its first sign of life
		}
		if err := p.why(r.await(ctx, p, expr)); err != nil {
			r.fail(Failure{Line: p.spec.Line, Phone: p.spec.Name, Step: "register", Message: r.words(err), Err: err})
			return false
		}
	}
	return true
}

func (r *run) await(ctx context.Context, p *phone, text string) error {
	expr, err := control.ParseExpr(text)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, standardPatience)
	defer cancel()
	_, err = control.Wait(ctx, p.desk, expr, control.WaitOptions{Since: new(uint64)})
	return err
}

// fail keeps the first failure.
func (r *run) fail(f Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = &f
	}
}

// steps takes steps one after the other; false: one failed, or the time is over.
func (r *run) steps(ctx context.Context, steps []Step, s scope) bool {
	for i := range steps {
		if !r.step(ctx, &steps[i], s) {
			return false
		}
	}
	return true
}

func (r *run) step(ctx context.Context, st *Step, s scope) bool {
	switch {
	case len(st.Parallel) > 0:
		return r.parallel(ctx, st, s)
	case st.Repeat > 0:
		for turn := range st.Repeat {
			if !r.steps(ctx, st.Steps, scope{s.vars, turn + 1}) {
				return false
			}
		}
		return true
	}
	result := StepResult{Line: st.Line, Phone: st.Phone, Step: st.title(s), begun: time.Now(), Expectations: []Check{}}
	err := r.bounded()
	if err == nil {
		err = r.perform(ctx, st, s, &result)
	}
	return r.done(st, result, err)
}

// parallel takes lists of steps side by side; the first failure ends the others.
func (r *run) parallel(ctx context.Context, st *Step, s scope) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	var failed atomic.Bool
	for _, branch := range st.Parallel {
		all.Go(func() {
			if !r.steps(ctx, branch, s) {
				failed.Store(true)
				cancel()
			}
		})
	}
	all.Wait()
	return !failed.Load()
}

// bounded counts the steps of a run.
func (r *run) bounded() error {
	if r.taken.Add(1) > maxSteps {
		return fmt.Errorf("more than %d steps were taken: repeat less", maxSteps)
	}
	return nil
}

// words says why a step did not come to its end.
func (r *run) words(err error) string {
	switch {
	case errors.Is(r.ctx.Err(), context.Canceled):
		return "interrupted"
	case errors.Is(r.limited.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("the time of the scenario, %v, is over", r.file.Timeout)
	case err == context.Canceled:
		return "another branch has failed"
	}
	return clean(err.Error())
}

// done keeps the result of a step and says whether the story goes on.
func (r *run) done(st *Step, result StepResult, err error) bool {
	result.AtMS, result.TookMS = milliseconds(result.begun.Sub(r.begun)), milliseconds(time.Since(result.begun))
	result.OK = err == nil
	for _, c := range result.Expectations {
		result.OK = result.OK && c.OK
	}
	if err != nil {
		result.Message = r.words(err)
		r.fail(Failure{Line: st.Line, Column: st.Column, Phone: st.Phone, Step: result.Step, Message: result.Message, Err: err})
	}
	r.mu.Lock()
	r.results = append(r.results, result)
	r.mu.Unlock()
	if r.o.Step != nil {
		r.o.Step(result)
	}
	return err == nil
}
