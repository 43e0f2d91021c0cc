package control

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/agent"
)

// Expr is one thing that can be waited for, read from what a person types. An
// Expr is used for one Wait.
type Expr struct {
	text string
	cond condition
}

// String is the expression in its normal spelling.
func (e Expr) String() string { return e.text }

// SyntaxError is an expression that is none; Forms lists those that are.
type SyntaxError struct {
	Expr  string
	Why   string
	Forms []string
}

// Error names the expression and what is wrong with it.
func (e *SyntaxError) Error() string {
	if e.Expr == "" {
		return "an expression is missing"
	}
	return fmt.Sprintf("expression %q: %s", e.Expr, e.Why)
}

// form is a row of the grammar: the first word, what may follow, what it means.
type form struct {
	word, rest, help string
	read             func(words []string) (condition, error)
}

var (
	interactionForm = regexp.MustCompile(`^i[1-9][0-9]*$`)
	callForm        = regexp.MustCompile(`^c[1-9][0-9]*$`)
	digitsForm      = regexp.MustCompile(`^[0-9*#A-Da-d]+$`)
)

var (
	registrationStates = []string{"unregistered", "registering", "registered", "failed"}
	channelStates      = []string{"ready", "not-ready", "after-call-work", "dnd", "logged-out"}
	interactionStates  = []string{"offered", "preview", "dialling", "connected", "on-hold", "consulting", "conference", "ready-to-call", "done"}
	presenceStates     = []string{"idle", "ringing", "busy", "away", "offline", "unknown"}
	callStates         = []string{"dialling", "ringing", "early", "connected", "held", "held-by-remote", "muted", "ended"}
)

// grammar is all that can be waited for.
func grammar() []form {
	return []form{
		{"registered", "", "the agent is registered", readRegistered},
		{"registration", "STATE", "STATE: " + strings.Join(registrationStates, " "), readRegistration},
		{"ready", "[CHANNEL]", "the channel (voice) is ready; also: not-ready, after-call-work, dnd, logged-out", readChannelWord("ready")},
		{"not-ready", "[CHANNEL]", "", readChannelWord("not-ready")},
		{"after-call-work", "[CHANNEL]", "", readChannelWord("after-call-work")},
		{"dnd", "[CHANNEL]", "", readChannelWord("dnd")},
		{"logged-out", "[CHANNEL]", "", readChannelWord("logged-out")},
		{"offer", "[iN]", "an interaction is offered", readOffer},
		{"interaction", "[iN] STATE", "short: STATE [iN]; STATE: " + strings.Join(interactionStates, " "), readInteraction},
		{"call", "[cN] STATE", "STATE: " + strings.Join(callStates, " "), readCall},
		{"presence", "TARGET STATE", "of an entry of the team; STATE: " + strings.Join(presenceStates, " "), readPresence},
		{"idle", "", "no interaction is open", readIdle},
		{"dtmf", "DIGITS", "these digits came in, in this order, in a call that is up", readDigits},
		{"audio", "[DURATION]", "sound is heard from the far end, for so long", readAudio},
		{"silence", "[DURATION]", "the far end is silent, for so long", readSilence},
		{"tone", "HZ", "a tone of this frequency is heard from the far end", readTone},
		{"event", "GLOB", "short: the type alone, as call.ended; counts from the last action or wait on", readEvent},
	}
}

// Forms lists the grammar for people, one form a line.
func Forms() []string {
	var lines []string
	for _, f := range grammar() {
		if f.help == "" {
			continue
		}
		lines = append(lines, fmt.Sprintf("%-26s %s", strings.TrimSpace(f.word+" "+f.rest), f.help))
	}
	return lines
}

// ParseExpr reads an expression from the words of a command line; one quoted
// argument is the same as several. Its errors are *SyntaxError.
func ParseExpr(args ...string) (Expr, error) {
	words := strings.Fields(strings.Join(args, " "))
	text := strings.Join(words, " ")
	if len(words) == 0 {
		return Expr{}, &SyntaxError{Forms: Forms()}
	}
	words = longhand(words)
	all := grammar()
	at := slices.IndexFunc(all, func(f form) bool { return f.word == words[0] })
	if at < 0 {
		return Expr{}, &SyntaxError{Expr: text, Why: fmt.Sprintf("nothing is called %q", words[0]), Forms: Forms()}
	}
	cond, err := all[at].read(words[1:])
	if err != nil {
		return Expr{}, &SyntaxError{Expr: text, Why: err.Error(), Forms: Forms()}
	}
	return Expr{text: text, cond: cond}, nil
}

// eventGroups are the first parts of the event types.
var eventGroups = []string{"registration", "channel", "offer", "interaction", "call", "consultation", "conference", "dtmf", "media", "message", "outbox", "presence"}

// longhand lets the most frequent forms be said in one word: an interaction's
// state, and an event's type.
func longhand(words []string) []string {
	group, _, dotted := strings.Cut(words[0], ".")
	switch {
	case slices.Contains(interactionStates, words[0]):
		return append(append([]string{"interaction"}, words[1:]...), words[0])
	case dotted && slices.Contains(eventGroups, group):
		return append([]string{"event"}, words...)
	}
	return words
}

func none(words []string) error {
	if len(words) > 0 {
		return fmt.Errorf("%q is too much", words[0])
	}
	return nil
}

func one(words []string, what string) (string, error) {
	if len(words) == 0 {
		return "", fmt.Errorf("%s is missing", what)
	}
	return words[0], none(words[1:])
}

func oneOf(words []string, what string, known []string) (string, error) {
	word, err := one(words, what)
	if err == nil && !slices.Contains(known, word) {
		err = fmt.Errorf("%s %q: it is one of %s", what, word, strings.Join(known, " "))
	}
	return word, err
}

func readRegistered(words []string) (condition, error) {
	return &registrationIs{"registered"}, none(words)
}

func readRegistration(words []string) (condition, error) {
	state, err := oneOf(words, "STATE", registrationStates)
	return &registrationIs{state}, err
}

func readChannelWord(state string) func([]string) (condition, error) {
	return func(words []string) (condition, error) {
		if len(words) == 0 {
			return &channelIs{"voice", state}, nil
		}
		channel, err := oneOf(words, "CHANNEL", []string{"voice", "webcallback"})
		return &channelIs{agent.ChannelName(channel), state}, err
	}
}

// withID splits an id off the words when the first one is of its form.
func withID(words []string, form *regexp.Regexp) (id string, rest []string) {
	if len(words) > 0 && form.MatchString(words[0]) {
		return words[0], words[1:]
	}
	return "", words
}

func readOffer(words []string) (condition, error) {
	id, rest := withID(words, interactionForm)
	return &interactionIs{agent.InteractionID(id), agent.PhaseOffered}, none(rest)
}

func readInteraction(words []string) (condition, error) {
	id, rest := withID(words, interactionForm)
	state, err := oneOf(rest, "STATE", interactionStates)
	return &interactionIs{agent.InteractionID(id), agent.Phase(state)}, err
}

func readCall(words []string) (condition, error) {
	id, rest := withID(words, callForm)
	state, err := oneOf(rest, "STATE", callStates)
	return &callIs{agent.CallID(id), state}, err
}

func readPresence(words []string) (condition, error) {
	if len(words) == 0 {
		return nil, errors.New("TARGET is missing")
	}
	state, err := oneOf(words[1:], "STATE", presenceStates)
	return &presenceIs{words[0], state}, err
}

func readIdle(words []string) (condition, error) { return idle{}, none(words) }

func readDigits(words []string) (condition, error) {
	digits, err := one(words, "DIGITS")
	if err == nil && !digitsForm.MatchString(digits) {
		err = fmt.Errorf("DIGITS %q: they are of 0-9 * # A-D", digits)
	}
	return &digitsCame{want: strings.ToUpper(digits), heard: map[agent.CallID]string{}}, err
}

func readFor(words []string, standard time.Duration) (time.Duration, error) {
	if len(words) == 0 {
		return standard, nil
	}
	text, err := one(words, "DURATION")
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > time.Hour {
		return 0, fmt.Errorf("DURATION %q: it is a time such as 500ms or 2s, up to 1h", text)
	}
	return d, nil
}

func readTone(words []string) (condition, error) {
	text, err := one(words, "HZ")
	if err != nil {
		return nil, err
	}
	hz, err := strconv.ParseFloat(strings.TrimSuffix(strings.ToLower(text), "hz"), 64)
	if err != nil || !(hz >= 50 && hz <= 20000) {
		return nil, fmt.Errorf("HZ %q: it is a frequency from 50 to 20000", text)
	}
	return &toneHeard{hz: hz}, nil
}

func readEvent(words []string) (condition, error) {
	glob, err := one(words, "GLOB")
	if err == nil && !path.IsAbs("/"+glob) {
		err = fmt.Errorf("GLOB %q: it is no pattern", glob)
	}
	if _, bad := path.Match(glob, ""); bad != nil {
		err = fmt.Errorf("GLOB %q: it is no pattern", glob)
	}
	return &eventCame{glob}, err
}

// FirstWords lists the words with which an expression begins.
func FirstWords() []string {
	var words []string
	for _, f := range grammar() {
		words = append(words, f.word)
	}
	return words
}

// StatesOf lists the states that can follow a first word, if any can.
func StatesOf(word string) []string {
	switch word {
	case "registration":
		return registrationStates
	case "interaction":
		return interactionStates
	case "call":
		return callStates
	case "presence":
		return presenceStates
	}
	return nil
}
