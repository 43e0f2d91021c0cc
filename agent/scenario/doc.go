// Package scenario makes test calls and says what became of them: one call as
// `ringback test call` makes it, or several phones in one process as `ringback
// test run FILE` runs them from a YAML file.
//
// Words: a File is a scenario as it was read, a Step one line of its story; a run
// is one playing of it; a phone is an agent.Agent of a run; a Record is one call
// as it is measured, a fold of its phone's events; an Expectation is what has to be
// so about it, a Check the outcome; a Verdict is what became of the call; a Finding
// is what is odd about it, by a name, whether or not anything was expected.
//
// There is no second phone here: actions are those of agent.Actions, waits those of
// agent/control, given to the phones without a socket (control.Inside); what is
// measured is what an agent tells in its events, its state and its SIP trace. The
// network is handed in (Options.Deps), so that stories run in virtual time too.
//
// Where things are: keys.go the table of the file's keys, read.go, read_phone.go and
// read_step.go the reader, schema.go the published JSON schema, made from the same
// tables; run.go the run with its branches and loops, step.go one step, phone.go one
// phone, vars.go variables; meter.go what is measured; expect.go and expect_sip.go
// the grammar of expectations; finding.go what is odd, with its limits; verdict.go
// and report.go the outcome as JSON and as text, junit.go and html.go as files by
// agent/report, with how loud the calls were from levels.go.
//
// A phone's sections are read by agent.LoadConfig from the scenario's own text, with
// everything else blanked out: so its errors name the line and column that a person
// sees. The environment's RINGBACK_SECTION_KEY would mean one phone, and is not read.
//
// Goroutines: Run runs the steps on the caller's, each branch of a parallel on one of
// its own, and three for each phone: the agent's Run, the reader of its events, and who
// looks at the levels five times a second. It returns when all have ended. A phone is asked to end whatever became of the story.
//
// Outside: goccy/go-yaml, because errors have to point at line and column.
package scenario
