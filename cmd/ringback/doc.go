// Command ringback is a softphone for call-centre agents, worked from the
// command line.
//
// This room turns words into actions and facts into text: flags, help, exit
// codes, JSON. It holds no telephony. What runs a phone is package agent; what
// reaches a running one is agent/control.
//
// # Words
//
//   - The shell is what a command sees of the outside world: streams,
//     environment, whether a person is reading.
//   - A verb is a command that performs one action of agent.Actions on a
//     running agent. Every verb is a row: its words, its flags, an example.
//   - A failure is an error with its exit code and a hint.
//
// # Files
//
// One command, one file, named after it. Around them: app.go (the command
// table, global flags), argv.go (flags in any place), exit.go (codes), shell.go
// and output.go (streams, JSON, tables), verb.go (what all actions share),
// help.go, runner.go (an agent in this process).
//
// # Goroutines
//
// A command runs on the goroutine of main. Those that run an agent start its
// loop and the control desk, and wait for both before they return. Signals
// cancel the context once, and end the process at the second time.
//
// urfave/cli reads flags into values; the order of words, help and errors are
// ours, because its parser stops at the first word that is no flag.
// bubbletea and lipgloss draw the live view of a load test and read its keys: terminals
// differ in more ways than we would find out.
// gopacket writes the packet headers and the pcapng file of a trace.
package main
