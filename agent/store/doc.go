// Package store is an agent's durable record: one SQLite file per profile, with
// interactions, callbacks, attempts, reports to the PBX, history, contacts,
// responses, the do-not-call list, and which recordings there are. It knows nothing of the other rooms. No
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
// other, and tidies up in between, which each update interrupts; the checkpointer takes the log into the file (upkeep.go). Callers wait for it with a bound, so that a disk that hangs does not hang
// the agent's loop. Reads run on the caller's goroutine, on one of four read-only
// connections, each read in a transaction of its own. A store in memory has one
// connection for both.
//
// # Where things are
//
// store.go opens and closes, update.go writes, conn.go has connections and
// statements, migrate.go and migrations/ the schema, seq.go the keys that are
// times, search.go the language of the search (variant.go: names that are written in several
// ways) and index.go its indexes,
// selection.go queries with filters; each record has the file of its name.
// backup.go copies and checks, export.go, import.go and merge.go have the JSON lines,
// forget.go the retention.
//
// # Figures
//
// With 100,000 contacts and 1,000,000 interactions (a file of 1 GB), measured on
// 2 cores of an AMD EPYC, 24 GiB, virtual disk, Go 1.26 (bench_linux_test.go):
//
//	search of contacts     0.1 to 6.5 ms   a lone digit takes longest, a lone character 2 ms
//	search of history      0.1 to 21 ms    part of a number, 090-1234, takes longest
//	two frequent words     10 to 18 ms     that are nowhere together
//	start and end          1.5 ms          promised: 300
//	commit                 2.1 ms          one each 60 ms, 1,200 in all: p99 3.6, worst 4.0; promised: 10
//	an fsync alone         0.3 ms          beside these commits; p99 1.1, worst 1.9
//	store in memory        0.2 ms          10 ms under the race detector
//
// The commits were measured on the quiet machine (2 cores of an Intel Xeon, 26 November 2026, 20:38), while the
// indexes of a store just built were merged beside them; the log was at most 10 MB. Before the log was taken
// in to its end it grew to 136 MB, and the commit that had to take it took 440 ms. Where steps of tidying (upkeep.go)
// were waited for, 40 of 1,200 took more than 10 ms, p99 12 to 28, worst 37 to 52. At load 20
// the disk alone is slower than promised: of 300 commits 47 took more than 10 ms, and 56 of 300 fsyncs beside them.
//
// The same machine, quiet, 26 November, 21:01: search of contacts 0.2 to 14 ms, of history 0.1 to 44 (090-1234), two frequent
// words 25 to 41. The whole phone there: start until status answers 39 to 76 ms; a search by the command line 30 to 97 ms, the
// process itself among it (24), and 183 for 090-1234 in the history, the first such search, beside the merging.
//
// The whole phone, the built binary on that machine at load 10 to 14 beside its own tidying, niced
// by -12 (testdata/benchmarks/start): it starts until status answers in 63 to 111 ms, with nothing of
// the file in the system's cache in 77 to 90; a search by the command line takes 31 to 126 ms, of
// which the process itself is 50, and 090-1234 in the history 112 to 326.
//
// Where seven other programs use the two cores, the search of 090-1234 takes 60 to 95
// ms and a commit what an fsync takes there, 68 to 90 ms at the 99th percentile.
// plan_test.go holds on any machine that each query has its index.
//
// Outside: modernc.org/sqlite, because it is pure Go and so is the headless
// binary; golang.org/x/text/unicode/norm, because a Japanese name comes in several
// widths.
package store
