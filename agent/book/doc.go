// Package book is what an agent looks up and keeps: contacts with their import and
// export, responses, the directory, callbacks, history, the do-not-call list and
// favourites. It stands on the store and needs no running phone, so that the agent's
// actions and the command line use the same functions.
//
// # Words
//
//   - A contact is a person or company; its points are the ways to reach it.
//   - A response is a standard text to read out; a subject is what its fields are
//     filled in from.
//   - A work is an interaction as the history has it.
//   - A fault is one thing that is wrong in a file, with its line and field. A
//     file with a fault is not imported at all.
//   - A plan is what an import will write. It is made before anything is locked.
//
// # Who runs which goroutine
//
// The book has none. Every method runs on its caller's goroutine and may wait for
// the disk.
//
// # Where things are
//
// contact.go has contacts, find.go what is done with them, renumber.go reads their
// numbers again; import.go reads a file, vcard.go and vcard_write.go (RFC 6350, 2426)
// and csv.go have its two forms, text.go its encodings; merge.go makes the plan,
// carries it out, and exports. response.go, directory.go, callbacks.go, history.go and
// block.go have what their names say; match.go compares as the store's searches do.
//
// Outside: emersion/go-vcard knows the grammar of vCards; golang.org/x/text knows
// Shift_JIS, in which Japanese spreadsheets write, and the widths of Japanese
// letters.
package book
