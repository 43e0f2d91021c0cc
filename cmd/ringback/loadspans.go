package main

import (
	"github.com/urfave/cli/v2"

	"ringback/agent/load"
	"ringback/agent/load/spans"
)

// traceFailed traces failed calls where the OTEL_* variables ask for it, and extends
// the options by what that needs. close is never nil: it says what became of them.
func (sh *shell) traceFailed(c *cli.Context, o *load.Options) (close func(), err error) {
	nothing := func() {}
	wanted, err := spans.Wanted(sh.getenv)
	switch {
	case err != nil:
		return nothing, usageError("%v", err)
	case !wanted || c.Int("generators") > 0: // each generator traces its own calls
		return nothing, nil
	}
	part := load.Part{}
	if shard := c.String("shard"); shard != "" {
		if part, err = load.ParsePart(shard, nil); err != nil {
			return nothing, usageError("flag --%v", err)
		}
	}
	e, err := spans.New(c.Context, spans.Config{Version: version, Part: part, Log: o.Log})
	if err != nil {
		return nothing, usageError("%v", err)
	}
	o.Ladders, o.OnFailed = true, e.Add
	return func() { sh.progress("traces: %s", clean(e.Close().String())) }, nil
}
