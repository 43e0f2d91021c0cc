package scenario

import (
	"fmt"
	"time"
)

// Schema names the version of a scenario's report.
const Schema = "ringback.scenario/1"

// Bounds of a scenario. Each run ends, whatever its file says.
const (
	maxFile          = 1 << 20
	maxPhones        = 50
	maxRepeat        = 1000
	maxDepth         = 6     // of steps in steps
	maxSteps         = 10000 // that a run takes, those of loops counted each time
	maxTime          = time.Hour
	standardTime     = time.Minute      // for the whole
	standardPatience = 20 * time.Second // for one step
)

// File is a scenario as it was read. It is not changed by a run.
type File struct {
	Path    string
	Name    string
	Timeout time.Duration // for the whole
	Lab     bool          // needs a PBX such as the lab's, which is started unless another is named
	Clean   bool          // every finding of every call is a failure
	Vars    []Var
	Phones  []PhoneSpec
	Steps   []Step

	text []byte
}

// Var is a name with its text.
type Var struct{ Name, Value string }

// PhoneSpec is one phone of a scenario.
type PhoneSpec struct {
	Name        string
	Line        int
	PasswordEnv string // the environment variable with its password; empty: RINGBACK_PASSWORD
	Impairment  Impairment

	config []byte // the file with all blanked out but this phone's sections: places stay right
}

// Step is one line of a story. One of Phone, PBX, Pause, Parallel and Repeat is set.
type Step struct {
	Line, Column int

	Phone   string
	Do      string         // an action of agent.Actions
	With    map[string]any // its arguments; texts may hold variables
	Until   string         // the state to wait for after it
	Fails   string         // the error code with which it has to fail; empty: it has to work
	Wait    string         // an expression of control.ParseExpr
	Expect  []string       // expectations of the call
	Within  time.Duration  // that they have to be met
	Call    string         // the call that is meant; empty: that of the action, or the newest
	Capture []Var          // name, and where its value comes from
	Timeout time.Duration  // 0: the standard one

	PBX      []string // what the lab PBX does
	Pause    time.Duration
	Parallel [][]Step
	Repeat   int
	Steps    []Step // that are repeated
}

// FileError is what is wrong in a scenario's file, where, and what to do.
type FileError struct {
	Path         string
	Line, Column int // 0: unknown
	What         string
	Remedy       string
}

// Error is one line with file:line:column.
func (e *FileError) Error() string {
	text := "read scenario: " + e.Path
	if e.Line > 0 {
		text += fmt.Sprintf(":%d:%d", e.Line, e.Column)
	}
	return text + ": " + e.What
}
