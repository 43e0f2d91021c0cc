package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/control"
)

// recordsPatience is how long one change of the records may take while no agent
// runs: an import of a hundred thousand contacts takes about ten seconds.
const recordsPatience = 5 * time.Minute

// lookUp performs an action on records and shows its result.
func (v verb) lookUp(c *cli.Context, sh *shell, args map[string]any) error {
	result, err := sh.records(c, v.actionName(), args)
	if err != nil {
		return err
	}
	sh.result(c, result, v.show(result))
	return nil
}

// records performs an action on records: by the running agent of the profile, or,
// when none runs, on the profile's store itself. Both do the same.
func (sh *shell) records(c *cli.Context, name string, args map[string]any) (json.RawMessage, error) {
	client, err := sh.client(c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := actionPatience(c)
	defer cancel()
	result, err := client.Do(ctx, name, args)
	var absent *control.NoAgentError
	if !errors.As(err, &absent) || errors.Is(absent.Cause, context.DeadlineExceeded) {
		return result, err
	}
	return sh.ownRecords(ctx, c, name, args)
}

// ownRecords does the same without an agent.
func (sh *shell) ownRecords(ctx context.Context, c *cli.Context, name string, args map[string]any) (json.RawMessage, error) {
	cfg, err := sh.readConfig(c, agent.LoadOptions{RecordsOnly: true})
	if err != nil {
		return nil, err
	}
	edits := slices.ContainsFunc(agent.Actions(), func(a agent.ActionSpec) bool { return a.Name == name && a.Edits })
	dir := sh.stateDir(c.String("profile"))
	if dir == "" && edits {
		return nil, usageError("there is no place to keep it: HOME is not set").withHint("set HOME or XDG_STATE_HOME")
	}
	records, err := agent.OpenRecords(cfg, agent.RecordsOptions{Dir: dir, Create: edits, Patience: recordsPatience})
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write arguments of %s: %w", name, err), records.Close())
	}
	result, refused := records.Do(ctx, name, raw)
	if err := records.Close(); err != nil && refused == nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	return json.Marshal(result)
}

// shown makes the text of a result that is a T.
func shown[T any](text func(T) string) func(json.RawMessage) string {
	return func(result json.RawMessage) string {
		var v T
		if err := json.Unmarshal(result, &v); err != nil {
			return "the answer cannot be read: " + err.Error()
		}
		return text(v)
	}
}

// limitFlag is --limit.
func limitFlag() argFlag {
	return argFlag{&cli.IntFlag{Name: "limit", Usage: "at most `N`, 1 to 1000", Value: 50}, "limit",
		func(c *cli.Context, name string) (any, error) {
			if n := c.Int(name); n < 1 || n > 1000 {
				return nil, usageError("flag --%s %d: it is 1 to 1000", name, n)
			}
			return c.Int(name), nil
		}}
}

// query is the words of a search.
func query() operand { return operand{name: "QUERY", arg: "query", optional: true, rest: true} }

// kept is what all commands on records say in their help.
const kept = "\n\nWith no agent running it works on what the profile has kept."
