// Package store is an agent's durable record: one SQLite file per profile, with
// interactions, callbacks, attempts, reports to the PBX, history, contacts,
// responses and the do-not-call list. It knows nothing of the other rooms. No
// secret is ever stored.
//
// # Words
//
//   - An update is one transaction. When Update has returned nil it is on the
//     disk (WAL, synchronous=FULL), and a crash of the process or of the machine
//     does not take it back.
//   - A point is the name of a commit, for the crash tests.
//   - A gram is a piece of a text in a search index (search.go).
//
// # Who runs which goroutine
//
// Open starts two goroutines, and Close ends them. The writer owns the one connection
// that writes, and runs the functions that are given to Update, one after the
// other; the checkpointer takes the log into the file (upkeep.go). Callers wait for it with a bound, so that a disk that hangs does not hang
// the agent's loop. Reads run on the caller's goroutine, on one of four read-only
// connections, each read in a transaction of its own. A store in memory has one
// connection for both.
//
// # Where things are
//
// store.go opens and closes, update.go writes, conn.go has connections and
// statements, migrate.go and migrations/ the schema, seq.go the keys that are
// times, search.go the language of the search and index.go its indexes,
// selection.go queries with filters; each record has the file of its name.
// backup.go copies and checks, export.go, import.go and merge.go have the JSON lines,
// forget.go the retention.
//
// Outside: modernc.org/sqlite, because it is pure Go and so is the headless
// binary; golang.org/x/text/unicode/norm, because a Japanese name comes in several
// widths.
package store
