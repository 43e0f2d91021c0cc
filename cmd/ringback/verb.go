package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/control"
)

// verb is a command that performs one action on a running agent.
type verb struct {
	name     string    // of the command
	action   string    // of the action; empty: the command's name
	usage    string    // one line
	agent    bool      // acts on the agent's channels, not on an interaction
	fresh    bool      // makes an interaction of its own
	plain    bool      // acts on the agent as a whole: there is no state to wait for
	words    []operand // after the optional interaction
	flags    []argFlag
	newCall  bool   // makes a call of its own, which --wait means
	example  string // with its output
	sub      []verb
	schema   string                              // of the result; empty: ringback.action/1
	show     func(result json.RawMessage) string // as text; nil: how things stand
	onlySubs bool                                // does nothing by itself
	records  bool                                // acts on what is kept, with an agent or without one
	own      []cli.Flag                          // flags that are no argument of the action, or make one with others
	gives    []string                            // the arguments that run makes of them

	// run does the command in the place of perform.
	run func(c *cli.Context, sh *shell, v verb, args map[string]any) error
}

// operand is a word of the command line and the action's argument it becomes.
type operand struct {
	name     string // TARGET
	arg      string // target
	optional bool
	rest     bool                              // takes all words that are left
	read     func(words []string) (any, error) // nil: the word as it is
}

// argFlag is a flag and the action's argument that it becomes.
type argFlag struct {
	flag cli.Flag
	arg  string
	read func(c *cli.Context, name string) (any, error)
}

var interactionID = regexp.MustCompile(`^i[0-9]+$`)

// verbs is the table of all actions, in the order of the help.
func verbs(sh *shell) []verb {
	return []verb{
		readyVerb(), notReadyVerb(), dndVerb(), logoutVerb(),
		acceptVerb(), rejectVerb(), orderVerb(sh),
		dialVerb(), callVerb(), endVerb(),
		holdVerb(), resumeVerb(), muteVerb(), unmuteVerb(),
		dtmfVerb(), headsetVerb(), recordVerb(), playVerb(), transferVerb(), conferenceVerb(), consultVerb(),
		disposeVerb(), resultVerb(), noteVerb(), caseVerb(), rescheduleVerb(), doneVerb(),
		outboxVerb(),
		contactsVerb(sh), responsesVerb(), directoryVerb(), callbacksVerb(), historyVerb(), blockedVerb(), favouritesVerb(),
	}
}

func (v verb) actionName() string {
	if v.action != "" {
		return v.action
	}
	return v.name
}

// exampleState is a state that makes sense after the action.
func (v verb) exampleState() string {
	switch {
	case v.agent:
		return "ready"
	case v.newCall || v.name == "accept":
		return "connected"
	}
	return "on-hold or ready-to-call"
}

func (v verb) actsOnInteraction() bool { return !v.agent && !v.fresh && !v.plain && !v.records }

// command makes the command of a verb.
func (v verb) command(sh *shell) *cli.Command {
	var flags []cli.Flag
	if !v.plain && !v.records {
		flags = append(flags, &cli.StringFlag{Name: "wait", Usage: "wait until `STATE` is reached, such as " + v.exampleState()})
	}
	for _, f := range v.flags {
		flags = append(flags, f.flag)
	}
	flags = append(flags, v.own...)
	c := &cli.Command{
		Name: v.name, Usage: v.usage, ArgsUsage: v.synopsis(), Description: v.example, Flags: flags,
		Category: "actions",
		Action:   func(c *cli.Context) error { return v.perform(c, sh) },
	}
	for _, s := range v.sub {
		c.Subcommands = append(c.Subcommands, s.command(sh))
	}
	return c
}

func (v verb) synopsis() string {
	var parts []string
	if v.actsOnInteraction() {
		parts = append(parts, "[I]")
	}
	for _, w := range v.words {
		name := w.name
		if w.rest {
			name += "..."
		}
		if w.optional {
			name = "[" + name + "]"
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}

func (v verb) perform(c *cli.Context, sh *shell) error {
	if v.onlySubs {
		return v.sayWhich(c)
	}
	args, err := v.args(c)
	if err != nil {
		return err
	}
	switch {
	case v.run != nil:
		return v.run(c, sh, v, args)
	case v.records:
		return v.lookUp(c, sh, args)
	}
	client, err := sh.client(c)
	if err != nil {
		return err
	}
	defer client.Close()
	order := control.Order{Action: v.actionName(), Args: args, Until: c.String("wait"), NewCall: v.newCall}
	if v.agent {
		order.Channel = agent.ChannelName(channelOf(args))
	}
	ctx, cancel := actionPatience(c)
	defer cancel()
	outcome, err := control.Perform(ctx, client, order)
	if err != nil {
		return err
	}
	sh.result(c, v.object(outcome), v.text(outcome))
	return nil
}

// sayWhich refuses a command that says only with its next word what is meant.
func (v verb) sayWhich(c *cli.Context) error {
	var names []string
	for _, s := range v.sub {
		names = append(names, s.name)
	}
	f := usageError("%s: say which: %s", v.name, strings.Join(names, ", "))
	if c.Args().Present() {
		f = usageError("%s: %q is none of %s", v.name, c.Args().First(), strings.Join(names, ", "))
	}
	return f.withHint("see: ringback %s --help", v.name)
}

func channelOf(args map[string]any) string {
	if channel, given := args["channel"].(string); given {
		return channel
	}
	return "voice"
}

// args reads the words and flags of a command line into the action's arguments.
func (v verb) args(c *cli.Context) (map[string]any, error) {
	args := map[string]any{}
	words := c.Args().Slice()
	if v.actsOnInteraction() && len(words) > 0 && interactionID.MatchString(words[0]) {
		args["interaction"], words = words[0], words[1:]
	}
	if len(v.words) == 0 && len(words) > 0 && v.actsOnInteraction() {
		return nil, usageError("%q is no interaction: its id is such as i7", words[0]).withHint("see: ringback status")
	}
	for _, w := range v.words {
		rest, err := w.take(words, args)
		if err != nil {
			return nil, v.wrong(err)
		}
		words = rest
	}
	if len(words) > 0 {
		return nil, v.wrong(usageError("%q is one word too many", words[0]))
	}
	for _, f := range v.flags {
		name := f.flag.Names()[0]
		if !c.IsSet(name) {
			continue
		}
		value, err := f.read(c, name)
		if err != nil {
			return nil, err
		}
		args[f.arg] = value
	}
	return args, nil
}

// wrong adds to an error about words how the command is used.
func (v verb) wrong(err error) error {
	f := asFailure(err)
	if f.hint == "" {
		f.hint = strings.TrimSpace("usage: ringback " + strings.ReplaceAll(v.actionName(), "-", " ") + " " + v.synopsis())
		if v.action == "" {
			f.hint = strings.TrimSpace("usage: ringback " + v.name + " " + v.synopsis())
		}
	}
	return f
}

func (w operand) take(words []string, args map[string]any) ([]string, error) {
	if len(words) == 0 {
		if w.optional {
			return nil, nil
		}
		return nil, usageError("%s is missing", w.name)
	}
	taken, left := words[:1], words[1:]
	if w.rest {
		taken, left = words, nil
	}
	if strings.TrimSpace(strings.Join(taken, "")) == "" {
		return nil, usageError("%s is empty", w.name)
	}
	if w.read == nil {
		args[w.arg] = strings.Join(taken, " ")
		return left, nil
	}
	value, err := w.read(taken)
	if err != nil {
		return nil, err
	}
	args[w.arg] = value
	return left, nil
}

// stringFlag, durationFlag and boolFlag are the usual argFlags.
func stringFlag(name, arg, usage string) argFlag {
	return argFlag{&cli.StringFlag{Name: name, Usage: usage}, arg,
		func(c *cli.Context, name string) (any, error) { return c.String(name), nil }}
}

func boolFlag(name, arg, usage string) argFlag {
	return argFlag{&cli.BoolFlag{Name: name, Usage: usage}, arg,
		func(c *cli.Context, name string) (any, error) { return c.Bool(name), nil }}
}

func durationFlag(name, arg, usage string) argFlag {
	return argFlag{&cli.DurationFlag{Name: name, Usage: usage}, arg,
		func(c *cli.Context, name string) (any, error) {
			if d := c.Duration(name); d <= 0 {
				return nil, usageError("flag --%s %v: it is more than 0", name, d)
			}
			return c.Duration(name).String(), nil
		}}
}

// actionResult is what an action prints with --json.
type actionResult struct {
	Schema      string                                   `json:"schema"`
	Action      string                                   `json:"action"`
	Interaction agent.InteractionID                      `json:"interaction,omitempty"`
	Call        agent.CallID                             `json:"call,omitempty"`
	State       string                                   `json:"state,omitempty"`
	Allowed     []string                                 `json:"allowed,omitempty"`
	Channels    map[agent.ChannelName]agent.ChannelState `json:"channels,omitempty"`
	Seq         uint64                                   `json:"seq"`
	Result      any                                      `json:"result,omitempty"`
}

func (v verb) object(o control.Outcome) actionResult {
	schema := v.schema
	if schema == "" {
		schema = "ringback.action/1"
	}
	r := actionResult{Schema: schema, Action: v.actionName(), Interaction: o.Interaction, Call: o.Call, Seq: o.State.Seq, Result: o.Result}
	if v.agent {
		r.Channels = o.State.Channels
	}
	if i, found := o.State.Interaction(o.Interaction); found {
		r.State, r.Allowed = string(i.State), i.Allowed
	}
	return r
}

// text is one line: how things stand after the action.
func (v verb) text(o control.Outcome) string {
	if v.show != nil {
		return v.show(o.Result)
	}
	if v.agent {
		return channelLines(o.State, time.Now())
	}
	i, found := o.State.Interaction(o.Interaction)
	if !found {
		return fmt.Sprintf("%s: done", v.actionName())
	}
	return interactionLine(i)
}
