package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/book"
	"ringback/agent/control"
)

// completeTime is how long a person who pressed TAB is kept waiting at most.
const completeTime = 500 * time.Millisecond

// completeCommand is what the completion scripts ask: the words that may stand
// where the last one given is, each with what it means behind a tab.
func completeCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true, Usage: "words that fit, for completion scripts",
		Description: "$ ringback __complete -- hold i\ni7\tconnected 山田 太郎",
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) == 0 {
				words = []string{""}
			}
			k := &completer{sh: sh, app: newApp(sh), profile: c.String("profile")}
			for _, line := range k.complete(words) {
				fmt.Fprintln(sh.out, line)
			}
			return nil
		},
	}
}

type completer struct {
	sh      *shell
	app     *cli.App
	profile string
	command *cli.Command
	path    []string
	words   int    // words after the command's name
	first   string // the first of them
	flag    string // the flag whose value is being typed
}

// complete is all that may stand at the last of words.
func (k *completer) complete(words []string) []string {
	partial := words[len(words)-1]
	for i, w := range words[:len(words)-1] {
		k.pass(w, words[i+1])
	}
	var found []string
	switch {
	case k.flag != "":
		found = k.values()
	case strings.HasPrefix(partial, "-"):
		found = k.flags()
	case k.command == nil:
		for _, c := range k.app.Commands {
			if !c.Hidden {
				found = append(found, c.Name+"\t"+c.Usage)
			}
		}
	default:
		found = k.operands()
	}
	return slices.DeleteFunc(found, func(s string) bool { return !strings.HasPrefix(s, partial) })
}

// pass reads a word that stands before the one being typed.
func (k *completer) pass(word, next string) {
	if k.flag != "" {
		k.flag = ""
		return
	}
	if strings.HasPrefix(word, "--") {
		name, value, given := strings.Cut(word[2:], "=")
		f := findFlag(k.allFlags(), name)
		if _, isBool := f.(*cli.BoolFlag); f == nil || isBool {
			return
		}
		if !given {
			k.flag, value = name, next
		}
		if name == "profile" {
			k.profile = value
		}
		return
	}
	var inner *cli.Command
	if k.command == nil {
		inner = find(k.app.Commands, word)
	} else if k.words == 0 {
		inner = find(k.command.Subcommands, word)
	}
	if inner != nil {
		k.command, k.path = inner, append(k.path, inner.Name)
	} else {
		if k.words == 0 {
			k.first = word
		}
		k.words++
	}
}

func (k *completer) allFlags() []cli.Flag {
	flags := slices.Clone(k.app.Flags)
	if k.command != nil {
		flags = append(flags, k.command.Flags...)
	}
	return flags
}

func (k *completer) flags() []string {
	found := []string{"--help\twhat the command does, with an example"}
	for _, f := range k.allFlags() {
		usage := ""
		if doc, ok := f.(cli.DocGenerationFlag); ok {
			usage = strings.ReplaceAll(doc.GetUsage(), "`", "")
		}
		found = append(found, "--"+f.Names()[0]+"\t"+usage)
	}
	return found
}

func (k *completer) values() []string {
	switch k.flag {
	case "wait":
		return control.UntilStates(k.isReadiness())
	case "channel":
		return []string{"voice", "webcallback", "all"}
	case "log-level":
		return []string{"debug", "info", "warn", "error"}
	case "log-format":
		return []string{"text", "json"}
	case "method":
		return []string{"rfc4733", "info", "inband"}
	case "transport":
		return []string{"udp", "tcp", "tls", "ws", "wss", "auto"}
	case "list":
		return book.CallbackLists()
	case "kind":
		return []string{"call", "voicecallback", "webcallback"}
	case "language":
		return []string{"ja", "en"}
	case "form":
		return []string{"vcard", "csv"}
	case "interaction":
		return k.interactions("")
	case "start":
		return []string{"ready", "not-ready"}
	case "profile":
		return k.profiles()
	}
	return nil
}

func (k *completer) isReadiness() bool {
	return slices.ContainsFunc(verbs(k.sh), func(v verb) bool { return v.agent && v.name == k.path[0] })
}

func (k *completer) profiles() []string {
	path, err := control.SocketPath("default", k.sh.getenv)
	if err != nil {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil // nothing has run yet
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".sock"); ok {
			names = append(names, name)
		}
	}
	return names
}

// operands are the words that may stand after the command's name.
func (k *completer) operands() []string {
	var found []string
	if k.words == 0 {
		for _, c := range k.command.Subcommands {
			found = append(found, c.Name+"\t"+c.Usage)
		}
	}
	switch name := strings.Join(k.path, "-"); name {
	case "completion":
		return []string{"bash", "zsh", "fish"}
	case "dnd":
		return []string{"on", "off"}
	case "wait":
		return k.expressions()
	case "trace":
		return k.interactions("")
	case "outbox-retry":
		return k.reports()
	default:
		if list, known := keptLists()[name]; known {
			return k.kept(list)
		}
		if k.words == 0 {
			found = append(found, k.interactions(name)...)
		}
		if k.path[0] == "conference" && len(k.path) == 2 && (k.words == 0 || k.words == 1 && interactionID.MatchString(k.first)) {
			found = append(found, k.calls()...)
		}
	}
	return found
}

// interactions are the ids that the action can be done on; all for "".
func (k *completer) interactions(action string) []string {
	if action != "" && !slices.ContainsFunc(agent.Actions(), func(a agent.ActionSpec) bool { return a.Name == action }) {
		return nil
	}
	var found []string
	for _, i := range k.state().Interactions {
		if action == "" || slices.Contains(i.Allowed, action) {
			found = append(found, fmt.Sprintf("%s\t%s %s", i.ID, i.State, clean(i.Contact.Name)))
		}
	}
	return found
}

func (k *completer) calls() []string {
	var found []string
	for _, c := range k.state().Calls {
		if c.State != agent.CallPhaseEnded {
			found = append(found, fmt.Sprintf("%s\t%s %s", c.ID, c.State, clean(c.Remote)))
		}
	}
	return found
}

func (k *completer) expressions() []string {
	var found []string
	switch {
	case k.words == 0:
		return control.FirstWords()
	case k.first == "call" && k.words == 1:
		found = k.calls()
	case k.first == "interaction" && k.words == 1 || k.first == "offer":
		found = k.interactions("")
	}
	return append(found, control.StatesOf(k.first)...)
}

// reports are the ids of those that the PBX does not have yet.
func (k *completer) reports() []string {
	path, err := control.SocketPath(k.profile, k.sh.getenv)
	if err != nil {
		return nil
	}
	client := control.Dial(path)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), completeTime)
	defer cancel()
	var list agent.OutboxList
	result, err := client.Do(ctx, "outbox", nil)
	if err != nil || json.Unmarshal(result, &list) != nil {
		return nil
	}
	var found []string
	for _, r := range list.Reports {
		found = append(found, fmt.Sprintf("%s\t%s %s %s", r.ID, r.State, r.Type, clean(r.Callback)))
	}
	return found
}

// state is the running agent's, or nothing when there is none in time.
func (k *completer) state() agent.State {
	path, err := control.SocketPath(k.profile, k.sh.getenv)
	if err != nil {
		return agent.State{}
	}
	client := control.Dial(path)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), completeTime)
	defer cancel()
	s, err := client.State(ctx)
	if err != nil {
		return agent.State{}
	}
	return s
}

// keptList is an action on records that lists what can be named, and how its result
// becomes words.
type keptList struct {
	action string
	words  func(json.RawMessage) []string
}

// keptLists has the list of each command that names something of the records.
func keptLists() map[string]keptList {
	contacts := keptList{"contacts", named(func(l agent.ContactList) (words []string) {
		for _, c := range l.Contacts {
			words = append(words, string(c.ID)+"\t"+clean(c.Name))
		}
		return words
	})}
	responses := keptList{"responses", named(func(l agent.ResponseList) (words []string) {
		for _, p := range l.Responses {
			words = append(words, string(p.ID)+"\t"+clean(p.Title))
		}
		return words
	})}
	callbacks := keptList{"callbacks", named(func(l agent.CallbackList) (words []string) {
		for _, c := range l.Callbacks {
			words = append(words, c.ID+"\t"+c.State+" "+clean(c.Name))
		}
		return words
	})}
	return map[string]keptList{
		"contacts-show": contacts, "contacts-set": contacts, "contacts-delete": contacts,
		"responses-show": responses, "responses-set": responses, "responses-delete": responses,
		"callbacks-show": callbacks, "claim": callbacks, "call-now": callbacks,
		"history-show": {"history", named(func(l agent.HistoryList) (words []string) {
			for _, w := range l.Interactions {
				words = append(words, w.Interaction+"\t"+clean(w.Name)+" "+clean(w.Number))
			}
			return words
		})},
		"blocked-remove": {"blocked", named(func(l agent.BlockedList) (words []string) {
			for _, e := range l.Blocked {
				words = append(words, e.Number+"\t"+clean(e.Name))
			}
			return words
		})},
		"favourites-remove": {"favourites", named(func(l agent.FavouriteList) (words []string) {
			for _, f := range l.Favourites {
				words = append(words, f.Target+"\t"+clean(f.Name))
			}
			return words
		})},
	}
}

// named makes words of a result that is a T; what cannot be read completes nothing.
func named[T any](words func(T) []string) func(json.RawMessage) []string {
	return func(raw json.RawMessage) []string {
		var list T
		if json.Unmarshal(raw, &list) != nil {
			return nil
		}
		return words(list)
	}
}

// kept are the words of a list, by the agent or without one.
func (k *completer) kept(list keptList) []string {
	path, err := control.SocketPath(k.profile, k.sh.getenv)
	if err != nil || k.words > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), completeTime)
	defer cancel()
	client := control.Dial(path)
	defer client.Close()
	if result, err := client.Do(ctx, list.action, nil); err == nil {
		return list.words(result)
	}
	records, err := agent.OpenRecords(agent.DefaultConfig(), agent.RecordsOptions{Dir: k.sh.stateDir(k.profile), Patience: completeTime})
	if err != nil {
		return nil
	}
	defer records.Close()
	result, refused := records.Do(ctx, list.action, nil)
	if refused != nil {
		return nil
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return nil
	}
	return list.words(raw)
}
